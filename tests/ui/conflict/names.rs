use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", serialize_data, scope(hidden))]
struct Message {
    id: i64,
    text: String,
    #[graphex(rename = "text")]
    body: String,
    #[graphex(rename = "id")]
    number: i64,
    #[graphex(skip)]
    hidden: i64,
    #[graphex(rename = "hidden")]
    shown: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", serialize_data)]
#[allow(non_snake_case)]
struct EnumValues {
    id: i64,
    created_at: i64,
    createdAt: i64,
    room1: i64,
    room_1: i64,
}

fn main() {}
