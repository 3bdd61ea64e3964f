//! Equal subscribers of graphql-transport-ws share the work, and nobody gets what is another's.

#![cfg(feature = "axum")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
mod streams;

use std::collections::{BTreeMap, VecDeque};

use graphex::prelude::*;
use harness::{CurrentUser, Server, endpoints};
use serde_json::{Value, json};
use streams::graphql_ws::Raw;
use streams::{Mutation, Query};

/// A post; a user without a room reads those of all rooms.
#[derive(Clone, ModelType)]
#[graphex(stream = "posts", serialize_data, scope(optional(room)))]
pub(crate) struct Post {
    pub(crate) id: i32,
    pub(crate) room: i64,
    pub(crate) text: String,
}

impl Scoped for Post {
    async fn scope(ctx: &Context<'_>, _: &PostSubscriptionArgs) -> Result<PostScope> {
        let room = ctx.data_opt::<CurrentUser>().map(|user| user.0);
        Ok(PostScope { room })
    }
}

async fn start() -> Server {
    let hub = Hub::builder().model::<Post>().build();
    let schema = Schema::build(Query, Mutation, PostChanges::default())
        .data(hub.clone())
        .finish();
    Server::start(endpoints(schema, &hub).into_router(), hub).await
}

fn change(server: &Server, id: i32, room: i64, text: &str) {
    let text = text.to_owned();
    server.hub.publish(Action::Update, &Post { id, room, text });
}

/// One selection in several spellings.
const SPELLINGS: [&str; 4] = [
    "subscription { postChanges { id data { text } } }",
    "subscription Named {\n  postChanges {\n    id\n    data { text }\n  }\n}",
    "subscription { postChanges { ...F } } fragment F on PostChange { id data { text } }",
    "subscription X { postChanges { ... on PostChange { ...G } data { text } } } fragment G on PostChange { id }",
];

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_equal_subscribers_cost_one_encoding_and_two_scopes_two() {
    let server = start().await;
    let mut sockets = Vec::new();
    for user in [None, Some(1)] {
        for _ in 0..50 {
            let mut raw = server.acknowledged_as(user).await;
            for id in 0..100 {
                raw.subscribe(&id.to_string(), SPELLINGS[id % SPELLINGS.len()])
                    .await;
            }
            sockets.push((user, raw));
        }
    }
    server.until(|stats| stats.subscriptions == 10_000).await;
    // One for each scope and action.
    assert_eq!(server.hub.stats().plans, 6);

    // In another room, which half of them may read.
    change(&server, 1, 2, "theirs");
    server.until(|stats| stats.frames_queued == 5_000).await;
    assert_eq!(server.hub.stats().frames_encoded, 1);
    // In this one, which all may.
    change(&server, 2, 1, "ours");
    server.until(|stats| stats.frames_queued == 15_000).await;
    assert_eq!(server.hub.stats().frames_encoded, 3);

    for (user, raw) in &mut sockets {
        let mut expected = vec![(1, "theirs"), (2, "ours")];
        expected.drain(..usize::from(user.is_some()));
        for (id, text) in expected {
            let event =
                json!({"data": {"postChanges": {"id": id.to_string(), "data": {"text": text}}}});
            let mut heard = [false; 100];
            for _ in 0..100 {
                let message = raw.next().await;
                assert_eq!(message["payload"], event);
                let of: usize = message["id"].as_str().unwrap().parse().unwrap();
                assert!(!std::mem::replace(&mut heard[of], true));
            }
        }
        raw.silent().await;
    }
    drop(sockets);
    server.until_empty().await;
}

/// Random numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

const IDS: u64 = 60;
const KEYS: u64 = 20;

/// What a frame may be: the alias of the root field, which tells the uses of an id apart, and
/// the key that this use asked for.
type Use = (String, u64);

