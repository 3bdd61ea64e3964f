//! Clients that catch up beside live delivery: 100 clients go on after the beginning of a log of 100,000
//! changes, all at once, while another listens to what is written now. Prints the times from a write to
//! that listener's event, alone and meanwhile, and how long catching up took.
//!
//! `GRAPHEX_PROOF=10` takes as many as that; else it is a tenth of the changes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../tests/logged/sqlite.rs"]
mod database;
#[path = "../tests/harness/mod.rs"]
mod harness;
#[path = "../tests/logged/mod.rs"]
mod logged;
#[path = "../tests/proof/mod.rs"]
mod proof;
#[path = "../tests/streams/mod.rs"]
mod streams;
#[path = "../tests/until/mod.rs"]
mod until;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_graphql::EmptyMutation;
use futures_util::StreamExt as _;
use graphex::prelude::*;
use logged::{Draft, Note, Query, Store, Subscription};

const CLIENTS: usize = 100;
/// Rows of what is written while others catch up.
const LIVE: i64 = 1 << 40;

type Site = Schema<Query, EmptyMutation, Subscription>;

fn percentile(times: &mut [f64], part: f64) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[(part * (times.len() - 1) as f64) as usize]
}

/// Milliseconds from each write, up to when `is_done`, and `least` at least, to the listener's event.
async fn live(
    schema: &Site,
    store: &Store,
    from: i64,
    least: usize,
    is_done: impl Fn() -> bool,
) -> Vec<f64> {
    let document = format!(
        "subscription {{ noteChanges(ready: true, filters: {{ id__gte: {LIVE} }}) {{ action id }} }}"
    );
    let mut events = schema.execute_stream(document);
    let ready = events.next().await.unwrap();
    assert!(ready.errors.is_empty(), "{:?}", ready.errors);
    let (mut times, mut id) = (Vec::new(), LIVE + from);
    while times.len() < least || !is_done() {
        id += 1;
        let begun = Instant::now();
        store.insert([id]);
        let event = events.next().await.unwrap().data.into_json().unwrap();
        assert_eq!(event["noteChanges"]["id"], id.to_string(), "{event}");
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    times
}

/// The position before all changes.
async fn beginning(schema: &Site) -> String {
    let mut events = schema.execute_stream("subscription { noteChanges(ready: true) { cursor } }");
    let ready = events.next().await.unwrap().data.into_json().unwrap();
    ready["noteChanges"]["cursor"].as_str().unwrap().to_owned()
}

async fn catches_up(schema: Site, after: String, changes: usize) {
    let document = format!(
        "subscription {{ noteChanges(after: \"{after}\", filters: {{ id__lt: {LIVE} }}) {{ action id data {{ text }} }} }}"
    );
    let mut events = schema.execute_stream(document);
    for change in 0..changes {
        let event = events.next().await.unwrap().data.into_json().unwrap();
        assert_eq!(
            event["noteChanges"]["action"], "CREATE",
            "{change}: {event}"
        );
    }
}

#[tokio::main]
async fn main() {
    let changes = if proof::steps(1) >= 10 {
        100_000
    } else {
        10_000
    };
    let store = Store::new("catch-up");
    let hub = Hub::builder()
        .model::<Note>()
        .model::<Draft>()
        .change_log(store.log().without::<Draft>())
        .limits(|limits| {
            limits.anonymous_channels = 10 * CLIENTS;
            limits.anonymous_bytes = 1 << 30;
        })
        .try_build()
        .unwrap();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    let after = beginning(&schema).await;
    for first in (1..=changes as i64).step_by(1_000) {
        store.insert(first..first + 1_000);
    }
    hub.flush().await;
    let mut alone = live(&schema, &store, 0, 400, || true).await;
    let left = Arc::new(AtomicUsize::new(CLIENTS));
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (schema, after, left) = (schema.clone(), after.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                catches_up(schema, after, changes).await;
                left.fetch_sub(1, Ordering::Relaxed);
                begun.elapsed()
            })
        })
        .collect();
    let mut beside = live(&schema, &store, 1 << 20, 400, || {
        left.load(Ordering::Relaxed) == 0
    })
    .await;
    let mut last = Duration::ZERO;
    for client in clients {
        last = last.max(client.await.unwrap());
    }
    println!("{CLIENTS} clients catch up with {changes} changes each, all at once: {last:.1?}");
    println!(
        "ms from a write to the event of another\n| | writes | p50 | p99 |\n|---|---|---|---|"
    );
    let row = |name: &str, times: &mut [f64]| {
        let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
        println!("| {name} | {} | {p50:.1} | {p99:.1} |", times.len());
        p99
    };
    let (alone, beside) = (row("alone", &mut alone), row("meanwhile", &mut beside));
    println!("p99 meanwhile is {:.1} times that alone", beside / alone);
}
