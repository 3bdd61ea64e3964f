//! The places of a queue: what is ready, and what waits for a transaction to settle.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::change::Change;
use crate::hub::flush::Flushing;

/// Changes taken from the queue at once, if they do not come in one transaction.
const AT_ONCE: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct State {
    ready: VecDeque<Item>,
    /// Places that are not settled, and settled ones that wait for them, by number.
    pub(super) places: BTreeMap<u64, Place>,
    next_number: u64,
    /// Committed changes, ready or held back.
    pub(super) waiting: usize,
    /// Changes taken, of which nobody has said that they are published.
    pub(super) taken: usize,
    /// Whether a loss was logged since the queue was last empty.
    pub(super) overflowing: bool,
}

/// Changes that are committed at once; most often it is one.
pub(super) type Changes = SmallVec<[Arc<Change>; 1]>;

#[derive(Debug)]
enum Item {
    Changes(Changes),
    /// Changes were lost that would have stood here.
    Gap,
    /// Somebody waits for what stands before.
    Flush(Flushing),
}

#[derive(Debug)]
pub(super) struct Place {
    changes: Changes,
    rows: HashSet<u64>,
    is_settled: bool,
    /// Earlier places with a row of this one.
    blockers: usize,
    /// Later places with a row of this one.
    dependents: Vec<u64>,
    /// So many changes of it are part of a gap that was told before it was settled.
    covered: usize,
    /// It holds no changes, but the place of who waits for those before it.
    flushing: Option<Flushing>,
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
    /// Dropped when these are published and the gap is told.
    pub(crate) flushings: Vec<Flushing>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.gap && self.flushings.is_empty()
    }
}

impl State {
    /// Queues committed changes, if no transaction is about to settle.
    pub(super) fn push(&mut self, changes: Changes, capacity: usize) -> Result<(), usize> {
        self.admit(changes.len(), capacity)?;
        self.ready.push_back(Item::Changes(changes));
        Ok(())
    }

    /// Makes room for committed changes, or loses them: how many, with those that the gap takes
    /// along. One transaction alone has room, however large it is.
    fn admit(&mut self, changes: usize, capacity: usize) -> Result<(), usize> {
        if self.waiting > 0 && self.waiting + changes > capacity {
            return Err(changes + self.gap());
        }
        self.waiting += changes;
        Ok(())
    }

    pub(super) fn reserve(&mut self, changes: Changes, rows: HashSet<u64>) -> u64 {
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
            flushing: None,
        };
        self.places.insert(number, place);
        number
    }

    /// Stands after all that is ready, and all that is committed and held back.
    pub(super) fn flush(&mut self, flushing: Flushing) {
        let number = self.next_number;
        self.next_number += 1;
        let mut blockers = 0;
        for earlier in self.places.values_mut().filter(|place| place.is_settled) {
            earlier.dependents.push(number);
            blockers += 1;
        }
        if blockers == 0 {
            self.ready.push_back(Item::Flush(flushing));
            return;
        }
        let place = Place {
            changes: Changes::new(),
            rows: HashSet::new(),
            is_settled: true,
            blockers,
            dependents: Vec::new(),
            covered: 0,
            flushing: Some(flushing),
        };
        self.places.insert(number, place);
    }

    /// The place's transaction has committed.
    pub(super) fn settle(&mut self, number: u64, capacity: usize) -> Result<(), usize> {
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
    pub(super) fn withdraw(&mut self, number: u64) -> Option<Changes> {
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
            self.ready.extend(place.flushing.map(Item::Flush));
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
    pub(super) fn gap(&mut self) -> usize {
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

    pub(super) fn take(&mut self) -> Batch {
        let mut batch = Batch::default();
        while let Some(item) = self.ready.pop_front() {
            match item {
                Item::Changes(changes) if batch.changes.is_empty() && changes.spilled() => {
                    batch.changes = changes.into_vec().into();
                }
                Item::Changes(changes)
                    if !batch.changes.is_empty()
                        && batch.changes.len() + changes.len() > AT_ONCE =>
                {
                    self.ready.push_front(Item::Changes(changes));
                    break;
                }
                Item::Changes(changes) => batch.changes.extend(changes),
                Item::Gap => {
                    batch.gap = true;
                    break;
                }
                Item::Flush(flushing) => {
                    batch.flushings.push(flushing);
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
