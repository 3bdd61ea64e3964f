use graphex::ModelType;

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    scope(tenant, optional(tenant), room, any_of(room)),
    index_fields(room, room)
)]
struct Message {
    id: i64,
    tenant: i64,
    room: i64,
}

fn main() {}
