use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", crate = "not a path")]
struct NoPath {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", crate = graphex)]
struct NoString {
    id: i64,
}

fn main() {}
