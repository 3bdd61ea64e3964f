//! Everything hostile at once, over real sockets, while two ordinary clients miss nothing; and then
//! nothing is left.

#![cfg(feature = "axum")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
mod proof;
mod until;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_graphql::{EmptyMutation, Object};
use futures_util::StreamExt as _;
use graphex::prelude::*;
use harness::{Client, Server, endpoints};
use serde_json::json;
use tokio::task::JoinSet;

/// Times what `GRAPHEX_PROOF` says.
const SECONDS: usize = 15;

#[derive(Clone, ModelType)]
#[graphex(stream = "messages", serialize_data, lookup(liked_by(id): i64))]
struct Message {
    id: i64,
    text: String,
}

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i64,
}

impl MessageLookups for Message {
    async fn liked_by(_: &LookupContext<'_>, id: i64, who: i64) -> Result<bool> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if (id + who) % 10 == 0 {
            return Err("nobody knows".into());
        }
        Ok(true)
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, NoteSubscription);

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

const SUBSCRIBE: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";

async fn subscribe(server: &Server, client: &Client, filters: &str) {
    let arguments = format!("{SUBSCRIBE}, filters: {filters}");
    server.done(client, "messageSubscription", &arguments).await;
}

/// Subscribes to what costs much, reads for a while or not at all, and leaves.
async fn hostile(server: Arc<Server>, stop: Arc<AtomicBool>, user: i64) {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let mut client = server.connect(Some(user)).await;
        for number in 0..5 {
            let pattern = format!("{{ text__regex: \"[ab]*a[ab]{{100}}c{number}\" }}");
            subscribe(&server, &client, &pattern).await;
            subscribe(&server, &client, &format!("{{ liked_by: {number} }}")).await;
        }
        subscribe(&server, &client, "{}").await;
        if round % 3 == 0 {
            // It never reads.
            tokio::time::sleep(Duration::from_millis(300)).await;
        } else {
            let reading = async { while let Some(Ok(_)) = client.socket.next().await {} };
            let _ = tokio::time::timeout(Duration::from_millis(300), reading).await;
        }
    }
}

/// Asks what is refused.
async fn refused(server: Arc<Server>, stop: Arc<AtomicBool>, count: Arc<AtomicUsize>) {
    let documents = [
        format!("{{a(b:{})}}", "[".repeat(2_000)),
        "{a:".repeat(1_500),
        (0..1_500)
            .map(|alias| format!("a{alias}: hello "))
            .collect(),
    ];
    let mut documents = documents.iter().cycle();
    while !stop.load(Ordering::Relaxed) {
        let query = documents.next().unwrap();
        let (status, body) = server.post(None, json!({ "query": query })).await;
        assert_eq!(status, 400, "{body}");
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads notes, none of which may be missing, until the one that says that it is over.
async fn ordinary(mut client: Client) -> i64 {
    let mut next = 1;
    loop {
        let frame = client.json().await;
        assert_eq!(frame["stream"], "notes");
        let id = frame["payload"]["data"]["id"].as_i64().expect("no resync");
        if id < 0 {
            return next - 1;
        }
        assert_eq!(id, next);
        next += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missed_by_the_ordinary_and_nothing_is_left() {
    let hub = Hub::builder().model::<Message>().model::<Note>();
    let hub = hub.limits(|limits| limits.publisher_queue = 20_000).build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    let app = endpoints(schema, &hub).into_router();
    let server = Arc::new(Server::start_alone(app, hub.clone()).await);
    let mut readers = JoinSet::new();
    for user in [1_000, 1_001] {
        let client = server.connect(Some(user)).await;
        server.done(&client, "noteSubscription", SUBSCRIBE).await;
        readers.spawn(ordinary(client));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let refusals = Arc::new(AtomicUsize::new(0));
    let mut hostiles = JoinSet::new();
    for user in 0..4 {
        hostiles.spawn(hostile(Arc::clone(&server), Arc::clone(&stop), user));
    }
    hostiles.spawn(refused(
        Arc::clone(&server),
        Arc::clone(&stop),
        Arc::clone(&refusals),
    ));
    // Bulks, small and large rows, from a thread as Diesel writes.
    let (bulk, stopped) = (hub.clone(), Arc::clone(&stop));
    let messages = Arc::new(AtomicI64::new(0));
    let written = Arc::clone(&messages);
    let writing = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            let id = written.fetch_add(1, Ordering::Relaxed);
            let length = if id % 500 == 0 { 300_000 } else { 20 };
            let text = "ab".repeat(length);
            bulk.publish(Action::Update, &Message { id, text });
            if id % 100 == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let end = Instant::now() + Duration::from_secs(proof::steps(SECONDS) as u64);
    let mut note = 0;
    while Instant::now() < end {
        note += 1;
        hub.publish(Action::Create, &Note { id: note });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hub.publish(Action::Create, &Note { id: -1 });
    stop.store(true, Ordering::Relaxed);
    while let Some(read) = readers.join_next().await {
        assert_eq!(read.unwrap(), note);
    }
    while let Some(ended) = hostiles.join_next().await {
        ended.unwrap();
    }
    writing.join().unwrap();
    let stats = server.until(|stats| stats.channels == 0).await;
    server.until_empty().await;
    eprintln!(
        "{note} notes, {} messages, {} refused documents: {stats:?}",
        messages.load(Ordering::Relaxed),
        refusals.load(Ordering::Relaxed)
    );
    assert!(stats.resyncs > 0 && stats.budgets_spent > 0 && stats.documents_refused > 0);
}