/// A client that knows which frames it may get.
struct Checked {
    raw: Raw,
    /// Those that live.
    live: BTreeMap<u64, Use>,
    /// Those that may be heard still, oldest first.
    heard: BTreeMap<u64, VecDeque<Use>>,
    uses: u64,
    barriers: u64,
}

impl Checked {
    async fn subscribe(&mut self, id: u64, key: u64) {
        self.uses += 1;
        // Few names, so that different ids share plans.
        let name = format!("u{}", self.uses % 7);
        let query =
            format!("subscription {{ {name}: postChanges(id: {key}) {{ id data {{ text }} }} }}");
        self.raw.subscribe(&id.to_string(), &query).await;
        self.live.insert(id, (name.clone(), key));
        self.heard.entry(id).or_default().push_back((name, key));
    }

    async fn complete(&mut self, id: u64) {
        self.raw.complete(&id.to_string()).await;
        self.live.remove(&id);
    }

    /// A frame is one of a use of its id that was not completed when it was sent.
    fn check(&mut self, message: &Value) -> (u64, String) {
        assert_eq!(message["type"], "next", "{message}");
        let id: u64 = message["id"].as_str().unwrap().parse().unwrap();
        let data = message["payload"]["data"].as_object().unwrap();
        let (name, event) = data.iter().next().unwrap();
        let key: u64 = event["id"].as_str().unwrap().parse().unwrap();
        let uses = self.heard.get_mut(&id).expect("a frame of an unknown id");
        while uses.front() != Some(&(name.clone(), key)) {
            assert!(uses.pop_front().is_some(), "a foreign frame: {message}");
        }
        (id, event["data"]["text"].as_str().unwrap().to_owned())
    }

    /// Hears all that was on its way; afterwards only what lives may be heard.
    async fn barrier(&mut self) {
        self.barriers += 1;
        let payload = json!({"barrier": self.barriers});
        self.raw
            .send(json!({"type": "ping", "payload": payload}))
            .await;
        loop {
            let message = self.raw.next().await;
            if message["type"] == "pong" {
                break;
            }
            self.check(&message);
        }
        self.heard = self
            .live
            .iter()
            .map(|(id, used)| (*id, VecDeque::from([used.clone()])))
            .collect();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_random_steps_bring_no_foreign_frame() {
    let server = start().await;
    let mut dice = Dice(0x5eed_1234_abcd_9876);
    let mut client = Checked {
        raw: server.acknowledged().await,
        live: BTreeMap::new(),
        heard: BTreeMap::new(),
        uses: 0,
        barriers: 0,
    };
    for round in 0..500 {
        for _ in 0..200 {
            let id = dice.below(IDS);
            let key = dice.below(KEYS);
            match (dice.below(3), client.live.contains_key(&id)) {
                (0, true) => {
                    client.complete(id).await;
                    // Often the id is used again at once.
                    if dice.below(2) == 0 {
                        client.subscribe(id, key).await;
                    }
                }
                (0 | 1, false) => client.subscribe(id, key).await,
                (1, true) => client.complete(id).await,
                _ => change(&server, i32::try_from(key).unwrap(), 1, "any"),
            }
        }
        client.barrier().await;
        let live = client.live.len();
        server.until(|stats| stats.subscriptions == live).await;
        // And each that lives hears what it asked for.
        let last = format!("round {round}");
        for key in 0..KEYS {
            change(&server, i32::try_from(key).unwrap(), 1, &last);
        }
        let mut waiting: Vec<u64> = client.live.keys().copied().collect();
        while !waiting.is_empty() {
            let message = client.raw.next().await;
            let (id, text) = client.check(&message);
            if text == last {
                let place = waiting.iter().position(|other| *other == id);
                waiting.swap_remove(place.expect("a frame came twice"));
            }
        }
    }
    client.raw.silent().await;
    assert_eq!(server.hub.stats().slow_readers_closed, 0);
    drop(client);
    server.until_empty().await;
}
