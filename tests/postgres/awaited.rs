//! PostgreSQL, on diesel-async.

#![allow(dead_code, reason = "each test target uses its part")]

use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use graphex::BroadcastDsl as _;

use crate::capture::{Note, notes};

pub(crate) type Conn = AsyncPgConnection;
pub(crate) const ABORTS_ON_ERROR: bool = true;
pub(crate) const PUT_UPDATES: bool = true;
/// Makes a `COMMIT` fail after an insert of the row 2 alone.
pub(crate) const DEFERRED: &str = "CREATE TABLE IF NOT EXISTS replies \
     (note BIGINT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)";

/// The schema of this name, with an empty table.
pub(crate) async fn connect(schema: &str) -> Conn {
    let mut conn = open(schema).await;
    let empty = "DROP TABLE IF EXISTS replies; DELETE FROM notes";
    conn.batch_execute(empty).await.unwrap();
    conn
}

/// The schema of this name.
pub(crate) async fn open(schema: &str) -> Conn {
    enter(&url(schema), schema).await
}

/// The same, over this way to the server.
pub(crate) async fn enter(url: &str, schema: &str) -> Conn {
    let mut conn = Conn::establish(url).await.unwrap();
    let entering = graphex_postgres_tests::entering(&format!("awaited_{schema}"));
    conn.batch_execute(&entering).await.unwrap();
    conn
}

pub(crate) fn url(_schema: &str) -> String {
    graphex_postgres_tests::url()
}

pub(crate) async fn put(conn: &mut Conn, note: &Note) -> QueryResult<usize> {
    diesel::insert_into(notes::table)
        .values(note)
        .on_conflict(notes::id)
        .do_update()
        .set(notes::text.eq(&note.text))
        .broadcast()
        .execute(conn)
        .await
}

/// Until this session ends, [`wait_for_session`] waits.
pub(crate) async fn hold_session(conn: &mut Conn) {
    let sql = "SELECT pg_advisory_lock(2)";
    conn.batch_execute(sql).await.unwrap();
}

pub(crate) async fn wait_for_session(conn: &mut Conn) {
    let sql = "SELECT pg_advisory_lock(2); SELECT pg_advisory_unlock(2)";
    conn.batch_execute(sql).await.unwrap();
}
