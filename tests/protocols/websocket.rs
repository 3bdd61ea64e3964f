//! graphql-transport-ws: a test for each sentence of its specification that binds a server,
//! named after it, and what this server adds.

use std::time::Duration;

use crate::harness::{CurrentUser, Server, endpoints, within};
use crate::streams::graphql_ws::Raw;
use crate::streams::{Fixture, Gate, Mutation, Query, Streams, start, start_with};
use async_graphql::Data;
use graphex::prelude::*;
use graphex::{SlowReader, Stats};
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

/// A server with an `on_connect` that does what the payload says.
async fn start_with_hook() -> Fixture {
    let hub = Hub::builder().build();
    let (source, _) = broadcast::channel(16);
    let gate = Gate::default();
    let schema = Schema::build(Query, Mutation, Streams)
        .data(gate.clone())
        .finish();
    let held = gate.clone();
    let app = endpoints(schema, &hub).on_connect(move |payload, parts| {
        let gate = held.clone();
        async move {
            let mut data = Data::default();
            match payload["do"].as_str() {
                Some("refuse") => return Err("you may not".into()),
                Some("panic") => panic!("on purpose"),
                Some("wait") => gate.0.notified().await,
                _ => {}
            }
            if let Some(user) = payload["user"].as_i64() {
                data.insert(CurrentUser(user));
            } else if let Some(user) = parts.headers.get("x-user") {
                data.insert(CurrentUser(user.to_str()?.parse()?));
            }
            Ok(data)
        }
    });
    let server = Server::start(app.into_router(), hub).await;
    Fixture {
        server,
        source,
        gate,
    }
}

fn is_empty(stats: &Stats) -> bool {
    (stats.channels, stats.subscriptions, stats.plans) == (0, 0, 0)
}

/// A subscription of a generated field.
const NOTES: &str = "subscription { noteChanges { action id data { text } } }";

// Communication

#[tokio::test]
async fn the_websocket_sub_protocol_for_this_specification_is_graphql_transport_ws() {
    let server = start().await;
    // The client asserts what the server chooses.
    let mut raw = server.socket().await;
    raw.silent().await;
    for other in [None, Some("graphql-ws"), Some("chat, superchat")] {
        let request = server.graphql_ws_request(other);
        let connecting = within(tokio_tungstenite::connect_async(request)).await;
        match connecting {
            Ok((socket, response)) => {
                assert!(!response.headers().contains_key("sec-websocket-protocol"));
                let closed = Raw::new(socket).closed().await;
                assert_eq!(closed, (4406, "Subprotocol not acceptable".to_owned()));
            }
            // This client does not put up with a server that chooses none of what it offers.
            Err(error) => assert!(error.to_string().contains("SubProtocol"), "{error}"),
        }
    }
    let request = server.graphql_ws_request(Some("graphql-ws, graphql-transport-ws"));
    let (socket, _) = within(tokio_tungstenite::connect_async(request))
        .await
        .unwrap();
    Raw::new(socket).silent().await;
}

#[tokio::test]
async fn all_messages_contain_the_type_field_and_those_of_operations_the_id() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "{ hello }").await;
    assert_eq!(
        raw.next().await,
        json!({"type": "next", "id": "a", "payload": {"data": {"hello": "world"}}})
    );
    assert_eq!(raw.next().await, json!({"type": "complete", "id": "a"}));
    raw.subscribe("b", "{ nothing }").await;
    let message = raw.next().await;
    assert_eq!(message["type"], "error");
    assert_eq!(message["id"], "b");
}

#[tokio::test]
async fn multiple_operations_can_be_active_and_their_messages_can_be_interleaved() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    for id in 0..100 {
        raw.subscribe(&id.to_string(), "subscription { numbers }")
            .await;
    }
    server.listened(100).await;
    for number in 1..4 {
        server.publish(number);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..100 {
            let message = raw.next().await;
            assert_eq!(message["payload"], json!({"data": {"numbers": number}}));
            assert!(seen.insert(message["id"].as_str().unwrap().to_owned()));
        }
    }
    raw.silent().await;
}

