//! SQLite, in memory.

#![allow(dead_code, reason = "each test target uses its part")]

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::BroadcastDsl as _;

use crate::capture::{Note, notes};

pub(crate) type Conn = SqliteConnection;
pub(crate) const ABORTS_ON_ERROR: bool = false;
pub(crate) const PUT_UPDATES: bool = false;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)";

/// A database of its own.
pub(crate) fn connect() -> Conn {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(TABLE).unwrap();
    conn
}

/// The database of this name, for as long as it has a connection.
pub(crate) fn connect_to(name: &str) -> Conn {
    let mut conn = SqliteConnection::establish(&url(name)).unwrap();
    conn.batch_execute(TABLE).unwrap();
    conn
}

pub(crate) fn url(name: &str) -> String {
    format!("file:{name}?mode=memory&cache=shared")
}

pub(crate) fn put(conn: &mut Conn, note: &Note) -> QueryResult<usize> {
    diesel::insert_or_ignore_into(notes::table)
        .values(note)
        .broadcast()
        .execute(conn)
}
