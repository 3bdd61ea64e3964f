use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", lookup(tagged(tags): String, both(id, tags): String))]
struct Opaque {
    id: i64,
    #[graphex(opaque)]
    tags: Vec<String>,
}

#[derive(ModelType)]
#[graphex(stream = "messages", lookup(known: String))]
struct OpaqueKey {
    #[graphex(opaque)]
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", lookup(known: String))]
struct NoKey {
    number: i64,
}

fn main() {}
