//! Random steps on one socket: ids are subscribed, completed and used again at once while
//! rows change, and no operation ever gets what is another's.
//!
//! `GRAPHEX_SEED=<number>` repeats a run.

#![cfg(feature = "axum")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, reason = "tells the seed")]

mod harness;
mod proof;
mod streams;
mod until;

use std::collections::BTreeSet;

use graphex::prelude::*;
use serde_json::{Value, json};
use streams::graphql_ws::Raw;
use streams::{Fixture, start_with};

const IDS: usize = 40;
/// Steps after which the server has to have heard of all.
const ROUND: usize = 25;
/// Rounds after which everybody has to hear.
const ROUNDS: usize = 40;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % end as u64) as usize
    }
}

/// What the client knows of an id.
#[derive(Clone, Copy, Default)]
struct Id {
    /// The operation that runs, by its number, and whether its field is a generated one.
    active: Option<(u64, bool)>,
    /// No frame of an operation before this one may come.
    floor: u64,
}

struct Client {
    raw: Raw,
    ids: Vec<Id>,
    operations: u64,
    barriers: u64,
}

impl Client {
    /// Starts an operation whose results carry its number as an alias.
    async fn subscribe(&mut self, id: usize, is_generated: bool) {
        self.operations += 1;
        let number = self.operations;
        let field = if is_generated {
            "noteChanges { id }"
        } else {
            "numbers"
        };
        let query = format!("subscription {{ o{number}: {field} }}");
        self.raw.subscribe(&id.to_string(), &query).await;
        self.ids[id].active = Some((number, is_generated));
    }

    async fn complete(&mut self, id: usize) {
        self.raw.complete(&id.to_string()).await;
        self.ids[id].active = None;
    }

    /// Checks a frame; the id that it is for.
    fn check(&mut self, message: &Value) -> usize {
        assert_eq!(message["type"], "next", "{message}");
        let id: usize = message["id"].as_str().unwrap().parse().unwrap();
        let data = message["payload"]["data"].as_object().unwrap();
        let number: u64 = data.keys().next().unwrap()[1..].parse().unwrap();
        let known = &mut self.ids[id];
        assert!(number >= known.floor, "of an ended operation: {message}");
        // What a newer operation has sent ends what an older one may have had on its way.
        known.floor = number;
        id
    }

    /// Waits until the server has heard of everything; then nothing ended may speak.
    async fn barrier(&mut self) {
        self.barriers += 1;
        let payload = json!({"barrier": self.barriers});
        self.raw
            .send(json!({"type": "ping", "payload": payload}))
            .await;
        loop {
            let message = self.raw.next().await;
            if message["type"] == "pong" {
                assert_eq!(message["payload"], payload);
                break;
            }
            self.check(&message);
        }
        let never = self.operations + 1;
        for id in &mut self.ids {
            id.floor = id.active.map_or(never, |(number, _)| number);
        }
    }

    fn active(&self, is_generated: bool) -> BTreeSet<usize> {
        let of_kind = |id: &Id| id.active.is_some_and(|(_, is)| is == is_generated);
        let ids = self.ids.iter().enumerate();
        ids.filter(|(_, id)| of_kind(id))
            .map(|(id, _)| id)
            .collect()
    }

    /// Everybody who is there hears, once, and nobody else.
    async fn everybody_hears(&mut self, server: &Fixture, number: i32) {
        for is_generated in [false, true] {
            let active = self.active(is_generated);
            if is_generated {
                server.joined(active.len()).await;
                self.barrier().await;
                server.change(Action::Update, number, 1, "");
            } else {
                server.listened(active.len()).await;
                self.barrier().await;
                let _ = server.source.send(number);
            }
            let mut heard = BTreeSet::new();
            let row = number.to_string();
            while heard.len() < active.len() {
                let message = self.raw.next().await;
                // What was told before the barrier may come after it, to those who are there.
                let shown = message["payload"]["data"].as_object().unwrap();
                let shown = shown.values().next().unwrap();
                let is_this = *shown == number || shown["id"] == row.as_str();
                let id = self.check(&message);
                if is_this {
                    assert!(active.contains(&id));
                    assert!(heard.insert(id), "twice: {message}");
                }
            }
            self.barrier().await;
        }
    }
}

#[tokio::test]
async fn no_operation_ever_gets_what_is_another_s() {
    let seed = std::env::var("GRAPHEX_SEED").map_or(20_261_125, |seed| seed.parse().unwrap());
    println!("GRAPHEX_SEED={seed}");
    let mut random = Random(seed);
    let server = start_with(|limits| limits.subscribes_per_second = 0).await;
    let mut client = Client {
        raw: server.acknowledged_as(Some(1)).await,
        ids: vec![Id::default(); IDS],
        operations: 0,
        barriers: 0,
    };
    let mut number = 0;
    for step in 1..=proof::steps(10_000) {
        let id = random.below(IDS);
        let is_generated = random.below(2) == 0;
        match random.below(10) {
            0..3 if client.ids[id].active.is_none() => client.subscribe(id, is_generated).await,
            0..3 => {
                // At once, without waiting for anything.
                client.complete(id).await;
                client.subscribe(id, is_generated).await;
            }
            3..6 => client.complete(id).await,
            6 => {
                // Somebody who leaves in the middle.
                if random.below(50) == 0 {
                    let mut other = server.acknowledged_as(Some(1)).await;
                    other
                        .subscribe("1", "subscription { noteChanges { id } }")
                        .await;
                    other.subscribe("2", "subscription { numbers }").await;
                }
            }
            7 => {
                number += 1;
                let _ = server.source.send(number);
            }
            _ => {
                number += 1;
                server.change(Action::Update, number, 1, "");
            }
        }
        if step % ROUND == 0 {
            client.barrier().await;
        }
        if step % (ROUND * ROUNDS) == 0 {
            server.until(|stats| stats.channels == 1).await;
            number += 1;
            client.everybody_hears(&server, number).await;
        }
    }
    drop(client);
    server.listened(0).await;
    server.until_empty().await;
}
