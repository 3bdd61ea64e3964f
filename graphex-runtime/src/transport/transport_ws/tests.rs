use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{EmptyMutation, Object, Schema, Subscription};
use axum::extract::ws::Message;
use bytes::Bytes;
use futures_util::{Stream, sink, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::limits::Limits;

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

struct Root;

#[Subscription]
impl Root {
    async fn endless(&self) -> impl Stream<Item = bool> {
        stream::repeat(true)
    }
}

/// The client's end of a session whose socket is two queues.
struct Peer {
    hub: Hub,
    from_server: mpsc::Receiver<Message>,
    to_server: mpsc::Sender<Result<Message, std::io::Error>>,
    session: JoinHandle<()>,
}

fn peer(limits: impl FnOnce(&mut Limits), on_connect: Option<OnConnect>) -> Peer {
    let hub = Hub::builder().limits(limits).build();
    let (into_client, from_server) = mpsc::channel(1);
    let (to_server, from_client) = mpsc::channel(1);
    let sink = sink::unfold(into_client, |into_client: mpsc::Sender<_>, message| async {
        // A client that is gone takes everything.
        let _ = into_client.send(message).await;
        Ok::<_, Infallible>(into_client)
    });
    let stream = stream::unfold(from_client, |mut from_client: mpsc::Receiver<_>| async {
        let message = from_client.recv().await?;
        Some((message, from_client))
    });
    let (parts, ()) = ::http::Request::new(()).into_parts();
    let application = Application {
        hub: hub.clone(),
        identity: Identity::anonymous(),
        add_data: Arc::new(|_, _| {}),
        renews: false,
        on_connect,
        parts,
    };
    let schema = Schema::new(Query, EmptyMutation, Root);
    let channel = hub.connect(Identity::anonymous()).unwrap();
    let limits = hub.limits().clone();
    let session = tokio::spawn(async move {
        let stream: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(stream);
        session::run(
            schema,
            application,
            channel,
            Box::pin(sink),
            stream,
            &limits,
        )
        .await;
    });
    Peer {
        hub,
        from_server,
        to_server,
        session,
    }
}

impl Peer {
    async fn send(&self, text: &'static str) {
        self.to_server.send(Ok(Message::text(text))).await.unwrap();
    }

    /// What comes next, but for pings.
    async fn receive(&mut self) -> Option<Message> {
        loop {
            match self.from_server.recv().await {
                Some(Message::Ping(_)) => {}
                other => return other,
            }
        }
    }

    async fn text(&mut self) -> String {
        match self.receive().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("no text but {other:?}"),
        }
    }

    async fn code(&mut self) -> u16 {
        match self.receive().await {
            Some(Message::Close(Some(frame))) => frame.code,
            other => panic!("not closed but {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_connection_init_is_a_limit_and_ends_when_it_has_come() {
    for (limit, waited) in [(3, 3), (7, 7)] {
        let mut peer = peer(|limits| limits.init_wait = Duration::from_secs(limit), None);
        let start = Instant::now();
        assert_eq!(peer.code().await, 4408);
        assert_eq!(start.elapsed(), Duration::from_secs(waited));
        assert_eq!(peer.hub.stats().channels, 0);
    }
    let slow: OnConnect = Arc::new(|_, _| {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok(Data::default())
        })
    });
    let mut peer = peer(|limits| limits.ping_interval = Duration::ZERO, Some(slow));
    let start = Instant::now();
    peer.send(r#"{"type":"connection_init"}"#).await;
    assert_eq!(peer.text().await, r#"{"type":"connection_ack"}"#);
    assert_eq!(start.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_a_silent_peer_stays() {
    let off = |limits: &mut Limits| {
        limits.init_wait = Duration::ZERO;
        limits.ping_interval = Duration::ZERO;
    };
    let mut peer = peer(off, None);
    let day = Duration::from_secs(86_400);
    let waited = tokio::time::timeout(day, peer.from_server.recv()).await;
    assert!(waited.is_err());
    assert_eq!(peer.hub.stats().channels, 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_misses_two_pings_is_dropped_with_its_operations() {
    let mut peer = peer(|_| {}, None);
    let start = Instant::now();
    peer.send(r#"{"type":"connection_init"}"#).await;
    peer.text().await;
    for _ in 0..2 {
        let ping = peer.from_server.recv().await;
        assert_eq!(ping, Some(Message::Ping(Bytes::new())));
    }
    assert_eq!(peer.from_server.recv().await, None);
    assert_eq!(start.elapsed(), Duration::from_secs(45));
    peer.session.await.unwrap();
    assert_eq!(peer.hub.stats().channels, 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_dropped() {
    let mut peer = peer(|_| {}, None);
    peer.send(r#"{"type":"connection_init"}"#).await;
    peer.text().await;
    let start = Instant::now();
    peer.send(r#"{"type":"subscribe","id":"1","payload":{"query":"subscription { endless }"}}"#)
        .await;
    peer.session.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(45));
    assert_eq!(peer.hub.stats().channels, 0);
    drop(peer.from_server);
}

#[tokio::test(start_paused = true)]
async fn an_endless_stream_leaves_pings_and_the_client_their_turn() {
    let mut peer = peer(|_| {}, None);
    peer.send(r#"{"type":"connection_init"}"#).await;
    peer.text().await;
    peer.send(r#"{"type":"subscribe","id":"1","payload":{"query":"subscription { endless }"}}"#)
        .await;
    for _ in 0..1_000 {
        assert!(peer.text().await.contains("next"));
    }
    peer.send(r#"{"type":"complete","id":"1"}"#).await;
    peer.send(r#"{"type":"ping"}"#).await;
    while peer.text().await != r#"{"type":"pong"}"# {}
    peer.to_server.send(Ok(Message::Close(None))).await.unwrap();
    assert_eq!(peer.receive().await, None);
    peer.session.await.unwrap();
}
