//! What one change costs against many plans of which one matches, from `hub.publish` to the frame
//! in the hands of the channel's writer, everything on one thread. Each plan has one member, on a
//! channel of its own. In half of the rounds changes take turns among a hundred of the plans, spread
//! over all, so that the work is compared; in the others each change is of another plan, so that it
//! also counts how many subscribers fit into a processor's cache.
//!
//! `cargo bench --bench match` takes two minutes. It exits with 1 when plans that pin a field
//! cost more than 1.5 times as much at 100,000 as at 1,000 in the former. On Linux it counts the time that the
//! thread worked, so that other programs of a busy machine matter little; the sizes take turns, and
//! medians are compared.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a program for a terminal"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use async_graphql::{EmptyMutation, Object, Request};
use graphex::Channel;
use graphex::prelude::*;

const SIZES: [usize; 4] = [1, 1_000, 10_000, 100_000];
/// What the others are compared with: `SIZES[BASE]`.
const BASE: usize = 1;
const FLAT: f64 = 1.5;
const ROUNDS: usize = 101;
/// The plans that changes match, and a prime for mixing them.
const MATCHED: [(&str, usize); 2] = [("a hundred of them", 100), ("each another", usize::MAX)];
/// The one of which flatness is asked: the other measures the processor's cache as well.
const FLAT_WAY: usize = 0;
const STEP: usize = 7_919;
/// Changes of one round where each finds its plan, and tests of one round where it does not.
const CHANGES: usize = 1_000;
const TESTS: usize = 200_000;

/// Its subscribers are told of any room.
#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Message {
    #[allow(dead_code)]
    id: i64,
    room: i64,
    text: String,
}

/// Its subscribers are told of the room that the server names.
#[derive(ModelType)]
#[graphex(stream = "routed", scope(room), index_fields(room))]
struct Routed {
    #[allow(dead_code)]
    id: i64,
    room: i64,
    text: String,
}

struct Room(i64);

impl Scoped for Routed {
    async fn scope(ctx: &Context<'_>, _: &RoutedSubscriptionArgs) -> Result<RoutedScope> {
        let Room(room) = ctx.data()?;
        Ok(RoutedScope { room: *room })
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, RoutedSubscription);

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

/// A way of asking for the rows of one number.
struct Case {
    title: &'static str,
    field: &'static str,
    arguments: fn(usize) -> String,
    pins: bool,
}

const CASES: [Case; 4] = [
    Case {
        title: "index field: scope(room), index_fields(room)",
        field: "routedSubscription",
        arguments: |_| String::new(),
        pins: true,
    },
    Case {
        title: "key: id: 7",
        field: "messageSubscription",
        arguments: |number| format!("id: {number}"),
        pins: true,
    },
    Case {
        title: "filter: filters: {room: 7}",
        field: "messageSubscription",
        arguments: |number| format!("filters: {{room: {number}}}"),
        pins: true,
    },
    Case {
        title: "scan: filters: {room__range: [7, 7]}",
        field: "messageSubscription",
        arguments: |number| format!("filters: {{room__range: [{number}, {number}]}}"),
        pins: false,
    },
];

/// A hub with so many plans.
struct Bench {
    hub: Hub,
    /// By the number that its plan asks for, with the frames that were taken too early.
    channels: Vec<(Channel, usize)>,
    changes: usize,
    /// µs per change, of each round, for each of [`MATCHED`].
    times: [Vec<f64>; MATCHED.len()],
    /// Changes so far.
    mixed: usize,
    made: Instant,
}

impl Bench {
    async fn new(case: &Case, plans: usize) -> Self {
        let builder = Hub::builder().model::<Message>().model::<Routed>();
        let hub = builder.limits(|limits| {
            limits.outbox_frames = CHANGES;
            limits.channels = plans;
        });
        let hub = hub.build();
        let schema = Schema::build(Query, EmptyMutation, Subscription::default())
            .data(hub.clone())
            .finish();
        let mut channels = Vec::new();
        for number in 0..plans {
            let identity = Identity::new(format!("user:{number}"));
            let channel = hub.connect(identity.clone()).unwrap();
            let id = channel.id().as_str();
            let document = format!(
                "subscription {{ {}(channelId: \"{id}\", action: UPDATE, operation: SUBSCRIBE, {}) {{ ok error }} }}",
                case.field,
                (case.arguments)(number)
            );
            let number = i64::try_from(number).unwrap();
            let request = Request::new(document).data(Room(number)).data(identity);
            let answer = graphex::execute(&schema, request).await;
            let answer = serde_json::to_value(answer).unwrap();
            assert_eq!(answer["data"][case.field]["ok"], true, "{answer}");
            channels.push((channel, 0));
        }
        assert_eq!(hub.stats().plans, plans);
        let changes = if case.pins {
            CHANGES
        } else {
            (TESTS / plans).min(CHANGES)
        };
        Self {
            hub,
            channels,
            changes,
            times: Default::default(),
            mixed: 0,
            made: Instant::now(),
        }
    }

