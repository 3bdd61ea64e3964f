//! The instrumentation that hears of a connection's commits.

use std::any::TypeId;
use std::fmt;

use diesel::connection::{
    Connection, DynInstrumentation, Instrumentation, InstrumentationEvent, TransactionManager,
    get_default_instrumentation,
};
use diesel::pg::Pg;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::error::{AttachError, CaptureError};
use super::spoken::{Heard, Spoken};
use super::uncommitted::{Finish, Uncommitted};
use crate::change::Change;
use crate::hub::{Hub, Ticket};
use crate::model::ModelType;

/// A user's instrumentation, which a tracker keeps and calls.
type Inner = Option<Box<dyn Instrumentation>>;

/// Collects a connection's changes and hands them over when their transaction has committed.
pub(super) struct Tracker {
    hub: Hub,
    uncommitted: Uncommitted,
    /// The place of the transaction whose `COMMIT` runs.
    committing: Option<Ticket>,
    /// Whether the `COMMIT` of a transaction runs.
    commits: bool,
    /// What SQL text says of transactions outside of those of Diesel's, and after the text that
    /// runs.
    spoken: Spoken,
    heard: Option<Heard>,
    /// Whether a transaction of Diesel's is open, or about to be, and whether the statement that runs
    /// begins or ends it.
    is_in_transaction: bool,
    begins: bool,
    ends: bool,
    /// Whether it was said that a test transaction publishes nothing.
    is_test_told: bool,
    inner: Inner,
}

impl fmt::Debug for Tracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracker")
            .field("hub", &self.hub)
            .field("uncommitted", &self.uncommitted)
            .finish_non_exhaustive()
    }
}

impl Tracker {
    fn put<C: Connection>(conn: &mut C, hub: &Hub, inner: Inner)
    where
        C::Backend: 'static,
    {
        let aborts_on_error = aborts_on_error(conn);
        conn.set_instrumentation(Self {
            hub: hub.clone(),
            uncommitted: Uncommitted::new(aborts_on_error),
            committing: None,
            commits: false,
            spoken: Spoken::default(),
            heard: None,
            is_in_transaction: false,
            begins: false,
            ends: false,
            is_test_told: false,
            inner,
        });
    }

    /// Puts a tracker on the connection that keeps the instrumentation which is there.
    pub(super) fn attach<C: Connection>(conn: &mut C, hub: &Hub) -> Result<(), AttachError>
    where
        C::Backend: 'static,
    {
        let there = conn.instrumentation();
        let inner = if let Some(tracker) = there.downcast_mut::<Self>() {
            if tracker.hub.is(hub) {
                return Ok(());
            }
            tracker.leave()?
        } else {
            take_known(there).ok_or(AttachError::Instrumented)?
        };
        Self::put(conn, hub, inner);
        Ok(())
    }

    /// Puts a tracker on the connection that calls this instrumentation.
    pub(super) fn attach_with<C: Connection>(
        conn: &mut C,
        hub: &Hub,
        instrumentation: impl Instrumentation,
    ) -> Result<(), AttachError>
    where
        C::Backend: 'static,
    {
        let inner: Inner = Some(Box::new(instrumentation));
        if let Some(tracker) = conn.instrumentation().downcast_mut::<Self>() {
            if tracker.hub.is(hub) {
                tracker.inner = inner;
                return Ok(());
            }
            tracker.leave()?;
        }
        Self::put(conn, hub, inner);
        Ok(())
    }

    /// The connection's tracker, if it can take changes of `M`.
    pub(super) fn of<C: Connection, M: ModelType>(conn: &mut C) -> QueryResult<&mut Self> {
        let tracker = conn.instrumentation().downcast_mut::<Self>();
        let model = M::MODEL.name;
        match tracker {
            None => Err(CaptureError::NotAttached { model }.into()),
            Some(tracker) if !tracker.hub.has_model(M::MODEL) => {
                Err(CaptureError::UnknownModel { model }.into())
            }
            Some(tracker) => Ok(tracker),
        }
    }

    /// The connection's tracker, if it is attached.
    #[cfg(feature = "testing")]
    pub(super) fn there<C: Connection>(conn: &mut C) -> Option<&mut Self> {
        conn.instrumentation().downcast_mut()
    }

    /// Whether it hands over to this hub.
    pub(super) fn is_of(&self, hub: &Hub) -> bool {
        self.hub.is(hub)
    }

    /// Whether a transaction is open that was begun as SQL text. Asked outside of one of Diesel's.
    pub(super) fn is_spoken_open(&self) -> bool {
        self.spoken.is_open()
    }

    /// Adds changes made at this transaction depth.
    pub(super) fn record(&mut self, depth: u32, is_test: bool, mut changes: Vec<Change>) {
        if is_test {
            self.say_that_tests_tell_nothing();
        } else {
            self.drop_logged(&mut changes);
        }
        self.uncommitted.record(depth, changes);
    }

    /// Of what is logged only the log tells, so that nothing is told twice; what was published is
    /// beside it.
    fn drop_logged(&self, changes: &mut Vec<Change>) {
        changes.retain(|change| change.published || !self.hub.is_logged(change.model));
    }

    fn say_that_tests_tell_nothing(&mut self) {
        if !std::mem::replace(&mut self.is_test_told, true) {
            tracing::warn!(
                "a change in a test transaction is told to nobody, for that is never committed; \
                 graphex's feature `testing` has `testing::uncommitted(&mut conn)` to see what \
                 would be told, and `testing::tell_uncommitted(&mut conn)` to tell it"
            );
        }
    }

