use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct NoId {
    uid: i64,
}

#[derive(ModelType)]
#[diesel(primary_key(uid))]
#[graphex(stream = "messages")]
struct NoUid {
    id: i64,
}

#[derive(ModelType)]
#[diesel(primary_key(tenant, id))]
#[graphex(stream = "messages")]
struct Composite {
    tenant: i64,
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct OtherColumn {
    #[diesel(column_name = number)]
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Skipped {
    #[graphex(skip)]
    id: i64,
}

#[derive(ModelType)]
#[diesel(primary_key(uid))]
#[graphex(stream = "messages")]
struct Opaque {
    #[graphex(opaque)]
    uid: i64,
}

#[derive(ModelType)]
#[diesel(primary_key(token))]
#[graphex(stream = "messages")]
struct Secret {
    token: String,
}

fn main() {}
