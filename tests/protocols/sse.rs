//! GraphQL over SSE: a test for each sentence of its specification that binds a server, named
//! after it, and what this server adds.

use crate::streams;
use std::time::Duration;

use crate::harness::{Server, answer};
use crate::streams::sse::{Body, complete, next};
use crate::streams::{Fixture, start, start_with};
use graphex::prelude::*;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A subscription of a generated field.
const NOTES: &str = "subscription { noteChanges { action id data { text } } }";

fn note(action: &str, id: i32, text: &str) -> Value {
    json!({"data": {"noteChanges": {"action": action, "id": id.to_string(), "data": {"text": text}}}})
}

// Distinct connections mode

#[tokio::test]
async fn the_content_type_must_always_be_text_event_stream() {
    let server = start().await;
    for query in [
        "{ hello }",
        "{ nothing }",
        "{ not even valid",
        "mutation { twice(number: 1) }",
        "subscription { count(to: 1) }",
        "subscription { refused }",
        NOTES,
    ] {
        let body = server.events_of(query).await;
        assert_eq!(
            body.header("content-type"),
            "text/event-stream; charset=utf-8"
        );
        assert_eq!(body.header("cache-control"), "no-cache");
        assert_eq!(body.header("x-accel-buffering"), "no");
    }
}

#[tokio::test]
async fn validation_steps_must_report_errors_by_emitting_next_events_that_contain_the_errors() {
    let server = start().await;
    for query in [
        "{ nothing }",
        "{ not even valid",
        "",
        "subscription { nothing }",
        "subscription { count(to: \"x\") }",
        "subscription { a: count(to: 1) b: count(to: 1) }",
        "query a { hello } query b { hello }",
    ] {
        let mut body = server.events_of(query).await;
        let (name, data) = body.event().await.unwrap();
        assert_eq!(name, "next");
        assert_eq!(data.get("data"), None, "{data}");
        assert!(data["errors"][0]["message"].is_string());
        assert_eq!(body.event().await, Some(complete(Value::Null)));
        assert_eq!(body.event().await, None);
    }
    let mistyped = "subscription { noteChanges(filters: {txt: \"a\"}) { id } }";
    let (_, data) = server.events_of(mistyped).await.event().await.unwrap();
    let expected = "unknown filter `txt`; did you mean `text`?";
    assert_eq!(data["errors"][0]["message"], expected);
    server.until_empty().await;
}

#[tokio::test]
async fn operation_requests_need_to_conform_to_the_graphql_over_http_spec() {
    let server = start().await;
    let accept = |method| server.request(method).header("accept", "text/event-stream");
    // What is no GraphQL request is no operation to stream.
    let (status, body) = answer(accept(Method::POST).json(&json!({"query": 1}))).await;
    assert_eq!(status, 400);
    assert_eq!(body["errors"][0]["message"], "`query` must be a string");
    let (status, _) = answer(accept(Method::POST).body("{}")).await;
    assert_eq!(status, 415);
    let (status, _) = answer(accept(Method::POST).json(&json!([{"query": "{ hello }"}]))).await;
    assert_eq!(status, 400);
    // An `EventSource` can only GET: queries and events, and nothing that changes something.
    let get = |query: &str| accept(Method::GET).query(&[("query", query)]);
    let mut body = Body::of(get("{ hello }")).await;
    assert_eq!(
        body.event().await,
        Some(next(json!({"data": {"hello": "world"}})))
    );
    let mut body = Body::of(get("subscription { count(to: 1) }")).await;
    assert_eq!(
        body.event().await,
        Some(next(json!({"data": {"count": 1}})))
    );
    for query in [
        "mutation { twice(number: 1) }",
        r#"subscription { noteSubscription(channelId: "x", action: CREATE, operation: SUBSCRIBE) { ok } }"#,
    ] {
        assert_eq!(answer(get(query)).await.0, 405);
    }
    // Without an `Accept` that names a stream there is none.
    let plain = server
        .request(Method::POST)
        .json(&json!({"query": "subscription { count(to: 1) }"}));
    assert_eq!(answer(plain).await.0, 400);
}

