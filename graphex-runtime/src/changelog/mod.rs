//! The change log: what is committed, by any writer, read from the user's own database.
//!
//! Triggers write every change of a model's table to a log beside it ([`schema`]); each process
//! reads the log for itself on a connection and a thread of its own ([`reader`]).

mod check;
mod connection;
mod decode;
mod log;
mod past;
mod postgres;
mod raw;
mod reader;
mod schema;
mod snapshot;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use diesel::connection::Connection;
use diesel::pg::Pg;
use diesel::result::{ConnectionError, ConnectionResult};

pub use check::Problem;
pub use connection::LogConnection;
pub use raw::{RawEntry, RawLog, RawRead};
pub use schema::{Installed, LogSchema, Migration};

use decode::Decoder;
use log::{Log, LogError};
use past::LogSource;
use postgres::PostgresLog;
use reader::{Open, Pace, Reader};
use schema::Retention;
use sqlite::SqliteLog;

use crate::cursor::Cursor;
use crate::hub::{HubBuilder, OpenError, Opened, Sink};
use crate::model::{Model, ModelType};
use crate::value::Database;

type Connect = dyn Fn() -> ConnectionResult<Box<dyn LogConnection + Send>> + Send + Sync;
type OpenLog = dyn Fn(Retention) -> Result<Box<dyn Log>, LogError> + Send + Sync;

/// Where the changes of a hub's models come from: a log in the database, to which triggers write
/// what anybody commits.
///
/// ```no_run
/// use diesel::prelude::*;
/// use graphex_macros::ModelType;
/// use graphex_runtime::{ChangeLog, Hub};
///
/// # diesel::table! { messages (id) { id -> BigInt, text -> Text, } }
/// #[derive(Queryable, Selectable, ModelType)]
/// #[diesel(table_name = messages)]
/// #[graphex(stream = "messages", crate = "graphex_runtime")]
/// struct Message { id: i64, text: String }
///
/// let log = ChangeLog::sqlite(|| SqliteConnection::establish("chat.sqlite"));
/// let hub = Hub::builder().model::<Message>().change_log(log).build();
/// ```
///
/// On PostgreSQL it is `ChangeLog::postgres(|| PgConnection::establish("postgres://localhost/chat"))`.
///
/// The log is installed by a migration, whose text [`LogSchema`] writes, or by
/// [`LogSchema::install`]. When the hub is built it connects, checks that everything is there and
/// nothing in the way, and from then on tells every change that is committed: by whichever
/// program, in whichever language, by triggers, cascades and the database's own shell.
///
/// * Only the log tells of a model that it has: `.broadcast()` keeps its types and makes the
///   reader look at once, and emits nothing itself. [`Hub::publish`](crate::Hub::publish) on such
///   a model is an event beside the log, without a position in it.
/// * The changes of one row arrive in the order of their commits, and those of one transaction
///   together. An open transaction delays nobody else's.
/// * What is not in the log any more, and what a `TRUNCATE` took, is told as a gap.
/// * Each process reads for itself. With Redis configured logged changes do not go through it.
#[derive(Clone)]
#[must_use = "give it to `Hub::builder().change_log(…)`"]
pub struct ChangeLog {
    database: Database,
    connect: Arc<Connect>,
    open: Arc<OpenLog>,
    retention: Retention,
    poll: Duration,
    tolerates: bool,
    left_out: Vec<&'static str>,
}

impl std::fmt::Debug for ChangeLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangeLog")
            .field("database", &self.database)
            .field("retention", &self.retention)
            .field("poll", &self.poll)
            .finish_non_exhaustive()
    }
}

/// Opens the log of a database on a connection to it.
type OpenOn = fn(Box<dyn LogConnection + Send>, Retention) -> Result<Box<dyn Log>, LogError>;

