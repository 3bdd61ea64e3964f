//! What a statement says comes before `.broadcast()`, and `returning` once.

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
        .broadcast()
        .filter(notes::id.eq(1))
        .execute(&mut conn);
    let _ = diesel::delete(notes::table)
        .returning(notes::id)
        .broadcast()
        .returning(notes::text)
        .get_results::<String>(&mut conn);
    let statement = diesel::delete(notes::table).broadcast();
    let _ = diesel::debug_query::<diesel::sqlite::Sqlite, _>(&statement).to_string();
}