#[tokio::test]
async fn after_all_results_have_been_emitted_the_complete_event_will_follow() {
    let server = start().await;
    let mut body = server.events_of("subscription { count(to: 2) }").await;
    assert_eq!(
        body.rest().await,
        ":\n\nevent: next\ndata: {\"data\":{\"count\":1}}\n\n\
         event: next\ndata: {\"data\":{\"count\":2}}\n\nevent: complete\ndata: \n\n"
    );
    let mut body = server.events_of("{ hello maybe }").await;
    let (name, data) = body.event().await.unwrap();
    assert_eq!(
        (name.as_str(), &data["data"]["hello"]),
        ("next", &json!("world"))
    );
    assert_eq!(data["errors"][0]["path"], json!(["maybe"]));
    assert_eq!(body.event().await, Some(complete(Value::Null)));
    assert_eq!(body.event().await, None);
}

#[tokio::test]
async fn a_one_shot_subscription_is_one_next_then_complete() {
    let server = start().await;
    let query = r#"subscription { noteSubscription(channelId: "x", action: CREATE, operation: SUBSCRIBE) { ok error } }"#;
    let mut body = server.events_of(query).await;
    let (name, data) = body.event().await.unwrap();
    assert_eq!(name, "next");
    assert_eq!(data["data"]["noteSubscription"]["ok"], false);
    assert_eq!(body.event().await, Some(complete(Value::Null)));
    assert_eq!(body.event().await, None);
}

#[tokio::test]
async fn an_operation_that_fails_is_a_next_with_errors_then_complete() {
    let server = start().await;
    for (query, message) in [
        ("subscription { refused }", "you may not"),
        (NOTES, "log in first"),
        (
            "{ panics }",
            "the operation failed on the server; its log says why",
        ),
    ] {
        let mut body = server.events_of(query).await;
        let (name, data) = body.event().await.unwrap();
        assert_eq!(name, "next");
        assert_eq!(data["errors"][0]["message"], message);
        assert_eq!(body.event().await, Some(complete(Value::Null)));
        assert_eq!(body.event().await, None);
    }
    let mut body = server.events_of("subscription { panicsLater }").await;
    assert_eq!(
        body.event().await,
        Some(next(json!({"data": {"panicsLater": 1}})))
    );
    let (_, data) = body.event().await.unwrap();
    assert_eq!(data.get("data"), None);
    assert_eq!(body.event().await, Some(complete(Value::Null)));
    server.until_empty().await;
}

#[tokio::test]
async fn streaming_operations_are_terminated_by_having_the_client_simply_close_the_connection() {
    let server = start().await;
    let mut numbers = server.events_of("subscription { numbers }").await;
    let notes = server.events_as(1, NOTES).await;
    server.listened(1).await;
    server.joined(1).await;
    server.publish(7);
    assert_eq!(
        numbers.event().await,
        Some(next(json!({"data": {"numbers": 7}})))
    );
    drop((numbers, notes));
    server.listened(0).await;
    server.until_empty().await;
}

#[tokio::test]
async fn events_of_a_generated_field_come_from_the_shared_plan() {
    let server = start().await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(server.events_as(1, NOTES).await);
    }
    let mut other = server.events_as(2, NOTES).await;
    server.joined(6).await;
    server.change(Action::Create, 5, 1, "a\n\nb");
    server.change(Action::Delete, 5, 2, "gone");
    for stream in &mut streams {
        assert_eq!(
            stream.event().await,
            Some(next(note("CREATE", 5, "a\n\nb")))
        );
    }
    assert_eq!(other.event().await, Some(next(note("DELETE", 5, "gone"))));
    assert_eq!(server.hub.stats().frames_encoded, 2);
    drop((streams, other));
    server.until_empty().await;
}

#[tokio::test]
async fn comments_keep_a_quiet_stream_alive() {
    let server = start_with(|limits| limits.stream_heartbeat = Duration::from_millis(20)).await;
    let mut body = server.events_of("subscription { numbers }").await;
    for _ in 0..5 {
        assert_eq!(body.until("\n\n").await.unwrap(), ":");
    }
    server.publish(1);
    assert_eq!(
        body.event().await,
        Some(next(json!({"data": {"numbers": 1}})))
    );
}

