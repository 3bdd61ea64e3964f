use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", stream = "notes")]
struct InOneAttribute {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", authorize)]
#[graphex(authorize, serialize_data = false)]
#[graphex(serialize_data)]
struct InSeveral {
    id: i64,
    #[graphex(skip, skip)]
    text: String,
    #[graphex(rename = "a")]
    #[graphex(rename = "b")]
    kind: i64,
}

fn main() {}
