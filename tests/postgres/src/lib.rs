//! The PostgreSQL server that the tests in `tests/` run on.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

/// Connects to a schema of its own for each name, with a table `notes`.
///
/// # Panics
///
/// When there is no server.
#[must_use]
pub fn connect(schema: &str) -> PgConnection {
    let mut conn = PgConnection::establish(&url()).expect("no PostgreSQL server at the URL");
    enter(&mut conn, schema).unwrap();
    conn
}

/// The server's URL.
///
/// # Panics
///
/// When it is not set.
#[must_use]
pub fn url() -> String {
    std::env::var("GRAPHEX_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("GRAPHEX_POSTGRES_URL is not set: run ./tests/run.sh, which starts a server")
    })
}

/// Makes a connection use the schema of this name.
///
/// # Errors
///
/// Those of the server.
pub fn enter(conn: &mut PgConnection, schema: &str) -> QueryResult<()> {
    // Two connections that create one schema at once would fail on each other.
    conn.batch_execute(&format!(
        "SELECT pg_advisory_lock(1); \
         SET client_min_messages = warning; \
         CREATE SCHEMA IF NOT EXISTS {schema}; \
         SET search_path = {schema}; \
         CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL); \
         SELECT pg_advisory_unlock(1)"
    ))
}
