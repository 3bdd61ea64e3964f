//! A transaction that is about to commit, as the queues of its streams know it.

#[cfg(feature = "diesel")]
use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

#[cfg(feature = "diesel")]
use super::Hub;
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

#[cfg(feature = "diesel")]
impl Hub {
    /// Reserves the place of a transaction that is about to commit.
    pub(crate) fn reserve(&self, changes: Vec<Change>) -> Ticket {
        let mut of_streams = HashMap::<_, Vec<_>>::new();
        for change in changes {
            let stream = change.model.stream;
            of_streams.entry(stream).or_default().push(change);
        }
        let mut ticket = Ticket::default();
        for (stream, changes) in of_streams {
            if let Some(lane) = self.engine.lanes.get(stream) {
                ticket.add(&lane.queue, changes);
            }
        }
        ticket
    }
}