#[tokio::test]
async fn the_client_closes_the_socket_with_a_normal_closure() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { numbers }").await;
    server.listened(1).await;
    assert!(raw.close().await.is_some());
    server.listened(0).await;
    server.until_empty().await;
}

#[tokio::test]
async fn a_socket_that_breaks_leaves_nothing() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { numbers }").await;
    raw.subscribe("b", "{ slow }").await;
    server.listened(1).await;
    assert_eq!(server.hub.stats().channels, 1);
    drop(raw);
    server.listened(0).await;
    server.until_empty().await;
}

// ConnectionInit and ConnectionAck

#[tokio::test(start_paused = true)]
async fn without_connection_init_in_time_the_server_will_close_the_socket_with_4408() {
    let server = start().await;
    let start = tokio::time::Instant::now();
    let mut raw = server.socket().await;
    assert_eq!(
        raw.closed().await,
        (4408, "Connection initialisation timeout".to_owned())
    );
    assert!(start.elapsed() >= Duration::from_secs(3));
    server.until_empty().await;
}

#[tokio::test]
async fn if_the_server_receives_more_than_one_connection_init_it_will_close_the_socket_with_4429() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.send(json!({"type": "connection_init"})).await;
    assert_eq!(
        raw.closed().await,
        (4429, "Too many initialisation requests".to_owned())
    );
    server.until_empty().await;
}

#[tokio::test]
async fn more_than_one_connection_init_at_any_given_time_also_while_one_is_pending() {
    let server = start_with_hook().await;
    let mut raw = server.socket().await;
    let init = json!({"type": "connection_init", "payload": {"do": "wait"}});
    raw.send(init.clone()).await;
    raw.silent().await;
    raw.send(init).await;
    assert_eq!(raw.closed().await.0, 4429);
    server.until_empty().await;
}

#[tokio::test]
async fn if_the_server_wishes_to_reject_the_connection_it_closes_the_socket_with_4403() {
    let server = start_with_hook().await;
    let mut raw = server.socket().await;
    raw.send(json!({"type": "connection_init", "payload": {"do": "refuse"}}))
        .await;
    assert_eq!(raw.closed().await, (4403, "you may not".to_owned()));
    let mut raw = server.socket().await;
    raw.send(json!({"type": "connection_init", "payload": {"do": "panic"}}))
        .await;
    assert_eq!(
        raw.closed().await,
        (4500, "Internal server error".to_owned())
    );
    server.until_empty().await;
}

#[tokio::test]
async fn connection_ack_is_the_expected_response_to_connection_init() {
    let server = start_with_hook().await;
    for init in [
        json!({"type": "connection_init"}),
        json!({"type": "connection_init", "payload": null}),
        json!({"type": "connection_init", "payload": {"anything": [1, {}]}}),
    ] {
        let mut raw = server.socket().await;
        raw.silent().await;
        raw.send(init).await;
        assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
        raw.silent().await;
    }
    let mut raw = server.socket().await;
    raw.send(json!({"type": "connection_init", "payload": {"do": "wait"}}))
        .await;
    raw.silent().await;
    server.gate.0.notify_one();
    assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
}

#[tokio::test]
async fn the_hook_gets_payload_and_request_and_makes_the_connections_data() {
    let server = start_with_hook().await;
    for (user, payload, expected) in [
        (None, json!({}), Value::Null),
        (None, json!({"user": 7}), json!(7)),
        (Some(8), json!({}), json!(8)),
        (Some(8), json!({"user": 7}), json!(7)),
    ] {
        let mut raw = server.socket_as(user).await;
        raw.send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(raw.next().await["type"], "connection_ack");
        raw.subscribe("a", "{ user }").await;
        raw.data("a", json!({ "user": expected })).await;
        raw.completed("a").await;
    }
}

