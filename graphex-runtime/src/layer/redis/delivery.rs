//! Delivery of what arrives: in order, and once.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::arrivals::{Arrival, Arrivals};
use super::keys::Keys;
use super::node::Counters;
use crate::layer::Inbox;
use crate::layer::interest::Interest;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire::{self, Changes, Kind, Unreadable};

/// Topics under which messages came that are remembered in any case.
const TOPICS: usize = 512;

/// Publishers that are remembered for a topic at most. Nodes get new ids when they start, so the
/// ids of long ago are of nodes that are gone.
const PUBLISHERS: usize = 256;

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
    /// Streams to flush.
    delivered: std::collections::HashSet<&'static str>,
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
            delivered: Default::default(),
        }
    }

    /// What came on the old connection is delivered before anybody is told of the gap, and what
    /// comes on the new one after.
    pub(super) async fn run(mut self, mut restored: mpsc::Receiver<Restored>) {
        while let Some(Restored { mut arrivals, told }) = restored.recv().await {
            let Some(inbox) = self.inbox.upgrade() else {
                return;
            };
            inbox.missed(None).await;
            drop(inbox);
            // The link may be gone again by now; it will make another.
            let _ = told.send(());
            let mut batch = Vec::new();
            while arrivals.next(&mut batch).await {
                let Some(inbox) = self.inbox.upgrade() else {
                    return;
                };
                self.deliver(&*inbox, &batch).await;
                for stream in std::mem::take(&mut self.delivered) {
                    inbox.flush(stream);
                }
                if arrivals.are_done(&mut batch) {
                    inbox.missed(None).await;
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
                let streams = names.iter().map(|name| self.keys.read_everyone(name));
                let streams: Option<Vec<_>> = streams.collect();
                for stream in streams.ok_or(Unreadable::Garbage)? {
                    inbox.missed(stream).await;
                }
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
        self.delivered.insert(model.stream);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Action, Change, Row};
    use crate::layer::BoxFuture;
    use crate::layer::redis::arrivals::queue;
    use crate::model::{Model, Payload};
    use crate::value::{Field as _, Value};
    use crate::wire::{Origin, write_changes};
    use bytes::Bytes;
    use std::sync::Mutex;
    use std::time::Duration;

    static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

    /// Notes what it is told: the keys of the changes, and gaps as `None`.
    #[derive(Default)]
    struct Notes(Mutex<Vec<Option<Value>>>);

    impl Inbox for Notes {
        fn model(&self, _: &str) -> Option<&'static Model> {
            Some(&MODEL)
        }

        fn deliver<'a>(&'a self, _: &'a [Topic], change: &'a Arc<Change>) -> BoxFuture<'a> {
            self.0.lock().unwrap().push(Some(change.key().clone()));
            Box::pin(tokio::task::yield_now())
        }

        fn missed<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a> {
            self.0.lock().unwrap().push(None);
            Box::pin(std::future::ready(()))
        }

        fn flush(&self, _: &str) {}

        fn receive(&self, _: Bytes) {}
    }

    fn arrival(number: u64) -> Arrival {
        let change = Change {
            model: &MODEL,
            action: Action::Create,
            row: Row::from([Value::Int(number.into())]),
            before: None,
            cursor: None,
        };
        let node = NodeId(1);
        let topic = Topic::named("messages-create");
        Arrival {
            name: Keys::default().topic(&topic),
            payload: write_changes(Origin { node, number }, &[Arc::new(change)]),
        }
    }

    /// Delivers what one connection brings: what is pushed at once, for each list of numbers.
    async fn delivered(max_bytes: usize, pushed: &[&[u64]]) -> (Vec<Option<u64>>, u64) {
        let notes = Arc::new(Notes::default());
        let inbox: Arc<dyn Inbox> = notes.clone();
        let counters = Arc::<Counters>::default();
        let interest = Interest::new(Duration::ZERO, Duration::ZERO);
        let delivery = Delivery::new(
            Arc::downgrade(&inbox),
            Arc::default(),
            interest,
            Arc::clone(&counters),
        );
        let (restored, restorations) = mpsc::channel(1);
        let running = tokio::spawn(delivery.run(restorations));
        let (queue, arrivals) = queue(max_bytes);
        let (told, telling) = oneshot::channel();
        restored.send(Restored { arrivals, told }).await.unwrap();
        telling.await.unwrap();
        for numbers in pushed {
            for number in *numbers {
                queue.push(arrival(*number), &counters);
            }
            // On this runtime of one thread, until nothing is left to do.
            while !queue.is_idle() {
                tokio::task::yield_now().await;
            }
        }
        drop((queue, restored));
        running.await.unwrap();
        let read = |note: &Option<Value>| match note {
            Some(Value::Int(number)) => Some(u64::try_from(*number).unwrap()),
            _ => None,
        };
        let notes = notes.0.lock().unwrap().iter().map(read).collect();
        (notes, counters.messages_dropped.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn what_has_no_room_is_told_after_what_came_before_it() {
        // More than are taken from the queue at once, and all of one length.
        let room_for_100 = arrival(1).payload.len() * 100;
        let many: Vec<_> = (1..=120).collect();
        let (told, dropped) = delivered(room_for_100, &[&many, &[121, 122]]).await;
        let mut expected = vec![None];
        expected.extend((1..=100).map(Some));
        expected.extend([None, Some(121), Some(122)]);
        assert_eq!((told, dropped), (expected, 20));
    }

    #[tokio::test]
    async fn one_message_has_room_however_large_it_is() {
        let (told, dropped) = delivered(1, &[&[1], &[2]]).await;
        assert_eq!(
            (told.as_slice(), dropped),
            (&[None, Some(1), Some(2)][..], 0)
        );
    }

    #[tokio::test]
    async fn what_comes_again_is_delivered_once() {
        let (told, _) = delivered(1_000_000, &[&[1, 2, 3], &[2, 3, 4]]).await;
        assert_eq!(told, [None, Some(1), Some(2), Some(3), Some(4)]);
    }
}
