use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", scope(tenant, optional(rom), any_of(colour)), index_fields(tenat, x))]
struct Message {
    id: i64,
    tenant: i64,
    room: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope(r#typ), index_fields(r#type))]
struct Raw {
    id: i64,
    r#type: i64,
}


#[derive(ModelType)]
#[graphex(stream = "messages", lookup(author_name(athor, id): String, tagged(colour): String))]
struct Lookups {
    id: i64,
    author: i64,
}

fn main() {}