#[tokio::test]
async fn an_identity_has_so_many_streams() {
    let server = start_with(|limits| limits.channels_per_identity = 1).await;
    let first = server.events_as(1, NOTES).await;
    let again = server
        .ask_for("text/event-stream", NOTES)
        .header("x-user", 1);
    assert_eq!(answer(again).await.0, 429);
    let put = || server.request(Method::PUT).header("x-user", 1);
    let (status, body) = answer(put()).await;
    assert_eq!(status, 429);
    let message = "too many connections: close one of the 1 that are open";
    assert_eq!(body["errors"][0]["message"], message);
    drop(first);
    server.until_empty().await;
    // What is reserved counts too.
    assert_eq!(answer(put()).await.0, 201);
    let again = server
        .ask_for("text/event-stream", NOTES)
        .header("x-user", 1);
    assert_eq!(answer(again).await.0, 429);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_given_up() {
    let server = start().await;
    let body = server.events_of("subscription { endless(of: 1) }").await;
    // Nothing is read of the body, and the clock runs when nobody has anything to do.
    server.until_empty_on_a_paused_clock().await;
    drop(body);
}

/// How long the text is that an operation answers with.
fn length(data: &Value, field: &str) -> usize {
    data["data"][field].as_str().map_or(0, str::len)
}

#[tokio::test]
async fn an_answer_larger_than_what_may_wait_is_given_whole() {
    let server = start().await;
    let mut body = server.events_of("{ large(bytes: 3000000) }").await;
    let (_, data) = body.event().await.unwrap();
    assert_eq!(length(&data, "large"), 3_000_000);
    assert_eq!(body.event().await, Some(complete(Value::Null)));
    assert_eq!(body.event().await, None);
    // So are many, of which each is.
    let texts = "subscription { texts(count: 5, bytes: 1500000) }";
    let mut body = server.events_of(texts).await;
    for _ in 0..5 {
        let (_, data) = body.event().await.unwrap();
        assert_eq!(length(&data, "texts"), 1_500_000);
    }
    assert_eq!(body.event().await, Some(complete(Value::Null)));
    server.until_empty().await;
}

// Single connection mode

/// A reserved stream and its requests.
struct Single<'s> {
    server: &'s Server,
    token: String,
    user: i64,
    barriers: u32,
}

impl<'s> Single<'s> {
    async fn reserve(server: &'s Server, user: i64) -> Self {
        let put = server.request(Method::PUT).header("x-user", user);
        let (status, token) = answer(put).await;
        assert_eq!(status, 201);
        Self {
            server,
            token: token.as_str().expect("a text").to_owned(),
            user,
            barriers: 0,
        }
    }

    fn request(&self, method: Method) -> RequestBuilder {
        self.server
            .request(method)
            .header("x-user", self.user)
            .header("x-graphql-event-stream-token", &self.token)
    }

    async fn connect(&self) -> Body {
        let request = self.request(Method::GET);
        let body = Body::of(request.header("accept", "text/event-stream")).await;
        assert_eq!(body.status(), 200);
        assert_eq!(
            body.header("content-type"),
            "text/event-stream; charset=utf-8"
        );
        body
    }

    async fn operate(&self, id: &str, query: &str) -> (u16, Value) {
        let body = json!({"query": query, "extensions": {"operationId": id}});
        answer(self.request(Method::POST).json(&body)).await
    }

    async fn start(&self, id: &str, query: &str) {
        assert_eq!(self.operate(id, query).await, (202, json!("")));
    }

    async fn stop(&self, id: &str) -> u16 {
        let request = self.request(Method::DELETE).query(&[("operationId", id)]);
        answer(request).await.0
    }

    /// The stream has nothing to say to what was asked before.
    async fn silent(&mut self, stream: &mut Body) {
        self.barriers += 1;
        let id = format!("barrier {}", self.barriers);
        self.start(&id, "{ hello }").await;
        let result = json!({"id": id, "payload": {"data": {"hello": "world"}}});
        assert_eq!(stream.event().await, Some(next(result)));
        assert_eq!(stream.event().await, Some(complete(json!({ "id": id }))));
    }
}

