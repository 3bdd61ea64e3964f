//! What the events of a connection do to changes that are not committed yet.

use crate::change::Change;

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
    /// The depth of the savepoint that the running query releases.
    releasing: Option<u32>,
}

#[derive(Debug)]
struct Recorded {
    depth: u32,
    change: Change,
}

impl Uncommitted {
    pub(super) fn new(aborts_on_error: bool) -> Self {
        Self {
            changes: Vec::new(),
            aborts_on_error,
            aborted: false,
            query_runs: false,
            releasing: None,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Adds changes made at this transaction depth, which is at least 1.
    pub(super) fn record(&mut self, depth: u32, changes: impl IntoIterator<Item = Change>) {
        self.forget_from(depth + 1);
        let changes = changes.into_iter();
        self.changes
            .extend(changes.map(|change| Recorded { depth, change }));
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
    pub(super) fn commit(&mut self, depth: u32) -> Vec<Change> {
        self.enter_control();
        if depth > 1 {
            self.releasing = Some(depth);
            return Vec::new();
        }
        let changes = std::mem::take(&mut self.changes);
        if self.aborted {
            return Vec::new();
        }
        changes
            .into_iter()
            .map(|recorded| recorded.change)
            .collect()
    }

    /// What the transaction publishes if it is committed now.
    #[cfg(feature = "testing")]
    pub(super) fn settled(&self) -> impl Iterator<Item = &Change> {
        let end = if self.aborted { 0 } else { self.first_of(2) };
        self.changes[..end].iter().map(|recorded| &recorded.change)
    }

    /// Takes it.
    #[cfg(feature = "testing")]
    pub(super) fn take_settled(&mut self) -> Vec<Change> {
        let end = self.settled().count();
        let settled = self.changes.drain(..end);
        settled.map(|recorded| recorded.change).collect()
    }

    /// A transaction or savepoint of this depth is about to be rolled back.
    pub(super) fn rollback(&mut self, depth: u32) {
        self.enter_control();
        self.forget_from(depth);
    }

    pub(super) fn start_query(&mut self) {
        self.query_runs = true;
    }

    /// Whether this ends the query that runs: Diesel may report one twice.
    pub(super) fn finish_query(&mut self, finish: Finish) -> bool {
        self.aborted |= self.aborts_on_error && finish == Finish::Refused;
        let ended = std::mem::take(&mut self.query_runs);
        if !ended {
            return false;
        }
        let released = self.releasing.take();
        if finish == Finish::Done {
            // An aborted transaction refuses whatever does not end it or recover it.
            self.aborted = false;
            if let Some(depth) = released {
                self.hand_down(depth);
            }
        }
        true
    }

    fn enter_control(&mut self) {
        self.query_runs = false;
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
mod tests {
    use super::*;
    use crate::change::{Action, Row};
    use crate::model::{Model, Payload};
    use crate::value::{Field as _, Value};

    static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

    fn change(id: i64) -> Change {
        Change {
            model: &MODEL,
            action: Action::Create,
            row: Row::from([Value::Int(id.into())]),
            before: None,
            cursor: None,
            position: None,
            published: false,
            heard: crate::measure::Stamp::now(),
        }
    }

    fn ids(changes: &[Change]) -> Vec<Value> {
        changes.iter().map(|change| change.key().clone()).collect()
    }

    fn run(uncommitted: &mut Uncommitted, finish: Finish) {
        uncommitted.start_query();
        assert!(uncommitted.finish_query(finish));
    }

    fn begin(uncommitted: &mut Uncommitted, depth: u32) {
        uncommitted.begin(depth);
        run(uncommitted, Finish::Done);
    }

    #[test]
    fn a_released_savepoint_shares_the_fate_of_what_is_around_it() {
        let mut uncommitted = Uncommitted::new(true);
        begin(&mut uncommitted, 1);
        uncommitted.record(1, [change(1)]);
        begin(&mut uncommitted, 2);
        uncommitted.record(2, [change(2)]);
        begin(&mut uncommitted, 3);
        uncommitted.record(3, [change(3)]);
        uncommitted.commit(3);
        run(&mut uncommitted, Finish::Done);
        uncommitted.rollback(2);
        run(&mut uncommitted, Finish::Done);
        uncommitted.record(1, [change(4)]);
        assert_eq!(ids(&uncommitted.commit(1)), [Value::Int(1), Value::Int(4)]);
    }

    #[test]
    fn a_release_that_fails_hands_nothing_down() {
        let mut uncommitted = Uncommitted::new(true);
        begin(&mut uncommitted, 1);
        begin(&mut uncommitted, 2);
        uncommitted.record(2, [change(1)]);
        uncommitted.commit(2);
        run(&mut uncommitted, Finish::Refused);
        uncommitted.rollback(2);
        run(&mut uncommitted, Finish::Done);
        assert!(uncommitted.commit(1).is_empty());
    }

    #[test]
    fn an_aborted_transaction_publishes_nothing() {
        for (aborts_on_error, published) in [(true, 0), (false, 1)] {
            let mut uncommitted = Uncommitted::new(aborts_on_error);
            begin(&mut uncommitted, 1);
            uncommitted.record(1, [change(1)]);
            run(&mut uncommitted, Finish::Refused);
            assert_eq!(uncommitted.commit(1).len(), published);
        }
    }

    #[test]
    fn an_error_of_the_client_aborts_nothing() {
        let mut uncommitted = Uncommitted::new(true);
        begin(&mut uncommitted, 1);
        uncommitted.record(1, [change(1)]);
        run(&mut uncommitted, Finish::Failed);
        assert_eq!(uncommitted.commit(1).len(), 1);
    }

    #[test]
    fn a_second_report_of_a_refused_query_heals_nothing() {
        let mut uncommitted = Uncommitted::new(true);
        begin(&mut uncommitted, 1);
        uncommitted.record(1, [change(1)]);
        run(&mut uncommitted, Finish::Refused);
        assert!(!uncommitted.finish_query(Finish::Done));
        assert!(uncommitted.commit(1).is_empty());
    }

    #[test]
    fn a_savepoint_recovers_the_transaction_around_it() {
        let mut uncommitted = Uncommitted::new(true);
        begin(&mut uncommitted, 1);
        uncommitted.record(1, [change(1)]);
        begin(&mut uncommitted, 2);
        run(&mut uncommitted, Finish::Refused);
        uncommitted.rollback(2);
        run(&mut uncommitted, Finish::Done);
        assert_eq!(uncommitted.commit(1).len(), 1);
    }

    #[test]
    fn a_transaction_that_ended_unheard_is_forgotten_by_the_next() {
        let mut uncommitted = Uncommitted::new(true);
        begin(&mut uncommitted, 1);
        uncommitted.record(1, [change(1)]);
        run(&mut uncommitted, Finish::Refused);
        begin(&mut uncommitted, 1);
        uncommitted.record(1, [change(2)]);
        assert_eq!(ids(&uncommitted.commit(1)), [Value::Int(2)]);
    }
}
