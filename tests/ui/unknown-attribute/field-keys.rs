use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Message {
    #[graphex(index)]
    id: i64,
    #[graphex(skipp)]
    near: i64,
    #[graphex(renam = "x", colour)]
    two: i64,
    #[graphex(stream = "messages", authorize)]
    keys_of_the_struct: i64,
}

fn main() {}
