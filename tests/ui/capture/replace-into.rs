//! `replace_into` deletes rows and does not say so.

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
    let _ = diesel::replace_into(notes::table)
        .values(Note {
            id: 1,
            text: String::new(),
        })
        .broadcast()
        .execute(&mut conn);
}
