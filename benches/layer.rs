//! Changes per second through Redis, from one publishing process to one listening process, next
//! to what `redis-benchmark` publishes to the same server.
//!
//! `cargo bench --features redis --bench layer` starts a `redis-server` of its own; with a number
//! after `--` it fails when the ratio is below it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a program for a terminal"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use async_graphql::{EmptyMutation, Object, Request};
use graphex::prelude::*;
use graphex::redis::RedisLayer;

/// Of a round. Without optimisation a look is enough.
const CHANGES: i64 = if cfg!(debug_assertions) {
    20_000
} else {
    400_000
};

const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 5 };

/// Published and not yet seen: less than the publisher's queue holds.
const WINDOW: i64 = 40_000;

/// The listener tells after so many.
const STEP: i64 = 2_000;

/// All of a stream go to one topic.
#[derive(ModelType)]
#[graphex(stream = "messages", serialize_data)]
struct Message {
    id: i64,
    room: i64,
    author: i64,
    pinned: bool,
    text: String,
}

/// Each change goes to two topics, and no neighbour to the same.
#[derive(ModelType)]
#[graphex(
    stream = "notes",
    serialize_data,
    scope(optional(room)),
    index_fields(room)
)]
struct Note {
    id: i64,
    room: i64,
    author: i64,
    pinned: bool,
    text: String,
}

impl Scoped for Note {
    async fn scope(_: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<NoteScope> {
        Ok(NoteScope { room: None })
    }
}

const TEXT: &str = "a message of about the length that people write to each other";

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, NoteSubscription);

fn hub(url: &str) -> Hub {
    let models = Hub::builder().model::<Message>().model::<Note>();
    let limits = models.limits(|limits| {
        limits.outbox_frames = usize::MAX;
        limits.outbox_bytes = usize::MAX;
    });
    limits.layer(RedisLayer::new(url).unwrap()).build()
}

fn main() {
    let args: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["listen", url, field] => run(listen(url.to_string(), field.to_string())),
        ["publish", url, field] => run(publish(url.to_string(), field.to_string())),
        [] => compare(0.0),
        [least] => compare(least.parse().expect("the least ratio is a number")),
        _ => panic!("there is but one argument, the least ratio"),
    }
}

fn run(process: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    // In a task, as a transport's writers are: the thread that waits for it is not one of tokio's,
    // and waking that costs more than what is measured.
    let process = async { tokio::spawn(process).await };
    runtime.unwrap().block_on(process).unwrap();
}

async fn listen(url: String, field: String) {
    let hub = hub(&url);
    let mut connection = hub.connect(Identity::anonymous()).unwrap();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default());
    let schema = schema.data(hub.clone()).finish();
    let document = format!(
        "subscription {{ {field}(channelId: \"{}\", action: CREATE, operation: SUBSCRIBE) {{ ok }} }}",
        connection.id().as_str()
    );
    let answer = graphex::execute(&schema, Request::new(document)).await;
    assert!(answer.data.to_string().contains("ok: true"), "{answer:?}");
    println!("seen 0");
    let (mut seen, mut told) = (0, 0);
    while seen < CHANGES {
        seen += i64::try_from(connection.take().await.unwrap().len()).unwrap();
        if seen >= told + STEP || seen == CHANGES {
            told = seen;
            println!("seen {seen}");
        }
    }
    assert_eq!((seen, hub.stats().messages_dropped), (CHANGES, 0));
}

