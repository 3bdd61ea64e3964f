//! What the events of a connection do to changes that are not committed yet.

use diesel::result::{DatabaseErrorKind, Error};

use crate::change::Change;
use crate::model::Model;

/// How a query ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// The database carried it out.
    Done,
    /// The database refused it.
    Refused,
    /// It failed before or after the database had to do with it.
    Failed,
}

impl Finish {
    /// How one with this error did.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            // libpq found the command impossible (too many binds); the server never saw it.
            Error::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
                _,
            ) => Self::Failed,
            Error::DatabaseError(..) => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// The changes of a connection's open transaction, and what must be known about it.
#[derive(Debug)]
pub(super) struct Uncommitted {
    /// Ascending by depth: a savepoint's changes come after those around it and are dropped
    /// or handed down when it ends.
    changes: Vec<Recorded>,
    /// Whether a refused statement aborts the transaction up to the next savepoint, so that
    /// its `COMMIT` rolls back and reports success.
    aborts_on_error: bool,
    aborted: bool,
    query_runs: bool,
    /// What is sent next is a transaction's command.
    is_control: bool,
    /// A transaction's command runs: what state the connection is in, is not known.
    control_runs: bool,
    /// Queries that ran beside the one that aborted the transaction, on a shared connection:
    /// their ends, which may be reported later, say nothing of its state.
    before_abort: u32,
    /// Queries whose end was not reported.
    running: u32,
    /// The depth of the savepoint that the running query releases.
    releasing: Option<u32>,
}

#[derive(Debug)]
struct Recorded {
    depth: u32,
    what: What,
}

#[derive(Debug)]
enum What {
    Change(Change),
    /// A row of this model changed, and is not known.
    Missed(&'static Model),
}

/// What a transaction publishes if its `COMMIT` succeeds.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) changes: Vec<Change>,
    /// The models of rows that changed and are not known.
    pub(super) missed: Vec<&'static Model>,
}

impl Outcome {
    fn of(recorded: impl ExactSizeIterator<Item = Recorded>) -> Self {
        let mut outcome = Self::default();
        outcome.changes.reserve_exact(recorded.len());
        for Recorded { what, .. } in recorded {
            match what {
                What::Change(change) => outcome.changes.push(change),
                What::Missed(model) => outcome.missed.push(model),
            }
        }
        outcome
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.missed.is_empty()
    }
}

impl Uncommitted {
    pub(super) fn new(aborts_on_error: bool) -> Self {
        Self {
            changes: Vec::new(),
            aborts_on_error,
            aborted: false,
            query_runs: false,
            is_control: false,
            control_runs: false,
            before_abort: 0,
            running: 0,
            releasing: None,
        }
    }

    /// Whether a transaction's command was sent whose end was not reported. On a connection of
    /// Diesel's that is so while it runs only.
    pub(super) fn control_runs(&self) -> bool {
        self.control_runs
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// A statement that the database refuses aborts the transaction.
    pub(super) fn set_aborting(&mut self) {
        self.aborts_on_error = true;
    }

    /// Adds changes made at this transaction depth, which is at least 1.
    pub(super) fn record(&mut self, depth: u32, changes: impl IntoIterator<Item = Change>) {
        self.forget_from(depth + 1);
        let all = changes.into_iter().map(What::Change);
        self.changes
            .extend(all.map(|what| Recorded { depth, what }));
    }

    /// A row of this model changed at this depth and is not known.
    pub(super) fn miss(&mut self, depth: u32, model: &'static Model) {
        self.forget_from(depth + 1);
        let what = What::Missed(model);
        self.changes.push(Recorded { depth, what });
    }

    /// The database refused what runs.
    pub(super) fn refuse(&mut self) {
        if self.aborts_on_error {
            self.aborted = true;
            self.before_abort = self.running;
        }
    }

    /// The transaction was given up, and whoever did so has ended it.
    #[cfg_attr(
        not(feature = "diesel-async"),
        allow(dead_code, reason = "only a future is given up")
    )]
    pub(super) fn give_up(&mut self) {
        self.enter_control();
        self.forget_from(1);
        self.is_control = false;
        self.aborted = false;
    }

    /// A transaction or savepoint of this depth is about to begin: what is still there from
    /// a former one ended unheard, which a commit never does.
    pub(super) fn begin(&mut self, depth: u32) {
        self.enter_control();
        self.forget_from(depth);
        self.aborted &= depth > 1;
    }

    /// A transaction or savepoint of this depth is about to be committed. Gives what the
    /// transaction publishes if its `COMMIT` succeeds.
    pub(super) fn commit(&mut self, depth: u32) -> Outcome {
        self.enter_control();
        if depth > 1 {
            self.releasing = Some(depth);
            return Outcome::default();
        }
        let recorded = std::mem::take(&mut self.changes);
        if self.aborted {
            return Outcome::default();
        }
        Outcome::of(recorded.into_iter())
    }

    /// What the transaction publishes if it is committed now.
    #[cfg(feature = "testing")]
    pub(super) fn settled(&self) -> impl Iterator<Item = &Change> {
        let settled = self.changes[..self.end_of_settled()].iter();
        settled.filter_map(|recorded| match &recorded.what {
            What::Change(change) => Some(change),
            What::Missed(_) => None,
        })
    }

    /// Takes it.
    #[cfg(feature = "testing")]
    pub(super) fn take_settled(&mut self) -> Outcome {
        let end = self.end_of_settled();
        Outcome::of(self.changes.drain(..end))
    }

    #[cfg(feature = "testing")]
    fn end_of_settled(&self) -> usize {
        if self.aborted { 0 } else { self.first_of(2) }
    }

    /// A transaction or savepoint of this depth is about to be rolled back.
    pub(super) fn rollback(&mut self, depth: u32) {
        self.enter_control();
        self.forget_from(depth);
    }

    pub(super) fn start_query(&mut self) {
        self.query_runs = true;
        self.running += 1;
        self.control_runs |= std::mem::take(&mut self.is_control);
    }

    /// Whether this ends the query that runs: Diesel may report one twice.
    pub(super) fn finish_query(&mut self, finish: Finish) -> bool {
        self.running = self.running.saturating_sub(1);
        let ran_before_abort = self.before_abort > 0;
        self.before_abort = self.before_abort.saturating_sub(1);
        if finish == Finish::Refused && !self.aborted {
            self.refuse();
        }
        let ended = std::mem::take(&mut self.query_runs);
        if !ended {
            return false;
        }
        self.control_runs = false;
        let released = self.releasing.take();
        if finish == Finish::Done {
            // An aborted transaction refuses whatever does not end it or recover it.
            self.aborted &= ran_before_abort;
            if let Some(depth) = released {
                self.hand_down(depth);
            }
        }
        true
    }

    fn enter_control(&mut self) {
        // Nothing else runs then: a command has the connection for itself.
        self.query_runs = false;
        self.is_control = true;
        self.control_runs = false;
        self.running = 0;
        self.before_abort = 0;
        self.releasing = None;
    }

    fn forget_from(&mut self, depth: u32) {
        let first = self.first_of(depth);
        self.changes.truncate(first);
    }

    fn hand_down(&mut self, depth: u32) {
        let first = self.first_of(depth);
        for recorded in &mut self.changes[first..] {
            recorded.depth = depth - 1;
        }
    }

    fn first_of(&self, depth: u32) -> usize {
        self.changes
            .partition_point(|recorded| recorded.depth < depth)
    }
}

#[cfg(test)]
mod tests;
