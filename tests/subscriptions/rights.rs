//! The end of a right, on every transport and beside writers: after it there is no event.

use crate::crowd;
use crate::dice;
use crate::harness;
use crate::proof;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use crate::crowd::MULTIPART;
use crate::harness::{CurrentUser, Server, answer, endpoints, within};
use crate::streams::graphql_ws::Raw;
use crate::streams::sse::Body;
use crate::streams::{Gate, Note, Query, Source, Subscription};
use crate::until::until;
use async_graphql::{Data, EmptyMutation};
use axum::http::request::Parts;
use futures_util::StreamExt as _;
use graphex::prelude::*;
use graphex::{CloseReason, HubBuilder};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;

const NOTES: &str = "subscription { noteChanges { id } }";
const TOKEN: &str = "x-graphql-event-stream-token";
const OVER: &str = "the time of this login is over; connect again with a new one";

/// Who asks and for how many milliseconds more, by two headers or what a client says of itself.
fn identity(user: Option<i64>, left: Option<u64>) -> Identity {
    let Some(user) = user else {
        return Identity::anonymous();
    };
    let identity = Identity::new(format!("user:{user}"));
    match left {
        Some(left) => identity.with_expiry(SystemTime::now() + Duration::from_millis(left)),
        None => identity,
    }
}

fn header<T: std::str::FromStr>(parts: &Parts, name: &str) -> Option<T> {
    parts.headers.get(name)?.to_str().ok()?.parse().ok()
}

async fn on_connect(payload: Value, parts: Parts) -> Result<Data> {
    match payload["do"].as_str() {
        Some("refuse") => return Err("this token is too old".into()),
        Some("fail") => Err(std::io::Error::other("relation users does not exist"))?,
        _ => {}
    }
    let user = payload["user"]
        .as_i64()
        .or_else(|| header(&parts, "x-user"));
    let mut data = Data::default();
    data.insert(identity(
        user,
        payload["left"]
            .as_u64()
            .or_else(|| header(&parts, "x-left")),
    ));
    if let Some(user) = user {
        data.insert(CurrentUser(user));
    }
    Ok(data)
}

async fn start_with(change: impl FnOnce(HubBuilder) -> HubBuilder) -> Server {
    let hub = change(Hub::builder().model::<Note>()).build();
    let (source, _) = broadcast::channel(16);
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .data(Source(source))
        .data(Gate::default())
        .finish();
    let app = endpoints(schema, &hub)
        .identity(|parts| identity(header(parts, "x-user"), header(parts, "x-left")))
        .on_connect(on_connect)
        .renewal(true);
    Server::start_alone(app.into_router(), hub).await
}

async fn start() -> Server {
    start_with(|hub| hub).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    TwoChannel,
    Standard,
    Events,
    NamedEvents,
    Parts,
}

const ALL: [Transport; 5] = [
    Transport::TwoChannel,
    Transport::Standard,
    Transport::Events,
    Transport::NamedEvents,
    Transport::Parts,
];

/// A client that is subscribed to its user's notes.
enum Subscribed {
    TwoChannel(Box<harness::Client>),
    Standard(Box<Raw>),
    Stream(Transport, Body, Option<String>),
}

struct User {
    id: i64,
    left: Option<u64>,
}

impl User {
    fn request(&self, server: &Server, method: Method) -> reqwest::RequestBuilder {
        let request = server.request(method).header("x-user", self.id);
        match self.left {
            Some(left) => request.header("x-left", left),
            None => request,
        }
    }

    async fn two_channel(&self, server: &Server) -> harness::Client {
        let mut request = server.ws_request();
        request.headers_mut().insert("x-user", self.id.into());
        if let Some(left) = self.left {
            request.headers_mut().insert("x-left", left.into());
        }
        let (socket, _) = within(connect_async(request)).await.unwrap();
        let mut client = harness::Client {
            socket,
            user: Some(self.id),
            channel_id: String::new(),
        };
        let handshake = client.json().await;
        client.channel_id = handshake["channel_id"].as_str().unwrap().to_owned();
        client
    }

    async fn subscribe(&self, server: &Server, client: &harness::Client) {
        let document = format!(
            "subscription {{ noteSubscription(channelId: \"{}\", action: ALL_ACTIONS, \
             operation: SUBSCRIBE, data: [ID]) {{ ok error }} }}",
            client.channel_id
        );
        let request = self.request(server, Method::POST);
        let (_, body) = answer(request.json(&json!({ "query": document }))).await;
        assert_eq!(body["data"]["noteSubscription"]["ok"], true, "{body}");
    }