    /// What this thread has worked, or elsewhere than on Linux the time since a moment that stays
    /// the same.
    fn worked(&self) -> Duration {
        // Linux brings the figure up to date when the thread gives way.
        std::thread::yield_now();
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
        nanos.map_or_else(|| self.made.elapsed(), Duration::from_nanos)
    }

    async fn round(&mut self, case: &Case, way: usize) {
        let plans = self.channels.len();
        let matched = plans.min(MATCHED[way].1);
        let first = self.mixed;
        self.mixed += self.changes;
        // The last change is of the last plan, so that with its frame nothing is left to do.
        let places = (0..self.changes).rev().map(|left| match left {
            0 => 0,
            left => (first + left) * STEP % matched,
        });
        let numbers = places.map(|place| plans - 1 - place * (plans / matched));
        let before = self.hub.stats();
        let started = self.worked();
        for number in numbers.clone() {
            let number = i64::try_from(number).unwrap();
            let text = "a message of ordinary length".to_owned();
            let (id, room) = (number, number);
            if case.field == "routedSubscription" {
                self.hub.publish(Action::Update, &Routed { id, room, text });
            } else {
                self.hub
                    .publish(Action::Update, &Message { id, room, text });
            }
        }
        for number in numbers {
            let (channel, frames) = &mut self.channels[number];
            while *frames == 0 {
                *frames += channel.take().await.unwrap().len();
            }
            *frames -= 1;
        }
        let micros = (self.worked() - started).as_secs_f64() * 1e6;
        let after = self.hub.stats();
        let queued = after.frames_queued - before.frames_queued;
        assert_eq!(queued, self.changes as u64, "one plan matches each change");
        self.times[way].push(micros / self.changes as f64);
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Cargo passes `--bench`; what follows picks the cases whose titles have it.
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    let mut flat = true;
    println!("µs per change, and the ratio to {} plans\n", SIZES[BASE]);
    print!("{:<22}", "plans");
    println!("{}", SIZES.map(|size| format!("{size:>16}")).concat());
    for case in CASES.iter().filter(|case| case.title.contains(&wanted)) {
        let mut benches = Vec::new();
        for plans in SIZES {
            benches.push(Bench::new(case, plans).await);
        }
        for round in 0..ROUNDS * MATCHED.len() {
            for bench in &mut benches {
                bench.round(case, round % MATCHED.len()).await;
            }
        }
        println!("{}", case.title);
        for (way, (title, _)) in MATCHED.into_iter().enumerate() {
            let medians = benches.iter_mut().map(|it| median(&mut it.times[way]));
            let medians: Vec<_> = medians.collect();
            print!("  {title:<20}");
            for micros in &medians {
                let ratio = micros / medians[BASE];
                print!("{micros:>9.2} {ratio:>6.2}");
                flat &= way != FLAT_WAY || !case.pins || ratio <= FLAT;
            }
            println!();
        }
    }
    if flat {
        return ExitCode::SUCCESS;
    }
    println!("\nnot flat: a plan that pins a field may cost {FLAT} times as much");
    ExitCode::FAILURE
}
