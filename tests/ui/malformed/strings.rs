use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = messages, field = 5, label, description("x"), name = 'x')]
struct NoStrings {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "", field = " ", label = "", description = "", name = "")]
struct Empty {
    id: i64,
    #[graphex(rename = "")]
    text: String,
    #[graphex(rename)]
    kind: i64,
    #[graphex(rename(kind))]
    sort: i64,
}

fn main() {}
