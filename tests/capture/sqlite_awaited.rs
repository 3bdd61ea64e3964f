//! SQLite, in memory, on diesel-async.

#![allow(dead_code, reason = "each test target uses its part")]

use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use graphex::BroadcastDsl as _;

use crate::capture::{Note, notes};

pub(crate) type Conn = SyncConnectionWrapper<SqliteConnection>;
pub(crate) const ABORTS_ON_ERROR: bool = false;
pub(crate) const PUT_UPDATES: bool = false;
/// Makes a `COMMIT` fail after an insert of the row 2 alone.
pub(crate) const DEFERRED: &str = "PRAGMA foreign_keys = ON; \
     CREATE TABLE replies (note BIGINT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)";

/// The database of this name, for as long as it has a connection.
pub(crate) async fn connect(name: &str) -> Conn {
    let mut conn = Conn::establish(&url(name)).await.unwrap();
    conn.batch_execute(
        "CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)",
    )
    .await
    .unwrap();
    conn
}

pub(crate) fn url(name: &str) -> String {
    format!("file:awaited_{name}?mode=memory&cache=shared")
}

pub(crate) async fn put(conn: &mut Conn, note: &Note) -> QueryResult<usize> {
    diesel::insert_or_ignore_into(notes::table)
        .values(note)
        .broadcast()
        .execute(conn)
        .await
}

pub(crate) async fn open(name: &str) -> Conn {
    connect(name).await
}

/// A dropped connection has ended.
pub(crate) async fn hold_session(_: &mut Conn) {}

pub(crate) async fn wait_for_session(_: &mut Conn) {}
