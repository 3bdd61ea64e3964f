//! Clients that others wrote, over every protocol that they speak.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use graphex_client_tests::{chat, script};
use serde_json::json;

/// Subscribes, hears of a create, an update and a delete, unsubscribes, and hears again after the
/// server was stopped and started: the script does it all with this client.
async fn receives(client: &str) {
    let input = json!({ "client": client, "server": chat() });
    let heard = script("subscribe.mjs", &input).await;
    let change = |action: &str, text: &str| {
        let id = heard["id"].to_string();
        json!({"action": action, "id": id, "data": {"room": 1, "text": text}})
    };
    let received: Vec<_> = heard["received"].as_array().unwrap().iter().collect();
    let expected = [
        change("CREATE", "hello"),
        change("UPDATE", "hello again"),
        change("DELETE", "hello again"),
    ];
    assert_eq!(received.len(), expected.len());
    for (received, mut expected) in received.into_iter().zip(expected) {
        let mut received = received["data"]["messageChanges"].clone();
        // Some clients ask for the types as well.
        for change in [&mut received, &mut expected] {
            change.as_object_mut().unwrap().remove("__typename");
            let data = change["data"].as_object_mut().unwrap();
            data.remove("__typename");
        }
        assert_eq!(received, expected);
    }
    assert_eq!(heard["silent"], true);
}

macro_rules! clients {
    ($($test:ident: $client:literal,)*) => {$(
        #[tokio::test]
        async fn $test() {
            receives($client).await;
        }
    )*};
}

clients! {
    graphql_ws: "graphql-ws",
    graphql_sse: "graphql-sse",
    graphql_sse_over_a_single_connection: "graphql-sse-single",
    graphql_sse_with_the_token_of_a_stream_that_is_gone: "graphql-sse-single-plain",
    apollo_client_over_a_websocket: "apollo-ws",
    apollo_client_over_multipart_http: "apollo-multipart",
    urql_over_a_websocket: "urql-ws",
    urql_over_server_sent_events: "urql-sse",
    relay_over_a_websocket: "relay-ws",
    python_gql_over_a_websocket: "gql",
}