fn next_of(id: &str, payload: &Value) -> Option<streams::sse::Event> {
    Some(next(json!({"id": id, "payload": payload})))
}

fn completed(id: &str) -> Option<streams::sse::Event> {
    Some(complete(json!({ "id": id })))
}

#[tokio::test]
async fn the_server_accepts_the_reservation_by_responding_with_201_and_a_token_in_the_body() {
    let server = start().await;
    let put = server.request(Method::PUT);
    let response = put.send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    let token = response.text().await.unwrap();
    assert_eq!(token.len(), 40);
    let other = answer(server.request(Method::PUT)).await.1;
    assert_ne!(other, json!(token));
}

#[tokio::test]
async fn the_token_is_transmitted_through_a_header_value_or_a_search_parameter() {
    let server = start().await;
    let single = Single::reserve(&server, 1).await;
    let token = ("token", single.token.as_str());
    let ask = |method| server.request(method).header("x-user", 1).query(&[token]);
    let get = ask(Method::GET).header("accept", "text/event-stream");
    let mut stream = Body::of(get).await;
    assert_eq!(stream.status(), 200);
    let operation =
        json!({"query": "subscription { numbers }", "extensions": {"operationId": "a"}});
    assert_eq!(answer(ask(Method::POST).json(&operation)).await.0, 202);
    server.listened(1).await;
    server.publish(1);
    assert_eq!(
        stream.event().await,
        next_of("a", &json!({"data": {"numbers": 1}}))
    );
    let delete = ask(Method::DELETE).query(&[("operationId", "a")]);
    assert_eq!(answer(delete).await.0, 200);
    server.listened(0).await;
    // A `token` that cannot be one of ours is the application's.
    let plain = server
        .request(Method::POST)
        .query(&[("token", "secret")])
        .json(&json!({"query": "{ hello }"}));
    assert_eq!(answer(plain).await.0, 200);
}

#[tokio::test]
async fn the_http_request_must_contain_the_matching_reservation_token() {
    let server = start().await;
    let single = Single::reserve(&server, 1).await;
    let operation = json!({"query": "{ hello }", "extensions": {"operationId": "a"}});
    for (token, user) in [
        ("0".repeat(40), 1),
        ("nonsense".to_owned(), 1),
        // Somebody else's: the same answer.
        (single.token.clone(), 2),
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let request = server
                .request(method)
                .header("x-user", user)
                .header("x-graphql-event-stream-token", &token)
                .header("accept", "*/*, text/event-stream")
                .query(&[("operationId", "a")])
                .json(&operation);
            let (status, body) = answer(request).await;
            assert_eq!(status, 404);
            assert_eq!(
                body["errors"][0]["message"],
                "no stream is reserved with this token; reserve one with PUT"
            );
        }
    }
    let delete = server
        .request(Method::DELETE)
        .query(&[("operationId", "a")]);
    assert_eq!(answer(delete).await.0, 405);
}

#[tokio::test]
async fn only_one_sse_connection_can_fulfil_a_reservation_at_a_time() {
    let server = start().await;
    let mut single = Single::reserve(&server, 1).await;
    let mut stream = single.connect().await;
    let second = single
        .request(Method::GET)
        .header("accept", "text/event-stream");
    assert_eq!(answer(second).await.0, 409);
    let put = single.request(Method::PUT);
    assert_eq!(answer(put).await.0, 409);
    single.silent(&mut stream).await;
}

