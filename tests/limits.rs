//! What a hub and its sockets refuse, close and count.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use async_graphql::{EmptyMutation, Object};
use graphex::prelude::*;
use graphex::{Limits, Stats};
use harness::{Server, endpoints};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i32,
    text: String,
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

const SUBSCRIBE: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";

async fn server(limits: impl FnOnce(&mut Limits)) -> Server {
    let hub = Hub::builder().model::<Note>().limits(limits).build();
    let schema = Schema::build(Query, EmptyMutation, NoteSubscription::default()).finish();
    let app = endpoints(schema, &hub).allowed_origins(["https://app.example.com"]);
    Server::start(app.into_router(), hub).await
}

fn note(id: i32, text: &str) -> Note {
    Note {
        id,
        text: text.into(),
    }
}

#[tokio::test]
async fn a_slow_reader_is_closed_with_1013_and_nobody_waits_for_it() {
    let server = server(|limits| limits.outbox_frames = 64).await;
    let mut slow = server.connect(None).await;
    let mut healthy = server.connect(None).await;
    server.done(&slow, "noteSubscription", SUBSCRIBE).await;
    server.done(&healthy, "noteSubscription", SUBSCRIBE).await;
    // One does not read while the other does, until the sockets' buffers and the outbox are full.
    let text = "x".repeat(16 * 1024);
    let mut id = 0;
    while server.hub.stats().slow_readers_closed == 0 {
        server.hub.publish(Action::Create, &note(id, &text));
        assert_eq!(healthy.json().await["payload"]["data"]["id"], id);
        id += 1;
        assert!(id < 100_000, "the slow reader is never closed");
    }
    let close = slow.closed().await;
    assert_eq!(
        (close.code, close.reason.as_str()),
        (CloseCode::Again, "reads too slowly")
    );
    server
        .until(|stats| (stats.channels, stats.subscriptions) == (1, 1))
        .await;
    server.hub.publish(Action::Create, &note(-1, ""));
    assert_eq!(healthy.json().await["payload"]["data"]["id"], -1);
    assert_eq!(server.hub.stats().slow_readers_closed, 1);
}

#[tokio::test]
async fn a_reader_that_never_takes_its_close_frame_is_dropped() {
    let server = server(|limits| {
        limits.outbox_frames = 8;
        limits.close_wait = std::time::Duration::from_millis(50);
    })
    .await;
    let stuck = server.connect(None).await;
    server.done(&stuck, "noteSubscription", SUBSCRIBE).await;
    let text = "x".repeat(64 * 1024);
    server
        .until(|stats: &Stats| {
            server.hub.publish(Action::Create, &note(1, &text));
            stats.slow_readers_closed == 1
        })
        .await;
    server.until_empty().await;
    drop(stuck);
}

#[tokio::test]
async fn a_full_publisher_queue_counts_what_it_drops() {
    let server = server(|limits| limits.publisher_queue = 10).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    // On this runtime of one thread the publisher cannot run in between.
    for id in 0..15 {
        server.hub.publish(Action::Create, &note(id, ""));
    }
    assert_eq!(server.hub.stats().changes_lost, 5);
    for id in 0..10 {
        assert_eq!(client.json().await["payload"]["data"]["id"], id);
    }
    server.hub.publish(Action::Create, &note(15, ""));
    assert_eq!(client.json().await["payload"]["data"]["id"], 15);
}

#[tokio::test]
async fn an_inbound_frame_over_the_limit_closes_with_1009() {
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    client.send(Frame::text("x".repeat(64 * 1024 + 1))).await;
    assert_eq!(client.closed().await.code, CloseCode::Size);
    server.until_empty().await;
}

#[tokio::test]
async fn a_binary_frame_closes_with_1003() {
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    client.send(Frame::binary(vec![1, 2, 3])).await;
    let close = client.closed().await;
    assert_eq!(
        (close.code, close.reason.as_str()),
        (CloseCode::Unsupported, "binary frames are not supported")
    );
    server.until_empty().await;
}