#[tokio::test]
async fn without_a_hook_operations_use_the_data_of_the_request_that_opened_the_socket() {
    let server = start().await;
    let mut raw = server.acknowledged_as(Some(5)).await;
    raw.subscribe("a", "{ user }").await;
    raw.data("a", json!({"user": 5})).await;
}

// Ping and Pong

#[tokio::test]
async fn a_pong_must_be_sent_in_response_at_any_time_within_the_established_socket() {
    let server = start().await;
    let mut raw = server.socket().await;
    for _ in 0..2 {
        raw.send(json!({"type": "ping"})).await;
        assert_eq!(raw.next().await, json!({"type": "pong"}));
        raw.send(json!({"type": "ping", "payload": null})).await;
        assert_eq!(raw.next().await, json!({"type": "pong"}));
        raw.send(json!({"type": "ping", "payload": {"at": 1}}))
            .await;
        assert_eq!(
            raw.next().await,
            json!({"type": "pong", "payload": {"at": 1}})
        );
        raw = server.acknowledged().await;
    }
}

#[tokio::test]
async fn the_pong_message_may_even_be_sent_unsolicited() {
    let server = start().await;
    let mut raw = server.socket().await;
    raw.send(json!({"type": "pong"})).await;
    raw.send(json!({"type": "pong", "payload": {"at": 1}}))
        .await;
    raw.silent().await;
}

// Subscribe

#[tokio::test]
async fn if_there_is_already_an_active_subscriber_the_server_must_close_the_socket_with_4409() {
    let server = start().await;
    for (first, second) in [
        ("subscription { numbers }", "subscription { numbers }"),
        ("subscription { numbers }", "{ hello }"),
        ("{ slow }", "mutation { twice(number: 1) }"),
        ("subscription { numbers }", "{ not even valid"),
    ] {
        let mut raw = server.acknowledged().await;
        raw.subscribe("the id", first).await;
        raw.subscribe("the id", second).await;
        assert_eq!(
            raw.closed().await,
            (4409, "Subscriber for the id already exists".to_owned())
        );
    }
    server.listened(0).await;
    server.until_empty().await;
}

#[tokio::test]
async fn a_long_id_is_cut_in_the_reason() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    let id = "ä".repeat(100);
    raw.subscribe(&id, "subscription { numbers }").await;
    raw.subscribe(&id, "subscription { numbers }").await;
    let (code, reason) = raw.closed().await;
    assert_eq!(code, 4409);
    assert!(reason.starts_with("Subscriber for ää"), "{reason}");
}

#[tokio::test]
async fn once_a_client_completes_an_operation_it_is_free_to_re_use_that_id() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    for number in 0..20 {
        raw.subscribe("a", "subscription { numbers }").await;
        server.listened(1).await;
        server.publish(number);
        raw.data("a", json!({"numbers": number})).await;
        raw.complete("a").await;
        raw.subscribe("a", "subscription { count(to: 1) }").await;
        raw.data("a", json!({"count": 1})).await;
        raw.completed("a").await;
        server.listened(0).await;
    }
    raw.silent().await;
}

#[tokio::test]
async fn an_id_that_is_re_used_at_once_never_gets_what_the_old_operation_has_to_say() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    let mut of = 0;
    raw.subscribe("a", "subscription { endless(of: 0) }").await;
    while of < 50 {
        raw.data("a", json!({"endless": of})).await;
        raw.complete("a").await;
        let query = format!("subscription {{ endless(of: {}) }}", of + 1);
        raw.subscribe("a", &query).await;
        // What was on its way when the server heard of it, then nothing but the new.
        while raw.next_of("a").await["data"]["endless"] == of {}
        of += 1;
        for _ in 0..200 {
            raw.data("a", json!({"endless": of})).await;
        }
    }
}

