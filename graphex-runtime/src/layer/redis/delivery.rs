//! Delivery of what arrives on a stream: in order, and once.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::arrivals::{Arrival, Arrivals};
use super::keys::Keys;
use super::node::Counters;
use crate::change::Change;
use crate::layer::Inbox;
use crate::layer::interest::Interest;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire::{self, Changes, Kind, Unreadable};

/// Publishers that are remembered for a stream at most. Nodes get new ids when they start, so the
/// ids of long ago are of nodes that are gone.
const PUBLISHERS: usize = 1024;

/// What a stream has of a connection that took the place of another.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) arrivals: Arrivals,
    /// The number of the connection among those of [`Interest`].
    pub(super) epoch: u64,
    /// The stream's topics, which it has joined.
    pub(super) topics: Vec<Topic>,
}

/// Where a stream finds the next connection. If it takes longer than that lasts, the one after it.
#[derive(Debug, Default)]
pub(super) struct Next {
    restored: Mutex<Option<Restored>>,
    wake: Notify,
}

impl Next {
    pub(super) fn put(&self, restored: Restored) {
        *self.restored.lock().unwrap_or_else(PoisonError::into_inner) = Some(restored);
        self.wake.notify_one();
    }

    async fn take(&self) -> Restored {
        loop {
            let restored = self
                .restored
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(restored) = restored {
                return restored;
            }
            self.wake.notified().await;
        }
    }
}

/// Delivers what arrives on a stream, connection by connection.
pub(super) struct Delivery {
    pub(super) stream: &'static str,
    pub(super) inbox: Weak<dyn Inbox>,
    pub(super) keys: Arc<Keys>,
    pub(super) counters: Arc<Counters>,
    pub(super) interest: Arc<Interest>,
    /// The last message of each publisher.
    pub(super) last: HashMap<NodeId, Last>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Last {
    number: u64,
    /// Whether it came under the coarse topic, and under the narrowed one.
    came: [bool; 2],
    at: Instant,
}

impl Delivery {
    /// What came on the old connection is delivered before anybody is told of the gap, and what
    /// comes on the new one after. New subscriptions, which have missed nothing, are confirmed in
    /// between.
    pub(super) async fn run(mut self, next: Arc<Next>) {
        let stream = Some(self.stream);
        loop {
            let Restored {
                mut arrivals,
                epoch,
                topics,
            } = next.take().await;
            let Some(inbox) = self.inbox.upgrade() else {
                return;
            };
            inbox.missed(stream).await;
            drop(inbox);
            self.interest.confirm(epoch, &topics);
            let mut batch = Vec::new();
            while arrivals.next(&mut batch).await {
                let Some(inbox) = self.inbox.upgrade() else {
                    return;
                };
                for arrival in &batch {
                    self.deliver(&*inbox, arrival).await;
                }
                inbox.flush(self.stream);
                if arrivals.are_done(&mut batch) {
                    inbox.missed(stream).await;
                }
            }
        }
    }

    async fn deliver(&mut self, inbox: &dyn Inbox, arrival: &Arrival) {
        let Arrival::Message { name, payload } = arrival else {
            return inbox.missed(Some(self.stream)).await;
        };
        let taking = AssertUnwindSafe(self.take(inbox, name, payload));
        match taking.catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.counters.unreadable(&error),
            // It costs the message it was about, not all that follow.
            Err(_) => {
                self.counters
                    .messages_dropped
                    .fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    stream = self.stream,
                    "the delivery of a message panicked; every subscription of the stream is told"
                );
                inbox.missed(Some(self.stream)).await;
            }
        }
    }

    /// Delivers a change once, to the plans on its coarse and its narrowed topic, when it comes
    /// under the first of them: who moves from one to the other is on either at that moment.
    async fn take(&mut self, inbox: &dyn Inbox, name: &str, payload: &[u8]) -> Result<(), Unread> {
        let (Kind::Changes, parts) = wire::open(payload)? else {
            return Err(Unreadable::Garbage.into());
        };
        let changes = Changes::read(parts)?;
        let model = inbox.model(self.stream);
        let model = model.filter(|_| changes.stream == self.stream);
        let model = model.ok_or_else(|| Unread::Stream(changes.stream.to_owned()))?;
        if !self.is_new(name, &changes) {
            return Ok(());
        }
        let (mut topics, mut before) = (Vec::new(), None::<Arc<Change>>);
        for change in changes.changes(model)? {
            let change = Arc::new(change);
            if !before.is_some_and(|before| Topic::are_shared(&before, &change)) {
                topics = Topic::published(&change).collect();
            }
            inbox.deliver(&topics, &change).await;
            before = Some(change);
        }
        Ok(())
    }

    /// Whether this message of its publisher did not come before.
    fn is_new(&mut self, name: &str, changes: &Changes<'_>) -> bool {
        let (node, number) = (changes.origin.node, changes.origin.number);
        if self.last.len() >= PUBLISHERS && !self.last.contains_key(&node) {
            let longest_ago = self.last.iter().min_by_key(|(_, last)| last.at);
            let longest_ago = longest_ago.map(|(node, _)| *node);
            longest_ago.map(|node| self.last.remove(&node));
        }
        let (at, came) = (Instant::now(), [false; 2]);
        let last = self.last.entry(node).or_insert(Last {
            number: 0,
            came,
            at,
        });
        last.at = at;
        let is_new = number > last.number;
        if is_new {
            (last.number, last.came) = (number, came);
        }
        let narrowed = self.keys.split_topic(name);
        let narrowed = narrowed.is_some_and(|(_, rest)| rest.contains(':'));
        // Under its other topic it is no repetition.
        if number < last.number || std::mem::replace(&mut last.came[usize::from(narrowed)], true) {
            self.counters
                .messages_repeated
                .fetch_add(1, Ordering::Relaxed);
        }
        is_new
    }
}

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    #[error(transparent)]
    Form(#[from] Unreadable),
    #[error("this process does not have the stream `{0}`; add its model to `Hub::builder()`")]
    Stream(String),
}

#[cfg(test)]
mod tests;
