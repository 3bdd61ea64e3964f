use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::*;
use crate::change::{Action, Row};
use crate::layer::BoxFuture;
use crate::layer::redis::arrivals::{Queue, Queues};
use crate::model::{Model, Payload};
use crate::value::{Field as _, Value};
use crate::wire::{Origin, write_changes};

static MODEL: Model = Model::sample(
    Payload::IdOnly,
    &[i64::TYPE.named("id", "ID"), i64::TYPE.named("room", "ROOM")],
    &[1],
);
const STREAM: &str = MODEL.stream;

/// What an inbox was told: the change of this key on these topics, or a gap.
#[derive(Clone, Debug, PartialEq)]
enum Note {
    Change(u64, Vec<String>),
    Gap(String),
}

fn change(id: u64) -> Note {
    let names = ["messages-create", "messages-create:room=7"];
    Note::Change(id, names.map(str::to_owned).to_vec())
}

fn gap() -> Note {
    Note::Gap(STREAM.to_owned())
}

#[derive(Default)]
struct Notes(Mutex<Vec<Note>>);

impl Inbox for Notes {
    fn model(&self, _: &str) -> Option<&'static Model> {
        Some(&MODEL)
    }

    fn deliver<'a>(&'a self, topics: &'a [Topic], change: &'a Arc<Change>) -> BoxFuture<'a> {
        let Value::Int(id) = change.key() else {
            panic!("a key is a number")
        };
        let names = topics.iter().map(|topic| topic.name().to_owned());
        let note = Note::Change((*id).try_into().unwrap(), names.collect());
        self.0.lock().unwrap().push(note);
        assert_ne!(*id, PANICS.into(), "a panic of foreign code");
        Box::pin(tokio::task::yield_now())
    }

    fn missed<'a>(&'a self, stream: Option<&'a str>) -> BoxFuture<'a> {
        let note = Note::Gap(stream.unwrap_or("all").to_owned());
        self.0.lock().unwrap().push(note);
        Box::pin(std::future::ready(()))
    }

    fn flush(&self, _: &str) {}

    fn receive(&self, _: Bytes) {}
}

const PANICS: u64 = 1_000;

fn under(number: u64, name: &str) -> Arrival {
    let change = Change {
        model: &MODEL,
        action: Action::Create,
        row: Row::from([Value::Int(number.into()), Value::Int(7)]),
        before: None,
        cursor: None,
        position: None,
        published: false,
        received: crate::measure::Stamp::now(),
    };
    let node = NodeId(1);
    Arrival::Message {
        name: Keys::default().topic(&Topic::named(name)),
        payload: write_changes(Origin { node, number }, &[Arc::new(change)]),
    }
}

fn arrival(number: u64) -> Arrival {
    under(number, "messages-create")
}

/// A stream's delivery, and what it is told of.
struct Stream {
    notes: Arc<Notes>,
    counters: Arc<Counters>,
    next: Arc<Next>,
    running: JoinHandle<()>,
}

impl Stream {
    fn start() -> Self {
        let notes = Arc::new(Notes::default());
        let counters = Arc::<Counters>::default();
        let next = Arc::<Next>::default();
        let inbox: Arc<dyn Inbox> = notes.clone();
        let delivery = Delivery {
            stream: STREAM,
            inbox: Arc::downgrade(&inbox),
            keys: Arc::default(),
            counters: Arc::clone(&counters),
            interest: Interest::new(Duration::ZERO, Duration::ZERO),
            last: HashMap::new(),
        };
        let running = tokio::spawn(delivery.run(Arc::clone(&next)));
        Self {
            notes,
            counters,
            next,
            running,
        }
    }

    /// A new connection.
    fn connect(&self, max_bytes: usize) -> Queues {
        let (queues, mut arrivals) = Queues::new(&[STREAM], max_bytes);
        self.next.put(Restored {
            arrivals: arrivals.remove(STREAM).unwrap(),
            epoch: 0,
            topics: Vec::new(),
        });
        queues
    }

    fn push(&self, queues: &Queues, arrivals: impl IntoIterator<Item = Arrival>) {
        let queue = queues.of(STREAM).unwrap();
        let push = |arrival| queue.push(arrival, &self.counters);
        arrivals.into_iter().for_each(push);
    }