#[tokio::test]
async fn an_id_is_free_as_soon_as_the_server_has_completed_it() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    for _ in 0..10 {
        raw.subscribe("a", "{ hello }").await;
        raw.data("a", json!({"hello": "world"})).await;
        raw.completed("a").await;
        raw.subscribe("a", "{ nothing }").await;
        raw.error_of("a").await;
    }
}

#[tokio::test]
async fn executing_operations_is_allowed_only_after_the_server_has_acknowledged_the_connection() {
    let server = start().await;
    let mut raw = server.socket().await;
    raw.subscribe("a", "{ hello }").await;
    assert_eq!(raw.closed().await, (4401, "Unauthorized".to_owned()));

    let server = start_with_hook().await;
    let mut raw = server.socket().await;
    raw.send(json!({"type": "connection_init", "payload": {"do": "wait"}}))
        .await;
    raw.subscribe("a", "{ hello }").await;
    assert_eq!(raw.closed().await, (4401, "Unauthorized".to_owned()));
    server.until_empty().await;
}

#[tokio::test]
async fn operation_name_variables_and_extensions_are_used_and_may_be_null() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    let query = "query a { hello } mutation b($n: Int!) { twice(number: $n) }";
    raw.send(json!({"id": "1", "type": "subscribe", "payload": {
        "query": query, "operationName": "b", "variables": {"n": 4}, "extensions": {"x": 1},
    }}))
    .await;
    raw.data("1", json!({"twice": 8})).await;
    raw.completed("1").await;
    raw.send(json!({"id": "1", "type": "subscribe", "payload": {
        "query": "{ hello }", "operationName": null, "variables": null, "extensions": null,
    }}))
    .await;
    raw.data("1", json!({"hello": "world"})).await;
}

// Next, Error and Complete

#[tokio::test]
async fn after_all_results_have_been_emitted_the_complete_message_will_follow() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { count(to: 3) }").await;
    for number in 1..=3 {
        raw.data("a", json!({"count": number})).await;
    }
    raw.completed("a").await;
    raw.subscribe("b", "subscription { count(to: 0) }").await;
    raw.completed("b").await;
    raw.silent().await;
}

#[tokio::test]
async fn error_can_occur_before_execution_starts_usually_due_to_validation_errors() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    for document in [
        "{ nothing }",
        "{ not even valid",
        "",
        "subscription { nothing }",
        "subscription { count(to: \"x\") }",
        "subscription { a: count(to: 1) b: count(to: 1) }",
        "subscription { ...F } fragment F on Subscription { count(to: 1) }",
        "query a { hello } query b { hello }",
    ] {
        raw.subscribe("a", document).await;
        raw.error_of("a").await;
        raw.silent().await;
    }
    // Where the hub knows the model, the error says what to write instead.
    let mistyped = "subscription { noteChanges(filters: {txt: \"a\"}) { id } }";
    raw.subscribe("a", mistyped).await;
    let expected = "unknown filter `txt`; did you mean `text`?";
    assert_eq!(raw.error_of("a").await, expected);
    raw.silent().await;
}

#[tokio::test]
async fn error_can_occur_during_the_execution_of_the_request() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { refused }").await;
    assert_eq!(raw.error_of("a").await, "you may not");
    raw.subscribe("a", "subscription { panicsLater }").await;
    raw.data("a", json!({"panicsLater": 1})).await;
    let message = raw.error_of("a").await;
    assert_eq!(
        message,
        "the operation failed on the server; its log says why"
    );
    raw.subscribe("a", "{ panics }").await;
    assert_eq!(raw.error_of("a").await, message);
    raw.silent().await;
}

#[tokio::test]
async fn error_terminates_the_operation_and_no_further_messages_will_be_sent() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { nothing }").await;
    raw.error_of("a").await;
    raw.silent().await;
    // And nothing is left of it: a `complete` that crosses it is ignored, the id is free.
    raw.complete("a").await;
    raw.subscribe("a", "{ hello }").await;
    raw.data("a", json!({"hello": "world"})).await;
    raw.completed("a").await;
}

