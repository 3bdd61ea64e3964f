//! What cannot be read is one mistake; nothing is said of what it would have brought.

use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", index_fields("tenant"))]
struct NoScope {
    id: i64,
    tenant: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope("tenant", room), index_fields(tenant, room))]
struct UnreadableEntry {
    id: i64,
    tenant: i64,
    room: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope(rom, tenant), index_fields(room, tenat))]
struct MistypedEntries {
    id: i64,
    tenant: i64,
    room: i64,
}

#[derive(ModelType)]
#[graphex(steam = "messages", indexfields(tenant), scop(tenant))]
struct MistypedKeys {
    id: i64,
    tenant: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", stream = 5, steam = "x")]
struct FirstCounts {
    id: i64,
}

fn main() {}
