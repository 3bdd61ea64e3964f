//! Redis killed, cut off and back, under load: sockets stay open, every subscriber either sees
//! every change or is told that it may not have, and nobody sees one twice.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use graphex::{Action, HubBuilder, Identity};
use graphex_redis_tests::{EVERYTHING, Node, Proxy, Server, prefix, within};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio_tungstenite::tungstenite::Message;

const SOCKETS: usize = 200;

/// Changes go to one room after the other.
const ROOMS: i64 = 10;

/// Every so many-th subscriber follows all rooms, on the coarse topic; the others one.
const FOLLOW_ALL: usize = 20;

const ROUNDS: usize = 10;

/// 500 changes a second.
const PERIOD: Duration = Duration::from_millis(2);

/// Time in which delivery flows again when Redis is back.
const BACK: Duration = Duration::from_secs(2);

const PROBE: Duration = Duration::from_millis(500);

fn limits(builder: HubBuilder) -> HubBuilder {
    builder.limits(|limits| limits.probe_interval = PROBE)
}

/// What has no signal is looked at again after this.
async fn tick() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

/// These tests load the machine: one at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// What a subscriber has seen.
#[derive(Default)]
struct Seen {
    /// The last change, or the one before the first that it can see.
    last: AtomicI64,
    resyncs: AtomicUsize,
}

/// Subscribers over real sockets, and a writer.
struct Load {
    seen: Vec<Arc<Seen>>,
    /// Told whenever a subscriber has seen something.
    news: Arc<Notify>,
    /// The last change that was written.
    written: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
    subscribers: JoinSet<()>,
    _serving: AbortHandle,
}

