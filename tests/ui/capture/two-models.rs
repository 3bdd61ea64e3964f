//! A table with two models needs to be told which.

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

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = notes)]
#[graphex(stream = "note-ids")]
struct NoteId {
    id: i64,
}

fn main() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let _ = diesel::delete(notes::table).broadcast().execute(&mut conn);
    let _ = diesel::delete(notes::table)
        .broadcast::<NoteId>()
        .execute(&mut conn);
}
