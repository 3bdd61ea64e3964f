use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", scope(tenant))]
struct Message {
    id: i64,
    tenant: i64,
}

#[derive(ModelType)]
#[graphex(stream = "notes", authorize)]
struct Note {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "both", authorize, scope(id))]
struct Both {
    id: i64,
}

fn main() {}