async fn publish(url: String, field: String) {
    let hub = hub(&url);
    while !hub.ready() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("ready");
    let seen = Arc::new(AtomicI64::new(-1));
    let progress = Arc::clone(&seen);
    let (moved, wait) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            progress.store(line.unwrap().parse().unwrap(), Ordering::SeqCst);
            if moved.send(()).is_err() {
                return;
            }
        }
    });
    let is_note = field.starts_with("note");
    let publishing = tokio::task::spawn_blocking(move || {
        for id in 0..CHANGES {
            while seen.load(Ordering::SeqCst) < 0 || id - seen.load(Ordering::SeqCst) > WINDOW {
                wait.recv().unwrap();
            }
            let (room, author, pinned, text) = (id % 10, id % 1_000, false, TEXT.to_owned());
            if is_note {
                hub.publish(
                    Action::Create,
                    &Note {
                        id,
                        room,
                        author,
                        pinned,
                        text,
                    },
                );
            } else {
                hub.publish(
                    Action::Create,
                    &Message {
                        id,
                        room,
                        author,
                        pinned,
                        text,
                    },
                );
            }
        }
        // Until the last is seen.
        while wait.recv().is_ok() {}
        assert_eq!(hub.stats().changes_lost, 0);
    });
    publishing.await.unwrap();
}

/// Another process of this program.
struct Part {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    stdin: Option<ChildStdin>,
}

impl Part {
    fn start(role: &str, url: &str, field: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([role, url, field])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            lines: BufReader::new(process.stdout.take().unwrap()).lines(),
            stdin: process.stdin.take(),
            process,
        }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the process ended").unwrap()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Changes per second.
fn through_the_layer(url: &str, field: &str) -> f64 {
    let (mut listener, mut publisher) = (
        Part::start("listen", url, field),
        Part::start("publish", url, field),
    );
    assert_eq!(publisher.line(), "ready");
    let mut began = None;
    loop {
        let line = listener.line();
        let seen: i64 = line.strip_prefix("seen ").unwrap().parse().unwrap();
        let began = *began.get_or_insert_with(Instant::now);
        if seen == CHANGES {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred thousands")]
            return CHANGES as f64 / began.elapsed().as_secs_f64();
        }
        let stdin = publisher.stdin.as_mut().unwrap();
        writeln!(stdin, "{seen}").unwrap();
    }
}

/// `PUBLISH`es per second, pipelined, of a payload of this size.
fn redis_benchmark(port: &str, payload: usize) -> f64 {
    let output = Command::new("redis-benchmark")
        .args(["-p", port, "-c", "1", "-n", "1000000", "-P", "64", "--csv"])
        .args(["PUBLISH", "graphex:bench", &"x".repeat(payload)])
        .output()
        .expect("redis-benchmark is not installed");
    let output = String::from_utf8(output.stdout).unwrap();
    let last = output.lines().last().unwrap();
    // The command, the rate and the latencies, quoted.
    last.split("\",\"").nth(1).unwrap().parse().unwrap()
}

/// About what a change of these models takes on the wire, alone in a message.
fn payload() -> usize {
    // 4 of head, 20 of origin, 20 of stream and action, 33 of names, 20 of the row's other values.
    97 + TEXT.len()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn compare(least: f64) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    let mut server = Command::new("redis-server")
        .args(["--port", &port, "--bind", "127.0.0.1", "--save", ""])
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is not installed");
    let url = format!("redis://127.0.0.1:{port}/");
    let result = std::panic::catch_unwind(|| {
        // In turns, so that what else the machine does is the same for all.
        let (mut one, mut two, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            one.push(through_the_layer(&url, "messageSubscription"));
            alone.push(redis_benchmark(&port, payload()));
            two.push(through_the_layer(&url, "noteSubscription"));
        }
        let (one, two, alone) = (median(one), median(two), median(alone));
        println!("medians of {ROUNDS} rounds, one publisher each:");
        println!("redis-benchmark, 64 PUBLISH at once   {alone:>9.0} a second");
        println!("graphex, all to one topic             {one:>9.0} changes a second");
        println!("graphex, two topics for each change   {two:>9.0} changes a second");
        println!("ratios {:.2} and {:.2}", one / alone, two / alone);
        one / alone
    });
    let _ = server.kill();
    let _ = server.wait();
    let ratio = result.unwrap();
    assert!(
        ratio >= least,
        "the ratio is {ratio:.2}, and has to be {least}"
    );
}
