//! The layer as a hub sees it.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;

use super::connection::{Message, Server};
use super::delivery::{Delivery, Unread};
use super::keys::Keys;
use super::link::Link;
use super::outgoing::Outgoing;
use crate::change::Change;
use crate::layer::interest::Interest;
use crate::layer::{BoxFuture, Inbox, Layer, LayerCounts, Listening, NoSuchNode, Unavailable};
use crate::limits::Limits;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire;

/// Time after an outage in which a node that nobody hears may just not be back yet.
const SETTLING: Duration = Duration::from_secs(2);

/// Time between two attempts to reach it.
const SETTLING_PAUSE: Duration = Duration::from_millis(100);

/// Ways in which messages were unreadable that are told apart in the log.
const LOGGED: usize = 64;

/// This process among those that share a Redis.
pub(crate) struct Node {
    keys: Arc<Keys>,
    inbox: Weak<dyn Inbox>,
    outgoing: Outgoing,
    interest: Arc<Interest>,
    link: Arc<Link>,
    counters: Arc<Counters>,
}

impl Node {
    pub(super) fn new(
        server: Server,
        keys: Arc<Keys>,
        node: NodeId,
        inbox: Weak<dyn Inbox>,
        limits: &Limits,
    ) -> Self {
        let counters = Arc::<Counters>::default();
        let interest = Interest::new(limits.leave_grace, limits.join_time);
        let link = Link::new(
            server,
            Arc::clone(&keys),
            node,
            inbox.clone(),
            Arc::clone(&interest),
            Arc::clone(&counters),
            limits,
        );
        Self {
            outgoing: Outgoing::new(node, Arc::clone(&keys)),
            keys,
            inbox,
            interest,
            link: Arc::new(link),
            counters,
        }
    }
}

impl Layer for Node {
    fn publish<'a>(&'a self, changes: &'a mut VecDeque<Arc<Change>>) -> BoxFuture<'a> {
        Box::pin(async move {
            while !changes.is_empty() {
                let messages = self.outgoing.take(changes);
                self.link.publish(&messages).await;
            }
        })
    }

    fn announce_loss(&self, _stream: &'static str) -> BoxFuture<'_> {
        let message = |name| Message {
            names: vec![name],
            payload: wire::loss(),
        };
        let messages: Vec<_> = self.keys.everyone().into_iter().map(message).collect();
        Box::pin(async move {
            self.link.publish(&messages).await;
        })
    }

    fn listen(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Listening, Unavailable>> {
        Box::pin(self.interest.listen(topics))
    }

    fn send(&self, node: NodeId, message: Vec<u8>) -> BoxFuture<'_, Result<(), NoSuchNode>> {
        let message = Message {
            names: vec![self.keys.node(node)],
            payload: message,
        };
        Box::pin(async move {
            loop {
                let published = self.link.publish(std::slice::from_ref(&message)).await;
                if published.reached > 0 {
                    return Ok(());
                }
                let restored = published.restored_at;
                if restored.is_none_or(|at| at.elapsed() >= SETTLING) {
                    return Err(NoSuchNode);
                }
                tokio::time::sleep(SETTLING_PAUSE).await;
            }
        })
    }

    fn tasks(self: Arc<Self>) -> Vec<BoxFuture<'static>> {
        let (restored, restorations) = mpsc::channel(1);
        let delivery = Delivery::new(
            self.inbox.clone(),
            Arc::clone(&self.keys),
            Arc::clone(&self.interest),
            Arc::clone(&self.counters),
        );
        let link = Arc::clone(&self.link);
        vec![
            Box::pin(delivery.run(restorations)),
            Box::pin(async move { link.run(&restored).await }),
        ]
    }

    fn is_ready(&self) -> bool {
        self.link.is_up()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn counts(&self) -> LayerCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LayerCounts {
            outages: read(&self.counters.outages),
            messages_unreadable: read(&self.counters.messages_unreadable),
            messages_repeated: read(&self.counters.messages_repeated),
            messages_dropped: read(&self.counters.messages_dropped),
        }
    }
}

/// What a node counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) outages: AtomicU64,
    pub(super) messages_unreadable: AtomicU64,
    pub(super) messages_repeated: AtomicU64,
    pub(super) messages_dropped: AtomicU64,
    /// What was logged of unreadable messages.
    logged: Mutex<HashSet<String>>,
}

impl Counters {
    /// Counts a message that cannot be read, and logs the first that is wrong in this way: others
    /// would fill the log of a process that runs an older version next to a newer.
    pub(super) fn unreadable(&self, error: &Unread) {
        self.messages_unreadable.fetch_add(1, Ordering::Relaxed);
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = logged.len() < LOGGED && logged.insert(error.to_string());
        drop(logged);
        if is_new {
            tracing::warn!(
                %error,
                "a message of another process cannot be read, and further ones like it are only \
                 counted in `Hub::stats`"
            );
        }
    }
}