    async fn start(&self, server: &Server, token: &str, id: &str) -> u16 {
        let extensions = json!({ "operationId": id });
        let request = self.request(server, Method::POST).header(TOKEN, token);
        let request = request.json(&json!({ "query": NOTES, "extensions": extensions }));
        answer(request).await.0
    }

    /// Connects and subscribes.
    async fn open(&self, server: &Server, over: Transport) -> Subscribed {
        match over {
            Transport::TwoChannel => {
                let client = self.two_channel(server).await;
                self.subscribe(server, &client).await;
                Subscribed::TwoChannel(Box::new(client))
            }
            Transport::Standard => {
                let mut raw = server.socket().await;
                let payload = json!({ "user": self.id, "left": self.left });
                raw.send(json!({"type": "connection_init", "payload": payload}))
                    .await;
                assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
                raw.subscribe("1", NOTES).await;
                Subscribed::Standard(Box::new(raw))
            }
            Transport::Events | Transport::Parts => {
                let accept = match over {
                    Transport::Parts => MULTIPART,
                    _ => "text/event-stream",
                };
                let request = self.request(server, Method::POST).header("accept", accept);
                let body = Body::of(request.json(&json!({ "query": NOTES }))).await;
                assert_eq!(body.status(), 200);
                Subscribed::Stream(over, body, None)
            }
            Transport::NamedEvents => {
                let (status, token) = answer(self.request(server, Method::PUT)).await;
                assert_eq!(status, 201);
                let token = token.as_str().unwrap().to_owned();
                assert_eq!(self.start(server, &token, "a").await, 202);
                let request = self.request(server, Method::GET).header(TOKEN, &token);
                let body = Body::of(request.header("accept", "text/event-stream")).await;
                assert_eq!(body.status(), 200);
                Subscribed::Stream(over, body, Some(token))
            }
        }
    }
}

impl Subscribed {
    /// Reads to the end; what the client is told, after which there is nothing.
    async fn end(self) -> String {
        match self {
            Self::TwoChannel(mut client) => {
                let closed = client.closed().await;
                assert_eq!(u16::from(closed.code), 4403);
                let after = within(client.socket.next()).await;
                assert!(!matches!(after, Some(Ok(_))), "{after:?}");
                closed.reason.to_string()
            }
            Self::Standard(mut raw) => loop {
                let message = raw.receive().await;
                if message.is_close() {
                    let (code, reason) = crowd::close(message);
                    assert_eq!(code, 4403);
                    break reason;
                }
            },
            Self::Stream(Transport::Parts, mut body, _) => {
                let rest = body.rest().await;
                let (rest, end) = rest.rsplit_once("\r\n--graphql").unwrap();
                assert_eq!(end, "--\r\n");
                let (_, last) = rest.rsplit_once("\r\n\r\n").unwrap();
                reason_of(&serde_json::from_str::<Value>(last).unwrap()["errors"])
            }
            Self::Stream(over, mut body, _) => {
                let (mut before, mut last) = (None, None);
                while let Some(event) = body.event().await {
                    before = last.replace(event);
                }
                let (name, data) = last.unwrap();
                assert_eq!(name, "complete");
                let (name, error) = before.unwrap();
                assert_eq!(name, "next");
                match over {
                    Transport::NamedEvents => {
                        assert_eq!((&data["id"], &error["id"]), (&json!("a"), &json!("a")));
                        reason_of(&error["payload"]["errors"])
                    }
                    _ => reason_of(&error["errors"]),
                }
            }
        }
    }

    /// Waits for an event.
    async fn told(&mut self) {
        match self {
            Self::TwoChannel(client) => {
                client.json().await;
            }
            Self::Standard(raw) => {
                raw.next_of("1").await;
            }
            Self::Stream(Transport::Parts, body, _) => {
                while !body
                    .until("--graphql")
                    .await
                    .unwrap()
                    .contains("noteChanges")
                {}
            }
            Self::Stream(_, body, _) => assert_eq!(body.event().await.unwrap().0, "next"),
        }
    }
}

fn reason_of(errors: &Value) -> String {
    let code = errors[0]["extensions"]["code"].as_str().unwrap();
    let reason = errors[0]["message"].as_str().unwrap().to_owned();
    let expected = match reason.as_str() {
        OVER => "UNAUTHENTICATED",
        _ => "FORBIDDEN",
    };
    assert_eq!(code, expected);
    reason
}

/// Writes notes of all users until it is dropped.
struct Writer {
    ended: Arc<AtomicBool>,
    writing: JoinHandle<()>,
}

