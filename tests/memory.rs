//! What clients can make a server hold: each test has a server in a process of its own and looks at
//! the memory that it takes.

#![cfg(all(feature = "axum", target_os = "linux"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod proof;
#[path = "../examples/chat/serve.rs"]
mod serve;

use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_graphql::{EmptyMutation, Object};
use axum::extract::ConnectInfo;
use futures_util::{SinkExt as _, StreamExt as _};
use graphex::axum::Endpoints;
use graphex::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::task::AbortOnDropHandle;

/// Set for the process that is the server: `default` limits, a `roomy` hub, or a `hasty` server that
/// waits for a head no longer than [`HASTE`].
const SERVER: &str = "GRAPHEX_MEMORY_SERVER";
const ATTEMPTS: usize = 3_000;
/// What the attempts may add to what the server takes, in bytes, however many they are.
const GROWTH: usize = 20 * 1024 * 1024;
const HASTE: Duration = Duration::from_millis(500);

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i32,
    text: String,
    room: i64,
    more: Value,
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(NoteSubscription, NoteChanges);

/// Not a test: the server that the tests start.
#[test]
fn server() {
    let Ok(kind) = std::env::var(SERVER) else {
        return;
    };
    let hub = Hub::builder().model::<Note>();
    let hub = match kind.as_str() {
        "roomy" => hub.limits(|limits| limits.bytes_per_identity = usize::MAX),
        _ => hub,
    };
    let hub_of = move || {
        let hub = hub.build();
        let schema = Schema::build(Query, EmptyMutation, Subscription::default())
            .data(hub.clone())
            .finish();
        Endpoints::new(schema, hub).identity(|request| {
            let user = request.headers.get("x-user");
            match user.and_then(|user| user.to_str().ok()) {
                Some(user) => Identity::new(user),
                None => {
                    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
                    Identity::anonymous().with_peer(peer.unwrap().0.ip())
                }
            }
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("\nlistening on {}", listener.local_addr().unwrap());
        let mut limits = serve::Limits::default();
        if kind == "hasty" {
            limits.head_wait = HASTE;
        }
        let app = hub_of().into_router();
        serve::serve(listener, app, limits, std::future::pending()).await;
    });
}

struct Server {
    process: Child,
    address: String,
    /// Closed, it would end a server that still says something.
    _output: Lines<BufReader<ChildStdout>>,
    client: reqwest::Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(kind: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "server", "--nocapture"])
            .env(SERVER, kind)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.to_owned()));
        Self {
            process,
            address: address.expect("it says where it is"),
            _output: lines,
            // One connection, whatever is asked.
            client: reqwest::Client::builder()
                .pool_max_idle_per_host(1)
                .build()
                .unwrap(),
        }
    }

    /// What it has in memory, in bytes.
    fn resident(&self) -> usize {
        let path = format!("/proc/{}/statm", self.process.id());
        let statm = std::fs::read_to_string(path).unwrap();
        let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
        pages * 4096
    }

    /// Runs the attempts, a few first to warm up, and holds the server to its memory.
    async fn holds_out<T>(&self, what: &str, attempt: impl AsyncFn(usize) -> T) {
        let few = 200;
        let mut kept = Vec::new();
        for number in 0..few {
            kept.push(attempt(number).await);
        }
        let before = self.resident();
        for number in few..few + proof::steps(ATTEMPTS) {
            kept.push(attempt(number).await);
        }
        let growth = self.resident().saturating_sub(before);
        eprintln!(
            "{what}: {} KiB more than {} KiB",
            growth / 1024,
            before / 1024
        );
        assert!(growth < GROWTH, "{what}: {growth} bytes more");
        self.answers().await;
        drop(kept);
    }

    fn request(&self, method: Method) -> reqwest::RequestBuilder {
        let url = format!("http://{}/graphql", self.address);
        self.client.request(method, url)
    }

    /// It serves others.
    async fn answers(&self) {
        let request = self.request(Method::POST).header("x-user", "somebody else");
        let response = request.json(&json!({"query": "{ hello }"})).send();
        let body: Value = response.await.unwrap().json().await.unwrap();
        assert_eq!(body, json!({"data": {"hello": "world"}}));
    }

    /// A channel that answers pings, or the status with which it is refused and why.
    async fn connect(&self, user: Option<&str>) -> Result<Channel, (u16, String)> {
        let (id, mut socket) = self.socket(user).await?;
        let reading = async move { while let Some(Ok(_)) = socket.next().await {} };
        let _reading = AbortOnDropHandle::new(tokio::spawn(reading));
        Ok(Channel { id, _reading })
    }

    async fn socket(&self, user: Option<&str>) -> Result<(String, Socket), (u16, String)> {
        let url = format!("ws://{}/ws/", self.address);
        let mut request = url.into_client_request().unwrap();
        if let Some(user) = user {
            let user = user.parse().unwrap();
            request.headers_mut().insert("x-user", user);
        }
        match connect_async(request).await {
            Ok((mut socket, _)) => {
                let handshake = socket.next().await.unwrap().unwrap();
                let handshake: Value = serde_json::from_str(handshake.to_text().unwrap()).unwrap();
                let id = handshake["channel_id"].as_str().unwrap().to_owned();
                Ok((id, socket))
            }
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let status = response.status().as_u16();
                Err((status, String::from_utf8(body).unwrap()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The confirmation of a subscription with these filters.
    async fn subscribe(&self, user: &str, channel: &Channel, filters: &Value) -> Value {
        let query = "subscription($channel: String!, $filters: NoteFilters) { noteSubscription(\
                     channelId: $channel, action: CREATE, operation: SUBSCRIBE, filters: $filters) \
                     { ok error } }";
        let variables = json!({"channel": channel.id, "filters": filters});
        let body = json!({"query": query, "variables": variables});
        let request = self
            .request(Method::POST)
            .header("x-user", user)
            .json(&body);
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(body.get("errors"), None, "{body}");
        body["data"]["noteSubscription"].clone()
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Channel {
    id: String,
    _reading: AbortOnDropHandle<()>,
}

/// A list of numbers that takes 64,000 bytes, another one for each number.
fn rooms(number: usize) -> Value {
    (0..1_999).map(|room| number * 2_000 + room).collect()
}

/// Filters, different ones for each number.
type Made = fn(usize) -> Value;

#[tokio::test]
async fn filters_cost_what_they_compare_with() {
    let kinds: [(&str, Made); 4] = [
        ("numbers", |number| json!({"room__in": rooms(number)})),
        (
            "bounds",
            |number| json!({"text__range": [format!("{number:032000}"), "x".repeat(31_000)]}),
        ),
        (
            "a text",
            |number| json!({"text__contains": format!("{number:063900}")}),
        ),
        (
            "an exact text",
            |number| json!({"text": format!("{number:063900}")}),
        ),
    ];
    for (what, filters) in kinds {
        // What another kind has freed would be used again.
        let server = Server::start("roomy");
        let (few, many) = (20, 100);
        let mut channels = Vec::new();
        let mut before = 0;
        for number in 0..few + many {
            if number % 50 == 0 {
                channels.push(server.connect(Some("a")).await.unwrap());
            }
            if number == few {
                before = server.resident();
            }
            let channel = channels.last().unwrap();
            let confirmation = server.subscribe("a", channel, &filters(number)).await;
            assert_eq!(confirmation["ok"], true, "{confirmation}");
        }
        let each = server.resident().saturating_sub(before) / many;
        eprintln!("{what}: 64,000 bytes take {each}");
        assert!(each < 80_000, "{what}: 64,000 bytes take {each}");
    }
}

#[tokio::test]
async fn subscriptions_of_one_identity() {
    let server = Server::start("default");
    let mut channels = Vec::new();
    for _ in 0..100 {
        channels.push(server.connect(Some("a")).await.unwrap());
    }
    let accepted = AtomicUsize::new(0);
    let text = "x".repeat(16_000);
    let attempt = async |number: usize| {
        let channel = &channels[number % channels.len()];
        let filters = json!({"text__contains": format!("{number}{text}")});
        let confirmation = server.subscribe("a", channel, &filters).await;
        if confirmation["ok"] == true {
            accepted.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let expected = "too much is held: subscriptions and connections may take 16777216 bytes; \
                        end some";
        assert_eq!(confirmation["error"], expected);
    };
    server.holds_out("subscriptions", attempt).await;
    let accepted = accepted.into_inner();
    assert!((500..1_024).contains(&accepted), "{accepted} accepted");
}

#[tokio::test]
async fn channels_of_one_address_or_identity() {
    let server = Server::start("default");
    for (user, limit, error) in [
        (
            None,
            500,
            "too many connections from this address: 500 may be open; close one",
        ),
        (
            Some("a"),
            100,
            "too many connections: close one of the 100 that are open",
        ),
    ] {
        let open = AtomicUsize::new(0);
        let attempt = async |_| match server.connect(user).await {
            Ok(channel) => {
                open.fetch_add(1, Ordering::Relaxed);
                Some(channel)
            }
            Err(refusal) => {
                assert_eq!(refusal, (429, error.to_owned()));
                None
            }
        };
        server.holds_out("channels", attempt).await;
        assert_eq!(open.into_inner(), limit);
    }
}

#[tokio::test]
async fn reservations_over_one_connection() {
    let server = Server::start("default");
    let reserved = AtomicUsize::new(0);
    let attempt = async |_| {
        let response = server.request(Method::PUT).send().await.unwrap();
        if response.status() == 201 {
            reserved.fetch_add(1, Ordering::Relaxed);
            let token = response.text().await.unwrap();
            // As many operations as it takes, which nobody reads, with names as long as may be.
            for operation in 0..5 {
                let id = format!("{operation}{}", "x".repeat(100_000));
                let query = "subscription { noteChanges { id } }";
                let body = json!({"query": query, "extensions": {"operationId": id}});
                let request = server.request(Method::POST).query(&[("token", &token)]);
                let status = request.json(&body).send().await.unwrap().status();
                assert!([202, 429].contains(&status.as_u16()), "{status}");
            }
            return;
        }
        assert_eq!(response.status(), 429);
        let body: Value = response.json().await.unwrap();
        let message = &body["errors"][0]["message"];
        let reason = message.as_str().unwrap();
        let reasons = ["too many streams are reserved", "too much is held"];
        assert!(
            reasons.iter().any(|one| reason.starts_with(one)),
            "{reason}"
        );
    };
    server.holds_out("reservations", attempt).await;
    // For as long as it took, there were so many at a time.
    assert!(reserved.into_inner() < proof::steps(ATTEMPTS) / 10);
}

#[tokio::test]
async fn tokens_that_nobody_has() {
    let server = Server::start("default");
    let attempt = async |number: usize| {
        let token = format!("{number:040x}");
        let request = server.request(Method::POST).query(&[("token", &token)]);
        let response = request.json(&json!({"query": "{ hello }"})).send();
        assert_eq!(response.await.unwrap().status(), 200);
    };
    server.holds_out("tokens", attempt).await;
}

/// Sends something that is not complete; what the server has to say until it closes.
async fn waits_for_the_end(address: &str, sent: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let reading = socket.read_to_string(&mut answer);
    let end = tokio::time::timeout(Duration::from_secs(60), reading).await;
    let _ = end.expect("the connection stays open");
    answer
}

#[tokio::test]
async fn requests_that_are_never_complete() {
    let server = Server::start("hasty");
    let address = server.address.as_str();
    let attempt = async |wave: usize| {
        // The waits of a wave are one.
        let waits = (0..50).map(|number| {
            let sent = match (wave + number) % 3 {
                0 => "",
                1 => "POST /graphql HTTP/1.1\r\nhost: x\r\nx-header: ",
                _ => "GET /graphql?query=%7Bhello%7D HTTP/1.1\r\nhost: x\r\n\r\n",
            };
            waits_for_the_end(address, sent)
        });
        for answer in futures_util::future::join_all(waits).await {
            let whole = answer.ends_with("{\"data\":{\"hello\":\"world\"}}");
            assert!(answer.is_empty() || whole, "{answer}");
        }
    };
    let before = {
        attempt(0).await;
        server.resident()
    };
    for wave in 0..proof::steps(ATTEMPTS) / 50 / 4 {
        let waves = (0..4).map(|of| attempt(4 * wave + of));
        futures_util::future::join_all(waves).await;
    }
    let growth = server.resident().saturating_sub(before);
    eprintln!(
        "half requests: {} KiB more than {} KiB",
        growth / 1024,
        before / 1024
    );
    assert!(growth < GROWTH, "{growth} bytes more");
    server.answers().await;
}

#[tokio::test]
async fn a_websocket_outlives_the_time_for_a_head() {
    let server = Server::start("hasty");
    let (_, mut socket) = server.socket(None).await.unwrap();
    // The server closes what says nothing; a ping of the client shows that this is open.
    waits_for_the_end(&server.address, "GET").await;
    socket.send(Message::Ping("a".into())).await.unwrap();
    let pong = socket.next().await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("a".into()));
}
