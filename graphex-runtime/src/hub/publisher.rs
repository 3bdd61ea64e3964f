//! The ordered, bounded hand-over from writers to the lane of a stream.
//!
//! A transaction reserves its place *before* its `COMMIT` runs and settles it when the outcome
//! is known. Two transactions that write one row are serialised by the database: the second
//! reserves after the first has committed, so places are in commit order row by row, however the
//! threads are scheduled afterwards. A place that is not settled holds back only later places
//! with a row of its own, and its changes count against nobody's room: a slow commit delays and
//! costs nobody else.

mod places;

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

pub(crate) use places::Batch;
use places::{Changes, State};

use super::flush::Flushing;
use super::lock;
use super::stats::Counters;
use crate::change::Change;
use crate::measure::Stamp;

/// The queue between the writers of one stream and the task that feeds the layer.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    capacity: usize,
    /// Whether there can be a subscriber: the task ever ran, or other processes may have
    /// channels. Before, nobody misses what is committed.
    fed: AtomicBool,
    counters: Arc<Counters>,
    /// Rows are told apart by hashes; two with one hash wait for each other without need.
    hasher: RandomState,
}

impl Queue {
    pub(crate) fn new(capacity: usize, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            capacity,
            fed: AtomicBool::new(false),
            counters,
            hasher: RandomState::new(),
        }
    }

    /// From now on there can be a subscriber.
    pub(crate) fn set_fed(&self) {
        self.fed.store(true, Ordering::Relaxed);
    }

    fn is_fed(&self) -> bool {
        self.fed.load(Ordering::Relaxed)
    }

    /// Queues changes that are committed.
    pub(crate) fn publish(&self, changes: impl IntoIterator<Item = Change>) {
        if !self.is_fed() {
            return;
        }
        let changes: Changes = changes.into_iter().map(Arc::new).collect();
        let mut state = lock(&self.state);
        let lost = if state.places.is_empty() {
            state.push(changes, self.capacity)
        } else {
            let rows = self.rows(&changes);
            let number = state.reserve(changes, rows);
            state.settle(number, self.capacity)
        };
        self.done(state, lost.err());
    }

    /// Reserves the place of a transaction that is about to commit.
    pub(super) fn reserve(&self, changes: Vec<Change>) -> u64 {
        // Its `COMMIT` is about to run.
        let received = Stamp::now();
        let begun = |change| Arc::new(Change { received, ..change });
        let changes: Changes = changes.into_iter().map(begun).collect();
        // All that grows with the transaction is done before the lock.
        let rows = self.rows(&changes);
        lock(&self.state).reserve(changes, rows)
    }

    /// The transaction has committed, or has not.
    pub(super) fn settle(&self, number: u64, committed: bool) {
        let mut state = lock(&self.state);
        let (lost, dropped) = if committed && self.is_fed() {
            (state.settle(number, self.capacity), None)
        } else {
            (Ok(()), state.withdraw(number))
        };
        self.done(state, lost.err());
        // A large transaction takes a while to free.
        drop(dropped);
    }

    /// Whether the place's transaction has committed is not known.
    #[cfg(feature = "diesel")]
    pub(super) fn doubt(&self, number: u64) {
        let mut state = lock(&self.state);
        let dropped = state.withdraw(number);
        self.push_gap(state, dropped.map_or(0, |changes| changes.len()));
    }

    /// A committed change is not known.
    pub(super) fn miss(&self) {
        self.push_gap(lock(&self.state), 1);
    }

    /// So many changes are lost, of which their writer said more than a full queue would.
    fn push_gap(&self, mut state: std::sync::MutexGuard<'_, State>, changes: usize) {
        let lost = self.is_fed().then(|| changes + state.gap());
        drop(state);
        self.wake.notify_one();
        self.counters.changes_lost.add(lost.unwrap_or_default());
    }

    /// Changes that were taken from the queue reached nobody.
    pub(crate) fn lose(&self, changes: usize) {
        let mut state = lock(&self.state);
        let lost = changes + state.gap();
        self.done(state, Some(lost));
    }

    fn done(&self, mut state: std::sync::MutexGuard<'_, State>, lost: Option<usize>) {
        let first = lost.is_some() && !std::mem::replace(&mut state.overflowing, true);
        drop(state);
        // Also when nothing became ready by itself: what a place held back may be.
        self.wake.notify_one();
        let Some(lost) = lost else { return };
        self.counters.changes_lost.add(lost);
        if first {
            tracing::error!(
                capacity = self.capacity,
                "the queue of a stream is full: committed changes reach no subscriber until it \
                 has room, and all of the stream are told; raise `Limits::publisher_queue` or \
                 write slower"
            );
        }
    }

    /// Stands after all that is committed now: also after what is held back, for that is
    /// committed too.
    pub(super) fn flush(&self, flushing: Flushing) {
        lock(&self.state).flush(flushing);
        self.wake.notify_one();
    }

    /// Waits for changes that are ready and takes them.
    pub(crate) async fn batch(&self) -> Batch {
        loop {
            let batch = lock(&self.state).take();
            if !batch.is_empty() {
                return batch;
            }
            self.wake.notified().await;
        }
    }

    /// So many of the changes that were taken are published, or lost.
    pub(crate) fn settled(&self, changes: usize) {
        lock(&self.state).taken -= changes;
    }

    /// Committed changes that are not published.
    pub(crate) fn waiting(&self) -> usize {
        let state = lock(&self.state);
        state.waiting + state.taken
    }

    fn rows(&self, changes: &[Arc<Change>]) -> HashSet<u64> {
        let keys = changes.iter().map(|change| change.key());
        keys.map(|key| self.hasher.hash_one(key)).collect()
    }
}

#[cfg(test)]
mod tests;