impl Load {
    /// The sockets are those of `listener`; `writer` writes, and answers the clients' requests.
    async fn start(writer: &Node, listener: &Node) -> Self {
        within(async {
            while !(writer.hub.ready() && listener.hub.ready()) {
                tick().await;
            }
        })
        .await;
        let app = graphex::axum::router(listener.schema.clone(), listener.hub.clone());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(tcp, app).await.unwrap() });
        let mut load = Self {
            seen: Vec::new(),
            news: Arc::default(),
            written: Arc::default(),
            stop: Arc::default(),
            subscribers: JoinSet::new(),
            _serving: serving.abort_handle(),
        };
        for number in 0..SOCKETS {
            let room = i64::try_from(number).unwrap() % ROOMS;
            let room = (number % FOLLOW_ALL != 0).then_some(room);
            let step = if room.is_some() { ROOMS } else { 1 };
            let url = format!("ws://{address}/ws/");
            let (mut socket, _) = within(tokio_tungstenite::connect_async(url)).await.unwrap();
            let handshake = within(socket.next()).await.unwrap().unwrap();
            let handshake: Value = serde_json::from_str(handshake.to_text().unwrap()).unwrap();
            let channel = handshake["channel_id"].as_str().unwrap();
            let anonymous = Identity::anonymous();
            let answer = writer.ask_for(channel, anonymous, room, EVERYTHING).await;
            assert_eq!(answer["ok"], true, "{answer}");
            let (seen, news) = (Arc::<Seen>::default(), Arc::clone(&load.news));
            // Changes count from 1, and the first of a room is its number, or `ROOMS`.
            let before = match room {
                Some(room @ 1..) => room - ROOMS,
                _ => 0,
            };
            seen.last.store(before, Ordering::SeqCst);
            load.seen.push(Arc::clone(&seen));
            load.subscribers.spawn(async move {
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
                        // Parsing 100,000 frames a second would be most of the load.
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
            });
        }
        let (hub, written, stop) = (writer.clone(), load.written.clone(), load.stop.clone());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(PERIOD);
            while !stop.load(Ordering::SeqCst) {
                ticks.tick().await;
                let before = Instant::now();
                let id = written.load(Ordering::SeqCst) + 1;
                hub.publish(Action::Create, id, id % ROOMS);
                assert!(
                    before.elapsed() < Duration::from_millis(500),
                    "a writer was blocked"
                );
                written.store(id, Ordering::SeqCst);
            }
        });
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
    async fn until_it_flows(&mut self) {
        let from = self.written.load(Ordering::SeqCst);
        self.until(|seen| seen.last.load(Ordering::SeqCst) > from)
            .await;
    }

    /// Ends the writing; everybody has seen the last change, and has been told so often.
    async fn finish(mut self, resyncs: usize) {
        self.stop.store(true, Ordering::SeqCst);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_comes_back() {
    let _alone = ALONE.lock().await;
    let mut redis = Server::start().await;
    let prefix = prefix("killed");
    let (writer, listener) = (
        Node::on(&redis.url(), &prefix, limits),
        Node::on(&redis.url(), &prefix, limits),
    );
    let mut load = Load::start(&writer, &listener).await;
    for round in 0..ROUNDS {
        load.until_it_flows().await;
        redis.kill().await;
        // Something is written while it is away.
        let written = load.written.load(Ordering::SeqCst);
        while load.written.load(Ordering::SeqCst) < written + 100 {
            tick().await;
        }
        assert!(!listener.hub.ready());
        redis.restart().await;
        let back = Instant::now();
        load.until_it_flows().await;
        let flowed = back.elapsed();
        println!("round {round}: delivery flows again {flowed:?} after Redis is back");
        assert!(flowed < BACK, "{flowed:?}");
        assert!(listener.hub.ready() && writer.hub.ready());
    }
    load.finish(ROUNDS).await;
    let stats = writer.hub.stats();
    assert_eq!(
        (stats.changes_lost, stats.layer_outages),
        (0, ROUNDS as u64)
    );
    assert_eq!(listener.hub.stats().slow_readers_closed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_loses_everything_and_does_not_end() {
    let _alone = ALONE.lock().await;
    let redis = Server::start().await;
    let prefix = prefix("swallowed");
    let proxy = Proxy::start(redis.port).await;
    let (writer, listener) = (
        Node::on(&proxy.url(), &prefix, limits),
        Node::on(&proxy.url(), &prefix, limits),
    );
    let mut load = Load::start(&writer, &listener).await;
    for round in 0..ROUNDS {
        load.until_it_flows().await;
        proxy.swallow();
        let swallowed = Instant::now();
        within(async {
            while listener.hub.ready() || writer.hub.ready() {
                tick().await;
            }
        })
        .await;
        let found = swallowed.elapsed();
        // Two intervals, and what a busy machine needs to look.
        assert!(found < PROBE * 2 + Duration::from_millis(300), "{found:?}");
        proxy.open();
        let back = Instant::now();
        load.until_it_flows().await;
        let flowed = back.elapsed();
        println!("round {round}: found deaf after {found:?}, flows again {flowed:?} after");
        assert!(flowed < BACK, "{flowed:?}");
    }
    load.finish(ROUNDS).await;
    assert_eq!(writer.hub.stats().changes_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_cut_off_costs_nobody_a_change() {
    let _alone = ALONE.lock().await;
    let redis = Server::start().await;
    let prefix = prefix("cut-off");
    let proxy = Proxy::start(redis.port).await;
    let (writer, listener) = (
        Node::on(&proxy.url(), &prefix, limits),
        Node::on(&redis.url(), &prefix, limits),
    );
    let mut load = Load::start(&writer, &listener).await;
    for _ in 0..ROUNDS {
        load.until_it_flows().await;
        proxy.swallow();
        within(async {
            while writer.hub.ready() {
                tick().await;
            }
        })
        .await;
        proxy.open();
        load.until_it_flows().await;
    }
    // What Redis took without an answer came again, and was known.
    load.finish(0).await;
    assert_eq!(listener.hub.stats().layer_outages, 0);
    println!(
        "{} messages came twice",
        listener.hub.stats().messages_repeated
    );
}

#[tokio::test]
async fn who_cannot_join_is_told_and_who_joins_after_an_outage_is_not_told_of_it() {
    let mut redis = Server::start().await;
    let node = Node::on(&redis.url(), &prefix("away"), |builder| {
        builder.limits(|limits| limits.join_time = Duration::from_millis(300))
    });
    let (mut early, mut late) = (node.connect("ann"), node.connect("bob"));
    node.done(&early, None, EVERYTHING).await;
    redis.kill().await;
    // An existing topic is not confirmed either while nobody hears it.
    within(async {
        while node.hub.ready() {
            tick().await;
        }
    })
    .await;
    let refused = node.refused(&late, EVERYTHING).await;
    assert_eq!(
        refused,
        "live updates are not available at the moment; try again"
    );
    assert_eq!(node.hub.stats().subscriptions, 1);
    node.publish(Action::Create, 1, 1);
    redis.restart().await;
    within(async { while node.ask(&late, None, EVERYTHING).await["ok"] == false {} }).await;
    assert_eq!(early.payload().await["action"], "resync");
    node.publish(Action::Create, 2, 1);
    let mut told = Vec::new();
    while told.last() != Some(&Value::from(2)) {
        let (action, id) = late.told().await;
        assert_eq!(action, "create");
        told.push(id);
    }
}

#[tokio::test]
async fn a_hub_that_does_not_tell_of_gaps_is_quiet() {
    let mut redis = Server::start().await;
    let node = Node::on(&redis.url(), &prefix("quiet"), |builder| {
        builder.resync(false)
    });
    let mut client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    redis.kill().await;
    redis.restart().await;
    node.publish(Action::Create, 1, 1);
    assert_eq!(client.told().await.1, 1);
}

#[tokio::test]
async fn a_redis_that_refuses_to_publish_is_an_outage_of_which_nobody_is_told_twice() {
    let redis = Server::start().await;
    let node = Node::on(&redis.url(), &prefix("refused"), |builder| builder);
    let mut client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    let acl = ["ACL", "SETUSER", "default"];
    let () = redis
        .command(&[&acl[..], &["-publish"]].concat())
        .await
        .unwrap();
    node.publish(Action::Create, 1, 1);
    within(async {
        while node.hub.ready() {
            tick().await;
        }
    })
    .await;
    // It connects again and again, but does not hear itself.
    let connected = async || -> u64 {
        let info: String = redis.command(&["INFO", "stats"]).await.unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().parse().unwrap()
    };
    let before = connected().await;
    within(async { while connected().await < before + 50 {} }).await;
    let () = redis
        .command(&[&acl[..], &["+publish"]].concat())
        .await
        .unwrap();
    assert_eq!(client.payload().await["action"], "resync");
    assert_eq!(client.told().await.1, 1);
    assert_eq!(node.hub.stats().layer_outages, 1);
}
