//! The ordered, bounded hand-over from writers to the layer.
//!
//! A transaction reserves its place *before* its `COMMIT` runs and fills it when the commit
//! has succeeded. Two transactions that write one row are serialised by the database: the
//! second reserves after the first has committed, so places are in commit order row by row,
//! however the threads are scheduled afterwards. A place that is still open holds back only
//! later changes of its own rows: a slow commit delays nobody else.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::lock;
use super::stats::Counters;
use crate::change::Change;
use crate::value::Value;

/// The queue between the writers and the one task that feeds the layer.
#[derive(Debug)]
pub(crate) struct Publisher {
    queue: Mutex<Queue>,
    wake: Notify,
    capacity: usize,
    /// Whether there can be a subscriber: the task ever ran, or other processes may have
    /// channels. Before, nobody misses what is committed.
    fed: AtomicBool,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Ascending by number.
    places: VecDeque<Place>,
    next_number: u64,
    /// Changes in all places.
    changes: usize,
    /// Places whose commit is not decided.
    open: usize,
    /// Whether something was lost since the last batch; it is logged once.
    overflowing: bool,
    lost: Option<Lost>,
}

/// Changes were lost of which nobody has been told, before the places of these numbers. Who is told
/// must not see older changes afterwards, so it is told when the places before are gone.
#[derive(Clone, Copy, Debug)]
struct Lost {
    first: u64,
    last: u64,
}

/// Changes whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) changes: Vec<Arc<Change>>,
    /// Whether changes were lost that would have followed these.
    pub(crate) lost: bool,
}

#[derive(Debug)]
struct Place {
    number: u64,
    open: bool,
    changes: Vec<Arc<Change>>,
}

/// A row, as order is kept by it.
type RowKey = (&'static str, Value);

fn row_keys(changes: &[Arc<Change>]) -> impl Iterator<Item = RowKey> + '_ {
    changes
        .iter()
        .map(|change| (change.model.stream, change.key().clone()))
}

impl Publisher {
    pub(crate) fn new(capacity: usize, counters: Arc<Counters>) -> Self {
        Self {
            queue: Mutex::default(),
            wake: Notify::new(),
            capacity,
            fed: AtomicBool::new(false),
            counters,
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
        match self.place(changes, false) {
            Ok(_) => self.wake.notify_one(),
            Err(changes) => self.lose(changes),
        }
    }

    /// Reserves the place of a transaction that is about to commit.
    pub(crate) fn reserve(self: &Arc<Self>, changes: Vec<Change>) -> Ticket {
        Ticket {
            place: self.place(changes, true),
            publisher: Arc::clone(self),
        }
    }

    /// Waits for changes whose turn it is and takes all of them.
    pub(crate) async fn batch(&self) -> Batch {
        loop {
            let batch = lock(&self.queue).take();
            if !batch.changes.is_empty() || batch.lost {
                return batch;
            }
            self.wake.notified().await;
        }
    }

    /// The number of the place, or of the changes for which there is no room. One
    /// transaction alone has room, however large it is.
    fn place(&self, changes: Vec<Change>, open: bool) -> Result<u64, usize> {
        let mut queue = lock(&self.queue);
        if queue.changes > 0 && queue.changes + changes.len() > self.capacity {
            return Err(changes.len());
        }
        let number = queue.next_number;
        queue.next_number += 1;
        queue.changes += changes.len();
        queue.open += usize::from(open);
        queue.places.push_back(Place {
            number,
            open,
            changes: changes.into_iter().map(Arc::new).collect(),
        });
        Ok(number)
    }

    fn close(&self, number: u64, committed: bool) {
        let mut queue = lock(&self.queue);
        if let Ok(position) = queue
            .places
            .binary_search_by_key(&number, |place| place.number)
        {
            queue.open -= 1;
            let place = &mut queue.places[position];
            place.open = false;
            if !committed || !self.is_fed() {
                let dropped = std::mem::take(&mut place.changes).len();
                queue.changes -= dropped;
            }
        }
        drop(queue);
        // Also when dropped: what it held back may go now.
        self.wake.notify_one();
    }

    fn lose(&self, changes: usize) {
        self.counters.changes_lost.add(changes);
        let mut queue = lock(&self.queue);
        let last = queue.next_number;
        let first = queue.lost.map_or(last, |lost| lost.first);
        queue.lost = Some(Lost { first, last });
        let logged = std::mem::replace(&mut queue.overflowing, true);
        drop(queue);
        self.wake.notify_one();
        if !logged {
            tracing::error!(
                capacity = self.capacity,
                "the publisher's queue is full: committed changes reach no subscriber until it \
                 has room; raise `Limits::publisher_queue` or write slower"
            );
        }
    }
}

impl Queue {
    fn take(&mut self) -> Batch {
        let mut changes = Vec::new();
        self.overflowing &= self.places.is_empty();
        if self.open == 0 {
            changes.extend(self.places.drain(..).flat_map(|place| place.changes));
            self.changes = 0;
            let lost = self.take_lost();
            return Batch { changes, lost };
        }
        let mut held_rows: HashSet<RowKey> = HashSet::new();
        let mut held = VecDeque::new();
        for place in self.places.drain(..) {
            if place.open || row_keys(&place.changes).any(|row| held_rows.contains(&row)) {
                held_rows.extend(row_keys(&place.changes));
                held.push_back(place);
            } else {
                self.changes -= place.changes.len();
                changes.extend(place.changes);
            }
        }
        self.places = held;
        let lost = self.take_lost();
        Batch { changes, lost }
    }

    /// Whether something was lost that may be told now.
    fn take_lost(&mut self) -> bool {
        let oldest = self.places.front().map(|place| place.number);
        let is_due = |lost: &Lost| oldest.is_none_or(|oldest| lost.first <= oldest);
        let Some(lost) = self.lost.filter(is_due) else {
            return false;
        };
        // What was lost since is told when its turn comes.
        let first = lost.last;
        let rest = oldest.filter(|oldest| *oldest < first);
        self.lost = rest.map(|_| Lost { first, ..lost });
        true
    }
}

/// The reserved place of a transaction. Dropped without [`Ticket::commit`], its changes are
/// dropped too.
#[derive(Debug)]
#[must_use]
pub(crate) struct Ticket {
    publisher: Arc<Publisher>,
    /// The place's number, or how many changes had no room.
    place: Result<u64, usize>,
}

impl Ticket {
    /// The transaction has committed.
    pub(crate) fn commit(mut self) {
        match std::mem::replace(&mut self.place, Err(0)) {
            Ok(number) => self.publisher.close(number, true),
            Err(changes) => self.publisher.lose(changes),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Ok(number) = self.place {
            self.publisher.close(number, false);
        }
    }
}

#[cfg(test)]
mod tests;
