//! Clients that others wrote, with the lines of `guide/resume.md`, are cut off again and again, come
//! to a restarted server, and at last to one whose log does not go back so far.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../proof/mod.rs"]
mod proof;

use graphex_client_tests::{chat, script};
use serde_json::json;

async fn goes_on(client: &str, drops: usize) {
    let input = json!({ "client": client, "server": chat(), "drops": drops });
    let seen = script("drops.mjs", &input).await;
    assert_eq!(seen["wrong"], json!([]), "{seen}");
    assert_eq!(seen["resyncs"], json!([0, 1]), "{seen}");
    assert!(seen["written"].as_u64().unwrap() > drops as u64);
}

macro_rules! clients {
    ($($test:ident: $client:literal, $drops:literal;)*) => {$(
        #[tokio::test]
        async fn $test() {
            goes_on($client, proof::steps($drops)).await;
        }
    )*};
}

clients! {
    graphql_ws: "graphql-ws", 20;
    apollo_client: "apollo", 20;
    urql: "urql", 20;
    graphql_sse: "graphql-sse", 20;
    graphql_sse_over_a_single_connection: "graphql-sse-single", 20;
    // It waits for three seconds before it connects again.
    event_source: "eventsource", 3;
}
