//! The database: PostgreSQL, which all processes share.
//!
//! Triggers keep a log of all changes in it, which each process reads for itself: nothing is lost when a
//! process is killed, and the writes of other programs are captured.

use async_graphql::{Error, Result};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use graphex::{ChangeLog, Hub, HubBuilder};

use crate::Failure;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// A handle to the database; clones share it.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool<ConnectionManager<PgConnection>>,
}

/// Makes the tables and the log of their changes where they are missing, and builds a hub that
/// reads it.
pub(crate) fn open(models: HubBuilder, url: &str) -> Result<(Hub, Database), Failure> {
    let mut conn = PgConnection::establish(url)?;
    let log = models.log_schema(graphex::Database::Postgres);
    // One process after the other. The lock goes with the connection.
    conn.batch_execute("SELECT pg_advisory_lock(1)")?;
    conn.run_pending_migrations(MIGRATIONS)?;
    log.install(&mut conn)?;
    drop(conn);
    let read = url.to_owned();
    let log = ChangeLog::postgres(move || PgConnection::establish(&read));
    let hub = models.change_log(log).try_build()?;
    let pool = Pool::builder()
        // An attached connection wakes the reader of the log when it commits.
        .connection_customizer(Box::new(hub.customizer()))
        .build(ConnectionManager::<PgConnection>::new(url))?;
    Ok((hub, Database { pool }))
}

impl Database {
    /// Runs queries on a thread that may block, as Diesel does.
    pub(crate) async fn run<T, F>(&self, queries: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut PgConnection) -> QueryResult<T> + Send + 'static,
    {
        let pool = self.pool.clone();
        let work = move || -> Result<T, Failure> {
            let mut connection = pool.get()?;
            Ok(queries(&mut connection)?)
        };
        let failure = match tokio::task::spawn_blocking(work).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        // What went wrong inside is for the server's operator, not for clients.
        eprintln!("cluster: {failure}");
        Err(Error::new("the database could not do this"))
    }
}