#[tokio::test]
async fn successful_responses_get_accepted_with_202_and_are_then_streamed() {
    let server = start().await;
    let mut single = Single::reserve(&server, 1).await;
    let mut stream = single.connect().await;
    single.start("q", "{ hello }").await;
    assert_eq!(
        stream.event().await,
        next_of("q", &json!({"data": {"hello": "world"}}))
    );
    assert_eq!(stream.event().await, completed("q"));
    single.start("m", "mutation { twice(number: 2) }").await;
    assert_eq!(
        stream.event().await,
        next_of("m", &json!({"data": {"twice": 4}}))
    );
    assert_eq!(stream.event().await, completed("m"));
    single.start("s", "subscription { numbers }").await;
    single.start("n \"x\"", NOTES).await;
    server.listened(1).await;
    server.joined(1).await;
    server.publish(3);
    assert_eq!(
        stream.event().await,
        next_of("s", &json!({"data": {"numbers": 3}}))
    );
    server.change(Action::Update, 4, 1, "hi");
    assert_eq!(
        stream.event().await,
        next_of("n \"x\"", &note("UPDATE", 4, "hi"))
    );
    single.silent(&mut stream).await;
    drop(stream);
    server.listened(0).await;
    server.until_empty().await;
    assert_eq!(single.operate("q", "{ hello }").await.0, 404);
}

#[tokio::test]
async fn operations_may_come_before_the_connection_and_are_flushed_when_it_does() {
    let server = start().await;
    let single = Single::reserve(&server, 1).await;
    single.start("a", "{ hello }").await;
    single.start("b", NOTES).await;
    server.joined(1).await;
    server.change(Action::Create, 4, 1, "early");
    let mut stream = single.connect().await;
    assert_eq!(
        stream.event().await,
        next_of("a", &json!({"data": {"hello": "world"}}))
    );
    assert_eq!(stream.event().await, completed("a"));
    assert_eq!(
        stream.event().await,
        next_of("b", &note("CREATE", 4, "early"))
    );
}

