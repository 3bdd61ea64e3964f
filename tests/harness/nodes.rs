//! The processes behind a test's server: the test's own alone or, where `GRAPHEX_PROCESSES` says
//! so, several over one Redis. `2+1` are two that answer HTTP and one that has the WebSockets.
//!
//! The first that answers HTTP is the test itself. The others are the same program, which runs the
//! same test as far as its server, and then is that server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::routing::get;
use graphex::{Action, Hub, HubBuilder, ModelType, Stats};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::within;
use crate::until::until;

const PROCESSES: &str = "GRAPHEX_PROCESSES";
/// Set for the processes that a test starts: the prefix of its topics.
const PREFIX: &str = "GRAPHEX_TEST_PREFIX";
const STATS: &str = "/test/stats";

/// How often a hook of a test was asked in this process.
pub(crate) static ASKED: AtomicU64 = AtomicU64::new(0);

/// Builds a hub, on Redis if there are several processes.
pub(crate) fn build(builder: HubBuilder) -> Hub {
    if !is_child() && arrangement().is_none() {
        return builder.build();
    }
    #[cfg(feature = "redis")]
    {
        let url = std::env::var("GRAPHEX_REDIS_URL").expect("GRAPHEX_REDIS_URL is not set");
        let layer = graphex::redis::RedisLayer::new(&url).unwrap();
        builder.layer(layer.prefix(&prefix()).unwrap()).build()
    }
    #[cfg(not(feature = "redis"))]
    panic!("{PROCESSES} needs the feature `redis`")
}

pub(crate) fn is_child() -> bool {
    std::env::var_os(PREFIX).is_some()
}

/// How many answer HTTP and how many have WebSockets.
pub(crate) fn arrangement() -> Option<(usize, usize)> {
    let text = std::env::var(PROCESSES).ok()?;
    let (http, sockets) = text.split_once('+').expect("GRAPHEX_PROCESSES is as 2+1");
    Some((http.parse().unwrap(), sockets.parse().unwrap()))
}

/// Each test has topics of its own.
pub(crate) fn prefix() -> String {
    let own = || format!("{}.{}", test().replace("::", "."), std::process::id());
    std::env::var(PREFIX).unwrap_or_else(|_| own())
}

/// The test that runs; its thread is called so.
fn test() -> String {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let one = arrangement().is_none() || name != "main";
    assert!(
        one,
        "several processes need RUST_TEST_THREADS to be 2 or more"
    );
    name
}

/// The hub of a test, or all the hubs of its processes.
#[derive(Clone)]
pub(crate) struct Nodes {
    pub(crate) own: Hub,
    others: Arc<Others>,
}

struct Others {
    http: Vec<SocketAddr>,
    sockets: Vec<SocketAddr>,
    /// All but the test's own.
    started: Vec<SocketAddr>,
    processes: Vec<Child>,
    turn: AtomicUsize,
}

impl Drop for Others {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Nodes {
    pub(crate) async fn start(own_address: SocketAddr, own: Hub) -> Self {
        let (http, sockets) = match arrangement() {
            Some(processes) if !is_child() => processes,
            _ => (1, 0),
        };
        let mut processes: Vec<_> = (1..http + sockets).map(|_| start_process()).collect();
        let started: Vec<_> = processes.iter_mut().map(address_of).collect();
        let (more_http, own_sockets) = started.split_at(http - 1);
        let own_sockets = match own_sockets {
            [] => vec![own_address],
            started => started.to_vec(),
        };
        let http = [&[own_address], more_http].concat();
        within(until(|| own.ready())).await;
        Self::new(own, http, own_sockets, started, processes)
    }

    pub(crate) fn alone(own_address: SocketAddr, own: Hub) -> Self {
        let own_addresses = vec![own_address];
        Self::new(own, own_addresses.clone(), own_addresses, vec![], vec![])
    }

    fn new(
        own: Hub,
        http: Vec<SocketAddr>,
        sockets: Vec<SocketAddr>,
        started: Vec<SocketAddr>,
        processes: Vec<Child>,
    ) -> Self {
        let others = Others {
            http,
            sockets,
            started,
            processes,
            turn: AtomicUsize::new(0),
        };
        let others = Arc::new(others);
        Self { own, others }
    }

    /// What tells a test the statistics of a process.
    pub(crate) fn router(&self) -> axum::Router {
        let hub = self.own.clone();
        axum::Router::new().route(STATS, get(async move || to_json(&hub.stats()).to_string()))
    }

    pub(crate) fn sockets(&self) -> usize {
        self.others.sockets.len()
    }

    pub(crate) fn next_http(&self) -> SocketAddr {
        self.next(&self.others.http)
    }

    pub(crate) fn next_socket(&self) -> SocketAddr {
        self.next(&self.others.sockets)
    }

    fn next(&self, addresses: &[SocketAddr]) -> SocketAddr {
        let turn = self.others.turn.fetch_add(1, Ordering::Relaxed);
        addresses[turn % addresses.len()]
    }

    pub(crate) fn publish<M: ModelType>(&self, action: Action, row: &M) {
        self.own.publish(action, row);
    }

    /// How often hooks that count in [`ASKED`] were asked, in all processes.
    pub(crate) fn asked(&self) -> u64 {
        let others = self.others.started.iter();
        let others = others.map(|address| stats_of(*address)["asked"].as_u64().unwrap());
        others.sum::<u64>() + ASKED.load(Ordering::Relaxed)
    }

    /// The sum over all processes.
    pub(crate) fn stats(&self) -> Stats {
        let mut sum = self.own.stats();
        for address in &self.others.started {
            let other = stats_of(*address);
            let count = |name: &str| other[name].as_u64().unwrap();
            let size = |name: &str| usize::try_from(count(name)).unwrap();
            sum.channels += size("channels");
            sum.subscriptions += size("subscriptions");
            sum.plans += size("plans");
            sum.topics += size("topics");
            sum.frames_encoded += count("frames_encoded");
            sum.frames_queued += count("frames_queued");
            sum.slow_readers_closed += count("slow_readers_closed");
        }
        sum
    }
}

fn to_json(stats: &Stats) -> Value {
    json!({
        "asked": ASKED.load(Ordering::Relaxed),
        "channels": stats.channels,
        "subscriptions": stats.subscriptions,
        "plans": stats.plans,
        "topics": stats.topics,
        "frames_encoded": stats.frames_encoded,
        "frames_queued": stats.frames_queued,
        "slow_readers_closed": stats.slow_readers_closed,
    })
}

/// The other process answers while this one waits.
fn stats_of(address: SocketAddr) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {STATS} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

fn start_process() -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &test(), "--nocapture"])
        .env(PREFIX, prefix())
        // Ends when this process does, and its end of the pipe with it.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What it prints when it listens.
fn address_of(process: &mut Child) -> SocketAddr {
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    loop {
        let line = lines.next().expect("the process ended").unwrap();
        if let Some((_, address)) = line.split_once("listens on ") {
            return address.parse().unwrap();
        }
    }
}

/// Serves until the test that started this process has ended.
pub(crate) async fn serve_as_child(listener: TcpListener, app: axum::Router) -> ! {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    #[allow(
        clippy::print_stdout,
        reason = "the process that started this one reads it"
    )]
    {
        println!("listens on {}", listener.local_addr().unwrap());
    }
    axum::serve(listener, app).await.unwrap();
    panic!("serving ended")
}
