//! What a delivery costs a server: 1,000 subscribers with one document, over graphql-transport-ws.
//!
//! ```text
//! cargo bench --bench fanout                            1,000 subscribers
//! cargo bench --bench fanout -- 5000                    another number
//! cargo bench --bench fanout --features metrics         what being seen costs too
//! ```
//!
//! Servers with the same schema, each a process of its own: graphex's router, and
//! async-graphql's own transport as its documentation has it, fed by a broadcast channel. The same
//! client drives all, in turns. Measured is the processor time of the server's process, user and
//! system, per event delivered: for changes one at a time (the next when all have the last), and
//! with a backlog (all at once).
//!
//! With the feature `metrics`, graphex's server runs once more with a recorder that is read each
//! second, as `/metrics` would be, and once more under a subscriber of `tracing` that takes all spans
//! and discards them: what being seen costs.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, reason = "prints its figures")]

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::{EmptyMutation, Enum, ID, Object, SimpleObject, Subscription};
use axum::serve::ListenerExt as _;
use futures_util::SinkExt as _;
use futures_util::stream::{Stream, StreamExt as _};
use graphex::prelude::*;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, broadcast};
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const SUBSCRIBERS: usize = 1_000;
/// Changes of a round, one at a time.
const SINGLE: usize = 100;
/// Changes of a round, all at once. Less than a subscriber's outbox and the broadcast channel hold.
const BACKLOG: usize = 500;
const ROUNDS: usize = 9;
const DEADLINE: Duration = Duration::from_secs(120);

const DOCUMENT: &str = "subscription { messageChanges(action: CREATE) { action id data { id room text priority pinned } } }";

#[derive(Clone, ModelType)]
#[graphex(stream = "messages", label = "chat.message", serialize_data)]
struct Message {
    id: i64,
    room: i64,
    text: String,
    priority: i32,
    pinned: bool,
}

impl Message {
    fn numbered(id: usize) -> Self {
        Self {
            id: i64::try_from(id).unwrap(),
            room: 7,
            text: "a message of usual length, as people write them".to_owned(),
            priority: 1,
            pinned: false,
        }
    }
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

/// The same types and the same field, written for async-graphql alone.
mod ordinary {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, Enum)]
    pub(super) enum ChangeAction {
        Create,
        Update,
        Delete,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Enum)]
    pub(super) enum ActionSubscriptionEnum {
        Create,
        Update,
        Delete,
        AllActions,
    }

    #[derive(Clone, SimpleObject)]
    pub(super) struct MessageChange {
        pub(super) action: ChangeAction,
        pub(super) id: ID,
        pub(super) model: String,
        pub(super) data: Option<MessageData>,
    }

    #[derive(Clone, SimpleObject)]
    pub(super) struct MessageData {
        pub(super) id: i64,
        pub(super) room: i64,
        pub(super) text: String,
        pub(super) priority: i32,
        pub(super) pinned: bool,
    }

    impl From<Message> for MessageChange {
        fn from(message: Message) -> Self {
            Self {
                action: ChangeAction::Create,
                id: message.id.into(),
                model: "chat.message".to_owned(),
                data: Some(MessageData {
                    id: message.id,
                    room: message.room,
                    text: message.text,
                    priority: message.priority,
                    pinned: message.pinned,
                }),
            }
        }
    }

    pub(super) struct Changes(pub(super) broadcast::Sender<Message>);

    #[Subscription]
    impl Changes {
        async fn message_changes(
            &self,
            #[graphql(default_with = "ActionSubscriptionEnum::AllActions")]
            action: ActionSubscriptionEnum,
            id: Option<ID>,
        ) -> impl Stream<Item = MessageChange> {
            use ActionSubscriptionEnum::{AllActions, Create};
            let receiver = self.0.subscribe();
            futures_util::stream::unfold(receiver, |mut receiver| async move {
                let message = receiver.recv().await.expect("the bench lags");
                Some((message, receiver))
            })
            .filter(move |message| {
                let asked = id.as_ref().is_none_or(|id| **id == message.id.to_string());
                std::future::ready(asked && matches!(action, Create | AllActions))
            })
            .map(MessageChange::from)
        }
    }
}

