use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", scope(tenant))]
enum Enum {
    A,
    B { tenant: i64 },
}

#[derive(ModelType)]
#[graphex(stream = "messages", index_fields(tenant), colour)]
struct Tuple(i64, String);

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Unit;

#[derive(ModelType)]
#[graphex(stream = "messages")]
union Union {
    id: i64,
    bits: u64,
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Nothing {}

#[derive(ModelType)]
struct NoStream {
    id: i64,
}

fn main() {}
