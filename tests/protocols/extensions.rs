//! An extension of the schema that has a say in what a subscription streams is obeyed over every
//! transport, as under the schema's own `execute_stream`; one that has none costs nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::harness::{CurrentUser, Server, endpoints, within};
use crate::streams::graphql_ws::Raw;
use crate::streams::sse::Body;
use crate::streams::{Note, NoteChanges, Query, Streams};
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextSubscribe};
use async_graphql::{EmptyMutation, Response, Value as GraphqlValue};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use graphex::prelude::*;
use serde_json::{Value, json};
use tokio::sync::Notify;

const NOTES: &str = "subscription { noteChanges { id data { text } } }";
const MULTIPART: &str = "multipart/mixed;subscriptionSpec=1.0,application/json";
const OWNER: i64 = 1;

/// What an extension does with a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    /// Hands it on.
    Nothing,
    /// Ends it after two events.
    Ends,
    /// Takes the texts out.
    Redacts,
    /// Counts events, and streams while they are there.
    Counts,
}

/// What it saw.
#[derive(Debug, Default)]
struct Seen {
    events: AtomicI64,
    streams: AtomicI64,
    /// The user of the last subscription, or none.
    user: AtomicI64,
    ended: Notify,
}

#[derive(Clone)]
struct Wrapping {
    does: Does,
    seen: Arc<Seen>,
}

/// A stream is there.
struct There(Arc<Seen>);

impl Drop for There {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.notify_one();
    }
}

impl ExtensionFactory for Wrapping {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

impl Extension for Wrapping {
    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        let user = ctx.data_opt::<CurrentUser>().map_or(0, |user| user.0);
        // The hub is there over every transport too.
        assert!(ctx.data_opt::<Hub>().is_some());
        self.seen.user.store(user, Ordering::SeqCst);
        let stream = next.run(ctx, stream);
        match self.does {
            Does::Nothing => stream,
            Does::Ends => stream.take(2).boxed(),
            Does::Redacts => stream.map(redacted).boxed(),
            Does::Counts => {
                let seen = Arc::clone(&self.seen);
                seen.streams.fetch_add(1, Ordering::SeqCst);
                let there = There(Arc::clone(&seen));
                let counted = stream.inspect(move |_| {
                    let _there = &there;
                    seen.events.fetch_add(1, Ordering::SeqCst);
                });
                counted.boxed()
            }
        }
    }
}

fn redacted(mut response: Response) -> Response {
    fn redact(value: &mut GraphqlValue) {
        if let GraphqlValue::Object(object) = value {
            for (name, value) in object {
                match name.as_str() {
                    "text" => *value = "***".into(),
                    _ => redact(value),
                }
            }
        }
    }
    redact(&mut response.data);
    response
}

#[derive(MergedSubscription, Default)]
struct Subscription(NoteChanges, Streams);

type Notes = Schema<Query, EmptyMutation, Subscription>;

struct Site {
    hub: Hub,
    server: Server,
    schema: Notes,
    seen: Arc<Seen>,
}

async fn site(does: Does) -> Site {
    let hub = Hub::builder().model::<Note>().build();
    let seen = Arc::<Seen>::default();
    let extension = Wrapping {
        does,
        seen: Arc::clone(&seen),
    };
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .extension(extension)
        .finish();
    let app = endpoints(schema.clone(), &hub).into_router();
    let server = Server::start_alone(app, hub.clone()).await;
    Site {
        hub,
        server,
        schema,
        seen,
    }
}

impl Site {
    fn change(&self, id: i32) {
        let (owner, text) = (OWNER, format!("secret {id}"));
        self.server
            .hub
            .publish(Action::Update, &Note { id, owner, text });
    }

    async fn joined(&self, count: usize) {
        self.server
            .until(|stats| stats.subscriptions == count)
            .await;
    }
}

