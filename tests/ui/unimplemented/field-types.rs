use graphex::ModelType;

struct Point;

#[derive(ModelType)]
#[graphex(stream = "messages", serialize_data)]
struct Message {
    id: i64,
    point: Point,
    points: Vec<Point>,
    maybe: Option<Point>,
    text: &'static str,
    #[graphex(opaque)]
    opaque: Point,
    #[graphex(skip)]
    fine: Point,
}

fn main() {}
