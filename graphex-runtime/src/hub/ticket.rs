//! A transaction that is about to commit, as the queues of its streams know it.

#[cfg(feature = "diesel")]
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
#[cfg(feature = "diesel")]
use std::time::Duration;

use smallvec::SmallVec;
#[cfg(feature = "diesel")]
use tokio::runtime::Handle;

#[cfg(feature = "diesel")]
use super::Hub;
use super::publisher::Queue;
use crate::change::Change;
#[cfg(feature = "diesel")]
use crate::model::Model;

/// The reserved places of a transaction, one for each stream that it wrote to. Dropped without
/// [`Ticket::commit`], its changes are dropped too.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Ticket {
    places: SmallVec<[(Arc<Queue>, u64); 1]>,
    /// The streams of which it changed a row that is not known.
    missed: Vec<Arc<Queue>>,
}

impl Ticket {
    /// Adds the place of changes of one stream.
    pub(crate) fn add(&mut self, queue: &Arc<Queue>, changes: Vec<Change>) {
        let number = queue.reserve(changes);
        self.places.push((Arc::clone(queue), number));
    }

    /// The transaction has committed.
    pub(crate) fn commit(mut self) {
        for (queue, number) in self.places.drain(..) {
            queue.settle(number, true);
        }
        for queue in self.missed.drain(..) {
            queue.miss();
        }
    }

    /// Whether the transaction has committed is not known: who is subscribed to its streams
    /// is told to load again; and again, if it turns out later that it has.
    #[cfg(feature = "diesel")]
    pub(crate) fn doubt(&mut self) {
        tracing::warn!(
            "whether a transaction committed is not known: the result of its COMMIT did not come; \
             all subscribers of what it changed are told to load again"
        );
        for (queue, number) in self.places.drain(..) {
            queue.doubt(number);
            self.missed.push(queue);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        for (queue, number) in self.places.drain(..) {
            queue.settle(number, false);
        }
    }
}

#[cfg(feature = "diesel")]
impl Hub {
    /// The time after which a `COMMIT` whose result did not come has ended, most likely.
    pub(crate) fn commit_time(&self) -> Duration {
        self.engine.limits.commit_time
    }

    /// The result of this transaction's `COMMIT` will not come: tells so, and once more when it has
    /// most likely ended in the database, for who has loaded again before.
    pub(crate) fn doubt(&self, mut ticket: Ticket) {
        ticket.doubt();
        if Handle::try_current().is_ok() {
            let time = self.commit_time();
            self.engine.run_beside(async move {
                tokio::time::sleep(time).await;
                ticket.commit();
            });
        }
    }

    /// Reserves the place of a transaction that is about to commit, and that also changed rows
    /// of these models that are not known.
    pub(crate) fn reserve(&self, changes: Vec<Change>, missed: &[&'static Model]) -> Ticket {
        let mut of_streams = HashMap::<_, Vec<_>>::new();
        for change in changes {
            let stream = change.model.stream;
            of_streams.entry(stream).or_default().push(change);
        }
        let mut ticket = Ticket::default();
        for (stream, changes) in of_streams {
            self.engine.warn_of_other_hub(stream);
            if let Some(lane) = self.engine.lanes.get(stream) {
                ticket.add(&lane.queue, changes);
            }
        }
        let streams: HashSet<_> = missed.iter().map(|model| model.stream).collect();
        let lanes = streams
            .iter()
            .filter_map(|stream| self.engine.lanes.get(*stream));
        ticket.missed = lanes.map(|lane| Arc::clone(&lane.queue)).collect();
        ticket
    }
}
