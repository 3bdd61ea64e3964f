//! The end of a process: readiness, new channels and open ones, over real sockets.

#![cfg(feature = "axum")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowd;
mod harness;
mod proof;
mod streams;
mod until;

use std::time::{Duration, Instant};

use async_graphql::EmptyMutation;
use axum::Router;
use crowd::{Crowd, MULTIPART, close};
use futures_util::StreamExt as _;
use graphex::prelude::*;
use harness::{Client, Server, endpoints, within};
use serde_json::json;
use streams::sse::Body;
use streams::{Gate, Note, Query, Source, Subscription};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio_tungstenite::connect_async;
use until::until;

const NOTES: &str = "subscription { noteChanges { id data { text } } }";

fn hub() -> Hub {
    Hub::builder()
        .model::<Note>()
        .limits(|limits| limits.channels_per_identity = 20_000)
        .build()
}

fn app(hub: &Hub) -> Router {
    let (source, _) = broadcast::channel(16);
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .data(Source(source))
        .data(Gate::default())
        .finish();
    endpoints(schema, hub).health(true).into_router()
}

/// Serves as the documentation says; the task ends when graceful shutdown has.
async fn serve(hub: &Hub) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = axum::serve(listener, app(hub)).with_graceful_shutdown(hub.drained());
    let server = tokio::spawn(async move { server.await.unwrap() });
    (address, server)
}

async fn status(address: &str, path: &str) -> u16 {
    let answer = reqwest::get(format!("http://{address}{path}")).await;
    answer.unwrap().status().as_u16()
}

/// A client of the two-channel protocol that hears of new notes.
async fn subscribed(server: &Server) -> Client {
    let client = server.connect(Some(1)).await;
    let arguments = "action: CREATE, operation: SUBSCRIBE";
    server.done(&client, "noteSubscription", arguments).await;
    client
}

#[tokio::test]
async fn a_hub_that_drains_is_not_ready_and_takes_no_new_channels() {
    let hub = hub();
    let server = Server::start_alone(app(&hub), hub.clone()).await;
    let address = server.address.to_string();
    assert_eq!(status(&address, "/health/ready").await, 200);
    let mut client = subscribed(&server).await;
    let draining = tokio::spawn({
        let hub = hub.clone();
        async move { hub.drain(Duration::from_secs(3600)).await }
    });
    let closed = client.closed().await;
    assert_eq!(u16::from(closed.code), 1001);
    assert_eq!(closed.reason, "this server is going away");

    assert_eq!(status(&address, "/health/ready").await, 503);
    assert_eq!(status(&address, "/health/live").await, 200);
    // Both WebSockets tell a browser why.
    let request = server.ws_request();
    let (mut socket, _) = within(connect_async(request)).await.unwrap();
    let closed = within(socket.next()).await.unwrap().unwrap();
    assert_eq!(
        close(closed),
        (1012, "this server is going away".to_owned())
    );
    let mut raw = server.socket().await;
    let expected = (1012, "this server is going away".to_owned());
    assert_eq!(raw.closed().await, expected);
    // Streams and reservations are HTTP.
    for accept in ["text/event-stream", MULTIPART] {
        let request = server.ask_for(accept, NOTES).header("x-user", 1);
        let (status, body) = harness::answer(request).await;
        let message = json!("this server is going away; connect again");
        assert_eq!((status, &body["errors"][0]["message"]), (503, &message));
    }
    let reserve = server.request(reqwest::Method::PUT);
    assert_eq!(harness::answer(reserve).await.0, 503);
    // What is no channel is served to the end.
    let (status, body) = server.post(Some(1), json!({"query": "{ hello }"})).await;
    assert_eq!((status, &body["data"]["hello"]), (200, &json!("world")));
    draining.abort();
}

/// What is on its way comes before the close.
#[tokio::test]
async fn a_client_gets_what_was_written_before_it_is_sent_away() {
    let hub = hub();
    let server = Server::start_alone(app(&hub), hub.clone()).await;
    let mut client = subscribed(&server).await;
    let count = 500;
    for id in 0..count {
        let text = "hi".to_owned();
        hub.publish(Action::Create, &Note { id, owner: 1, text });
    }
    hub.flush().await;
    hub.drain(Duration::ZERO).await;
    for id in 0..count {
        assert_eq!(client.json().await["payload"]["data"]["id"], id);
    }
    assert_eq!(u16::from(client.closed().await.code), 1001);
}

/// Subscribes, and never reads; what is written to it fills all buffers.
async fn who_does_not_read(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = json!({ "query": NOTES }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\nx-user: 7\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 17];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK\r\n");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_clients_are_sent_away_evenly_inside_the_window() {
    let (sockets, streams) = (proof::steps(400), proof::steps(40));
    let window = Duration::from_secs(10).min(Duration::from_millis(sockets as u64 * 5));
    let hub = hub();
    let (address, server) = serve(&hub).await;
    let crowd = Crowd::connect(&address, sockets, streams).await;
    let stuck = who_does_not_read(&address).await;
    let open = sockets + streams + 1;
    within(until(|| {
        hub.stats().subscriptions > streams && hub.stats().channels >= open
    }))
    .await;
    // More than the buffers of two sockets take.
    let text = "x".repeat(1_000_000);
    for id in 0..16 {
        let text = text.clone();
        hub.publish(Action::Create, &Note { id, owner: 7, text });
    }
    hub.flush().await;

    let begun = Instant::now();
    let ending = async {
        hub.drain(window).await;
        // Of the stuck one nobody knows whether it has got everything; all others have.
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let abort = server.abort_handle();
    tokio::select! {
        ended = server => ended.unwrap(),
        () = ending => abort.abort(),
    }
    let grace = hub.limits().close_wait + Duration::from_secs(2);
    assert!(begun.elapsed() < window + grace, "{:?}", begun.elapsed());
    assert_eq!(hub.stats().channels, 0);
    drop(stuck);

    crowd.was_sent_away_evenly(begun, window).await;
}

#[tokio::test]
async fn axum_ends_in_time_when_its_streams_have_been_ended() {
    let hub = hub();
    let (address, server) = serve(&hub).await;
    let request = |accept: &str| {
        let request = reqwest::Client::new().post(format!("http://{address}/graphql"));
        let request = request.header("accept", accept).header("x-user", 1);
        request.json(&json!({ "query": NOTES }))
    };
    let mut events = Body::of(request("text/event-stream")).await;
    let mut parts = Body::of(request(MULTIPART)).await;
    hub.drain(Duration::from_millis(100)).await;
    within(server).await.unwrap();
    assert!(!events.rest().await.contains("event"));
    let rest = parts.rest().await;
    assert!(
        rest.contains("this server is going away; connect again"),
        "{rest}"
    );
    assert!(rest.ends_with("--graphql--\r\n"), "{rest}");
}
