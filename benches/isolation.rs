//! What a quiet client on a quiet stream feels of others.
//!
//! ```text
//! cargo bench --bench isolation               500 events beside each load
//! cargo bench --bench isolation -- 5000       another number
//! ```
//!
//! Measured is the time from a change to its frame in the hands of the channel's writer, alone and
//! beside each load, in one process with a thread for each processor; printed are the median and the
//! 99th percentile, and the latter's ratio to the one alone. Then: what two hot streams deliver
//! together, to what one does.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, reason = "prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_graphql::{EmptyMutation, Object, Request};
use futures_util::StreamExt as _;
use graphex::Channel;
use graphex::prelude::*;
use tokio::task::JoinSet;

const EVENTS: usize = 500;
/// Between two events of the quiet stream.
const PAUSE: Duration = Duration::from_millis(4);
/// Time for a load to be felt.
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(Clone, ModelType)]
#[graphex(stream = "messages", serialize_data, lookup(liked_by(id): i64))]
struct Message {
    id: i64,
    text: String,
}

#[derive(Clone, ModelType)]
#[graphex(stream = "posts", serialize_data)]
struct Post {
    id: i64,
    text: String,
}

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i64,
}

impl MessageLookups for Message {
    async fn liked_by(_: &LookupContext<'_>, _: i64, _: i64) -> Result<bool> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(true)
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(
    MessageSubscription,
    MessageChanges,
    PostSubscription,
    NoteSubscription,
);

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

type ChatSchema = Schema<Query, EmptyMutation, Subscription>;

/// A hub, its schema, and those who load it; dropped, they stop.
struct World {
    hub: Hub,
    schema: ChatSchema,
    tasks: JoinSet<()>,
    idle: Vec<Channel>,
    stop: Arc<AtomicBool>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl World {
    fn new() -> Self {
        let hub = Hub::builder()
            .model::<Message>()
            .model::<Post>()
            .model::<Note>();
        let hub = hub.limits(|limits| limits.channels_per_identity = 1_000);
        let hub = hub.build();
        let schema = Schema::build(Query, EmptyMutation, Subscription::default());
        Self {
            schema: schema.data(hub.clone()).finish(),
            hub,
            tasks: JoinSet::new(),
            idle: Vec::new(),
            stop: Arc::default(),
        }
    }

    fn connect(&self, name: &str) -> Channel {
        self.hub.connect(Identity::new(name)).unwrap()
    }

    async fn subscribe(&self, name: &str, channel: &Channel, field: &str, filters: &str) {
        let document = format!(
            "subscription {{ {field}(channelId: \"{}\", action: ALL_ACTIONS, operation: SUBSCRIBE, \
             filters: {filters}) {{ ok error }} }}",
            channel.id().as_str()
        );
        let request = Request::new(document).data(Identity::new(name));
        let answer = graphex::execute(&self.schema, request.data(self.hub.clone())).await;
        let answer = answer.data.into_json().unwrap();
        assert_eq!(answer[field]["ok"], true, "{answer}");
    }

    /// A client that takes whatever comes.
    fn read(&mut self, mut channel: Channel) {
        self.tasks
            .spawn(async move { while channel.take().await.is_ok() {} });
    }

    /// Writes messages of a length, with a pause after each, from a thread as Diesel does.
    fn write(&self, length: usize, pause: Duration) {
        let (hub, stop) = (self.hub.clone(), Arc::clone(&self.stop));
        let text: String = "ab".repeat(length / 2);
        std::thread::spawn(move || {
            for id in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let text = text.clone();
                hub.publish(Action::Create, &Message { id, text });
                std::thread::sleep(pause);
            }
        });
    }

    async fn plans(&mut self, field: &str, count: usize) {
        for user in 0..count / 100 {
            let name = format!("user:{user}");
            let channel = self.connect(&name);
            for number in 0..100 {
                let filters = format!("{{ text__contains: \"nobody {user} {number}\" }}");
                self.subscribe(&name, &channel, field, &filters).await;
            }
            self.idle.push(channel);
        }
    }
}

/// What is beside the quiet client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Alone,
    HostilePatterns,
    SlowLookups,
    Aliases,
    Bulk,
    UnpinnedPlans,
    RefusedDocuments,
    StalledReader,
}

impl Load {
    const ALL: [Self; 8] = [
        Self::Alone,
        Self::HostilePatterns,
        Self::SlowLookups,
        Self::Aliases,
        Self::Bulk,
        Self::UnpinnedPlans,
        Self::RefusedDocuments,
        Self::StalledReader,
    ];

