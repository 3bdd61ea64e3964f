//! The instrumentation that follows a connection's commits.

use std::fmt;

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::result::QueryResult;

use super::committing::Committing;
use super::error::{AttachError, CaptureError};
use super::evidence::Known;
use super::kept::{Kept, take_known};
use super::raw_transactions::RawTransactions;
use super::uncommitted::{Finish, Uncommitted};
use crate::change::Change;
use crate::hub::{Hub, Ticket};
use crate::model::{Model, ModelType};

/// Collects a connection's changes and hands them over when their transaction has committed.
pub(super) struct Tracker {
    hub: Hub,
    uncommitted: Uncommitted,
    /// The place of the transaction whose `COMMIT` runs.
    committing: Option<Committing>,
    /// Whether the `COMMIT` of a transaction runs.
    commits: bool,
    /// Whether the connection is one of diesel-async's, whose futures can be dropped.
    is_awaited: bool,
    raw: RawTransactions,
    /// By what the rows of an upsert are told apart.
    pub(super) evidence: Known,
    /// Whether the log has the warning that a test transaction publishes nothing.
    is_test_warned: bool,
    inner: Kept,
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
    fn new(hub: &Hub, inner: Kept) -> Self {
        Self {
            hub: hub.clone(),
            uncommitted: Uncommitted::new(false),
            committing: None,
            commits: false,
            is_awaited: false,
            raw: RawTransactions::default(),
            evidence: Known::default(),
            is_test_warned: false,
            inner,
        }
    }

    /// The connection is one of diesel-async's.
    #[cfg(feature = "diesel-async")]
    pub(super) fn set_awaited(&mut self) {
        self.is_awaited = true;
    }

    /// A statement that the connection's database refuses aborts its transaction.
    pub(super) fn set_aborting(&mut self) {
        self.uncommitted.set_aborting();
    }

    /// What to put on a connection, in place of the instrumentation that is
    /// there and is kept; nothing if it is attached already.
    pub(super) fn over(
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
        Ok(Some(Self::new(hub, inner)))
    }

