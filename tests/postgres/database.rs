//! PostgreSQL.

#![allow(dead_code, reason = "each test target uses its part")]

use diesel::prelude::*;
use graphex::BroadcastDsl as _;
pub(crate) use graphex_postgres_tests::connect;

use crate::capture::{Note, notes};

pub(crate) type Conn = PgConnection;
pub(crate) const ABORTS_ON_ERROR: bool = true;
pub(crate) const PUT_UPDATES: bool = true;

pub(crate) fn put(conn: &mut Conn, note: &Note) -> QueryResult<usize> {
    diesel::insert_into(notes::table)
        .values(note)
        .on_conflict(notes::id)
        .do_update()
        .set(notes::text.eq(&note.text))
        .broadcast()
        .execute(conn)
}