/// A subscription, as a client has it.
enum Client {
    GraphqlWs(Raw),
    Sse(Body),
    /// GraphQL over SSE's single-connection mode.
    Single(Body),
    Multipart(Body),
    /// No transport of graphex.
    Executor(BoxStream<'static, Response>),
}

const TRANSPORTS: [&str; 5] = ["executor", "graphql-ws", "sse", "single", "multipart"];

impl Client {
    async fn of(site: &Site, transport: &str) -> Self {
        let server = &site.server;
        match transport {
            "graphql-ws" => {
                let mut raw = server.acknowledged_as(Some(OWNER)).await;
                raw.subscribe("a", NOTES).await;
                Self::GraphqlWs(raw)
            }
            "sse" => Self::Sse(server.events_as(OWNER, NOTES).await),
            "single" => {
                let reserving = server.request(reqwest::Method::PUT).header("x-user", OWNER);
                let token = within(reserving.send()).await.unwrap();
                let token = within(token.text()).await.unwrap();
                let request = |method| {
                    let request = server.request(method).header("x-user", OWNER);
                    request.header("x-graphql-event-stream-token", &token)
                };
                let listening = request(reqwest::Method::GET).header("accept", "text/event-stream");
                let body = Body::of(listening).await;
                let asked = json!({"query": NOTES, "extensions": {"operationId": "a"}});
                let asking = request(reqwest::Method::POST).json(&asked);
                let answer = within(asking.send()).await.unwrap();
                assert_eq!(answer.status(), 202);
                Self::Single(body)
            }
            "multipart" => {
                let request = server.ask_for(MULTIPART, NOTES).header("x-user", OWNER);
                let mut body = Body::of(request).await;
                assert_eq!(body.until("\r\n--graphql").await.unwrap(), "");
                Self::Multipart(body)
            }
            _ => {
                let mut session = async_graphql::Data::default();
                session.insert(CurrentUser(OWNER));
                session.insert(Identity::new("user:1"));
                let session = Arc::new(session);
                let stream = site.schema.execute_stream_with_session_data(NOTES, session);
                let mut stream = stream.peekable();
                // It subscribes when it is asked first.
                assert!(futures_util::poll!(std::pin::Pin::new(&mut stream).peek()).is_pending());
                Self::Executor(stream.boxed())
            }
        }
    }

    /// The next event's data; none at the end.
    async fn next(&mut self) -> Option<Value> {
        let mut result = match self {
            Self::GraphqlWs(raw) => {
                let mut message = raw.next().await;
                if message["type"] == "complete" {
                    return None;
                }
                assert_eq!(message["type"], "next", "{message}");
                message["payload"].take()
            }
            Self::Sse(body) => match body.event().await? {
                (name, _) if name == "complete" => return None,
                (_, result) => result,
            },
            Self::Single(body) => match body.event().await? {
                (name, _) if name == "complete" => return None,
                (_, mut named) => named["payload"].take(),
            },
            Self::Multipart(body) => loop {
                let part = body.until("\r\n--graphql").await?;
                let (_, part) = part.split_once("\r\n\r\n").unwrap();
                let mut part: Value = serde_json::from_str(part).unwrap();
                if part != json!({}) {
                    break part["payload"].take();
                }
            },
            Self::Executor(stream) => {
                let response = within(stream.next()).await?;
                serde_json::to_value(response).unwrap()
            }
        };
        assert_eq!(result.get("errors"), None, "{result}");
        Some(result["data"]["noteChanges"].take())
    }
}

fn event(id: i32, text: &str) -> Option<Value> {
    Some(json!({"id": id.to_string(), "data": {"text": text}}))
}

const GOING_AWAY: &str = "this server is going away; connect again";

impl Client {
    /// Waits until it is told that the server goes away, as its protocol says it.
    async fn is_sent_away(&mut self) {
        match self {
            Self::GraphqlWs(raw) => assert_eq!(raw.closed().await.0, 1001),
            // Without `complete`, so that it comes again.
            Self::Sse(body) | Self::Single(body) => assert_eq!(body.event().await, None),
            Self::Multipart(body) => {
                let rest = body.rest().await;
                assert!(rest.contains(GOING_AWAY), "{rest}");
                assert!(rest.ends_with("--graphql--\r\n"), "{rest}");
            }
            Self::Executor(stream) => {
                let last = within(stream.next()).await.unwrap();
                assert_eq!(last.errors[0].message, GOING_AWAY);
                assert!(within(stream.next()).await.is_none());
            }
        }
    }
}

#[tokio::test]
async fn one_that_ends_streams_ends_them() {
    for transport in TRANSPORTS {
        let site = site(Does::Ends).await;
        let mut client = Client::of(&site, transport).await;
        site.joined(1).await;
        (1..=3).for_each(|id| site.change(id));
        for id in 1..=2 {
            let expected = event(id, &format!("secret {id}"));
            assert_eq!(client.next().await, expected, "{transport}");
        }
        assert_eq!(client.next().await, None, "{transport}");
        // It has left, although the connection may go on.
        if transport != "executor" {
            site.joined(0).await;
        }
        drop(client);
        site.server.until_empty().await;
    }
}

#[tokio::test]
async fn one_that_redacts_is_seen_through_by_nobody() {
    for transport in TRANSPORTS {
        let site = site(Does::Redacts).await;
        let mut client = Client::of(&site, transport).await;
        site.joined(1).await;
        for id in 1..=5 {
            site.change(id);
            assert_eq!(client.next().await, event(id, "***"), "{transport}");
        }
        // As one burst.
        (6..=30).for_each(|id| site.change(id));
        for id in 6..=30 {
            assert_eq!(client.next().await, event(id, "***"), "{transport}");
        }
        drop(client);
        site.server.until_empty().await;
    }
}

#[tokio::test]
async fn one_that_counts_counts_what_clients_got() {
    for transport in TRANSPORTS {
        let site = site(Does::Counts).await;
        let mut client = Client::of(&site, transport).await;
        site.joined(1).await;
        assert_eq!(site.seen.streams.load(Ordering::SeqCst), 1, "{transport}");
        for id in 1..=7 {
            site.change(id);
            let expected = event(id, &format!("secret {id}"));
            assert_eq!(client.next().await, expected, "{transport}");
        }
        assert_eq!(site.seen.events.load(Ordering::SeqCst), 7, "{transport}");
        drop(client);
        within(site.seen.ended.notified()).await;
        assert_eq!(site.seen.streams.load(Ordering::SeqCst), 0, "{transport}");
        site.server.until_empty().await;
    }
}

/// The hook sees who subscribes, over each transport.
#[tokio::test]
async fn its_context_is_the_same_over_every_transport() {
    for transport in TRANSPORTS {
        let site = site(Does::Nothing).await;
        let client = Client::of(&site, transport).await;
        site.joined(1).await;
        let user = site.seen.user.load(Ordering::SeqCst);
        assert_eq!(user, OWNER, "{transport}");
        drop(client);
    }
}

#[tokio::test]
async fn who_has_none_shares_and_who_has_one_does_not() {
    for (does, transport) in [Does::Nothing, Does::Counts].into_iter().flat_map(|does| {
        TRANSPORTS[1..]
            .iter()
            .map(move |transport| (does, *transport))
    }) {
        let site = site(does).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(Client::of(&site, transport).await);
        }
        site.joined(3).await;
        let stats = site.server.hub.stats();
        let unshared = if does == Does::Counts { 3 } else { 0 };
        // One plan for each action, and no more clients than there are.
        let expected = (3, 3, unshared);
        let got = (stats.channels, stats.plans, stats.unshared);
        assert_eq!(got, expected, "{does:?} {transport}");
        site.change(1);
        for client in &mut clients {
            assert_eq!(client.next().await, event(1, "secret 1"));
        }
        let handed = site.seen.events.load(Ordering::SeqCst);
        assert_eq!(handed, unshared as i64, "{transport}");
        drop(clients);
        site.server.until_empty().await;
    }
}

