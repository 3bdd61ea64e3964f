//! The database: PostgreSQL, which all processes share.

use async_graphql::{Error, Result};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use graphex::Hub;

use crate::Failure;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// A handle to the database; clones share it.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool<ConnectionManager<PgConnection>>,
}

impl Database {
    /// Opens it, and lets `hub` hear of what its connections write.
    pub(crate) fn open(hub: &Hub, url: &str) -> Result<Self, Failure> {
        let pool = Pool::builder()
            // This is all that graphex needs: every new connection is attached to the hub.
            .connection_customizer(Box::new(hub.customizer()))
            .build(ConnectionManager::<PgConnection>::new(url))?;
        // One process after the other.
        let mut connection = pool.get()?;
        connection.batch_execute("SELECT pg_advisory_lock(1)")?;
        connection.run_pending_migrations(MIGRATIONS)?;
        connection.batch_execute("SELECT pg_advisory_unlock(1)")?;
        Ok(Self { pool })
    }

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
