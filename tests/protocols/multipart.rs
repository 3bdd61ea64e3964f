//! Apollo's multipart subscriptions: what its protocol says of a server, as tests.

use std::time::Duration;

use crate::harness::{Server, answer, within};
use crate::streams::sse::Body;
use crate::streams::{start, start_behind, start_with};
use graphex::SlowReader;
use graphex::prelude::*;
use serde_json::{Value, json};

/// What Apollo Client sends.
const ACCEPT: &str = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";

/// A subscription of a generated field.
const NOTES: &str = "subscription { noteChanges { id data { text } } }";

async fn parts_as(server: &Server, user: i64, query: &str) -> Body {
    let request = server.ask_for(ACCEPT, query).header("x-user", user);
    let mut body = Body::of(request).await;
    assert_eq!(body.status(), 200);
    assert_eq!(
        body.header("content-type"),
        "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\""
    );
    assert_eq!(body.until("\r\n--graphql").await.unwrap(), "");
    body
}

/// The next part that is no heartbeat; none at the end.
async fn part(body: &mut Body) -> Option<Value> {
    loop {
        let Some(part) = body.until("\r\n--graphql").await else {
            assert_eq!(body.rest().await, "--\r\n");
            return None;
        };
        let json = part
            .strip_prefix("\r\nContent-Type: application/json\r\n\r\n")
            .expect("a part of JSON");
        if json != "{}" {
            return Some(serde_json::from_str(json).unwrap());
        }
    }
}

#[tokio::test]
async fn an_answer_larger_than_what_may_wait_is_given_whole() {
    let server = start().await;
    let query = "subscription { texts(count: 2, bytes: 3000000) }";
    let mut body = parts_as(&server, 1, query).await;
    for _ in 0..2 {
        let answer = part(&mut body).await.unwrap();
        let text = answer["payload"]["data"]["texts"].as_str();
        assert_eq!(text.unwrap().len(), 3_000_000);
    }
    assert_eq!(part(&mut body).await, None);
}

#[tokio::test]
async fn as_events_occur_the_server_sends_back_parts_with_a_payload_each() {
    let server = start().await;
    let mut body = parts_as(&server, 1, "subscription { count(to: 2) }").await;
    for count in 1..=2 {
        let expected = json!({"payload": {"data": {"count": count}}});
        assert_eq!(part(&mut body).await, Some(expected));
    }
    assert_eq!(part(&mut body).await, None);
}

#[tokio::test]
async fn a_part_is_sent_together_with_the_delimiter_that_ends_it() {
    let server = start().await;
    let mut body = parts_as(&server, 1, NOTES).await;
    let mut own = parts_as(&server, 1, "subscription { numbers }").await;
    server.joined(1).await;
    server.listened(1).await;
    // Each comes out at once, though nothing follows.
    for id in 1..4 {
        server.change(Action::Create, id, 1, "a\r\n--graphql");
        let data = json!({"id": id.to_string(), "data": {"text": "a\r\n--graphql"}});
        let expected = json!({"payload": {"data": {"noteChanges": data}}});
        assert_eq!(part(&mut body).await, Some(expected));
        server.publish(id);
        let expected = json!({"payload": {"data": {"numbers": id}}});
        assert_eq!(part(&mut own).await, Some(expected));
    }
    drop((body, own));
    server.listened(0).await;
    server.until_empty().await;
}

#[tokio::test]
async fn the_body_of_a_heartbeat_is_an_empty_json_object() {
    let server = start_with(|limits| limits.stream_heartbeat = Duration::from_millis(20)).await;
    let mut body = parts_as(&server, 1, "subscription { numbers }").await;
    for _ in 0..5 {
        let heartbeat = body.until("\r\n--graphql").await.unwrap();
        assert_eq!(heartbeat, "\r\nContent-Type: application/json\r\n\r\n{}");
    }
    server.publish(1);
    let expected = json!({"payload": {"data": {"numbers": 1}}});
    assert_eq!(part(&mut body).await, Some(expected));
}

#[tokio::test]
async fn graphql_errors_are_within_the_payload_and_end_what_cannot_go_on() {
    let server = start().await;
    for query in [
        "subscription { nothing }",
        "subscription { refused }",
        "subscription { noteChanges(id: 13) { id } }",
    ] {
        let mut body = parts_as(&server, 1, query).await;
        let first = part(&mut body).await.unwrap();
        assert!(
            first["payload"]["errors"][0]["message"].is_string(),
            "{first}"
        );
        assert_eq!(part(&mut body).await, None);
    }
    server.until_empty().await;
}