// ---------------------------------------------------------------- the servers

/// Serves on a free port, which it prints, and makes as many changes as each line of its input
/// says.
async fn serve(name: &str) {
    let (app, publish): (axum::Router, Box<dyn Fn(Message)>) = if name != ORDINARY {
        let hub = Hub::builder().model::<Message>().build();
        let schema = Schema::build(Query, EmptyMutation, MessageChanges::default())
            .data(hub.clone())
            .finish();
        let app = graphex::axum::router(schema, hub.clone());
        match name {
            #[cfg(feature = "metrics")]
            METRICS => record_each_second(hub.clone()),
            SPANS => tracing::subscriber::set_global_default(Discarding::default()).unwrap(),
            _ => {}
        }
        (
            app,
            Box::new(move |message| hub.publish(Action::Create, &message)),
        )
    } else {
        let (sender, _) = broadcast::channel(BACKLOG * 2);
        let schema = Schema::new(Query, EmptyMutation, ordinary::Changes(sender.clone()));
        let endpoint = async_graphql_axum::GraphQLSubscription::new(schema);
        let app = axum::Router::new().route_service("/graphql", endpoint);
        (app, Box::new(move |message| drop(sender.send(message))))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut made = 0;
    while let Some(line) = lines.next_line().await.unwrap() {
        for _ in 0..line.parse::<usize>().unwrap() {
            made += 1;
            publish(Message::numbered(made));
        }
    }
}

const PLAIN: &str = "graphex";
#[cfg(feature = "metrics")]
const METRICS: &str = "with metrics";
const SPANS: &str = "with spans";
const ORDINARY: &str = "async-graphql-axum";

/// The servers, the one first to which the others are compared.
const SERVERS: &[&str] = &[
    PLAIN,
    #[cfg(feature = "metrics")]
    METRICS,
    SPANS,
    ORDINARY,
];

#[cfg(feature = "metrics")]
fn record_each_second(hub: Hub) {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new();
    let recorder = recorder.install_recorder().unwrap();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            hub.record_metrics();
            std::hint::black_box(recorder.render());
        }
    });
}

/// Takes all spans of graphex, and discards them.
#[derive(Default)]
struct Discarding(AtomicUsize);

