//! graphql-js, which most clients and editors build on, reads the schema and checks documents.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use graphex_client_tests::{Chat, script};
use serde_json::{Value, json};

/// What graphql-js has against each document.
async fn objections(chat: &Chat, documents: &[String]) -> Vec<Vec<String>> {
    let query = script("validate.mjs", &json!({ "query": true })).await;
    let answer = chat.post(&json!({ "query": query })).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    let input = json!({ "introspection": answer["data"], "documents": documents });
    let output: Value = script("validate.mjs", &input).await;
    serde_json::from_value(output).unwrap()
}

fn subscription(filters: &str) -> String {
    format!(
        "subscription {{ messageSubscription(channelId: \"c\", action: UPDATE, operation: SUBSCRIBE, \
         filters: {filters}, data: [ID, TEXT]) {{ ok error }} }}"
    )
}

#[tokio::test]
async fn filters_are_checked_before_they_are_sent() {
    let chat = Chat::start().await;
    let right = [
        "{ room: 7, text__icontains: \"urgent\" }",
        "{ room__in: [1, 2], priority__gte: 3, pinned: true, author__isnull: false }",
        "{ created__year: 2026, created__gte: \"2026-03-04T05:06:07Z\", score__range: [0.5, 1] }",
        "{}",
    ];
    let wrong = [
        (
            "{ rom: 7 }",
            "Field \"rom\" is not defined by type \"MessageFilters\". Did you mean",
        ),
        (
            "{ text__icontain: \"x\" }",
            "Did you mean \"text__icontains\"",
        ),
        (
            "{ room: \"7\" }",
            "Int cannot represent non-integer value: \"7\"",
        ),
        (
            "{ room__in: [null] }",
            "Expected value of type \"Int!\", found null.",
        ),
        (
            "{ password_hash: \"x\" }",
            "Field \"password_hash\" is not defined",
        ),
        ("[7]", "Expected value of type \"MessageFilters\""),
    ];
    let all = right
        .iter()
        .copied()
        .chain(wrong.map(|(filters, _)| filters));
    let documents: Vec<_> = all.map(subscription).collect();
    let found = objections(&chat, &documents).await;
    assert_eq!(found.len(), documents.len());
    let (fine, refused) = found.split_at(right.len());
    assert!(fine.iter().all(Vec::is_empty), "{fine:?}");
    for ((filters, expected), found) in wrong.iter().zip(refused) {
        let told = found.iter().any(|message| message.contains(expected));
        assert!(told, "{filters}: {found:?}");
    }
}

/// To graphql-js an `Int` has 32 bits, and async-graphql's has 64. It sees what is written into a
/// document, and leaves variables to the server.
#[tokio::test]
async fn integers_of_more_than_32_bits_go_into_variables() {
    let chat = Chat::start().await;
    let variable = "subscription ($room: Int) { messageSubscription(channelId: \"c\", \
         action: UPDATE, operation: SUBSCRIBE, filters: { room: $room }) { ok } }";
    let documents = [
        subscription("{ room: 2147483647 }"),
        subscription("{ room: 2147483648 }"),
        variable.to_owned(),
    ];
    let found = objections(&chat, &documents).await;
    assert_eq!(found[0], [""; 0]);
    assert_eq!(
        found[1],
        ["Int cannot represent non 32-bit signed integer value: 2147483648"]
    );
    assert_eq!(found[2], [""; 0]);
}

#[tokio::test]
async fn the_whole_schema_is_sound_to_graphql_js() {
    let chat = Chat::start().await;
    let documents = [
        "query { __typename }".to_owned(),
        "subscription { noteSubscription(channelId: \"c\", action: CREATE, operation: SUBSCRIBE, \
         data: [ID]) { ok } }"
            .to_owned(),
    ];
    let found = objections(&chat, &documents).await;
    assert_eq!(found[0], [""; 0]);
    // In id-only mode there is nothing to choose.
    assert!(
        found[1][0].starts_with("Unknown argument \"data\""),
        "{found:?}"
    );
}