#[tokio::test]
async fn transport_errors_are_beside_a_payload_of_null_and_end_the_stream() {
    let server = start_with(|limits| {
        limits.outbox_frames = 10;
        limits.slow_reader = SlowReader::Close;
    })
    .await;
    let mut body = parts_as(&server, 1, NOTES).await;
    server.joined(1).await;
    let text = "x".repeat(10_000);
    while server.hub.stats().slow_readers_closed == 0 {
        server.change(Action::Update, 1, 1, &text);
        tokio::task::yield_now().await;
    }
    let mut last = Value::Null;
    while let Some(part) = part(&mut body).await {
        last = part;
    }
    assert_eq!(last["payload"], Value::Null);
    assert_eq!(
        last["errors"][0]["message"],
        "the client reads slower than its subscriptions deliver"
    );
    server.until_empty().await;
}

#[tokio::test]
async fn a_client_that_accepts_json_too_gets_it_for_what_is_no_stream() {
    let server = start().await;
    for query in ["{ hello }", "mutation { twice(number: 1) }"] {
        let (status, body) = answer(server.ask_for(ACCEPT, query)).await;
        assert_eq!(status, 200);
        assert!(body["data"].is_object());
    }
    let one_shot = r#"subscription { noteSubscription(channelId: "x", action: CREATE, operation: SUBSCRIBE) { ok } }"#;
    let (_, body) = answer(server.ask_for(ACCEPT, one_shot)).await;
    assert_eq!(body["data"]["noteSubscription"]["ok"], false);
    // What it does not know it need not get.
    let other = "multipart/mixed;deferSpec=20220824,application/json";
    let (status, _) = answer(server.ask_for(other, NOTES)).await;
    assert_eq!(status, 400);
}

/// As `curl` asks, and clients that do not know which protocol the parts are of.
#[tokio::test]
async fn multipart_alone_is_taken_for_it() {
    let fixture = start().await;
    let request = fixture.ask_for("multipart/mixed", "subscription { count(to: 1) }");
    let mut body = Body::of(request).await;
    assert_eq!(body.status(), 200);
    assert_eq!(body.until("\r\n--graphql").await.unwrap(), "");
    let payload = json!({"payload": {"data": {"count": 1}}});
    assert_eq!(part(&mut body).await, Some(payload));
    assert_eq!(part(&mut body).await, None);
    // Parts of another protocol are not what is offered.
    let other = fixture.ask_for("multipart/mixed;deferSpec=20220824", "{ hello }");
    let (status, body) = answer(other).await;
    assert_eq!(status, 406, "{body}");
}

/// A body that is compressed, as far as it has come.
struct Gzip {
    response: reqwest::Response,
    decoder: flate2::write::GzDecoder<Vec<u8>>,
}

impl Gzip {
    async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = within(request.send()).await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let decoder = flate2::write::GzDecoder::new(Vec::new());
        Self { response, decoder }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.decoder.get_ref()).unwrap()
    }

    /// Whether there was more.
    async fn more(&mut self) -> bool {
        use std::io::Write as _;
        let Some(chunk) = within(self.response.chunk()).await.unwrap() else {
            return false;
        };
        self.decoder.write_all(&chunk).unwrap();
        self.decoder.flush().unwrap();
        true
    }

    async fn until(&mut self, text: &str) {
        while !self.text().contains(text) {
            assert!(self.more().await, "ended with {}", self.text());
        }
    }

    /// All of it, to a proper end.
    async fn rest(&mut self) -> String {
        while self.more().await {}
        self.decoder.try_finish().unwrap();
        self.text().to_owned()
    }
}

/// A layer that compresses asks a body again after its end.
#[tokio::test]
async fn behind_compression_events_a_denial_and_the_end_come() {
    let fixture =
        start_behind(|app| app.layer(tower_http::compression::CompressionLayer::new())).await;
    let compressed = |query: &str, user: Option<i64>| {
        let request = fixture.ask_for(ACCEPT, query);
        let request = request.header("accept-encoding", "gzip");
        match user {
            Some(user) => request.header("x-user", user),
            None => request,
        }
    };
    let mut body = Gzip::of(compressed(NOTES, None)).await;
    let denied = body.rest().await;
    assert!(denied.contains("log in first"), "{denied}");
    assert!(denied.ends_with("\r\n--graphql--\r\n"), "{denied}");

    let mut body = Gzip::of(compressed("subscription { count(to: 3) }", None)).await;
    let counted = body.rest().await;
    assert_eq!(counted.matches("{\"payload\"").count(), 3, "{counted}");
    assert!(counted.ends_with("\r\n--graphql--\r\n"), "{counted}");

    let mut body = Gzip::of(compressed(NOTES, Some(1))).await;
    fixture.joined(1).await;
    fixture.change(Action::Create, 7, 1, "hi");
    // It is not held back until more comes.
    body.until(r#""text":"hi""#).await;
    drop(body);
    fixture.until_empty().await;
}
