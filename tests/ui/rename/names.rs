use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Message {
    id: i64,
    #[graphex(rename = "a b")]
    space: i64,
    #[graphex(rename = "9a")]
    digit: i64,
    #[graphex(rename = "größe")]
    letter: i64,
    #[graphex(rename = "a__b")]
    separator: i64,
    #[graphex(rename = "__a")]
    reserved: i64,
    user__name: i64,
    日付: i64,
}

fn main() {}