    /// What to put on a connection, in place of what is there, so that this
    /// instrumentation is called; nothing if it is attached already.
    pub(super) fn calling(
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
        Ok(Some(Self::new(hub, Some(instrumentation))))
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

    /// The tracker that is there, if any.
    #[cfg(feature = "testing")]
    pub(super) fn among(there: &mut dyn Instrumentation) -> Option<&mut Self> {
        there.downcast_mut()
    }

    /// Whether it hands over to this hub.
    pub(super) fn is_of(&self, hub: &Hub) -> bool {
        self.hub.is(hub)
    }

    /// An error if a transaction is open that was begun as SQL text. Asked outside of one of
    /// Diesel's.
    pub(super) fn can_begin<M: ModelType>(&self) -> QueryResult<()> {
        let model = M::MODEL.name;
        if self.raw.is_open() {
            return Err(CaptureError::TransactionAsText { model }.into());
        }
        Ok(())
    }

    /// Adds changes made at this transaction depth.
    pub(super) fn record(&mut self, depth: u32, is_test: bool, mut changes: Vec<Change>) {
        if is_test {
            self.warn_of_test_transaction();
        } else {
            self.drop_logged(&mut changes);
        }
        self.uncommitted.record(depth, changes);
    }

    /// Whether only the log tells of this model's changes, in the order that it has of them.
    pub(super) fn leaves_to_log(&self, model: &Model) -> bool {
        self.hub.is_logged(model)
    }

    /// A statement outside of a transaction has ended, and left what it changed to the log.
    pub(super) fn wake_log(there: &mut dyn Instrumentation) {
        if let Some(tracker) = there.downcast_mut::<Self>() {
            tracker.hub.committed();
        }
    }

    /// A row of this model changed at this depth and is not known.
    pub(super) fn miss(&mut self, depth: u32, model: &'static Model) {
        if !self.hub.is_logged(model) {
            self.uncommitted.miss(depth, model);
        }
    }

    /// Of what is logged only the log tells, so that nothing is told twice; what was published is
    /// beside it.
    fn drop_logged(&self, changes: &mut Vec<Change>) {
        changes.retain(|change| change.published || !self.hub.is_logged(change.model));
    }

    fn warn_of_test_transaction(&mut self) {
        if std::mem::replace(&mut self.is_test_warned, true) {
            return;
        }
        if self.is_awaited {
            tracing::warn!(
                "a change in a test transaction is not published, for that is never committed"
            );
        } else {
            tracing::warn!(
                "a change in a test transaction is not published, for that is never committed; \
                 graphex's feature `testing` has `testing::uncommitted(&mut conn)` to see what \
                 would be published, and `testing::publish_uncommitted(&mut conn)` to publish it"
            );
        }
    }

    /// What the transaction publishes if it is committed now.
    #[cfg(feature = "testing")]
    pub(super) fn to_be_published(&self) -> impl Iterator<Item = &Change> {
        self.uncommitted.settled()
    }

    /// Publishes it; how many changes it is.
    #[cfg(feature = "testing")]
    pub(super) fn publish_now(&mut self) -> usize {
        let mut outcome = self.uncommitted.take_settled();
        let count = outcome.changes.len();
        // No log has it, or ever will.
        for change in &mut outcome.changes {
            change.published = true;
        }
        if !outcome.is_empty() {
            self.hub.reserve(outcome.changes, &outcome.missed).commit();
        }
        count
    }

    /// What runs failed after its end was reported: among the rows that it returned.
    #[cfg(feature = "diesel-async")]
    pub(super) fn fail(&mut self, error: &diesel::result::Error) {
        if Finish::of(error) == Finish::Refused {
            self.uncommitted.refuse();
        }
    }

    /// The transaction was given up, and whoever did so has sent its end.
    #[cfg(feature = "diesel-async")]
    pub(super) fn give_up(&mut self) {
        self.doubt();
        self.uncommitted.give_up();
        self.raw.give_up();
    }

    /// If a `COMMIT` runs whose result will not come, for its future was dropped or its
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

    fn leave(&mut self) -> Result<Kept, AttachError> {
        if self.uncommitted.is_empty() {
            Ok(self.inner.take())
        } else {
            Err(AttachError::Uncommitted)
        }
    }

    #[cfg(feature = "diesel-async")]
    fn watch(&self, ticket: Ticket) -> Committing {
        if !self.is_awaited {
            return Committing::Blocking(ticket);
        }
        self.hub
            .watch(ticket)
            .map_or_else(Committing::Blocking, Committing::Watched)
    }

    #[cfg(not(feature = "diesel-async"))]
    fn watch(&self, ticket: Ticket) -> Committing {
        Committing::Blocking(ticket)
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

    fn observe(&mut self, event: &InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::BeginTransaction { depth, .. } => {
                self.doubt();
                self.raw.begin(depth.get());
                self.uncommitted.begin(depth.get());
            }
            // Sent before COMMIT runs: whoever waits for a row of this transaction reserves
            // its place after this one.
            InstrumentationEvent::CommitTransaction { depth, .. } => {
                self.doubt();
                self.commits = depth.get() == 1;
                self.raw.end(depth.get());
                let mut outcome = self.uncommitted.commit(depth.get());
                if self.is_test_warned {
                    self.drop_logged(&mut outcome.changes);
                }
                if !outcome.is_empty() {
                    let ticket = self.hub.reserve(outcome.changes, &outcome.missed);
                    self.committing = Some(self.watch(ticket));
                }
            }
            InstrumentationEvent::RollbackTransaction { depth, .. } => {
                self.doubt();
                self.raw.end(depth.get());
                self.uncommitted.rollback(depth.get());
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                self.uncommitted.start_query();
                self.raw.start(query);
            }
            InstrumentationEvent::FinishQuery { error, .. } => {
                let finish = error.map_or(Finish::Done, Finish::of);
                self.raw.finish(error.is_none());
                if self.uncommitted.finish_query(finish) {
                    self.raw.finish_control(finish);
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
        self.observe(&event);
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
