//! Which topics a node listens to: joined for the first listener, left some time after the
//! last.
//!
//! The table says what should be; one task per node, which holds the connection, makes it so.
//! As that task sends one thing after the other, a join that comes while a leave is under way is
//! sent after it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::{Listening, Unavailable};
use crate::deadline::deadline;
use crate::topic::Topic;

/// The topics of a node with their listeners.
#[derive(Debug)]
pub(crate) struct Interest {
    table: Mutex<Table>,
    /// Wakes the task that joins and leaves.
    wake: Notify,
    grace: Duration,
    join_time: Duration,
}

#[derive(Debug, Default)]
struct Table {
    /// Counts the connections: what is confirmed for one that has ended is confirmed for none.
    epoch: u64,
    topics: HashMap<Topic, Entry>,
    /// Topics to join; some may have been left again.
    joining: Vec<Topic>,
    /// When topics are left, if nobody has joined them again. The grace is one for all, so the
    /// first comes first.
    leaving: VecDeque<(Instant, Topic)>,
}

#[derive(Debug, Default)]
struct Entry {
    listeners: usize,
    /// Whether the layer has confirmed it on the connection that there is.
    confirmed: bool,
    /// Whether the layer refuses it. It is asked again, if not for somebody new then by and by.
    refused: bool,
    /// Whether it was ever confirmed: who has listened since misses changes while it is refused.
    served: bool,
    /// When it is left; none while it has listeners.
    leave_at: Option<Instant>,
    /// Dropped when it is confirmed, and true when it is refused: that is what those who wait for
    /// it see.
    unconfirmed: Option<watch::Sender<bool>>,
}

/// What the task has to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Join(Vec<Topic>),
    Leave(Vec<Topic>),
}

/// Listens to some topics; dropped, it does not.
#[derive(Debug)]
pub(crate) struct Held {
    interest: Arc<Interest>,
    topics: Vec<Topic>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.interest.release(&self.topics);
    }
}

impl Interest {
    pub(crate) fn new(grace: Duration, join_time: Duration) -> Arc<Self> {
        Arc::new(Self {
            table: Mutex::default(),
            wake: Notify::new(),
            grace,
            join_time,
        })
    }

