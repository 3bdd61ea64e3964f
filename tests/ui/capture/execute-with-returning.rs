//! `execute` has nowhere to put returned rows.

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

fn main() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let _ = diesel::delete(notes::table)
        .returning(notes::id)
        .broadcast()
        .execute(&mut conn);
}
