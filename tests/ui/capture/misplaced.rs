//! `.broadcast()` comes after the statement is whole, and not on what is none.

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
    let _ = diesel::insert_into(notes::table)
        .broadcast()
        .values(notes::text.eq("early"))
        .execute(&mut conn);
    let _ = diesel::update(notes::table)
        .broadcast()
        .set(notes::text.eq("early"))
        .execute(&mut conn);
    let _ = notes::table.select(notes::id).broadcast().execute(&mut conn);
    let _ = diesel::sql_query("DELETE FROM notes").broadcast().execute(&mut conn);
}
