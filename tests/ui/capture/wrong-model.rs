//! A model of another table.

use diesel::prelude::*;
use graphex::prelude::*;

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

#[derive(Queryable, Selectable, Insertable, ModelType)]
#[diesel(table_name = notes)]
#[graphex(stream = "notes")]
struct Note {
    id: i64,
    text: String,
}

diesel::table! {
    rooms (id) {
        id -> BigInt,
    }
}

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = rooms)]
#[graphex(stream = "rooms")]
struct Room {
    id: i64,
}

fn main() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let _ = diesel::delete(notes::table)
        .broadcast::<Room>()
        .execute(&mut conn);
}
