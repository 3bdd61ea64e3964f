//! `Field` is derived for wrappers, which are scope fields and keys where what they wrap is.

use graphex::Field;
use graphex::prelude::*;

#[derive(Field)]
struct Named {
    id: i64,
}

#[derive(Field)]
enum Status {
    Open,
    Waiting(i64),
    OPEN,
}

#[derive(Field)]
enum Nothing {}

#[derive(Field)]
struct Two(i64, i64);

#[derive(Field)]
struct Any<T>(T);

#[derive(Field)]
#[graphex(rename = "id")]
struct Renamed(i64);

#[derive(Field)]
struct Weight(f64);

#[derive(ModelType)]
#[graphex(stream = "parcels", scope(weight))]
struct Parcel {
    id: i64,
    weight: Weight,
}

impl Scoped for Parcel {
    async fn scope(_: &Context<'_>, _: &ParcelSubscriptionArgs) -> Result<ParcelScope> {
        Err("nobody".into())
    }
}

fn main() {}
