use graphex::ModelType;

#[derive(ModelType)]
#[graphex]
struct NoList {
    id: i64,
}

#[derive(ModelType)]
#[graphex = "messages"]
struct Text {
    id: i64,
}

#[derive(ModelType)]
#[graphex("messages", 5, => x)]
struct NoKeys {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream "messages", scope tenant, authorize yes)]
struct NoEquals {
    id: i64,
    tenant: i64,
    #[graphex(skip it)]
    password: String,
}

#[derive(ModelType)]
#[graphex(stream = "messages" serialize_data, , label = )]
struct Commas {
    id: i64,
    #[graphex]
    text: String,
}

fn main() {}