    /// Listens to these topics, from when the layer has confirmed them all.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        topics: Vec<Topic>,
    ) -> Result<Listening, Unavailable> {
        let (held, waiting) = self.hold(topics);
        // When this ends early, or the caller goes away, `held` is dropped and listens no more.
        let confirmed = async {
            for mut refused in waiting {
                if refused.wait_for(|refused| *refused).await.is_ok() {
                    return Err(Unavailable);
                }
            }
            Ok(())
        };
        let confirmed = tokio::time::timeout(self.join_time, confirmed).await;
        confirmed.map_err(|_| Unavailable)??;
        Ok(Listening { _held: Some(held) })
    }

    fn hold(self: &Arc<Self>, topics: Vec<Topic>) -> (Held, Vec<watch::Receiver<bool>>) {
        let mut waiting = Vec::new();
        let mut table = self.lock();
        for topic in &topics {
            let is_new = !table.topics.contains_key(topic);
            let entry = table.topics.entry(topic.clone()).or_default();
            entry.listeners += 1;
            entry.leave_at = None;
            if !entry.confirmed {
                let unconfirmed = &mut entry.unconfirmed;
                let unconfirmed = unconfirmed.get_or_insert_with(|| watch::channel(false).0);
                waiting.push(unconfirmed.subscribe());
            }
            if is_new || entry.refused {
                table.joining.push(topic.clone());
            }
        }
        drop(table);
        if !waiting.is_empty() {
            self.wake.notify_one();
        }
        let interest = Arc::clone(self);
        (Held { interest, topics }, waiting)
    }

    fn release(&self, topics: &[Topic]) {
        let leave_at = deadline(self.grace);
        let mut table = self.lock();
        for topic in topics {
            // It is there for as long as it has listeners.
            let Some(entry) = table.topics.get_mut(topic) else {
                continue;
            };
            entry.listeners -= 1;
            if entry.listeners == 0 {
                entry.leave_at = Some(leave_at);
                table.leaving.push_back((leave_at, topic.clone()));
            }
        }
        drop(table);
        self.wake.notify_one();
    }

    /// There is no connection any more: nothing is confirmed.
    pub(crate) fn end(&self) {
        let mut table = self.lock();
        table.epoch += 1;
        table
            .topics
            .values_mut()
            .for_each(|entry| entry.confirmed = false);
    }

    /// All topics that have listeners, to be joined on a new connection, and the number of that.
    /// The others are forgotten: they were left with the old one.
    pub(crate) fn begin(&self) -> (u64, Vec<Topic>) {
        let mut table = self.lock();
        table.joining.clear();
        table.leaving.clear();
        table.topics.retain(|_, entry| entry.listeners > 0);
        (table.epoch, table.topics.keys().cloned().collect())
    }

    /// The layer has confirmed these topics on the connection of this number; those of them whose
    /// listeners have missed something meanwhile.
    pub(crate) fn confirm(&self, epoch: u64, topics: &[Topic]) -> Vec<Topic> {
        let mut table = self.lock();
        if table.epoch != epoch {
            return Vec::new();
        }
        let mut missed = Vec::new();
        for topic in topics {
            if let Some(entry) = table.topics.get_mut(topic) {
                if entry.refused && entry.served {
                    missed.push(topic.clone());
                }
                (entry.confirmed, entry.served, entry.refused) = (true, true, false);
                entry.unconfirmed = None;
            }
        }
        missed
    }

    /// The layer refuses these topics: who waits for one of them does so no more.
    pub(crate) fn refuse(&self, topics: &[Topic]) {
        let mut table = self.lock();
        for topic in topics {
            if let Some(entry) = table.topics.get_mut(topic) {
                entry.refused = true;
                if let Some(unconfirmed) = entry.unconfirmed.take() {
                    unconfirmed.send_replace(true);
                }
            }
        }
    }

    /// The topics that the layer has refused and that somebody listens to.
    pub(crate) fn refused(&self) -> Vec<Topic> {
        let table = self.lock();
        let refused = table.topics.iter();
        let refused = refused.filter(|(_, entry)| entry.refused && entry.listeners > 0);
        refused.map(|(topic, _)| topic.clone()).collect()
    }

    /// Whether somebody listens to this topic.
    pub(crate) fn wants(&self, topic: &Topic) -> bool {
        let table = self.lock();
        table
            .topics
            .get(topic)
            .is_some_and(|entry| entry.listeners > 0)
    }

    /// Waits for something to do.
    pub(crate) async fn next(&self) -> Move {
        loop {
            let woken = self.wake.notified();
            let (ready, until) = self.look(Instant::now());
            if let Some(ready) = ready {
                return ready;
            }
            match until {
                Some(until) => {
                    // Either way there is something to look at.
                    let _ = tokio::time::timeout_at(until, woken).await;
                }
                None => woken.await,
            }
        }
    }

    /// What there is to do now, or when there may be.
    fn look(&self, now: Instant) -> (Option<Move>, Option<Instant>) {
        let mut table = self.lock();
        if !table.joining.is_empty() {
            return (Some(Move::Join(std::mem::take(&mut table.joining))), None);
        }
        let mut left = Vec::new();
        while let Some((at, _)) = table.leaving.front() {
            if *at > now {
                break;
            }
            let Some((at, topic)) = table.leaving.pop_front() else {
                break;
            };
            // Joined again since, and perhaps left again: then at a later time.
            let entry = table.topics.get(&topic);
            if entry.is_some_and(|entry| entry.listeners == 0 && entry.leave_at == Some(at)) {
                table.topics.remove(&topic);
                left.push(topic);
            }
        }
        let until = table.leaving.front().map(|(at, _)| *at);
        ((!left.is_empty()).then_some(Move::Leave(left)), until)
    }

    /// A panic while it is locked leaves no half-made state: nothing here runs foreign code.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
