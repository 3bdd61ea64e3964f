//! The database: SQLite, in the file that `DATABASE_URL` names or in memory, gone when the server
//! stops.

use std::error::Error as StdError;

use async_graphql::{Error, Result};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Error as PoolError, Pool};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use graphex::{Hub, HubCustomizer};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("examples/chat/migrations");

/// A handle to the database; clones share it.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool<ConnectionManager<SqliteConnection>>,
}

impl Database {
    /// Opens it, and lets `hub` hear of what its connections write.
    pub(crate) fn open(hub: &Hub) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let url = std::env::var("DATABASE_URL").unwrap_or_else(|_| ":memory:".to_owned());
        let manager = ConnectionManager::<SqliteConnection>::new(url);
        let pool = Pool::builder()
            .connection_customizer(Box::new(OnOpen(hub.customizer())))
            // Each connection to `:memory:` is a database of its own, so there is one, and it
            // is kept.
            .max_size(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .build(manager)?;
        // Exclusively: other processes may open the same file now.
        pool.get()?
            .exclusive_transaction(|conn| conn.run_pending_migrations(MIGRATIONS).map(drop))?;
        Ok(Self { pool })
    }

    /// Runs queries on a thread that may block, as Diesel does.
    pub(crate) async fn run<T, F>(&self, queries: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    {
        let pool = self.pool.clone();
        let work = move || -> Result<T, Box<dyn StdError + Send + Sync>> {
            let mut connection = pool.get()?;
            Ok(queries(&mut connection)?)
        };
        let failure = match tokio::task::spawn_blocking(work).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        // What went wrong inside is for the server's operator, not for clients.
        eprintln!("chat: {failure}");
        Err(Error::new("the database could not do this"))
    }
}

/// What is done with each new connection.
#[derive(Debug)]
struct OnOpen(HubCustomizer);

impl CustomizeConnection<SqliteConnection, PoolError> for OnOpen {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), PoolError> {
        // Writers of several processes take turns.
        conn.batch_execute("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL;")
            .map_err(PoolError::QueryError)?;
        // This is all that graphex needs: the connection is attached to the hub.
        self.0.on_acquire(conn)
    }
}