/// Who may no longer be connected is told so by the transport, not by an event of the stream; nothing
/// that waited comes after it.
#[tokio::test]
async fn the_end_of_a_right_and_of_the_process_are_as_without_one() {
    let site = site(Does::Redacts).await;
    let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
    raw.subscribe("a", NOTES).await;
    raw.subscribe("b", NOTES).await;
    site.joined(2).await;
    let user = Identity::new("user:1");
    site.hub.revoke(&user, "you are out").await;
    assert_eq!(raw.closed().await, (4403, "you are out".to_owned()));
    site.server.until_empty().await;
    assert_eq!(site.server.hub.stats().rights_ended, 1);
    site.hub.lift(&user).await;

    let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
    raw.subscribe("a", NOTES).await;
    let mut events = site.server.events_as(OWNER, NOTES).await;
    site.joined(2).await;
    let hub = site.hub.clone();
    let drained = tokio::spawn(async move {
        hub.drain(Duration::from_millis(50)).await;
    });
    assert_eq!(raw.closed().await.0, 1001);
    // The stream ends without `complete`, so that its client comes again.
    assert_eq!(events.event().await, None);
    within(drained).await.unwrap();
    site.server.until_empty().await;
}

/// What waits for them passes the extension, and then they end.
#[tokio::test]
async fn who_has_one_is_sent_away_as_all_others_are() {
    const CHANGES: i32 = 40;
    for transport in TRANSPORTS {
        let site = site(Does::Counts).await;
        let mut client = Client::of(&site, transport).await;
        site.joined(1).await;
        (1..=CHANGES).for_each(|id| site.change(id));
        site.hub.flush().await;
        let hub = site.hub.clone();
        let draining = tokio::spawn(async move { hub.drain(Duration::ZERO).await });
        for id in 1..=CHANGES {
            let expected = event(id, &format!("secret {id}"));
            assert_eq!(client.next().await, expected, "{transport}");
        }
        client.is_sent_away().await;
        let counted = site.seen.events.load(Ordering::SeqCst);
        // Under a foreign executor the end is an event too.
        let last = i64::from(transport == "executor");
        assert_eq!(counted, i64::from(CHANGES) + last, "{transport}");
        if ["executor", "graphql-ws"].contains(&transport) {
            // It is the client that holds the stream, or answers the close.
            drop(client);
        }
        within(site.seen.ended.notified()).await;
        within(draining).await.unwrap();
        site.server.until_empty().await;
    }
}
