//! The database: SQLite, in the file that `DATABASE_URL` names or in a new one of the temporary
//! directory.
//!
//! Triggers keep a log of all changes in it, which the hub reads: what the `sqlite3` shell or another
//! process writes to the file shows up in the page as well.

use std::error::Error as StdError;

use async_graphql::{Error, Result};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Error as PoolError, Pool};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use graphex::{ChangeLog, Hub, HubBuilder, HubCustomizer};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("examples/chat/migrations");

/// Writers of several connections and processes take turns.
const SETTINGS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL;";

type Failure = Box<dyn StdError + Send + Sync>;

/// A handle to the database; clones share it.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool<ConnectionManager<SqliteConnection>>,
}

/// Makes the tables and the log of their changes where they are missing, and builds a hub that
/// reads it.
pub(crate) fn open(models: HubBuilder) -> Result<(Hub, Database), Failure> {
    let path = path()?;
    let mut conn = SqliteConnection::establish(&path)?;
    conn.batch_execute(SETTINGS)?;
    let log = models.log_schema(graphex::Database::Sqlite);
    // Exclusively: other processes may open the same file now.
    conn.exclusive_transaction(|conn| -> Result<(), Failure> {
        conn.run_pending_migrations(MIGRATIONS)?;
        Ok(log.install(conn)?)
    })?;
    let read = path.clone();
    let log = ChangeLog::sqlite(move || SqliteConnection::establish(&read));
    let hub = models.change_log(log).try_build()?;
    let pool = Pool::builder()
        .connection_customizer(Box::new(OnOpen(hub.customizer())))
        // SQLite has one writer at a time.
        .max_size(1)
        .build(ConnectionManager::<SqliteConnection>::new(path))?;
    Ok((hub, Database { pool }))
}

/// The file of the database. A variable that is set to nothing is as good as none.
fn path() -> Result<String, Failure> {
    if let Ok(path) = std::env::var("DATABASE_URL")
        && !path.is_empty()
    {
        return Ok(path);
    }
    let path = std::env::temp_dir().join(format!("graphex-chat-{}.sqlite", std::process::id()));
    // Of a server that had this process id.
    for end in ["", "-wal", "-shm"] {
        let mut file = path.clone().into_os_string();
        file.push(end);
        let _ = std::fs::remove_file(file);
    }
    let path = path.into_os_string().into_string();
    path.map_err(|_| "the temporary directory's name is not UTF-8; set DATABASE_URL".into())
}

impl Database {
    /// Runs queries on a thread that may block, as Diesel does.
    pub(crate) async fn run<T, F>(&self, queries: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
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
        eprintln!("chat: {failure}");
        Err(Error::new("the database could not do this"))
    }
}

/// What is done with each new connection.
#[derive(Debug)]
struct OnOpen(HubCustomizer);

impl CustomizeConnection<SqliteConnection, PoolError> for OnOpen {
    fn on_acquire(&self, conn: &mut SqliteConnection) -> Result<(), PoolError> {
        conn.batch_execute(SETTINGS)
            .map_err(PoolError::QueryError)?;
        // An attached connection wakes the reader of the log when it commits.
        self.0.on_acquire(conn)
    }
}