#[tokio::test]
async fn next_carries_execution_results_those_with_errors_too() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "{ hello maybe }").await;
    let payload = raw.next_of("a").await;
    assert_eq!(payload["data"]["hello"], "world");
    assert_eq!(payload["errors"][0]["path"], json!(["maybe"]));
    raw.completed("a").await;
    raw.subscribe("a", "{ fails }").await;
    let payload = raw.next_of("a").await;
    assert_eq!(payload["data"], Value::Null);
    assert_eq!(payload["errors"][0]["message"], "it failed");
    raw.completed("a").await;
    // An event that fails is not the end of its stream.
    raw.subscribe("a", "subscription { failing }").await;
    for number in 1..3 {
        server.listened(1).await;
        server.publish(number);
        let payload = raw.next_of("a").await;
        assert_eq!(payload["errors"][0]["message"], "this one failed");
    }
}

#[tokio::test]
async fn a_complete_of_the_client_is_not_answered_and_no_further_events_are_sent() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { numbers }").await;
    raw.subscribe("witness", "subscription { numbers }").await;
    server.listened(2).await;
    server.publish(1);
    let mut both = [raw.next().await, raw.next().await];
    both.sort_by_key(|message| message["id"].to_string());
    assert_eq!(both[0]["id"], "a");
    assert_eq!(both[1]["id"], "witness");
    raw.complete("a").await;
    raw.silent().await;
    server.listened(1).await;
    server.publish(2);
    raw.data("witness", json!({"numbers": 2})).await;
    raw.silent().await;
}

#[tokio::test]
async fn the_result_of_a_completed_single_result_operation_should_not_be_sent_through() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "{ slow }").await;
    raw.silent().await;
    raw.complete("a").await;
    raw.silent().await;
    server.gate.0.notify_waiters();
    raw.silent().await;
}

#[tokio::test]
async fn messages_for_operations_that_are_already_completed_are_ignored() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.complete("never there").await;
    raw.silent().await;
    raw.subscribe("a", "{ hello }").await;
    raw.data("a", json!({"hello": "world"})).await;
    raw.completed("a").await;
    raw.complete("a").await;
    raw.complete("a").await;
    raw.silent().await;
}

#[tokio::test]
async fn a_single_result_operation_sends_at_most_one_next_and_then_complete() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "mutation { twice(number: 2) }").await;
    raw.data("a", json!({"twice": 4})).await;
    raw.completed("a").await;
    // The one-shot subscriptions of the two-channel protocol are such operations.
    raw.subscribe("b", r#"subscription { noteSubscription(channelId: "x", action: CREATE, operation: SUBSCRIBE) { ok error } }"#).await;
    let payload = raw.next_of("b").await;
    assert_eq!(payload["data"]["noteSubscription"]["ok"], false);
    raw.completed("b").await;
    raw.silent().await;
}

#[tokio::test]
async fn single_results_share_the_name_space_for_ids_and_can_be_multiplexed() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("slow", "{ slow }").await;
    raw.subscribe("stream", "subscription { numbers }").await;
    raw.subscribe("fast", "{ hello }").await;
    raw.data("fast", json!({"hello": "world"})).await;
    raw.completed("fast").await;
    server.listened(1).await;
    server.publish(3);
    raw.data("stream", json!({"numbers": 3})).await;
    server.gate.0.notify_one();
    raw.data("slow", json!({"slow": 1})).await;
    raw.completed("slow").await;
    raw.silent().await;
}

// Invalid message

