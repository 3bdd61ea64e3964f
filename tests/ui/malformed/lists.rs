use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", scope = "tenant", index_fields = [tenant])]
struct NoLists {
    id: i64,
    tenant: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope(), index_fields())]
struct Empty {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope, index_fields)]
struct Words {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope("tenant", 5, self.room, a b, ,), index_fields("tenant"))]
struct NoNames {
    id: i64,
    tenant: i64,
}

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    scope(maybe(tenant), optinal(tenant), optional(tenant, room), any_of(), any_of["room"])
)]
struct NoForms {
    id: i64,
    tenant: i64,
    room: i64,
}

fn main() {}
