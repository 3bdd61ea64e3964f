use graphex::ModelType;

struct Place;
struct Shape;

/// What is wrong with names does not hide what is wrong with types and impls.
#[derive(ModelType)]
#[graphex(stream = "messages", scope(tenant, score), authorize, lookup(near(place): f64, tagged: Place))]
struct Message {
    id: i64,
    tenant: i64,
    api_key: String,
    token: String,
    place: Place,
    score: f64,
    shape: Shape,
}

fn main() {}
