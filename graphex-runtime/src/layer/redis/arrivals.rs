//! What arrives: taken from the connection without waiting, and delivered in order, once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::keys::Keys;
use super::node::Counters;
use crate::layer::Inbox;
use crate::layer::interest::Interest;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire::{self, Changes, Kind, Unreadable};

/// Messages that wait for delivery at most, whatever their size.
const MESSAGES: usize = 65_536;

/// Messages taken from the queue at once.
const AT_ONCE: usize = 64;

/// Topics under which messages came that are remembered in any case.
const TOPICS: usize = 512;

/// Publishers that are remembered for a topic at most. Nodes get new ids when they start, so the
/// ids of long ago are of nodes that are gone.
const PUBLISHERS: usize = 256;

/// A message and the name it came under.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) name: String,
    pub(super) payload: Vec<u8>,
}

/// The queue between a connection and delivery.
#[derive(Debug)]
pub(super) struct Queue {
    arrivals: mpsc::Sender<Arrival>,
    load: Arc<Load>,
}

#[derive(Debug)]
struct Load {
    bytes: AtomicUsize,
    max_bytes: usize,
    /// Whether something was dropped of which nobody has been told.
    overflowed: AtomicBool,
}

/// What arrives on one connection.
#[derive(Debug)]
pub(super) struct Arrivals {
    waiting: mpsc::Receiver<Arrival>,
    load: Arc<Load>,
}

pub(super) fn queue(max_bytes: usize) -> (Queue, Arrivals) {
    let (arrivals, waiting) = mpsc::channel(MESSAGES);
    let load = Arc::new(Load {
        bytes: AtomicUsize::new(0),
        max_bytes,
        overflowed: AtomicBool::new(false),
    });
    let queue = Queue {
        arrivals,
        load: Arc::clone(&load),
    };
    (queue, Arrivals { waiting, load })
}

impl Queue {
    /// Queues a message; what has no room is dropped, and every subscription is told.
    pub(super) fn push(&self, arrival: Arrival, counters: &Counters) {
        let bytes = arrival.payload.len();
        let load = &self.load;
        let has_room = load.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= load.max_bytes;
        if has_room && self.arrivals.try_send(arrival).is_ok() {
            return;
        }
        load.bytes.fetch_sub(bytes, Ordering::Relaxed);
        counters.messages_dropped.fetch_add(1, Ordering::Relaxed);
        if !load.overflowed.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "messages arrive faster than they are delivered: some are dropped, and every \
                 subscription is told; raise `Limits::layer_queue_bytes` or add processes"
            );
        }
    }
}

/// A connection that took the place of another, and has joined all topics.
#[derive(Debug)]
pub(super) struct Restored {
    pub(super) arrivals: Arrivals,
    /// Told when all subscriptions that were there know that they may have missed changes.
    pub(super) told: oneshot::Sender<()>,
}

/// Delivers what arrives, connection by connection.
pub(super) struct Delivery {
    inbox: Weak<dyn Inbox>,
    keys: Arc<Keys>,
    counters: Arc<Counters>,
    interest: Arc<Interest>,
    /// The last message of each publisher, by topic.
    last: HashMap<Topic, HashMap<NodeId, Last>>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    number: u64,
    at: Instant,
}

impl Delivery {
    pub(super) fn new(
        inbox: Weak<dyn Inbox>,
        keys: Arc<Keys>,
        interest: Arc<Interest>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            inbox,
            keys,
            counters,
            interest,
            last: HashMap::new(),
        }
    }

    /// What came on the old connection is delivered before anybody is told of the gap, and what
    /// comes on the new one after.
    pub(super) async fn run(mut self, mut restored: mpsc::Receiver<Restored>) {
        while let Some(Restored { mut arrivals, told }) = restored.recv().await {
            let Some(inbox) = self.inbox.upgrade() else {
                return;
            };
            inbox.missed().await;
            drop(inbox);
            // The link may be gone again by now; it will make another.
            let _ = told.send(());
            let mut batch = Vec::with_capacity(AT_ONCE);
            while arrivals.waiting.recv_many(&mut batch, AT_ONCE).await > 0 {
                let Some(inbox) = self.inbox.upgrade() else {
                    return;
                };
                self.deliver(&*inbox, &batch).await;
                let bytes = batch.iter().map(|arrival| arrival.payload.len()).sum();
                arrivals.load.bytes.fetch_sub(bytes, Ordering::Relaxed);
                batch.clear();
                if arrivals.load.overflowed.swap(false, Ordering::Relaxed) {
                    inbox.missed().await;
                }
            }
        }
    }

    async fn deliver(&mut self, inbox: &dyn Inbox, batch: &[Arrival]) {
        let mut rest = batch.iter().peekable();
        while let Some(arrival) = rest.next() {
            // A change comes under its coarse and its narrowed topic, one after the other: taken
            // together, as of one moment, a subscriber who moves from one to the other sees it
            // once.
            let mut names = vec![arrival.name.as_str()];
            while let Some(twin) = rest.next_if(|next| next.payload == arrival.payload) {
                names.push(&twin.name);
            }
            if let Err(error) = self.take(inbox, &names, &arrival.payload).await {
                names.iter().for_each(|_| self.counters.unreadable(&error));
            }
        }
    }

    async fn take(
        &mut self,
        inbox: &dyn Inbox,
        names: &[&str],
        payload: &[u8],
    ) -> Result<(), Unread> {
        let (kind, parts) = wire::open(payload)?;
        match kind {
            Kind::Changes => {}
            Kind::Loss => {
                inbox.missed().await;
                return Ok(());
            }
            _ => return Err(Unreadable::Garbage.into()),
        }
        let changes = Changes::read(parts)?;
        let topics = names.iter().filter_map(|name| self.keys.read_topic(name));
        let mut topics: Vec<_> = topics.collect();
        topics.retain(|topic| self.is_new(topic, &changes));
        if topics.is_empty() {
            self.counters
                .messages_repeated
                .fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let stream = changes.stream;
        let model = inbox.model(stream);
        let model = model.ok_or_else(|| Unread::Stream(stream.to_owned()))?;
        for change in changes.changes(model)? {
            inbox.deliver(&topics, &Arc::new(change)).await;
        }
        Ok(())
    }

    /// Whether this message of its publisher did not come under this topic before.
    fn is_new(&mut self, topic: &Topic, changes: &Changes<'_>) -> bool {
        let (node, number) = (changes.origin.node, changes.origin.number);
        if !self.last.contains_key(topic) {
            if self.last.len() >= self.interest.topics().max(TOPICS) * 2 {
                // Nobody needs to know any more what came under topics that were left.
                self.last.retain(|topic, _| self.interest.wants(topic));
            }
            self.last.insert(topic.clone(), HashMap::new());
        }
        let Some(publishers) = self.last.get_mut(topic) else {
            return true;
        };
        if publishers.len() >= PUBLISHERS && !publishers.contains_key(&node) {
            let longest_ago = publishers.iter().min_by_key(|(_, last)| last.at);
            let longest_ago = longest_ago.map(|(node, _)| *node);
            longest_ago.map(|node| publishers.remove(&node));
        }
        let at = Instant::now();
        let last = publishers.entry(node).or_insert(Last { number: 0, at });
        let is_new = number > last.number;
        let number = number.max(last.number);
        *last = Last { number, at };
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
