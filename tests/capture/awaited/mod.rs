//! What is captured on connections of diesel-async, case by case, on the database of the test
//! that takes this in.

mod attach;
pub(crate) mod given_up;
mod refused;
mod statements;
mod transactions;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use graphex::BroadcastDsl as _;

use crate::awaited_database::{Conn, connect};
use crate::capture::{Listener, Note, notes};

/// An attached connection to an empty table, and who is told.
pub(crate) async fn attached(name: &str) -> (Conn, Listener) {
    let (mut conn, listener) = (connect(name).await, Listener::new().await);
    listener.hub.attach(&mut conn).await.unwrap();
    (conn, listener)
}

pub(crate) async fn insert(conn: &mut Conn, id: i64) -> QueryResult<Note> {
    diesel::insert_into(notes::table)
        .values(Note::new(id, "new"))
        .broadcast()
        .get_result(conn)
        .await
}

pub(crate) async fn ids(conn: &mut Conn) -> Vec<i64> {
    let ids = notes::table.select(notes::id).order(notes::id);
    ids.load(conn).await.unwrap()
}

fn rollback<T>() -> QueryResult<T> {
    Err(diesel::result::Error::RollbackTransaction)
}
