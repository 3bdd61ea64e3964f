use graphex::prelude::*;
use graphex::{Equality, Field, FieldType, Key, Value};

struct Id;

impl Field for Id {
    const TYPE: FieldType = i64::TYPE;
    fn to_value(&self) -> Value {
        Value::Null
    }
}
impl Equality for Id {}
impl Key for Id {}

struct Point;

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup(by_key: Point, near(point): Vec<Point>, nearer(point, id, own): &'static str)
)]
struct Message {
    id: Id,
    #[graphex(skip)]
    point: Point,
    own: Option<Id>,
}

impl MessageLookups for Message {
    async fn by_key(_: &LookupContext<'_>, _: Id, _: Point) -> Result<bool> {
        Ok(true)
    }
    async fn near(_: &LookupContext<'_>, _: Point, _: Vec<Point>) -> Result<bool> {
        Ok(true)
    }
    async fn nearer(_: &LookupContext<'_>, _: Point, _: Id, _: Option<Id>, _: &str) -> Result<bool> {
        Ok(true)
    }
}

fn main() {}