#[tokio::test]
async fn receiving_a_message_of_a_type_or_format_that_is_not_specified_closes_with_4400() {
    let server = start().await;
    for text in [
        "",
        "hello",
        "[]",
        "1",
        "{}",
        r#"{"type": 1}"#,
        r#"{"type": "start", "id": "1", "payload": {"query": "{ hello }"}}"#,
        r#"{"type": "connection_ack"}"#,
        r#"{"type": "next", "id": "1", "payload": {}}"#,
        r#"{"type": "error", "id": "1", "payload": []}"#,
        r#"{"type": "ping", "payload": "x"}"#,
        r#"{"type": "connection_init", "payload": 1}"#,
        r#"{"type": "complete"}"#,
        r#"{"type": "subscribe", "payload": {"query": "{ hello }"}}"#,
        r#"{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}"#,
        r#"{"type": "subscribe", "id": "1"}"#,
        r#"{"type": "subscribe", "id": "1", "payload": {"query": null}}"#,
        r#"{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": 1}}"#,
    ] {
        for mut raw in [server.socket().await, server.acknowledged().await] {
            raw.send_raw(Message::text(text)).await;
            let (code, reason) = raw.closed().await;
            assert_eq!(code, 4400, "{text}");
            assert!(!reason.is_empty());
        }
    }
    let mut raw = server.acknowledged().await;
    raw.send_raw(Message::binary(br#"{"type":"ping"}"#.to_vec()))
        .await;
    assert_eq!(raw.closed().await, (4400, "messages are text".to_owned()));
    server.until_empty().await;
}

// Beyond the specification

#[tokio::test]
async fn a_generated_field_sends_its_events_from_the_shared_plan() {
    let server = start().await;
    let mut first = server.acknowledged_as(Some(1)).await;
    let mut second = server.acknowledged_as(Some(1)).await;
    let mut other = server.acknowledged_as(Some(2)).await;
    first.subscribe("a", NOTES).await;
    first.subscribe("b", NOTES).await;
    second.subscribe("a \"quoted\"", NOTES).await;
    other.subscribe("a", NOTES).await;
    server.joined(4).await;
    server.change(Action::Create, 5, 1, "line\nbreak");
    let event =
        json!({"noteChanges": {"action": "CREATE", "id": "5", "data": {"text": "line\nbreak"}}});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let message = first.next().await;
        assert_eq!(message["type"], "next");
        assert_eq!(message["payload"], json!({ "data": event }));
        ids.push(message["id"].as_str().unwrap().to_owned());
    }
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
    second.data("a \"quoted\"", event).await;
    other.silent().await;
    assert_eq!(server.hub.stats().frames_encoded, 1);
    first.complete("a").await;
    first.silent().await;
    server.joined(3).await;
    server.change(Action::Delete, 5, 1, "");
    assert_eq!(first.next().await["id"], "b");
    first.silent().await;
    drop((first, second, other));
    server.until_empty().await;
}

#[tokio::test]
async fn a_denial_in_authorize_or_scope_is_an_error_and_joins_nothing() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", NOTES).await;
    assert_eq!(raw.error_of("a").await, "log in first");
    raw.silent().await;
    let mut raw = server.acknowledged_as(Some(1)).await;
    raw.subscribe("a", "subscription { noteChanges(id: 13) { id } }")
        .await;
    assert_eq!(raw.error_of("a").await, "not this one");
    raw.subscribe("a", "subscription { noteChanges(id: \"x\") { id } }")
        .await;
    raw.error_of("a").await;
    raw.silent().await;
    assert_eq!(server.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_closed_with_1013() {
    let server = start_with(|limits| {
        limits.outbox_frames = 10;
        limits.slow_reader = SlowReader::Close;
    })
    .await;
    let mut raw = server.acknowledged_as(Some(1)).await;
    raw.subscribe("a", NOTES).await;
    server.joined(1).await;
    let text = "x".repeat(10_000);
    while server.hub.stats().slow_readers_closed == 0 {
        server.change(Action::Update, 1, 1, &text);
        tokio::task::yield_now().await;
    }
    loop {
        match raw.receive().await {
            Message::Text(_) => {}
            Message::Close(Some(frame)) => {
                assert_eq!(u16::from(frame.code), 1013);
                break;
            }
            other => panic!("not closed but {other:?}"),
        }
    }
    server.until_empty().await;
}

#[tokio::test]
async fn one_operation_too_many_is_an_error_and_the_others_go_on() {
    let server = start_with(|limits| limits.operations_per_connection = 2).await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { numbers }").await;
    raw.subscribe("b", "{ slow }").await;
    raw.subscribe("c", "{ hello }").await;
    assert_eq!(
        raw.error_of("c").await,
        "too many operations: this connection may run 2 at once"
    );
    raw.complete("b").await;
    raw.subscribe("c", "{ hello }").await;
    raw.data("c", json!({"hello": "world"})).await;
    raw.completed("c").await;
    server.publish(1);
    raw.data("a", json!({"numbers": 1})).await;
}

#[tokio::test]
async fn a_stream_that_is_always_ready_starves_nobody() {
    let server = start().await;
    let mut raw = server.acknowledged().await;
    for id in 0..8 {
        raw.subscribe(
            &id.to_string(),
            &format!("subscription {{ endless(of: {id}) }}"),
        )
        .await;
    }
    raw.subscribe("numbers", "subscription { numbers }").await;
    let mut counts = std::collections::HashMap::new();
    let mut others = 0;
    while counts.len() < 8 || others == 0 {
        let message = raw.next().await;
        let id = message["id"].as_str().unwrap().to_owned();
        if id == "numbers" {
            others += 1;
        } else {
            *counts.entry(id).or_insert(0) += 1;
        }
        if server.source.receiver_count() == 1 && others == 0 {
            let _ = server.source.send(1);
        }
    }
    let (most, least) = (counts.values().max(), counts.values().min());
    assert!(most.unwrap() - least.unwrap() < 2_000, "{counts:?}");
    // The socket is heard as well.
    for id in 0..8 {
        raw.complete(&id.to_string()).await;
    }
    raw.send(json!({"type": "ping", "payload": {"after": "all"}}))
        .await;
    loop {
        let message = raw.next().await;
        if message["type"] == "pong" {
            break;
        }
    }
    raw.silent().await;
}

#[tokio::test]
async fn an_identity_has_so_many_sockets_and_pages_of_other_hosts_none() {
    let server = start_with(|limits| limits.channels_per_identity = 1).await;
    let first = server.acknowledged_as(Some(1)).await;
    let mut request = server.graphql_ws_request(Some("graphql-transport-ws"));
    request.headers_mut().insert("x-user", 1.into());
    assert_eq!(server.refused_upgrade(request).await, 429);
    server.acknowledged_as(Some(2)).await;
    drop(first);
    server.until(is_empty).await;
    server.acknowledged_as(Some(1)).await;

    let mut request = server.graphql_ws_request(Some("graphql-transport-ws"));
    let origin = "https://evil.test".parse().unwrap();
    request.headers_mut().insert("origin", origin);
    assert_eq!(server.refused_upgrade(request).await, 403);
}

#[tokio::test]
async fn a_frame_over_the_limit_closes_with_1009() {
    let server = start_with(|limits| limits.inbound_frame = 1_000).await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", &format!("{{ hello }} #{}", "x".repeat(1_000)))
        .await;
    assert_eq!(raw.closed().await.0, 1009);
    server.until_empty().await;
}

#[tokio::test]
async fn answers_larger_than_what_may_wait_are_sent_whole() {
    let server = start().await;
    let mut socket = server.acknowledged().await;
    let ids = ["a", "b", "c"];
    for id in ids {
        socket.subscribe(id, "{ large(bytes: 3000000) }").await;
    }
    let mut large = 0;
    for _ in 0..2 * ids.len() {
        let message = socket.next().await;
        let text = message["payload"]["data"]["large"].as_str();
        if let Some(text) = text {
            assert_eq!(text.len(), 3_000_000);
            large += 1;
        } else {
            assert_eq!(message["type"], "complete");
        }
    }
    assert_eq!(large, ids.len());
    socket.silent().await;
}