#[tokio::test]
async fn a_text_frame_is_answered_and_nothing_is_lost() {
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    for text in ["", "not JSON", "{}", "ping"] {
        client.send(Frame::text(text)).await;
        let error = &client.json().await["error"];
        assert_eq!(
            error,
            "this socket only sends; subscribe over HTTP with its channel_id"
        );
    }
    server.hub.publish(Action::Create, &note(1, ""));
    assert_eq!(client.json().await["payload"]["data"]["id"], 1);
}

#[tokio::test]
async fn a_clients_ping_is_answered_and_its_close_too() {
    use futures_util::StreamExt as _;
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    client.send(Frame::Ping("are you there".into())).await;
    let pong = harness::within(client.socket.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(pong, Frame::Pong("are you there".into()));
    client.socket.close(None).await.unwrap();
    assert!(matches!(
        harness::within(client.socket.next()).await,
        Some(Ok(Frame::Close(_)))
    ));
    server.until_empty().await;
}

#[tokio::test]
async fn a_channel_holds_so_many_subscriptions_and_no_more() {
    let server = server(|limits| limits.subscriptions_per_channel = 3).await;
    let client = server.connect(None).await;
    for id in 0..3 {
        server
            .done(
                &client,
                "noteSubscription",
                &format!("{SUBSCRIBE}, id: {id}"),
            )
            .await;
    }
    let error = server
        .refused(&client, "noteSubscription", &format!("{SUBSCRIBE}, id: 3"))
        .await;
    assert_eq!(error, "too many subscriptions: this channel may hold 3");
    // One that is there already may be changed, and one that ends makes room.
    server
        .done(
            &client,
            "noteSubscription",
            &format!("{SUBSCRIBE}, id: 2, data: [ID]"),
        )
        .await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: ALL_ACTIONS, operation: UNSUBSCRIBE, id: 0",
        )
        .await;
    server
        .done(&client, "noteSubscription", &format!("{SUBSCRIBE}, id: 3"))
        .await;
    assert_eq!(server.hub.stats().subscriptions, 3);
}

#[tokio::test]
async fn an_identity_has_so_many_channels_and_no_more() {
    let server = server(|limits| limits.channels_per_identity = 2).await;
    let first = server.connect(Some(1)).await;
    let _second = server.connect(Some(1)).await;
    let mut request = server.ws_request();
    request.headers_mut().insert("x-user", 1.into());
    assert_eq!(server.refused_upgrade(request.clone()).await, 429);
    let _other = server.connect(Some(2)).await;
    for _ in 0..3 {
        server.connect(None).await;
    }
    drop(first);
    server.until(|stats| stats.channels == 2).await;
    server.connect(Some(1)).await;
}

#[tokio::test]
async fn only_pages_of_the_same_host_or_listed_ones_connect() {
    let server = server(|_| {}).await;
    let with_origin = |origin: &str| {
        let mut request = server.ws_request();
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        request
    };
    for origin in ["https://evil.test", "null", "http://127.0.0.1:1"] {
        assert_eq!(
            server.refused_upgrade(with_origin(origin)).await,
            403,
            "{origin}"
        );
    }
    for origin in [
        "https://app.example.com",
        &format!("http://{}", server.address),
    ] {
        let connected = tokio_tungstenite::connect_async(with_origin(origin)).await;
        assert!(connected.is_ok(), "{origin}");
    }
    server.until_empty().await;
}

#[tokio::test]
async fn a_channel_that_closes_before_it_subscribes_joins_nothing() {
    let server = server(|_| {}).await;
    for _ in 0..50 {
        let client = server.connect(None).await;
        let harness::Client {
            socket,
            user,
            channel_id,
        } = client;
        let gone = harness::Client {
            socket: server.connect(None).await.socket,
            user,
            channel_id,
        };
        // Closing and subscribing race; whoever wins, nothing stays.
        let closing = tokio::spawn(async move {
            let mut socket = socket;
            let _ = socket.close(None).await;
        });
        server.control(&gone, "noteSubscription", SUBSCRIBE).await;
        closing.await.unwrap();
    }
    server.until_empty().await;
}
