//! Hearing of committed changes where they are written: in Diesel.
//!
//! [`Hub::attach`] puts a tracker on a connection, as its Diesel instrumentation;
//! [`broadcast`](BroadcastDsl::broadcast) wraps a statement so that the rows it changes are read
//! back with `RETURNING` and handed to the tracker. The tracker sees `BEGIN`, `COMMIT`,
//! `SAVEPOINT` and `ROLLBACK` from Diesel and publishes what has been committed, when it has
//! been: plain `conn.transaction(…)` needs no wrapper.

mod around;
#[cfg(feature = "diesel-async")]
mod awaited;
mod bare;
mod broadcast;
mod committing;
mod error;
mod evidence;
mod generic;
mod kept;
mod models;
mod pool;
mod publish;
mod raw_transaction;
mod raw_transactions;
mod reading;
#[cfg(feature = "testing")]
mod rehearsal;
mod returning;
mod run;
mod statement;
mod table;
mod tracker;
mod uncommitted;
mod way;

use diesel::connection::Instrumentation;

pub use bare::BroadcastConnection;
pub use broadcast::{Broadcast, BroadcastDsl};
pub use error::{AttachError, CaptureError};
pub use generic::{BroadcastQuery, BroadcastStatement};
pub use pool::HubCustomizer;
#[cfg(feature = "testing")]
pub use rehearsal::{publish_uncommitted, uncommitted};

use way::Attach;

use crate::hub::Hub;

/// # Capturing changes
///
/// With the feature `diesel`. SQLite needs Diesel's feature `returning_clauses_for_sqlite_3_35`.
///
/// ```
/// use diesel::prelude::*;
/// use graphex_macros::ModelType;
/// use graphex_runtime::{BroadcastDsl, Hub};
///
/// diesel::table! { messages (id) { id -> BigInt, text -> Text, } }
///
/// #[derive(Queryable, Selectable, ModelType)]
/// #[diesel(table_name = messages)]
/// #[graphex(stream = "messages", crate = "graphex_runtime")]
/// struct Message { id: i64, text: String }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::builder().model::<Message>().build();
/// let mut conn = SqliteConnection::establish(":memory:")?;
/// hub.attach(&mut conn)?;
/// # diesel::sql_query("CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
/// #     .execute(&mut conn)?;
///
/// let message: Message = diesel::insert_into(messages::table)
///     .values(messages::text.eq("hi"))
///     .broadcast()
///     .get_result(&mut conn)?;
/// assert_eq!(message.text, "hi");
///
/// // Both changes are published when the transaction has committed, or neither.
/// let gone: Vec<i64> = conn.transaction(|conn| {
///     diesel::update(messages::table).set(messages::text.eq("bye")).broadcast().execute(conn)?;
///     diesel::delete(messages::table).broadcast().returning(messages::id).get_results(conn)
/// })?;
/// assert_eq!(gone, [message.id]);
/// # Ok(()) }
/// ```
///
/// What holds:
///
/// * A change is published after its transaction has committed, once, and not otherwise: a
///   rollback, a savepoint that rolls back, a failed `COMMIT`, a panic and a dropped connection
///   drop what was not committed. On PostgreSQL this includes the `COMMIT` of a transaction that
///   an ignored error had aborted, which rolls back and reports success.
/// * The changes of one transaction arrive in the order they were made, and those of one row in
///   the order of their commits. For this a `.broadcast()` outside of a transaction runs in one
///   of its own.
/// * A `.broadcast()` on a connection that is not attached, of a model that its hub does not know, or
///   in a transaction that was begun as SQL text, fails before anything is written; see
///   [`CaptureError`].
/// * Nothing is published from Diesel's test transactions: they never commit. A line in the log says
///   so; with the feature `testing`, `testing::uncommitted` gives what would have been told.
///
/// With the feature `diesel-async` the same holds on its connections: `attach` and the methods that
/// run a statement return futures there. One that is dropped while a `COMMIT` runs leaves its
/// outcome unknown: the subscribers of what it changed are told to load again. [`BroadcastConnection`],
/// [`Hub::publish_on_commit`] and `testing::uncommitted` are for Diesel's connections.
///
/// Of a model with a change log only the log tells: `.broadcast()` checks and returns the same, takes no
/// transaction of its own, may be in one that was begun as SQL text, and makes the log be read at once.
///
/// What is not captured:
///
/// * Writes without `.broadcast()`, by triggers, by `ON DELETE CASCADE` and by other processes.
///   Use [`Hub::publish`], or a [`ChangeLog`](crate::ChangeLog), which has all of them.
/// * `COMMIT`, `SAVEPOINT` and `ROLLBACK` as SQL text through `sql_query` or `batch_execute` within a
///   transaction of Diesel's, `PREPARE TRANSACTION` and its `COMMIT PREPARED`, and what SQLite does for `ON CONFLICT ROLLBACK` and `ON CONFLICT FAIL`.
///   Use Diesel's transactions.
/// * A `COPY … TO` of PostgreSQL that breaks off halfway and whose error is ignored.
/// * On diesel-async and PostgreSQL, an error among the rows of the last query of a transaction
///   (`load`, `get_result`), when it is ignored: diesel-async tells of the query's end before. The
///   `COMMIT` then rolls back, and the changes before are told nonetheless.
///
/// A row that changed but cannot be read as the model is told as a gap: subscribers load again. Who asked
/// for something else, with `returning`, gets that. So is one that cannot be read as what was asked for, when
/// that error is ignored and the transaction commits, and a `COMMIT` during which the connection broke.
impl Hub {
    /// Captures the changes that `.broadcast()` statements make on this connection, once for
    /// the connection's life. An instrumentation that came from Diesel's
    /// [`set_default_instrumentation`](diesel::connection::set_default_instrumentation) is kept
    /// as a new one from there. Attaching twice changes nothing.
    ///
    /// The tracker is the connection's instrumentation: `set_instrumentation` afterwards would
    /// detach it.
    ///
    /// # Errors
    ///
    /// When the connection has an instrumentation of its own, which cannot be moved: see
    /// [`attach_with`](Self::attach_with). When it is attached to another hub and has
    /// uncommitted changes.
    pub fn attach<'a, C: Attach<W>, W>(&'a self, conn: &'a mut C) -> C::Attached<'a> {
        conn.attach(self)
    }

