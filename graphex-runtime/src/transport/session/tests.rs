use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{sink, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use super::*;
use crate::hub::{Hub, Identity};

/// The client's end of a session whose socket is two queues.
struct Peer {
    hub: Hub,
    from_server: mpsc::Receiver<Message>,
    to_server: mpsc::Sender<Result<Message, std::io::Error>>,
    session: JoinHandle<()>,
}

fn peer(limits: impl FnOnce(&mut Limits)) -> Peer {
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
    let channel = hub.connect(Identity::anonymous()).unwrap();
    let limits = hub.limits().clone();
    let session = tokio::spawn(async move {
        let stream: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(stream);
        run(channel, Box::pin(sink), stream, &limits).await;
    });
    Peer {
        hub,
        from_server,
        to_server,
        session,
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_stays() {
    let mut peer = peer(|_| {});
    let start = Instant::now();
    assert!(matches!(
        peer.from_server.recv().await,
        Some(Message::Text(_))
    ));
    for _ in 0..100 {
        assert_eq!(
            peer.from_server.recv().await,
            Some(Message::Ping(Bytes::new()))
        );
        peer.to_server
            .send(Ok(Message::Pong(Bytes::new())))
            .await
            .unwrap();
    }
    assert_eq!(start.elapsed(), Duration::from_secs(1500));
    assert_eq!(peer.hub.stats().channels, 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_misses_two_pings_is_dropped() {
    let mut peer = peer(|_| {});
    let start = Instant::now();
    peer.from_server.recv().await;
    for _ in 0..2 {
        assert_eq!(
            peer.from_server.recv().await,
            Some(Message::Ping(Bytes::new()))
        );
    }
    assert_eq!(peer.from_server.recv().await, None);
    assert_eq!(start.elapsed(), Duration::from_secs(45));
    peer.session.await.unwrap();
    assert_eq!(peer.hub.stats().channels, 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_is_dropped() {
    let peer = peer(|_| {});
    // The handshake fills the queue; the first ping does not fit.
    let start = Instant::now();
    peer.session.await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(15 + 45));
    assert_eq!(peer.hub.stats().channels, 0);
    drop(peer.from_server);
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_waits_for_its_answer_but_not_for_ever() {
    for answered in [true, false] {
        let mut peer = peer(|_| {});
        peer.from_server.recv().await;
        peer.to_server
            .send(Ok(Message::Binary(Bytes::new())))
            .await
            .unwrap();
        let Some(Message::Close(Some(frame))) = peer.from_server.recv().await else {
            panic!("not closed");
        };
        assert_eq!(frame.code, close_code::UNSUPPORTED);
        assert_eq!(peer.hub.stats().channels, 0);
        let start = Instant::now();
        if answered {
            advance(Duration::from_secs(1)).await;
            peer.to_server.send(Ok(Message::Close(None))).await.unwrap();
        }
        peer.session.await.unwrap();
        assert_eq!(
            start.elapsed(),
            Duration::from_secs(if answered { 1 } else { 5 })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_ends_the_session() {
    let mut peer = peer(|_| {});
    peer.from_server.recv().await;
    let error = std::io::Error::other("connection reset");
    peer.to_server.send(Err(error)).await.unwrap();
    peer.session.await.unwrap();
    assert_eq!(peer.hub.stats().channels, 0);
}