impl tracing::Subscriber for Discarding {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("graphex")
    }
    fn new_span(&self, attributes: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        std::hint::black_box(attributes);
        let number = self.0.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        tracing::span::Id::from_u64(number)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        std::hint::black_box(values);
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// A server in a process of its own.
struct Server {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    _output: Lines<BufReader<ChildStdout>>,
    received: Arc<Received>,
}

/// Events that the client has had from a server.
#[derive(Default)]
struct Received {
    count: AtomicUsize,
    more: Notify,
}

impl Server {
    async fn start(name: &'static str, subscribers: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = output.next_line().await.unwrap().unwrap();
        let received = Arc::<Received>::default();
        for _ in 0..subscribers {
            subscribe(&address, Arc::clone(&received)).await;
        }
        Self {
            name,
            child,
            input,
            _output: output,
            received,
        }
    }

    /// Has changes made until one reaches all: a server may confirm before it has subscribed.
    async fn settle(&mut self, subscribers: usize) {
        while !self.reaches(1, subscribers, Duration::from_secs(1)).await {}
    }

    /// Has so many changes made and waits until every subscriber has them.
    async fn deliver(&mut self, changes: usize, subscribers: usize) {
        let all = self.reaches(changes, subscribers, DEADLINE).await;
        assert!(all, "{}: not all events came", self.name);
    }

    /// Whether changes that are made now reach all subscribers in that time.
    async fn reaches(&mut self, changes: usize, subscribers: usize, time: Duration) -> bool {
        let expected = self.received.count.load(Ordering::Acquire) + changes * subscribers;
        let line = format!("{changes}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        let all = async {
            while self.received.count.load(Ordering::Acquire) < expected {
                self.received.more.notified().await;
            }
        };
        tokio::time::timeout(time, all).await.is_ok()
    }

    /// Processor time of the server so far, in microseconds: of its threads, of which none ends, user and
    /// system. `/proc/<pid>/stat` counts in ticks of 10 ms, too coarse for a difference of some percent.
    fn processor_time(&self) -> f64 {
        let threads = format!("/proc/{}/task", self.child.id().unwrap());
        let threads = std::fs::read_dir(threads).unwrap();
        let nanoseconds = threads.map(|thread| {
            let times = thread.unwrap().path().join("schedstat");
            let times = std::fs::read_to_string(times).unwrap();
            times.split(' ').next().unwrap().parse::<f64>().unwrap()
        });
        nanoseconds.sum::<f64>() / 1_000.0
    }

    /// Microseconds of the server's processor time per event delivered.
    async fn cost(&mut self, rounds: usize, changes: usize, subscribers: usize) -> f64 {
        let before = self.processor_time();
        for _ in 0..rounds {
            self.deliver(changes, subscribers).await;
        }
        let events = (rounds * changes * subscribers) as f64;
        (self.processor_time() - before) / events
    }
}

/// Subscribes; what comes is counted.
async fn subscribe(address: &str, received: Arc<Received>) {
    let mut request = format!("ws://{address}/graphql")
        .into_client_request()
        .unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = connect_async_with_config(request, None, true)
        .await
        .unwrap();
    let init = r#"{"type":"connection_init"}"#;
    socket.send(Frame::text(init)).await.unwrap();
    let ack = socket.next().await.unwrap().unwrap();
    assert!(ack.to_text().unwrap().contains("connection_ack"));
    let subscribe =
        serde_json::json!({"type": "subscribe", "id": "1", "payload": {"query": DOCUMENT}});
    socket
        .send(Frame::text(subscribe.to_string()))
        .await
        .unwrap();
    // A ping is answered after the subscription before it was taken.
    socket
        .send(Frame::text(r#"{"type":"ping"}"#))
        .await
        .unwrap();
    let pong = socket.next().await.unwrap().unwrap();
    assert!(pong.to_text().unwrap().contains("pong"), "{pong}");
    tokio::spawn(async move {
        while let Some(Ok(frame)) = socket.next().await {
            let Frame::Text(text) = frame else { continue };
            if text.contains("\"next\"") {
                received.count.fetch_add(1, Ordering::AcqRel);
                received.more.notify_one();
            }
        }
    });
}

// ---------------------------------------------------------------- the figures

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [flag, name] = arguments.as_slice()
        && flag == "--serve"
    {
        return serve(name).await;
    }
    let subscribers = arguments.iter().find_map(|argument| argument.parse().ok());
    let subscribers = subscribers.unwrap_or(SUBSCRIBERS);
    let mut servers = Vec::new();
    for name in SERVERS {
        let mut server = Server::start(name, subscribers).await;
        server.settle(subscribers).await;
        servers.push(server);
    }
    println!("\n{subscribers} subscribers with one document, microseconds of the server's");
    println!("processor time per event, median of {ROUNDS} rounds in turns\n");
    println!("{:>14} {:>20} {:>10} {:>8}", "", "", "cost", "ratio");
    for (title, rounds, changes) in [("one at a time", SINGLE, 1), ("backlog", 1, BACKLOG)] {
        let mut costs = vec![Vec::new(); servers.len()];
        for _ in 0..ROUNDS {
            for (server, costs) in servers.iter_mut().zip(&mut costs) {
                costs.push(server.cost(rounds, changes, subscribers).await);
            }
        }
        for (server, own) in servers.iter().zip(&costs) {
            // To the same round's, so that a slow moment of the machine is in both.
            let ratios: Vec<_> = own
                .iter()
                .zip(&costs[0])
                .map(|(own, ours)| own / ours)
                .collect();
            let (cost, ratio) = (median(own), median(&ratios));
            println!("{title:>14} {:>20} {cost:>10.2} {ratio:>8.3}", server.name);
        }
    }
}
