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
    conn.batch_execute(&entering(schema))
}

/// What makes a connection use the schema of this name.
#[must_use]
pub fn entering(schema: &str) -> String {
    // Two connections that create one schema at once would fail on each other.
    format!(
        "SELECT pg_advisory_lock(1); \
         SET client_min_messages = warning; \
         CREATE SCHEMA IF NOT EXISTS {schema}; \
         SET search_path = {schema}; \
         CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL); \
         SELECT pg_advisory_unlock(1)"
    )
}

/// A database of its own, for as long as this is there.
#[derive(Debug)]
pub struct OwnDatabase(String);

impl OwnDatabase {
    /// Creates it, empty.
    ///
    /// # Panics
    ///
    /// When there is no server, or it refuses.
    #[must_use]
    pub fn create(name: &str) -> Self {
        let name = name.replace('-', "_");
        let database = Self(format!("graphex_{name}_{}", std::process::id()));
        let mut conn = PgConnection::establish(&url()).expect("no PostgreSQL server at the URL");
        for sql in [
            format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", database.0),
            format!("CREATE DATABASE {}", database.0),
        ] {
            conn.batch_execute(&sql).unwrap();
        }
        database
    }

    /// Its URL.
    ///
    /// # Panics
    ///
    /// When the server's is none.
    #[must_use]
    pub fn url(&self) -> String {
        let url = url();
        let (server, _) = url.rsplit_once('/').unwrap();
        format!("{server}/{}", self.0)
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        if let Ok(mut conn) = PgConnection::establish(&url()) {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.0);
            let _ = conn.batch_execute(&sql);
        }
    }
}