    async fn begin(self, world: &mut World) {
        match self {
            Self::Alone => {}
            Self::HostilePatterns => {
                let greedy = world.connect("greedy");
                for number in 0..100 {
                    let filters = format!("{{ text__regex: \"[ab]*a[ab]{{250}}c{number}\" }}");
                    let subscribing =
                        world.subscribe("greedy", &greedy, "messageSubscription", &filters);
                    subscribing.await;
                }
                world.read(greedy);
                world.write(10_000, Duration::from_millis(20));
            }
            Self::SlowLookups => {
                let greedy = world.connect("greedy");
                for number in 0..100 {
                    let filters = format!("{{ liked_by: {number} }}");
                    let subscribing =
                        world.subscribe("greedy", &greedy, "messageSubscription", &filters);
                    subscribing.await;
                }
                world.read(greedy);
                world.write(100, Duration::from_millis(5));
            }
            Self::Aliases => {
                let aliases: Vec<_> = (0..900).map(|alias| format!("a{alias}: text")).collect();
                let document = format!(
                    "subscription {{ messageChanges {{ data {{ {} }} }} }}",
                    aliases.join(" ")
                );
                let mut events = world.schema.execute_stream(document);
                world
                    .tasks
                    .spawn(async move { while events.next().await.is_some() {} });
                world.write(100_000, Duration::from_millis(20));
            }
            Self::Bulk => {
                let reader = world.connect("reader");
                world
                    .subscribe("reader", &reader, "messageSubscription", "{}")
                    .await;
                world.read(reader);
                let (hub, stop) = (world.hub.clone(), Arc::clone(&world.stop));
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        for id in 0..100_000 {
                            let text = String::new();
                            hub.publish(Action::Update, &Message { id, text });
                        }
                        std::thread::sleep(Duration::from_millis(200));
                    }
                });
            }
            Self::UnpinnedPlans => {
                world.plans("messageSubscription", 10_000).await;
                world.write(100, Duration::from_millis(5));
            }
            Self::RefusedDocuments => {
                let (schema, hub) = (world.schema.clone(), world.hub.clone());
                world.tasks.spawn(async move {
                    let document = format!("{{a(b:{})}}", "[".repeat(2_000));
                    let mut millis = tokio::time::interval(Duration::from_millis(1));
                    loop {
                        millis.tick().await;
                        for _ in 0..20 {
                            let request = Request::new(document.as_str()).data(hub.clone());
                            assert!(graphex::execute(&schema, request).await.is_err());
                        }
                    }
                });
            }
            Self::StalledReader => {
                let stalled = world.connect("stalled");
                world
                    .subscribe("stalled", &stalled, "messageSubscription", "{}")
                    .await;
                world.idle.push(stalled);
                world.write(1_000, Duration::from_micros(500));
            }
        }
    }
}

/// The latencies of events of the quiet stream, ascending.
async fn latencies(load: Load, events: usize) -> Vec<Duration> {
    let mut world = World::new();
    let mut quiet = world.connect("quiet");
    world
        .subscribe("quiet", &quiet, "noteSubscription", "{}")
        .await;
    load.begin(&mut world).await;
    tokio::time::sleep(WARM_UP).await;
    let hub = world.hub.clone();
    // In a task, as a channel's writer is.
    let mut latencies = tokio::spawn(async move {
        let mut latencies = Vec::with_capacity(events);
        for id in 0..i64::try_from(events).unwrap() {
            let began = Instant::now();
            hub.publish(Action::Create, &Note { id });
            assert_eq!(quiet.take().await.unwrap().len(), 1);
            latencies.push(began.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        latencies
    })
    .await
    .unwrap();
    latencies.sort_unstable();
    latencies
}

/// Changes a second that the hub delivers, on one stream or on two.
async fn rate(streams: usize) -> f64 {
    const CHANGES: usize = 4_000;
    let mut world = World::new();
    world.plans("messageSubscription", 2_000).await;
    world.plans("postSubscription", 2_000).await;
    let began = Instant::now();
    for id in 0..i64::try_from(CHANGES).unwrap() {
        let text = "something else".to_owned();
        if streams == 2 {
            let text = text.clone();
            world.hub.publish(Action::Create, &Post { id, text });
        }
        world.hub.publish(Action::Create, &Message { id, text });
    }
    let changes = CHANGES * streams;
    while world.hub.stats().changes_published < changes as u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
    let changes = changes as f64;
    changes / began.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    // `cargo test` runs a bench without `--bench`: then a look is enough.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let asked = std::env::args().find_map(|argument| argument.parse().ok());
    let events = asked.unwrap_or(if is_bench { EVENTS } else { 20 });
    let mut alone = None;
    println!(
        "{:<18} {:>10} {:>10} {:>7}",
        "beside", "p50", "p99", "ratio"
    );
    for load in Load::ALL {
        let latencies = latencies(load, events).await;
        let (p50, p99) = (latencies[events / 2], latencies[events * 99 / 100]);
        let alone = *alone.get_or_insert(p99);
        let ratio = p99.as_secs_f64() / alone.as_secs_f64();
        println!(
            "{:<18} {:>7} µs {:>7} µs {ratio:>7.2}",
            format!("{load:?}"),
            p50.as_micros(),
            p99.as_micros()
        );
    }
    let (one, two) = (rate(1).await, rate(2).await);
    println!(
        "two hot streams deliver {:.2} times what one does",
        two / one
    );
}