impl Writer {
    fn start(hub: &Hub, users: std::ops::Range<i64>) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (hub, is_over) = (hub.clone(), Arc::clone(&ended));
        let writing = tokio::spawn(async move {
            let mut id = 0;
            while !is_over.load(Ordering::Relaxed) {
                for owner in users.clone() {
                    id += 1;
                    let text = String::new();
                    hub.publish(Action::Update, &Note { id, owner, text });
                }
                hub.flush().await;
                tokio::task::yield_now().await;
            }
        });
        Self { ended, writing }
    }

    async fn end(self) {
        self.ended.store(true, Ordering::Relaxed);
        self.writing.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_revoked_hears_why_and_nothing_else_on_every_transport() {
    let server = start().await;
    let hub = server.hub.own.clone();
    let mut dice = dice::Dice::new();
    for run in 0..proof::steps(20) as i64 {
        let over = ALL[dice.below(ALL.len())];
        let (user, other) = (
            User {
                id: 2 * run,
                left: None,
            },
            User {
                id: 2 * run + 1,
                left: None,
            },
        );
        let writer = Writer::start(&hub, user.id..other.id + 1);
        let mut subscribed = user.open(&server, over).await;
        let mut stays = other.open(&server, over).await;
        subscribed.told().await;
        let begun = std::time::Instant::now();
        let identity = identity(Some(user.id), None);
        hub.revoke(&identity, "you are blocked").await;
        assert_eq!(subscribed.end().await, "you are blocked", "{over:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        // Nobody else is concerned.
        stays.told().await;
        writer.end().await;
    }
    assert_eq!(hub.stats().rights_ended, proof::steps(20) as u64);
}

#[tokio::test]
async fn a_revoked_identity_is_refused_until_it_is_lifted() {
    let server = start().await;
    let user = User { id: 1, left: None };
    let identity = identity(Some(1), None);
    server.hub.own.revoke(&identity, "you are blocked").await;
    let mut request = server.ws_request();
    request.headers_mut().insert("x-user", 1.into());
    let (mut socket, _) = within(connect_async(request)).await.unwrap();
    let closed = crowd::close(within(socket.next()).await.unwrap().unwrap());
    assert_eq!(closed, (4403, "you are blocked".to_owned()));
    // By what `on_connect` says.
    let mut raw = server.socket().await;
    let init = json!({"type": "connection_init", "payload": {"user": 1}});
    raw.send(init).await;
    assert_eq!(raw.closed().await, (4403, "you are blocked".to_owned()));
    for accept in ["text/event-stream", MULTIPART] {
        let request = user.request(&server, Method::POST).header("accept", accept);
        let (status, body) = answer(request.json(&json!({ "query": NOTES }))).await;
        let message = &body["errors"][0]["message"];
        assert_eq!((status, message), (403, &json!("you are blocked")));
    }
    assert_eq!(answer(user.request(&server, Method::PUT)).await.0, 403);
    server.hub.own.lift(&identity).await;
    for over in ALL {
        user.open(&server, over).await;
    }
}

#[tokio::test]
async fn a_revocation_is_over_when_its_right_would_have_been() {
    let hub = Hub::builder().build();
    let user = identity(Some(1), Some(200));
    hub.revoke(&user, "you are blocked").await;
    // Whoever connects with a newer token has a right of its own.
    let again = || hub.connect(identity(Some(1), None));
    assert!(again().is_err());
    let mut witness = hub.connect(identity(Some(2), Some(250))).unwrap();
    assert_eq!(within(witness.closed()).await, CloseReason::Expired);
    assert!(again().is_ok());
}

#[tokio::test]
async fn the_anonymous_are_revoked_by_their_address_or_all_at_once() {
    let hub = Hub::builder().build();
    let from = |address: [u8; 4]| Identity::anonymous().with_peer(address.into());
    let mut here = hub.connect(from([192, 0, 2, 1])).unwrap();
    let mut there = hub.connect(from([192, 0, 2, 2])).unwrap();
    let _named = hub.connect(Identity::new("ann")).unwrap();
    hub.revoke(&from([192, 0, 2, 1]), "too many requests").await;
    assert_eq!(within(here.closed()).await.to_string(), "too many requests");
    assert!(hub.connect(from([192, 0, 2, 1])).is_err());
    assert!(hub.connect(from([192, 0, 2, 3])).is_ok());
    hub.revoke(&Identity::anonymous(), "log in").await;
    assert_eq!(within(there.closed()).await.to_string(), "log in");
    assert!(hub.connect(from([192, 0, 2, 3])).is_err());
    assert!(hub.connect(Identity::new("ann")).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_ends_by_itself_on_every_transport() {
    let server = start().await;
    let writer = Writer::start(&server.hub.own, 0..ALL.len() as i64);
    for (id, over) in (0..).zip(ALL) {
        let user = User {
            id,
            left: Some(500),
        };
        let subscribed = user.open(&server, over).await;
        assert_eq!(subscribed.end().await, OVER, "{over:?}");
        // What has come to its end is refused.
        let late = User { id, left: Some(0) };
        assert_eq!(answer(late.request(&server, Method::PUT)).await.0, 403);
    }
    writer.end().await;
    server.until_empty().await;
}

/// A channel of somebody else, which ends at the time at which that of the other would have ended.
async fn until_over(server: &Server, left: u64) {
    let witness = identity(Some(1_000), Some(left + 50));
    let mut witness = server.hub.own.connect(witness).unwrap();
    assert_eq!(within(witness.closed()).await, CloseReason::Expired);
}

#[tokio::test]
async fn requests_renew_the_right_of_their_channel() {
    let server = start().await;
    let (short, long) = (Some(400), Some(60_000));
    let user = |left| User { id: 1, left };
    let client = user(short).two_channel(&server).await;
    user(long).subscribe(&server, &client).await;
    let mut two_channel = Subscribed::TwoChannel(Box::new(client));
    let mut single = user(short).open(&server, Transport::NamedEvents).await;
    let Subscribed::Stream(_, _, Some(token)) = &single else {
        panic!("a reserved stream has a token");
    };
    assert_eq!(user(long).start(&server, token, "b").await, 202);
    // An older end, and none, change nothing.
    for left in [Some(100), None] {
        assert_eq!(
            user(left).start(&server, token, &format!("{left:?}")).await,
            202
        );
    }
    until_over(&server, 400).await;
    write(&server);
    two_channel.told().await;
    single.told().await;
}

/// Something that the first user is told of.
fn write(server: &Server) {
    let text = String::new();
    let (id, owner) = (1, 1);
    server
        .hub
        .publish(Action::Create, &Note { id, owner, text });
}

#[tokio::test]
async fn a_ping_with_a_new_token_renews_a_right() {
    let server = start().await;
    let user = User {
        id: 1,
        left: Some(400),
    };
    let Subscribed::Standard(mut raw) = user.open(&server, Transport::Standard).await else {
        panic!("it is a socket");
    };
    let payload = json!({"user": 1, "left": 60_000});
    raw.send(json!({"type": "ping", "payload": payload})).await;
    assert_eq!(
        raw.next().await,
        json!({"type": "pong", "payload": payload})
    );
    // One without a payload is a ping.
    raw.send(json!({"type": "ping"})).await;
    assert_eq!(raw.next().await, json!({"type": "pong"}));
    until_over(&server, 400).await;
    write(&server);
    raw.next_of("1").await;
    for (payload, reason) in [
        (json!({"user": 2}), "this is the login of another client"),
        (json!({"do": "refuse"}), "this token is too old"),
        (json!({"do": "fail"}), "Forbidden"),
    ] {
        let mut raw = server.socket().await;
        let init = json!({"type": "connection_init", "payload": {"user": 1}});
        raw.send(init).await;
        assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
        raw.send(json!({"type": "ping", "payload": payload})).await;
        assert_eq!(raw.closed().await, (4403, reason.to_owned()));
    }
}

#[tokio::test]
async fn limits_count_the_identity_that_on_connect_gave() {
    let limited = |hub: HubBuilder| hub.limits(|limits| limits.channels_per_identity = 2);
    let server = start_with(limited).await;
    let init = |user: i64| json!({"type": "connection_init", "payload": {"user": user}});
    let mut open = Vec::new();
    for user in [1, 1, 2, 2] {
        let mut raw = server.socket_as(Some(9)).await;
        raw.send(init(user)).await;
        assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
        open.push(raw);
    }
    let mut third = server.socket_as(Some(9)).await;
    third.send(init(1)).await;
    let reason = "too many connections: close one of the 2 that are open".to_owned();
    assert_eq!(third.closed().await, (1013, reason));
    drop(open);
    server.until_empty().await;
}

#[tokio::test]
async fn a_recheck_ends_the_right_of_whom_it_denies() {
    let hub = Hub::builder().recheck(Duration::from_millis(20), |identity| async move {
        match identity.name() {
            Some("user:1") => Err("your account is closed".into()),
            Some("user:2") => Err(std::io::Error::other("no database"))?,
            Some("user:3") => panic!("on purpose"),
            _ => Ok(()),
        }
    });
    let hub = hub.build();
    let connect = |user| hub.connect(identity(Some(user), None)).unwrap();
    let (mut denied, others) = (connect(1), [connect(2), connect(3), connect(4)]);
    let reason = within(denied.closed()).await;
    assert_eq!(reason.to_string(), "your account is closed");
    within(until(|| hub.stats().rechecks_failed >= 2)).await;
    drop(denied);
    assert_eq!(hub.stats().channels, others.len());
    // It may come again, until it is asked about.
    assert!(hub.connect(identity(Some(1), None)).is_ok());
}