    /// What the transaction tells if it is committed now.
    #[cfg(feature = "testing")]
    pub(super) fn to_be_told(&self) -> impl Iterator<Item = &Change> {
        self.uncommitted.settled()
    }

    /// Tells it, and how many changes it is.
    #[cfg(feature = "testing")]
    pub(super) fn tell_now(&mut self) -> usize {
        let changes = self.uncommitted.take_settled();
        let told = changes.len();
        if told > 0 {
            self.hub.reserve(changes).commit();
        }
        told
    }

    fn leave(&mut self) -> Result<Inner, AttachError> {
        if self.uncommitted.is_empty() {
            Ok(self.inner.take())
        } else {
            Err(AttachError::Uncommitted)
        }
    }

    /// The text that ran was carried out, or has failed.
    fn finish_text(&mut self, is_done: bool) {
        let heard = self.heard.take();
        if let Some(spoken) = heard.and_then(|heard| heard.finished(is_done)) {
            self.spoken = spoken;
        }
    }

    /// The statement that ran may have begun or ended a transaction of Diesel's.
    fn finish_control(&mut self, finish: Finish) {
        if std::mem::take(&mut self.begins) {
            self.is_in_transaction = finish == Finish::Done;
        }
        if std::mem::take(&mut self.ends) {
            // Where a COMMIT has failed the transaction is over, or rolled back next.
            self.is_in_transaction = false;
            // It ends whatever was begun before it, too.
            self.spoken = Spoken::default();
        }
    }

    fn hear(&mut self, event: &InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::BeginTransaction { depth, .. } => {
                self.is_in_transaction = true;
                (self.begins, self.ends) = (depth.get() == 1, false);
                self.committing = None;
                self.commits = false;
                self.uncommitted.begin(depth.get());
            }
            // Sent before COMMIT runs: whoever waits for a row of this transaction reserves
            // its place after this one.
            InstrumentationEvent::CommitTransaction { depth, .. } => {
                self.commits = depth.get() == 1;
                (self.begins, self.ends) = (false, depth.get() == 1);
                let mut changes = self.uncommitted.commit(depth.get());
                if self.is_test_told {
                    self.drop_logged(&mut changes);
                }
                self.committing = (!changes.is_empty()).then(|| self.hub.reserve(changes));
            }
            InstrumentationEvent::RollbackTransaction { depth, .. } => {
                self.committing = None;
                self.commits = false;
                (self.begins, self.ends) = (false, depth.get() == 1);
                self.uncommitted.rollback(depth.get());
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                self.uncommitted.start_query();
                self.heard = if self.is_in_transaction {
                    None
                } else {
                    self.spoken.after(query)
                };
            }
            InstrumentationEvent::FinishQuery { error, .. } => {
                let finish = error.map_or(Finish::Done, finish_of);
                self.finish_text(error.is_none());
                let ended = self.uncommitted.finish_query(finish);
                if ended {
                    self.finish_control(finish);
                }
                if ended && std::mem::take(&mut self.commits) && finish == Finish::Done {
                    self.hub.committed();
                }
                if ended
                    && let Some(ticket) = self.committing.take()
                    && finish == Finish::Done
                {
                    ticket.commit();
                }
            }
            _ => {}
        }
    }
}

impl Instrumentation for Tracker {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        // First, so that a panic of the user's code costs no commit.
        self.hear(&event);
        if let Some(inner) = &mut self.inner {
            inner.on_connection_event(event);
        }
    }
}

fn finish_of(error: &Error) -> Finish {
    match error {
        // libpq found the command impossible (too many binds); the server never saw it.
        Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _) => Finish::Failed,
        Error::DatabaseError(..) => Finish::Refused,
        _ => Finish::Failed,
    }
}

/// Takes an instrumentation out of its connection, if its type is known: a value of an
/// unknown type cannot be moved out from behind a reference.
fn take_known(there: &mut dyn Instrumentation) -> Option<Inner> {
    if type_of(there) == type_of(&*DynInstrumentation::none()) {
        return Some(None);
    }
    if let Some(boxed) = there.downcast_mut::<Inner>() {
        return Some(boxed.take());
    }
    // Made for this connection by the global default, so that another one is as good.
    let default = get_default_instrumentation()?;
    (type_of(there) == type_of(&*default)).then_some(Some(default))
}

fn type_of(instrumentation: &dyn Instrumentation) -> TypeId {
    instrumentation.as_any().type_id()
}

/// Whether a statement that the database refuses aborts its transaction, as on PostgreSQL. The one
/// of several databases that a `MultiConnection` has is asked.
fn aborts_on_error<C: Connection>(conn: &mut C) -> bool
where
    C::Backend: 'static,
{
    let backend = TypeId::of::<C::Backend>();
    backend == TypeId::of::<Pg>()
        || (!is_single(std::any::type_name::<C::Backend>())
            && conn.batch_execute("SELECT pg_backend_pid()").is_ok())
}

/// Whether this is one of Diesel's own backends: the others are several in one.
fn is_single(backend: &str) -> bool {
    backend.starts_with("diesel::")
}

/// Whether the transaction that is open is one of Diesel's test transactions, which it does not take
/// for a broken connection.
pub(super) fn is_test_transaction<C: Connection>(conn: &mut C, depth: u32) -> bool {
    depth > 0 && !C::TransactionManager::is_broken_transaction_manager(conn)
}

/// The connection's transaction depth; 0 outside of a transaction.
pub(super) fn depth<C: Connection>(conn: &mut C) -> QueryResult<u32> {
    let status = C::TransactionManager::transaction_manager_status_mut(conn);
    Ok(status
        .transaction_depth()?
        .map_or(0, std::num::NonZeroU32::get))
}
