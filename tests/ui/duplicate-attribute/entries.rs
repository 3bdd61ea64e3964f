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


#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup(author_name(author, author): String, tagged: String, tagged(author): i64)
)]
struct Lookups {
    id: i64,
    author: i64,
}

fn main() {}
