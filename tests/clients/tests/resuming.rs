//! Clients that others wrote, with the lines of `guide/resume.md`, are cut off again and again, come
//! to a restarted server, and at last to one whose log does not go back so far.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../proof/mod.rs"]
mod proof;

use std::time::Duration;

use graphex_client_tests::{chat, script_within};
use serde_json::{Value, json};

async fn goes_on(server: &Value, client: &str, drops: usize) {
    let mut input = json!({ "client": client, "drops": drops });
    let parts = input.as_object_mut().unwrap();
    parts.extend(server.as_object().unwrap().clone());
    let within = Duration::from_secs(60 + 3 * drops as u64);
    let seen = script_within(within, "drops.mjs", &input).await;
    assert_eq!(seen["wrong"], json!([]), "{seen}");
    assert_eq!(seen["resyncs"], json!([0, 1]), "{seen}");
    assert!(seen["written"].as_u64().unwrap() > drops as u64);
}

/// The chat of `examples/chat`, with its database in a file.
fn over_sqlite() -> Value {
    json!({ "server": chat(), "arguments": [] })
}

/// The chat of `examples/cluster`, with its database in PostgreSQL, and without Redis.
fn over_postgres() -> Value {
    let of = |name: &str| {
        std::env::var(name)
            .unwrap_or_else(|_| panic!("{name} is not set: run ./tests/run.sh, which sets it"))
    };
    json!({
        "server": of("GRAPHEX_CLUSTER"), "arguments": ["http"], "postgres": of("GRAPHEX_POSTGRES_URL"),
    })
}

macro_rules! clients {
    ($($test:ident: $client:literal, $drops:literal;)*) => {
        mod sqlite {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    goes_on(&over_sqlite(), $client, proof::steps($drops)).await;
                }
            )*
        }
        mod postgres {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    goes_on(&over_postgres(), $client, proof::steps($drops)).await;
                }
            )*
        }
    };
}

clients! {
    graphql_ws: "graphql-ws", 20;
    apollo_client: "apollo", 20;
    urql: "urql", 20;
    relay: "relay", 20;
    python_gql: "gql", 20;
    graphql_sse: "graphql-sse", 20;
    graphql_sse_over_a_single_connection: "graphql-sse-single", 20;
    // It waits for three seconds before it connects again.
    event_source: "eventsource", 3;
}
