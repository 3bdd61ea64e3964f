//! The instrumentation that hears of a connection's commits.

use std::any::TypeId;
use std::fmt;

use diesel::connection::{
    DynInstrumentation, Instrumentation, InstrumentationEvent, TransactionManagerStatus,
    get_default_instrumentation,
};
use diesel::pg::Pg;
use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::committing::Committing;
use super::error::{AttachError, CaptureError};
use super::uncommitted::{Finish, Uncommitted};
use crate::change::Change;
use crate::hub::{Hub, Ticket};
use crate::model::{Model, ModelType};

/// A user's instrumentation, which a tracker keeps and calls.
type Inner = Option<Box<dyn Instrumentation>>;

/// Collects a connection's changes and hands them over when their transaction has committed.
pub(super) struct Tracker {
    hub: Hub,
    uncommitted: Uncommitted,
    /// The place of the transaction whose `COMMIT` runs.
    committing: Option<Committing>,
    /// Whether the `COMMIT` of a transaction runs.
    commits: bool,
    /// Whether the connection is one of diesel-async's, whose futures can be dropped.
    #[cfg(feature = "diesel-async")]
    is_awaited: bool,
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
    fn new<DB: 'static>(hub: &Hub, inner: Inner) -> Self {
        let aborts_on_error = TypeId::of::<DB>() == TypeId::of::<Pg>();
        Self {
            hub: hub.clone(),
            uncommitted: Uncommitted::new(aborts_on_error),
            committing: None,
            commits: false,
            #[cfg(feature = "diesel-async")]
            is_awaited: false,
            inner,
        }
    }

    /// The same for a connection of diesel-async's.
    #[cfg(feature = "diesel-async")]
    pub(super) fn awaited(self) -> Self {
        let mut tracker = self;
        tracker.is_awaited = true;
        tracker
    }

    /// What to put on a connection of this database, in place of the instrumentation that is
    /// there and is kept; nothing if it is attached already.
    pub(super) fn over<DB: 'static>(
        there: &mut dyn Instrumentation,
        hub: &Hub,
    ) -> Result<Option<Self>, AttachError> {
        let inner = if let Some(tracker) = there.downcast_mut::<Self>() {
            if tracker.hub.is(hub) {
                return Ok(None);
            }
            tracker.leave()?
        } else {
            take_known(there).ok_or(AttachError::Instrumented)?
        };
        Ok(Some(Self::new::<DB>(hub, inner)))
    }

    /// What to put on a connection of this database, in place of what is there, so that this
    /// instrumentation is called; nothing if it is attached already.
    pub(super) fn calling<DB: 'static>(
        there: &mut dyn Instrumentation,
        hub: &Hub,
        instrumentation: Box<dyn Instrumentation>,
    ) -> Result<Option<Self>, AttachError> {
        if let Some(tracker) = there.downcast_mut::<Self>() {
            if tracker.hub.is(hub) {
                tracker.inner = Some(instrumentation);
                return Ok(None);
            }
            tracker.leave()?;
        }
        Ok(Some(Self::new::<DB>(hub, Some(instrumentation))))
    }

    /// The tracker that is there, if it can take changes of `M`.
    pub(super) fn of<M: ModelType>(there: &mut dyn Instrumentation) -> QueryResult<&mut Self> {
        let model = M::MODEL.name;
        match there.downcast_mut::<Self>() {
            None => Err(CaptureError::NotAttached { model }.into()),
            Some(tracker) if !tracker.hub.has_model(M::MODEL) => {
                Err(CaptureError::UnknownModel { model }.into())
            }
            Some(tracker) if tracker.uncommitted.control_runs() => {
                Err(CaptureError::GivenUp { model }.into())
            }
            Some(tracker) => Ok(tracker),
        }
    }

    /// Adds changes made at this transaction depth.
    pub(super) fn record(&mut self, depth: u32, mut changes: Vec<Change>) {
        // Of what is logged only the log tells, so that nothing is told twice.
        changes.retain(|change| !self.hub.is_logged(change.model));
        self.uncommitted.record(depth, changes);
    }

    /// A row of this model changed at this depth and is not known.
    pub(super) fn miss(&mut self, depth: u32, model: &'static Model) {
        if !self.hub.is_logged(model) {
            self.uncommitted.miss(depth, model);
        }
    }

    /// What runs failed after its end was heard: among the rows that it returned.
    #[cfg(feature = "diesel-async")]
    pub(super) fn fail(&mut self, error: &Error) {
        if finish_of(error) == Finish::Refused {
            self.uncommitted.refuse();
        }
    }

    /// The transaction was given up, and whoever did so has sent its end.
    #[cfg(feature = "diesel-async")]
    pub(super) fn give_up(&mut self) {
        self.doubt();
        self.uncommitted.give_up();
    }

    /// If a `COMMIT` runs of which nobody will hear the end, for its future was dropped or its
    /// connection is: tells so.
    fn doubt(&mut self) {
        let committing = self.committing.take().and_then(Committing::end);
        let commits = std::mem::take(&mut self.commits);
        if !self.uncommitted.control_runs() {
            return;
        }
        if let Some(ticket) = committing {
            self.hub.doubt(ticket);
        }
        if commits {
            self.hub.committed();
        }
    }

    fn leave(&mut self) -> Result<Inner, AttachError> {
        if self.uncommitted.is_empty() {
            Ok(self.inner.take())
        } else {
            Err(AttachError::Uncommitted)
        }
    }

    #[cfg(feature = "diesel-async")]
    fn watch(&self, ticket: Ticket) -> Committing {
        if self.is_awaited {
            Committing::watched(ticket, self.hub.commit_time())
        } else {
            Committing::Heard(ticket)
        }
    }

    #[cfg(not(feature = "diesel-async"))]
    fn watch(&self, ticket: Ticket) -> Committing {
        Committing::Heard(ticket)
    }

    /// The query that runs has ended; it may have been a `COMMIT`.
    fn end_commit(&mut self, finish: Finish) {
        let commits = std::mem::take(&mut self.commits);
        if commits && finish != Finish::Refused {
            self.hub.committed();
        }
        let Some(ticket) = self.committing.take().and_then(Committing::end) else {
            return;
        };
        match finish {
            Finish::Done => ticket.commit(),
            Finish::Refused => drop(ticket),
            // The connection broke: nobody knows on which side of the commit.
            Finish::Failed => self.hub.doubt(ticket),
        }
    }

    fn hear(&mut self, event: &InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::BeginTransaction { depth, .. } => {
                self.doubt();
                self.uncommitted.begin(depth.get());
            }
            // Sent before COMMIT runs: whoever waits for a row of this transaction reserves
            // its place after this one.
            InstrumentationEvent::CommitTransaction { depth, .. } => {
                self.doubt();
                self.commits = depth.get() == 1;
                let outcome = self.uncommitted.commit(depth.get());
                if !outcome.is_empty() {
                    let ticket = self.hub.reserve(outcome.changes, &outcome.missed);
                    self.committing = Some(self.watch(ticket));
                }
            }
            InstrumentationEvent::RollbackTransaction { depth, .. } => {
                self.doubt();
                self.uncommitted.rollback(depth.get());
            }
            InstrumentationEvent::StartQuery { .. } => self.uncommitted.start_query(),
            InstrumentationEvent::FinishQuery { error, .. } => {
                let finish = error.map_or(Finish::Done, finish_of);
                if self.uncommitted.finish_query(finish) {
                    self.end_commit(finish);
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

impl Drop for Tracker {
    fn drop(&mut self) {
        self.doubt();
    }
}

fn finish_of(error: &Error) -> Finish {
    match error {
        // libpq found the command impossible (too many binds); the server never saw it.
        Error::DatabaseError(
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
            _,
        ) => Finish::Failed,
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

/// The transaction depth; 0 outside of a transaction.
pub(super) fn depth(status: &TransactionManagerStatus) -> QueryResult<u32> {
    Ok(status
        .transaction_depth()?
        .map_or(0, std::num::NonZeroU32::get))
}
