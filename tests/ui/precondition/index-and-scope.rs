use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", index_fields(tenant, room))]
struct NoScope {
    id: i64,
    tenant: i64,
    room: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope(optional(tenant), any_of(kind)), index_fields(tenant, room, id))]
struct NotInScope {
    id: i64,
    tenant: i64,
    room: i64,
    kind: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope(tags), index_fields(tags))]
struct Opaque {
    id: i64,
    #[graphex(opaque)]
    tags: Vec<String>,
}

fn main() {}
