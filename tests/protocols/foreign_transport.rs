//! `messageChanges` under a transport that is not graphex's: async-graphql's own, mounted as its
//! documentation has it. What it sends is what the shared plans of graphex's transport make.

use crate::harness::{Server, endpoints};
use crate::streams::graphql_ws::Raw;
use crate::streams::{Mutation, Query};
use async_graphql_axum::GraphQLSubscription;
use graphex::prelude::*;
use serde_json::{Value, json};

/// A post of a room.
#[derive(Clone, ModelType)]
#[graphex(stream = "posts", serialize_data)]
pub(crate) struct Post {
    pub(crate) id: i64,
    pub(crate) room: i64,
    pub(crate) text: String,
}

const SELECTIONS: [&str; 4] = [
    "postChanges { action id model data { id room text } }",
    "postChanges(action: DELETE) { id }",
    "p: postChanges(filters: {room: 7}) { ...F } } fragment F on PostChange { __typename d: data { __typename t: text }",
    "postChanges(id: 2) { data { text again: text } id @skip(if: false) }",
];

/// The same hub behind graphex's router and behind async-graphql's transport.
async fn start() -> (Server, Server) {
    let hub = Hub::builder().model::<Post>().build();
    let schema = Schema::build(Query, Mutation, PostChanges::default())
        .data(hub.clone())
        .finish();
    let foreign = GraphQLSubscription::new(schema.clone());
    let foreign = axum::Router::new().route_service("/graphql", foreign);
    let own = endpoints(schema, &hub).into_router();
    let foreign = Server::start(foreign, hub.clone()).await;
    (Server::start(own, hub).await, foreign)
}

async fn subscribed(server: &Server) -> Raw {
    let mut raw = server.acknowledged().await;
    for (id, selection) in SELECTIONS.iter().enumerate() {
        let document = format!("subscription {{ {selection} }}");
        raw.subscribe(&id.to_string(), &document).await;
    }
    raw
}

/// What each operation was sent, in order.
async fn heard(raw: &mut Raw, events: usize) -> [Vec<Value>; SELECTIONS.len()] {
    let mut heard = <[Vec<Value>; SELECTIONS.len()]>::default();
    for _ in 0..events {
        let mut message = raw.next().await;
        assert_eq!(message["type"], "next", "{message}");
        let id: usize = message["id"].as_str().unwrap().parse().unwrap();
        heard[id].push(message["payload"].take());
    }
    // Nothing more; async-graphql's transport does not send a ping's payload back.
    raw.send(json!({"type": "ping"})).await;
    assert_eq!(raw.next().await, json!({"type": "pong"}));
    heard
}

#[tokio::test]
async fn it_sends_what_the_shared_plans_make() {
    let (own, foreign) = start().await;
    let (mut own_raw, mut foreign_raw) = (subscribed(&own).await, subscribed(&foreign).await);
    let all = SELECTIONS.len() * 2;
    own.until(|stats| stats.subscriptions == all).await;

    let post = |id, room, text: &str| Post {
        id,
        room,
        text: text.to_owned(),
    };
    own.hub.publish(Action::Create, &post(1, 7, "\"one\""));
    own.hub.publish(Action::Update, &post(2, 8, "two\n"));
    own.hub.publish(Action::Delete, &post(1, 7, "drei ✓"));

    // Three in all, one delete, two of room 7, one of post 2.
    let own_heard = heard(&mut own_raw, 7).await;
    assert_eq!(own_heard, heard(&mut foreign_raw, 7).await);
    assert_eq!(own_heard.each_ref().map(Vec::len), [3, 1, 2, 1]);
    assert_eq!(
        own_heard[2][0],
        json!({"data": {"p": {"__typename": "PostChange", "d": {"__typename": "PostData", "t": "\"one\""}}}})
    );

    // A client that completes its operations, and one that goes away.
    for id in 0..SELECTIONS.len() {
        foreign_raw.complete(&id.to_string()).await;
    }
    own.until(|stats| stats.subscriptions == all / 2).await;
    drop(own_raw);
    own.until_empty().await;
}
