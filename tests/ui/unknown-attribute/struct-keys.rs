use graphex::ModelType;

#[derive(ModelType)]
#[graphex(steam = "messages")]
struct Near {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", colour = "red", Authorise)]
struct FarAndNear {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", serde::rename = "x")]
struct Path {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", skip, opaque)]
struct KeysOfAField {
    id: i64,
}

fn main() {}
