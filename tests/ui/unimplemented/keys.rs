use graphex::ModelType;

struct Point;

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Float {
    id: f64,
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Nullable {
    id: Option<i64>,
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Own {
    id: Point,
}

fn main() {}
