//! SQLite cannot tell which rows of an upsert are new.

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
    let note = Note {
        id: 1,
        text: String::new(),
    };
    let _ = diesel::insert_into(notes::table)
        .values(&note)
        .on_conflict(notes::id)
        .do_update()
        .set(notes::text.eq("again"))
        .broadcast()
        .execute(&mut conn);
    let _ = diesel::insert_into(notes::table)
        .values(&note)
        .on_conflict_do_nothing()
        .broadcast()
        .get_results::<Note>(&mut conn);
}
