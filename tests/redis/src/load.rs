//! 500 changes a second to 200 subscribers over real sockets, each of which checks what it sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use graphex::{Action, Identity};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::{EVERYTHING, Node, Serving, within};

const SOCKETS: usize = 200;

/// Changes go to one room after the other.
const ROOMS: i64 = 10;

/// Every so many-th subscriber follows all rooms, on the coarse topic; the others one.
const FOLLOW_ALL: usize = 20;

/// 500 changes a second.
const PERIOD: Duration = Duration::from_millis(2);

/// Such tests load the machine: one at a time.
pub static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What a subscriber has seen.
struct Seen {
    /// The last change, or the one before the first that it can see.
    last: AtomicI64,
    resyncs: AtomicUsize,
}

impl Seen {
    /// Nothing yet. Changes count from 1, and the first of a room is its number, or `ROOMS`.
    fn of(room: Option<i64>) -> Self {
        let before = match room {
            Some(room @ 1..) => room - ROOMS,
            _ => 0,
        };
        Self {
            last: AtomicI64::new(before),
            resyncs: AtomicUsize::new(0),
        }
    }
}

/// Subscribers over real sockets, and a writer.
pub struct Load {
    seen: Vec<Arc<Seen>>,
    /// Told whenever a subscriber has seen something.
    news: Arc<Notify>,
    /// The last change that was written.
    pub written: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
    subscribers: JoinSet<()>,
    writing: JoinHandle<()>,
    _serving: Serving,
}

impl Load {
    /// The sockets are those of `listener`; `writer` writes, and answers the clients' requests.
    pub async fn start(writer: &Node, listener: &Node) -> Self {
        writer.ready().await;
        listener.ready().await;
        let (address, serving) = listener.serve().await;
        let mut load = Self {
            seen: Vec::new(),
            news: Arc::default(),
            written: Arc::default(),
            stop: Arc::default(),
            subscribers: JoinSet::new(),
            writing: tokio::spawn(async {}),
            _serving: serving,
        };
        for number in 0..SOCKETS {
            let room = i64::try_from(number).unwrap() % ROOMS;
            let room = (number % FOLLOW_ALL != 0).then_some(room);
            let url = format!("ws://{address}/ws/");
            let (mut socket, _) = within(tokio_tungstenite::connect_async(url)).await.unwrap();
            let handshake = within(socket.next()).await.unwrap().unwrap();
            let handshake: Value = serde_json::from_str(handshake.to_text().unwrap()).unwrap();
            let channel = handshake["channel_id"].as_str().unwrap();
            let anonymous = Identity::anonymous();
            let answer = writer.ask_for(channel, anonymous, room, EVERYTHING).await;
            assert_eq!(answer["ok"], true, "{answer}");
            let seen = Arc::new(Seen::of(room));
            load.seen.push(Arc::clone(&seen));
            let step = if room.is_some() { ROOMS } else { 1 };
            let news = Arc::clone(&load.news);
            load.subscribers.spawn(watch(socket, seen, step, news));
        }
        let (written, stop) = (Arc::clone(&load.written), Arc::clone(&load.stop));
        load.writing = tokio::spawn(write(writer.clone(), written, stop));
        load
    }

    /// Waits until it holds for every subscriber.
    async fn until(&mut self, holds: impl Fn(&Seen) -> bool) {
        within(async {
            loop {
                if self.seen.iter().all(|seen| holds(seen)) {
                    return;
                }
                tokio::select! {
                    () = self.news.notified() => {}
                    Some(ended) = self.subscribers.join_next() => ended.unwrap(),
                }
            }
        })
        .await;
    }

    /// Waits until every subscriber sees what is written from now on.
    pub async fn until_it_flows(&mut self) {
        let from = self.written.load(Ordering::SeqCst);
        self.until(|seen| seen.last.load(Ordering::SeqCst) > from)
            .await;
    }

    /// Ends the writing; everybody has seen the last change, and has been told so often.
    pub async fn finish(mut self, resyncs: usize) {
        self.stop.store(true, Ordering::SeqCst);
        within(&mut self.writing).await.unwrap();
        let written = Arc::clone(&self.written);
        self.until(|seen| {
            seen.last.load(Ordering::SeqCst) > written.load(Ordering::SeqCst) - ROOMS
        })
        .await;
        for seen in &self.seen {
            assert_eq!(seen.resyncs.load(Ordering::SeqCst), resyncs);
        }
        assert_eq!(self.subscribers.len(), SOCKETS);
    }
}

/// Checks what a subscriber sees, who sees every so many-th change.
async fn watch(
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    seen: Arc<Seen>,
    step: i64,
    news: Arc<Notify>,
) {
    let mut may_have_missed = false;
    loop {
        let frame = match socket.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_))) => continue,
            end => panic!("the socket did not stay open: {end:?}"),
        };
        let last = seen.last.load(Ordering::SeqCst);
        if frame.contains("resync") {
            assert!(!may_have_missed, "told twice after {last}");
            may_have_missed = true;
            seen.resyncs.fetch_add(1, Ordering::SeqCst);
        } else {
            // Parsing 10,000 frames a second would be most of the load.
            let id = frame.split("{\"id\":").nth(1).unwrap();
            let id = id.split(',').next().unwrap().parse().unwrap();
            assert!(id > last, "{id} came again or late, after {last}");
            assert!(
                id == last + step || may_have_missed,
                "{last} and then {id}, unsaid"
            );
            may_have_missed = false;
            seen.last.store(id, Ordering::SeqCst);
        }
        news.notify_one();
    }
}

async fn write(node: Node, written: Arc<AtomicI64>, stop: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(PERIOD);
    while !stop.load(Ordering::SeqCst) {
        ticks.tick().await;
        let before = Instant::now();
        let id = written.load(Ordering::SeqCst) + 1;
        node.publish(Action::Create, id, id % ROOMS);
        assert!(
            before.elapsed() < Duration::from_millis(500),
            "a writer was blocked"
        );
        written.store(id, Ordering::SeqCst);
    }
}
