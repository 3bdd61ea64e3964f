//! All mistakes of a struct are reported in one run.

use graphex::ModelType;

#[derive(ModelType)]
#[diesel(primary_key(number))]
#[graphex(
    stream = "chat messages",
    colour = "red",
    serialize_data = 1,
    scope(tenant, maybe(room), tenant, nobody),
    index_fields(tenant, tenant, room),
    label = "",
    label = "x",
    field = "1"
)]
#[graphex(authorize = true)]
struct Message<T> {
    #[graphex(skip)]
    number: i64,
    tenant: i64,
    room: i64,
    #[graphex(skipp)]
    near: i64,
    #[graphex(rename = "a-b")]
    text: String,
    two__words: i64,
    password_hash: String,
    #[graphex(expose)]
    harmless: T,
}

fn main() {}