    /// Like [`attach`](Self::attach), and calls this instrumentation for every event, instead
    /// of one that is there.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use diesel::connection::InstrumentationEvent;
    /// # use graphex_runtime::Hub;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build();
    /// # let mut conn = SqliteConnection::establish(":memory:")?;
    /// let (sender, events) = std::sync::mpsc::channel();
    /// hub.attach_with(&mut conn, move |event: InstrumentationEvent<'_>| {
    ///     if let InstrumentationEvent::StartQuery { query, .. } = event {
    ///         sender.send(query.to_string()).ok();
    ///     }
    /// })?;
    /// conn.transaction(|_| QueryResult::Ok(()))?;
    /// assert_eq!(events.try_iter().collect::<Vec<_>>(), ["BEGIN", "COMMIT"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the connection is attached to another hub and has uncommitted changes.
    pub fn attach_with<'a, C: Attach<W>, W>(
        &'a self,
        conn: &'a mut C,
        instrumentation: impl Instrumentation,
    ) -> C::Attached<'a> {
        conn.attach_with(self, Box::new(instrumentation))
    }

    /// Attaches every connection of an r2d2 pool.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// use diesel::r2d2::{ConnectionManager, Pool};
    /// # use graphex_runtime::Hub;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().build();
    /// let pool = Pool::builder()
    ///     .connection_customizer(Box::new(hub.customizer()))
    ///     .build(ConnectionManager::<SqliteConnection>::new(":memory:"))?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn customizer(&self) -> HubCustomizer {
        HubCustomizer::new(self.clone())
    }
}
