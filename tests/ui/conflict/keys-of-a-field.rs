use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Message {
    id: i64,
    #[graphex(skip, rename = "x")]
    renamed: i64,
    #[graphex(skip, opaque)]
    opaque: i64,
    #[graphex(expose, skip)]
    password: String,
    #[graphex(skip)]
    #[graphex(rename = "a", opaque, expose)]
    all: i64,
}

fn main() {}
