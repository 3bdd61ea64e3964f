//! Equal subscribers of graphql-transport-ws share the work.

#![cfg(feature = "axum")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
mod streams;
mod until;

use graphex::prelude::*;
use harness::{CurrentUser, Server, endpoints};
use serde_json::json;
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
    let hub = Hub::builder().model::<Post>();
    let hub = hub
        .limits(|limits| limits.bytes_per_identity = usize::MAX)
        .build();
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
