//! The layer as a hub sees it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::RedisError;

use super::connection::{Message, Server};
use super::delivery::{Delivery, Next, Unread};
use super::keys::Keys;
use super::link::{Link, Streams};
use super::outgoing::Outgoing;
use crate::change::Change;
use crate::layer::{BoxFuture, Inbox, Layer, LayerCounts, Listening, NoSuchNode, Unavailable};
use crate::limits::Limits;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire;

/// Time after an outage in which a node that receives nothing may just not be back yet.
const SETTLING: Duration = Duration::from_secs(2);

/// Time between two attempts to reach it.
const SETTLING_PAUSE: Duration = Duration::from_millis(100);

/// Ways in which messages were unreadable or refused that are told apart in the log.
const LOGGED: usize = 64;

/// This process among those that share a Redis.
pub(crate) struct Node {
    outgoing: Outgoing,
    link: Arc<Link>,
}

impl Node {
    pub(super) fn new(
        server: Server,
        keys: Arc<Keys>,
        node: NodeId,
        inbox: Weak<dyn Inbox>,
        streams: &[&'static str],
        limits: &Limits,
    ) -> Self {
        Self {
            outgoing: Outgoing::new(node, Arc::clone(&keys)),
            link: Arc::new(Link::new(server, keys, node, inbox, streams, limits)),
        }
    }
}

impl Node {
    /// Tells all nodes of a loss by a message of this name; whether Redis took it.
    async fn announce(&self, stream: &str, name: String) -> bool {
        let message = Message {
            names: vec![name],
            payload: wire::loss(stream),
        };
        let published = self.link.publish(Some(stream), &[message]).await;
        !published.dropped
    }
}

impl Layer for Node {
    fn publish<'a>(&'a self, changes: &'a mut VecDeque<Arc<Change>>) -> BoxFuture<'a> {
        Box::pin(async move {
            let Some(stream) = changes.front().map(|change| change.model.stream) else {
                return;
            };
            while !changes.is_empty() {
                let messages = self.outgoing.take(changes);
                let mut left = messages.as_slice();
                while !left.is_empty() {
                    let published = self.link.publish(Some(stream), left).await;
                    left = &left[published.done..];
                    // Between what is missing and what follows.
                    if published.dropped {
                        self.announce_loss(stream).await;
                    }
                }
            }
        })
    }

    fn announce_loss(&self, stream: &'static str) -> BoxFuture<'_> {
        Box::pin(async move {
            if self
                .announce(stream, self.link.keys.everyone_of(stream))
                .await
            {
                return;
            }
            // Its own name Redis takes, or the node would not be connected.
            let own = self.link.keys.probe(self.link.node, Some(stream));
            self.announce(stream, own).await;
            tracing::error!(
                stream,
                channels = self.link.keys.allowed(),
                "subscriptions of other processes may have missed changes and cannot be told; \
                 allow the Redis user these channels"
            );
        })
    }

    fn listen(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Listening, Unavailable>> {
        Box::pin(self.link.interest.listen(topics))
    }

    fn send(&self, node: NodeId, message: Vec<u8>) -> BoxFuture<'_, Result<(), NoSuchNode>> {
        let message = Message {
            names: vec![self.link.keys.node(node)],
            payload: message,
        };
        Box::pin(async move {
            loop {
                let published = self
                    .link
                    .publish(None, std::slice::from_ref(&message))
                    .await;
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

    fn send_all(&self, message: Vec<u8>) -> BoxFuture<'_> {
        Box::pin(async move {
            // In a cluster any of the names will do.
            let Some(name) = self.link.keys.everyone().into_iter().next() else {
                return;
            };
            let message = Message {
                names: vec![name],
                payload: message,
            };
            let published = self.link.publish(None, &[message]).await;
            if published.dropped {
                tracing::error!(
                    channels = self.link.keys.allowed(),
                    "Redis does not take what all processes are to be told; allow its user these \
                     channels"
                );
            }
        })
    }

    fn tasks(self: Arc<Self>) -> Vec<BoxFuture<'static>> {
        let link = Arc::clone(&self.link);
        let (mut tasks, mut streams) = (Vec::<BoxFuture<'static>>::new(), Streams::new());
        for stream in &link.streams {
            let next = Arc::<Next>::default();
            streams.insert(stream, Arc::clone(&next));
            let delivery = Delivery {
                stream,
                inbox: link.inbox.clone(),
                keys: Arc::clone(&link.keys),
                counters: Arc::clone(&link.counters),
                interest: Arc::clone(&link.interest),
                last: HashMap::new(),
            };
            tasks.push(Box::pin(delivery.run(next)));
        }
        tasks.push(Box::pin(async move { link.run(&streams).await }));
        tasks
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
            outages: read(&self.link.counters.outages),
            messages_unreadable: read(&self.link.counters.messages_unreadable),
            messages_repeated: read(&self.link.counters.messages_repeated),
            messages_dropped: read(&self.link.counters.messages_dropped),
            messages_refused: read(&self.link.counters.messages_refused),
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
    pub(super) messages_refused: AtomicU64,
    /// What was logged of messages and topics.
    logged: Mutex<HashSet<String>>,
}

impl Counters {
    /// Counts a message that cannot be read, and logs the first that is wrong in this way: others
    /// would fill the log of a process that runs an older version next to a newer.
    pub(super) fn unreadable(&self, error: &Unread) {
        self.messages_unreadable.fetch_add(1, Ordering::Relaxed);
        if self.is_new(error.to_string()) {
            tracing::warn!(
                %error,
                "a message of another process cannot be read, and further ones like it are only \
                 counted in `Hub::stats`"
            );
        }
    }

    /// Counts a message that Redis does not take, and logs the first that it refuses in this way.
    pub(super) fn refused(&self, message: &Message, answer: &RedisError, keys: &Keys) {
        self.messages_refused.fetch_add(1, Ordering::Relaxed);
        let topic = message.names.first().map_or("", String::as_str);
        let stream = keys.split_topic(topic).map_or("", |(stream, _)| stream);
        if self.is_new(format!("publish {stream}: {answer}")) {
            tracing::error!(
                %answer,
                topic,
                bytes = message.payload.len(),
                channels = keys.allowed(),
                "Redis does not take a message, which is dropped, and every subscription of its \
                 stream is told. It is larger than a limit of Redis (`proto-max-bulk-len`, \
                 `client-query-buffer-limit`) or of a proxy, or its user is not allowed these \
                 channels. Further ones like it are only counted in `Hub::stats`"
            );
        }
    }

    /// Logs the first topic that Redis does not let this node join in this way.
    pub(super) fn not_joined(&self, topic: &str, answer: &RedisError, keys: &Keys) {
        let stream = keys.split_topic(topic).map_or("", |(stream, _)| stream);
        if self.is_new(format!("subscribe {stream}: {answer}")) {
            tracing::error!(
                %answer,
                topic,
                channels = keys.allowed(),
                "Redis refuses a topic, whose subscriptions are not available; allow its user \
                 these channels"
            );
        }
    }

    fn is_new(&self, text: String) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        logged.len() < LOGGED && logged.insert(text)
    }
}
