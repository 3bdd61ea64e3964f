//! A transaction that is about to commit, as the queues of its streams know it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::publisher::Queue;
use crate::change::Change;

/// The reserved places of a transaction, one for each stream that it wrote to. Dropped without
/// [`Ticket::commit`], its changes are dropped too.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Ticket(SmallVec<[(Arc<Queue>, u64); 1]>);

impl Ticket {
    /// Adds the place of changes of one stream.
    pub(crate) fn add(&mut self, queue: &Arc<Queue>, changes: Vec<Change>) {
        let number = queue.reserve(changes);
        self.0.push((Arc::clone(queue), number));
    }

    /// The transaction has committed.
    pub(crate) fn commit(mut self) {
        for (queue, number) in self.0.drain(..) {
            queue.settle(number, true);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        for (queue, number) in self.0.drain(..) {
            queue.settle(number, false);
        }
    }
}