    /// On this runtime of one thread, until nothing is left to do.
    async fn settle(&self, queues: &Queues) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        while !queues.all().all(Queue::is_idle) {
            tokio::task::yield_now().await;
        }
    }

    fn told(&self) -> Vec<Note> {
        assert!(!self.running.is_finished());
        std::mem::take(&mut *self.notes.0.lock().unwrap())
    }
}

/// What one connection brings: what is pushed at once, for each list of numbers.
async fn delivered(max_bytes: usize, pushed: &[&[u64]]) -> (Vec<Note>, u64) {
    let stream = Stream::start();
    let queues = stream.connect(max_bytes);
    for numbers in pushed {
        stream.push(&queues, numbers.iter().copied().map(arrival));
        stream.settle(&queues).await;
    }
    let dropped = stream.counters.messages_dropped.load(Ordering::Relaxed);
    (stream.told(), dropped)
}

#[tokio::test]
async fn what_has_no_room_is_told_after_what_came_before_it() {
    let Arrival::Message { payload, .. } = arrival(1) else {
        panic!("it is a message")
    };
    // More than are taken from the queue at once, and all of one length.
    let room_for_100 = payload.len() * 100;
    let many: Vec<_> = (1..=120).collect();
    let (told, dropped) = delivered(room_for_100, &[&many, &[121, 122]]).await;
    let mut expected = vec![gap()];
    expected.extend((1..=100).map(change));
    expected.extend([gap(), change(121), change(122)]);
    assert_eq!((told, dropped), (expected, 20));
}

#[tokio::test]
async fn one_message_has_room_however_large_it_is() {
    let (told, dropped) = delivered(1, &[&[1], &[2]]).await;
    assert_eq!((told, dropped), (vec![gap(), change(1), change(2)], 0));
}

#[tokio::test]
async fn what_comes_again_is_delivered_once() {
    let (told, _) = delivered(1_000_000, &[&[1, 2, 3], &[2, 3, 4]]).await;
    assert_eq!(told, [gap(), change(1), change(2), change(3), change(4)]);
}

#[tokio::test]
async fn a_change_under_two_topics_is_delivered_once_to_both_wherever_they_are_split() {
    let stream = Stream::start();
    let queues = stream.connect(1_000_000);
    // Nothing is pushed together with its twin.
    for (number, name) in [
        (1, "messages-create"),
        (1, "messages-create:room=7"),
        // Only the narrowed topic is joined.
        (2, "messages-create:room=7"),
        // The coarse one alone has come before the connection ended; both come again.
        (3, "messages-create"),
        (3, "messages-create"),
        (3, "messages-create:room=7"),
    ] {
        stream.push(&queues, [under(number, name)]);
        stream.settle(&queues).await;
    }
    assert_eq!(stream.told(), [gap(), change(1), change(2), change(3)]);
    let repeated = stream.counters.messages_repeated.load(Ordering::Relaxed);
    assert_eq!(repeated, 1);
}

#[tokio::test]
async fn a_loss_is_told_in_its_place_and_a_panic_costs_its_message_alone() {
    let stream = Stream::start();
    let queues = stream.connect(1_000_000);
    let arrivals = [1, PANICS, PANICS + 1].map(arrival);
    stream.push(&queues, [Arrival::Loss].into_iter().chain(arrivals));
    stream.settle(&queues).await;
    let expected = [
        gap(),
        gap(),
        change(1),
        change(PANICS),
        gap(),
        change(PANICS + 1),
    ];
    assert_eq!(stream.told(), expected);
}

#[tokio::test]
async fn a_stream_that_is_late_finds_the_last_connection() {
    let stream = Stream::start();
    let old = stream.connect(1_000_000);
    stream.push(&old, [arrival(1)]);
    stream.settle(&old).await;
    // The second is gone before it is looked at.
    drop(stream.connect(1_000_000));
    let new = stream.connect(1_000_000);
    stream.push(&new, [arrival(2)]);
    drop(old);
    stream.settle(&new).await;
    assert_eq!(stream.told(), [gap(), change(1), gap(), change(2)]);
}
