//! A table that no model is bound to.

use diesel::prelude::*;
use graphex::prelude::*;

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

fn main() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let _ = diesel::delete(notes::table).broadcast().execute(&mut conn);
}
