use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", serialize_data = "true", authorize = true)]
struct Message {
    id: i64,
    #[graphex(skip = true)]
    password: String,
    #[graphex(expose("why"))]
    token: String,
    #[graphex(opaque = "serde")]
    tags: Vec<String>,
}

#[derive(ModelType)]
#[graphex(stream = "messages", serialize_data(true), authorize(all), patterns = "off")]
struct Lists {
    id: i64,
}

fn main() {}
