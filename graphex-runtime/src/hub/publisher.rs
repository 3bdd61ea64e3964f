//! The ordered, bounded hand-over from writers to the lane of a stream.
//!
//! A transaction reserves its place *before* its `COMMIT` runs and settles it when the outcome
//! is known. Two transactions that write one row are serialised by the database: the second
//! reserves after the first has committed, so places are in commit order row by row, however the
//! threads are scheduled afterwards. A place that is not settled holds back only later places
//! with a row of its own, and its changes count against nobody's room: a slow commit delays and
//! costs nobody else.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::lock;
use super::stats::Counters;
use crate::change::Change;

/// Changes taken from the queue at once, if they do not come in one transaction.
const AT_ONCE: usize = 4096;

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

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Item>,
    /// Places that are not settled, and settled ones that wait for them, by number.
    places: BTreeMap<u64, Place>,
    next_number: u64,
    /// Committed changes, ready or held back.
    waiting: usize,
    /// Changes taken, of which nobody has said that they are published.
    taken: usize,
    /// Whether a loss was logged since the queue was last empty.
    overflowing: bool,
}

#[derive(Debug)]
enum Item {
    Changes(Vec<Arc<Change>>),
    /// Changes were lost that would have stood here.
    Gap,
}

#[derive(Debug)]
struct Place {
    changes: Vec<Arc<Change>>,
    rows: HashSet<u64>,
    is_settled: bool,
    /// Earlier places with a row of this one.
    blockers: usize,
    /// Later places with a row of this one.
    dependents: Vec<u64>,
    /// So many changes of it are part of a gap that was told before it was settled.
    covered: usize,
}

impl Place {
    fn shares_a_row(&self, rows: &HashSet<u64>) -> bool {
        let (few, many) = if rows.len() < self.rows.len() {
            (rows, &self.rows)
        } else {
            (&self.rows, rows)
        };
        few.iter().any(|row| many.contains(row))
    }
}

/// Changes that are ready.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) changes: VecDeque<Arc<Change>>,
    /// Whether changes were lost that would have followed these.
    pub(crate) gap: bool,
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
    pub(crate) fn publish(&self, changes: Vec<Change>) {
        if !self.is_fed() {
            return;
        }
        let changes: Vec<_> = changes.into_iter().map(Arc::new).collect();
        let mut state = lock(&self.state);
        let lost = if state.places.is_empty() {
            state.admit(changes.len(), self.capacity).map(|()| {
                state.ready.push_back(Item::Changes(changes));
            })
        } else {
            let rows = self.rows(&changes);
            let number = state.reserve(changes, rows);
            state.settle(number, self.capacity)
        };
        self.done(state, lost.err());
    }

    /// Reserves the place of a transaction that is about to commit.
    pub(super) fn reserve(&self, changes: Vec<Change>) -> u64 {
        let changes: Vec<_> = changes.into_iter().map(Arc::new).collect();
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

    /// Waits for changes that are ready and takes them.
    pub(crate) async fn batch(&self) -> Batch {
        loop {
            let batch = lock(&self.state).take();
            if !batch.changes.is_empty() || batch.gap {
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

impl State {
    /// Makes room for committed changes, or loses them: how many, with those that the gap takes
    /// along. One transaction alone has room, however large it is.
    fn admit(&mut self, changes: usize, capacity: usize) -> Result<(), usize> {
        if self.waiting > 0 && self.waiting + changes > capacity {
            return Err(changes + self.gap());
        }
        self.waiting += changes;
        Ok(())
    }

    fn reserve(&mut self, changes: Vec<Arc<Change>>, rows: HashSet<u64>) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        let mut blockers = 0;
        for earlier in self.places.values_mut() {
            if earlier.shares_a_row(&rows) {
                earlier.dependents.push(number);
                blockers += 1;
            }
        }
        let place = Place {
            changes,
            rows,
            is_settled: false,
            blockers,
            dependents: Vec::new(),
            covered: 0,
        };
        self.places.insert(number, place);
        number
    }

    /// The place's transaction has committed.
    fn settle(&mut self, number: u64, capacity: usize) -> Result<(), usize> {
        let Some(place) = self.places.get_mut(&number) else {
            return Ok(());
        };
        let (changes, covered) = (std::mem::take(&mut place.changes), place.covered);
        let admitted = if covered > 0 {
            // A gap was told in the belief that this had committed already. It may not have.
            Err(covered + self.gap())
        } else {
            self.admit(changes.len(), capacity)
        };
        if let Some(place) = self.places.get_mut(&number) {
            place.is_settled = true;
            if admitted.is_ok() {
                place.changes = changes;
            }
            if place.blockers == 0 {
                self.release(number);
            }
        }
        admitted
    }

    /// The place's transaction has not committed; its changes.
    fn withdraw(&mut self, number: u64) -> Option<Vec<Arc<Change>>> {
        let changes = std::mem::take(&mut self.places.get_mut(&number)?.changes);
        self.release(number);
        Some(changes)
    }

    /// Makes the place ready, and those that waited for it alone.
    fn release(&mut self, number: u64) {
        let mut free = BTreeSet::from([number]);
        while let Some(number) = free.pop_first() {
            let Some(place) = self.places.remove(&number) else {
                continue;
            };
            if !place.changes.is_empty() {
                self.ready.push_back(Item::Changes(place.changes));
            }
            for number in place.dependents {
                if let Some(dependent) = self.places.get_mut(&number) {
                    dependent.blockers -= 1;
                    if dependent.blockers == 0 && dependent.is_settled {
                        free.insert(number);
                    }
                }
            }
        }
    }

    /// Notes that changes were lost, which is told at once after what is ready. Who is told loads
    /// again and must see nothing older afterwards: so what is committed and held back is part of
    /// the gap, and with it what holds it back, which the database has let commit before. Returns
    /// how many committed changes went with it.
    fn gap(&mut self) -> usize {
        let (mut lost, mut covered) = (0, BTreeSet::new());
        for (number, place) in self.places.iter_mut().rev() {
            let holds_back = |later| covered.contains(later);
            if !place.is_settled && !place.dependents.iter().any(holds_back) {
                continue;
            }
            covered.insert(*number);
            let changes = std::mem::take(&mut place.changes).len();
            if place.is_settled {
                self.waiting = self.waiting.saturating_sub(changes);
                lost += changes;
            } else {
                place.covered += changes;
            }
        }
        if !matches!(self.ready.back(), Some(Item::Gap)) {
            self.ready.push_back(Item::Gap);
        }
        lost
    }

    fn take(&mut self) -> Batch {
        let mut batch = Batch::default();
        while let Some(item) = self.ready.pop_front() {
            match item {
                Item::Changes(changes) if batch.changes.is_empty() => {
                    batch.changes = changes.into();
                }
                Item::Changes(changes) if batch.changes.len() + changes.len() > AT_ONCE => {
                    self.ready.push_front(Item::Changes(changes));
                    break;
                }
                Item::Changes(changes) => batch.changes.extend(changes),
                Item::Gap => {
                    batch.gap = true;
                    break;
                }
            }
        }
        self.waiting = self.waiting.saturating_sub(batch.changes.len());
        self.taken += batch.changes.len();
        self.overflowing &= !self.ready.is_empty();
        batch
    }
}

#[cfg(test)]
mod tests;
