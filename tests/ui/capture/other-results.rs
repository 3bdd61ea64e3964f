//! Rows come as the model, or as what `returning` asks for.

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
    let _: Vec<(i64, String)> = diesel::delete(notes::table)
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    let _: Vec<String> = diesel::delete(notes::table)
        .returning(notes::id)
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
}