#[tokio::test]
async fn validation_issues_are_handled_as_documented_in_the_graphql_over_http_spec() {
    let server = start().await;
    let mut single = Single::reserve(&server, 1).await;
    let mut stream = single.connect().await;
    for query in [
        "{ nothing }",
        "{ not even valid",
        "subscription { nothing }",
    ] {
        let (status, body) = single.operate("a", query).await;
        assert_eq!(status, 400, "{query}");
        assert!(body["errors"][0]["message"].is_string());
    }
    let bad = single.request(Method::POST).json(&json!({"query": 1}));
    assert_eq!(answer(bad).await.0, 400);
    let batch = single.request(Method::POST).json(&json!([]));
    assert_eq!(answer(batch).await.0, 400);
    let change = [
        ("query", "mutation { twice(number: 1) }"),
        ("extensions", r#"{"operationId":"a"}"#),
    ];
    let get = single.request(Method::GET).query(&change);
    assert_eq!(answer(get).await.0, 405);
    single.silent(&mut stream).await;
}

#[tokio::test]
async fn an_operation_that_is_refused_while_it_runs_is_told_by_the_stream() {
    let server = start().await;
    let mut single = Single::reserve(&server, 1).await;
    let mut stream = single.connect().await;
    single.start("a", "subscription { refused }").await;
    let (name, data) = stream.event().await.unwrap();
    assert_eq!((name.as_str(), &data["id"]), ("next", &json!("a")));
    assert_eq!(data["payload"]["errors"][0]["message"], "you may not");
    assert_eq!(stream.event().await, completed("a"));
    single.start("a", "{ panics }").await;
    let (_, data) = stream.event().await.unwrap();
    assert!(data["payload"]["errors"][0]["message"].is_string());
    assert_eq!(stream.event().await, completed("a"));
    single.silent(&mut stream).await;
}

#[tokio::test]
async fn the_unique_operation_id_is_sent_inside_the_operation_id_field_of_the_extensions() {
    let server = start_with(|limits| limits.operations_per_connection = 2).await;
    let mut single = Single::reserve(&server, 1).await;
    let mut stream = single.connect().await;
    for extensions in [
        json!(null),
        json!({}),
        json!({"operationId": ""}),
        json!({"operationId": 1}),
    ] {
        let body = json!({"query": "{ hello }", "extensions": extensions});
        let (status, body) = answer(single.request(Method::POST).json(&body)).await;
        assert_eq!(status, 400);
        let message = "`extensions` must have an `operationId`, a string that is not empty";
        assert_eq!(body["errors"][0]["message"], message);
    }
    single.start("a", "subscription { numbers }").await;
    assert_eq!(single.operate("a", "{ hello }").await.0, 409);
    single.start("b", "subscription { numbers }").await;
    assert_eq!(single.operate("c", "{ hello }").await.0, 429);
    assert_eq!(single.stop("b").await, 200);
    single.silent(&mut stream).await;
}

#[tokio::test]
async fn stopping_is_done_by_a_delete_request_with_the_operation_id_in_the_search_parameters() {
    let server = start().await;
    let mut single = Single::reserve(&server, 1).await;
    let mut stream = single.connect().await;
    single.start("a", "subscription { numbers }").await;
    single.start("b", NOTES).await;
    server.listened(1).await;
    server.joined(1).await;
    assert_eq!(single.stop("a").await, 200);
    assert_eq!(single.stop("b").await, 200);
    server.listened(0).await;
    server.joined(0).await;
    server.change(Action::Update, 4, 1, "unheard");
    // What is not there is stopped already.
    assert_eq!(single.stop("a").await, 200);
    assert_eq!(single.stop("never there").await, 200);
    assert_eq!(answer(single.request(Method::DELETE)).await.0, 400);
    single.silent(&mut stream).await;
    // The id is free again.
    single.start("a", "{ hello }").await;
    assert_eq!(stream.event().await.unwrap().1["id"], "a");
}

#[tokio::test(start_paused = true)]
async fn a_reservation_that_nobody_fulfils_is_given_up() {
    let server: Fixture = start().await;
    let single = Single::reserve(&server, 1).await;
    single.start("a", "subscription { numbers }").await;
    server.until_empty_on_a_paused_clock().await;
    server.listened(0).await;
}

#[tokio::test]
async fn a_reservation_costs_no_channel_before_something_comes_for_it() {
    let server = start().await;
    let single = Single::reserve(&server, 1).await;
    assert_eq!(server.hub.stats().channels, 0);
    single.start("a", "{ hello }").await;
    assert_eq!(server.hub.stats().channels, 1);
    let mut stream = single.connect().await;
    assert_eq!(stream.event().await.unwrap().1["id"], "a");
    drop(stream);
    server.until_empty().await;
}

#[tokio::test(start_paused = true)]
async fn reservations_are_limited_by_identity_and_of_all_anonymous_clients() {
    let server = start_with(|limits| {
        limits.reservations_per_identity = 2;
        limits.anonymous_reservations = 3;
    })
    .await;
    let reserve = async |user: Option<i64>| {
        let put = server.request(Method::PUT);
        let put = user
            .into_iter()
            .fold(put, |put, user| put.header("x-user", user));
        answer(put).await
    };
    for (user, limit) in [(Some(1), 2), (Some(2), 2), (None, 3)] {
        for _ in 0..limit {
            assert_eq!(reserve(user).await.0, 201);
        }
        let (status, body) = reserve(user).await;
        assert_eq!(status, 429);
        let expected =
            format!("too many streams are reserved: connect to one of the {limit} first");
        assert_eq!(body["errors"][0]["message"], expected);
    }
    // Those that nobody connects to make room.
    tokio::time::sleep(Duration::from_secs(31)).await;
    for user in [Some(1), None] {
        assert_eq!(reserve(user).await.0, 201);
    }
    // So does one that is connected to.
    let server = start_with(|limits| limits.reservations_per_identity = 1).await;
    let first = Single::reserve(&server, 1).await;
    let _stream = first.connect().await;
    Single::reserve(&server, 1).await;
}

#[tokio::test]
async fn little_runs_and_waits_for_a_stream_that_nobody_reads() {
    let server = start_with(|limits| limits.outbox_bytes = 10_000).await;
    let single = Single::reserve(&server, 1).await;
    for id in 0..10 {
        single
            .start(&id.to_string(), "subscription { numbers }")
            .await;
    }
    let (status, body) = single.operate("10", "{ hello }").await;
    assert_eq!(status, 429);
    let message = "too many operations run on this stream, or too much of it is unread";
    assert_eq!(body["errors"][0]["message"], message);
    let mut stream = single.connect().await;
    single.start("10", "{ hello }").await;
    assert_eq!(stream.event().await.unwrap().1["id"], "10");
    // Of answers that are there at once no more than what may wait, and one.
    let single = Single::reserve(&server, 1).await;
    single.start("a", "{ large(bytes: 20000) }").await;
    assert_eq!(single.operate("b", "{ hello }").await.0, 429);
    let mut stream = single.connect().await;
    let (_, data) = stream.event().await.unwrap();
    assert_eq!(length(&data["payload"], "large"), 20_000);
}

#[tokio::test]
async fn a_large_answer_leaves_the_other_operations_of_its_stream_alone() {
    let server = start().await;
    let mut single = Single::reserve(&server, 1).await;
    let mut stream = single.connect().await;
    single.start("numbers", "subscription { numbers }").await;
    let ids = ["a", "b", "c", "d"];
    let starting = async {
        for id in ids {
            single.start(id, "{ large(bytes: 2000000) }").await;
        }
    };
    let reading = async {
        let mut seen = Vec::new();
        while seen.len() < ids.len() {
            let (name, data) = stream.event().await.unwrap();
            if name == "next" {
                assert_eq!(length(&data["payload"], "large"), 2_000_000);
                seen.push(data["id"].as_str().unwrap().to_owned());
            }
        }
        seen
    };
    let ((), mut seen) = tokio::join!(starting, reading);
    seen.sort();
    assert_eq!(seen, ids);
    server.listened(1).await;
    server.publish(1);
    loop {
        let event = stream.event().await;
        if event == next_of("numbers", &json!({"data": {"numbers": 1}})) {
            break;
        }
        assert_eq!(event.unwrap().0, "complete");
    }
    single.silent(&mut stream).await;
}

#[tokio::test]
async fn an_unknown_token_is_ignored_where_the_request_is_complete_without_a_stream() {
    let server = start().await;
    let token = "0123456789abcdef0123456789ABCDEF01234567";
    let in_url = |method| server.request(method).query(&[("token", token)]);
    let in_header = |method| {
        server
            .request(method)
            .header("x-graphql-event-stream-token", token)
    };
    let hello = json!({"query": "{ hello }"});
    let result = json!({"data": {"hello": "world"}});
    for request in [
        in_url(Method::POST).json(&hello),
        in_header(Method::POST).json(&hello),
        in_url(Method::GET).query(&[("query", "{ hello }")]),
    ] {
        assert_eq!(answer(request).await, (200, result.clone()));
    }
    let batch = in_url(Method::POST).json(&json!([hello, hello]));
    assert_eq!(answer(batch).await, (200, json!([result, result])));
    // An `EventSource` of the distinct-connections mode, whose application has a `token` too.
    let count = [("query", "subscription { count(to: 1) }")];
    let request = in_url(Method::GET).query(&count);
    let mut body = Body::of(request.header("accept", "text/event-stream")).await;
    assert_eq!(
        body.event().await,
        Some(next(json!({"data": {"count": 1}})))
    );
    // What makes sense only with the stream.
    let operation = json!({"query": "{ hello }", "extensions": {"operationId": "a"}});
    for request in [
        in_url(Method::POST).json(&operation),
        in_url(Method::GET).header("accept", "text/event-stream"),
        in_url(Method::GET),
        in_url(Method::DELETE).query(&[("operationId", "a")]),
    ] {
        assert_eq!(answer(request).await.0, 404);
    }
}

#[tokio::test]
async fn a_put_with_the_token_of_a_stream_that_is_gone_reserves_another() {
    let server = start().await;
    let single = Single::reserve(&server, 1).await;
    drop(single.connect().await);
    server.until_empty().await;
    let (status, token) = reserved_by(single.request(Method::PUT)).await;
    assert_eq!(status, 201);
    assert_ne!(token, single.token);
    // Somebody else's is as good as none.
    let other = Single::reserve(&server, 2).await;
    let put = server
        .request(Method::PUT)
        .header("x-user", 1)
        .query(&[("token", &other.token)]);
    assert_eq!(reserved_by(put).await.0, 201);
}

async fn reserved_by(request: RequestBuilder) -> (u16, String) {
    let (status, token) = answer(request).await;
    (status, token.as_str().unwrap_or_default().to_owned())
}