impl ChangeLog {
    /// The log of a PostgreSQL database; the closure connects to it. The server is of version 14
    /// or later.
    ///
    /// On a standby it follows what the primary's processes have read.
    pub fn postgres<C>(connect: impl Fn() -> ConnectionResult<C> + Send + Sync + 'static) -> Self
    where
        C: LogConnection + Connection<Backend = Pg> + Send,
    {
        let open = |conn, retention| -> Result<Box<dyn Log>, LogError> {
            Ok(Box::new(PostgresLog::open(conn, retention)?))
        };
        Self::new(Database::Postgres, Duration::from_millis(20), connect, open)
    }

    /// The log of a SQLite file; the closure connects to it.
    ///
    /// Writers that use `REPLACE` need `PRAGMA recursive_triggers = on`, without which SQLite does
    /// not tell triggers of the rows that it replaces.
    pub fn sqlite<C>(connect: impl Fn() -> ConnectionResult<C> + Send + Sync + 'static) -> Self
    where
        C: LogConnection + Connection + Send,
    {
        let open =
            |conn, _| -> Result<Box<dyn Log>, LogError> { Ok(Box::new(SqliteLog::open(conn)?)) };
        Self::new(Database::Sqlite, Duration::from_millis(5), connect, open)
    }

    fn new<C: LogConnection + Send>(
        database: Database,
        poll: Duration,
        connect: impl Fn() -> ConnectionResult<C> + Send + Sync + 'static,
        open: OpenOn,
    ) -> Self {
        let connect: Arc<Connect> = Arc::new(move || Ok(Box::new(connect()?)));
        let connecting = Arc::clone(&connect);
        Self {
            database,
            connect,
            open: Arc::new(move |retention| open(connecting()?, retention)),
            retention: Retention::default(),
            poll,
            tolerates: false,
            left_out: Vec::new(),
        }
    }

    /// How long changes are kept, and at most how many bytes of them: whichever is less. Who was
    /// away for longer is told to load again. Default: 24 hours and 1 GiB.
    ///
    /// The log may take up to one and a half times as long, and one transaction alone more than
    /// its bytes. At 1,000 changes a second of rows of 100 bytes 24 hours are 25 GB, and 1 GiB is
    /// one hour. On SQLite the same must be given to [`LogSchema::keep`], since its log prunes
    /// itself.
    pub fn keep(mut self, keep: Duration, most_bytes: u64) -> Self {
        self.retention = Retention {
            keep,
            most: most_bytes,
        };
        self
    }

    /// Longest time between two looks at an idle log, where no commit of an attached connection
    /// causes one: of this process, or of another, which notifies this one with the feature `postgres`
    /// where the connection is a `PgConnection`. Default: 20 ms on PostgreSQL, where a look costs the server about
    /// 0.05 ms, and 5 ms on SQLite, where it costs some microseconds.
    pub fn poll(mut self, longest: Duration) -> Self {
        self.poll = longest.max(Duration::from_millis(1));
        self
    }

    /// Builds the hub also when the database cannot be reached or the check finds problems: they
    /// are logged, and [`Hub::ready`](crate::Hub::ready) is false for as long as the log cannot be
    /// read. Default: the hub is not built.
    pub fn tolerant(mut self) -> Self {
        self.tolerates = true;
        self
    }

    /// Leaves a model out: its changes come from `.broadcast()`, as without a log.
    pub fn without<M: ModelType>(mut self) -> Self {
        self.left_out.push(M::MODEL.stream);
        self
    }

    fn logged(&self, models: &[&'static Model]) -> Vec<&'static Model> {
        let models = models.iter().copied();
        models
            .filter(|model| model.table.is_some() && !self.left_out.contains(&model.stream))
            .collect()
    }

    /// Connects, checks, and starts to read at the end.
    fn start(
        self,
        models: &[&'static Model],
        sink: Box<dyn Sink>,
    ) -> Result<Opened, ChangeLogError> {
        let models = self.logged(models);
        if models.is_empty() {
            return Err(ChangeLogError::NoModel);
        }
        let schema = LogSchema::new(self.database, models.clone(), self.retention);
        let first = match self.first(&schema) {
            Ok(first) => Some(first),
            Err(error) if self.tolerates => {
                tracing::error!(%error, "the change log cannot be read yet");
                None
            }
            Err(error) => return Err(error),
        };
        let (open, retention) = (self.open, self.retention);
        let open: Open = Arc::new(move || open(retention));
        let decoder = Arc::new(Decoder::new(self.database, &models));
        let reader = Reader::start(
            first,
            Arc::clone(&open),
            Arc::clone(&decoder),
            Pace {
                poll: self.poll,
                retention,
            },
            sink,
        )
        .map_err(ChangeLogError::Thread)?;
        Ok(Opened {
            source: Arc::new(LogSource {
                reader,
                open,
                decoder,
                database: self.database,
            }),
            streams: models.iter().map(|model| model.stream).collect(),
            // Without it SQLite tells no trigger of the rows that REPLACE takes away.
            writers_run: (self.database == Database::Sqlite)
                .then_some("PRAGMA recursive_triggers = on"),
        })
    }

    fn first(&self, schema: &LogSchema) -> Result<(Box<dyn Log>, log::Mark), ChangeLogError> {
        let mut conn = (self.connect)()?;
        let problems = schema.problems(&mut *conn).map_err(LogError::from)?;
        if !problems.is_empty() {
            if !self.tolerates {
                return Err(ChangeLogError::Problems(problems));
            }
            for problem in &problems {
                tracing::error!("the change log does not tell everything: {problem}");
            }
        }
        drop(conn);
        let mut log = (self.open)(self.retention)?;
        let mark = log.end()?;
        Ok((log, mark))
    }
}

/// Why a change log could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeLogError {
    /// No model of the hub has a table that is known.
    #[error(
        "no model has a table for the change log: give them `#[diesel(table_name = …)]` or \
         `#[graphex(table = \"…\")]`, and call `model` before `change_log`"
    )]
    NoModel,
    /// The database cannot be reached.
    #[error("no connection to the database of the change log: {0}")]
    Connection(#[from] ConnectionError),
    /// The database answers with an error.
    #[error("the change log could not be read: {0}")]
    Database(String),
    /// Something is missing in the database, or in the way.
    #[error("the change log would not tell every change:{}", list(.0))]
    Problems(Vec<Problem>),
    /// There is no thread for the reader.
    #[error("the change log's thread could not be started: {0}")]
    Thread(std::io::Error),
}

impl From<LogError> for ChangeLogError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Connection(error) => Self::Connection(error),
            LogError::Query(error) => Self::Database(error.to_string()),
            LogError::Answer(answer) => Self::Database(answer.to_owned()),
        }
    }
}

fn list(problems: &[Problem]) -> String {
    let problems = problems.iter().map(|problem| format!("\n* {problem}"));
    problems.collect()
}

/// # Change log
///
/// With the feature `diesel`.
impl HubBuilder {
    /// Takes the changes of the models from this log, of all that have a table; see [`ChangeLog`].
    pub fn change_log(self, log: ChangeLog) -> Self {
        self.source(Box::new(move |models, sink| {
            log.start(models, sink)
                .map_err(|error| -> OpenError { Box::new(error) })
        }))
    }

    /// The schema of a change log for the models so far.
    ///
    /// ```
    /// # use graphex_macros::ModelType;
    /// # use graphex_runtime::{Database, Hub};
    /// # #[derive(ModelType)]
    /// # #[graphex(stream = "messages", table = "messages", crate = "graphex_runtime")]
    /// # struct Message { id: i64, text: String }
    /// let builder = Hub::builder().model::<Message>();
    /// let migration = builder.log_schema(Database::Postgres).migration();
    /// # assert!(migration.up.contains("messages"));
    /// ```
    #[must_use]
    pub fn log_schema(&self, database: Database) -> LogSchema {
        LogSchema::new(database, self.models().to_vec(), Retention::default())
    }
}
