//! Clients that read too slowly, with a change log: they are cut off, come back and have lost nothing.

use crate::logged;
use crate::streams;
use std::time::Duration;

use crate::harness::{Server, within};
use crate::logged::{NOTES, Store, event, told};
use crate::streams::graphql_ws::Raw;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

const READY: &str = "subscription { noteChanges(ready: true) { action id data { text } } }";

async fn serve(file: &Store) -> Server {
    file.serve_with(|builder| {
        builder.limits(|limits| {
            limits.outbox_frames = 64;
            limits.ping_interval = Duration::from_secs(60);
        })
    })
    .await
}

/// A socket of a client that keeps the cursors of its operations, or of one that does not.
async fn connected(server: &Server, cursors: Option<&Value>) -> Raw {
    let mut raw = server.socket().await;
    let payload = cursors.map_or(json!({}), logged::after);
    raw.send(json!({"type": "connection_init", "payload": payload}))
        .await;
    assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
    raw
}

/// Inserts notes of some length until the server notices that somebody does not read; how many
/// there are.
async fn insert_until(file: &Store, server: &Server, noticed: fn(&graphex::Stats) -> bool) -> i64 {
    let mut last = 0;
    while !noticed(&server.hub.stats()) {
        let text = "n".repeat(4_000);
        let rows = (last + 1..=last + 200).map(|id| format!("({id}, 1, 7, '{text}')"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        file.run(&format!("INSERT INTO notes VALUES {rows}"));
        last += 200;
        let published = last as u64;
        server
            .until(|stats| stats.changes_published == published)
            .await;
    }
    last
}

fn id(event: &Value) -> i64 {
    event["id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_closed_with_1013_and_goes_on_without_a_hole() {
    let file = Store::new("slow");
    let server = serve(&file).await;
    let mut raw = connected(&server, Some(&json!({}))).await;
    raw.subscribe("a", READY).await;
    let (ready, mut cursor) = event(&raw.next_of("a").await);
    assert_eq!(told(&ready), "READY");
    let last = insert_until(&file, &server, |stats| stats.slow_readers_closed > 0).await;
    let (mut seen, mut closes) = (0, 0);
    while seen < last {
        match raw.receive().await {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                let (event, at) = event(&message["payload"]);
                seen += 1;
                assert_eq!((&event["action"], id(&event)), (&json!("CREATE"), seen));
                cursor = at.or(cursor);
            }
            Message::Close(Some(frame)) => {
                assert_eq!(u16::from(frame.code), 1013);
                closes += 1;
                raw = connected(&server, Some(&json!({"a": cursor}))).await;
                raw.subscribe("a", NOTES).await;
            }
            other => panic!("not a text but {other:?}"),
        }
    }
    raw.silent().await;
    assert!(closes > 0, "it has read what it was sent");
    assert_eq!(server.hub.stats().resyncs, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_an_event_source_ends_and_goes_on_without_a_hole() {
    let file = Store::new("slow-stream");
    let server = serve(&file).await;
    let open = async |last: Option<&str>| {
        let query = [("query", if last.is_some() { NOTES } else { READY })];
        let mut request = server
            .request(reqwest::Method::GET)
            .query(&query)
            .header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        streams::sse::Body::of(request).await
    };
    let mut body = open(None).await;
    let (ready, mut cursor) = logged::sent(&mut body).await;
    assert_eq!(ready, "READY");
    let last = insert_until(&file, &server, |stats| stats.slow_readers_closed > 0).await;
    let (mut seen, mut ends) = (0, 0);
    while seen < last {
        let Some(block) = body.until("\n\n").await else {
            ends += 1;
            body = open(cursor.as_deref()).await;
            continue;
        };
        let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        if let Some(data) = line("data: ") {
            let (event, _) = event(&serde_json::from_str(data).unwrap());
            seen += 1;
            assert_eq!((&event["action"], id(&event)), (&json!("CREATE"), seen));
            cursor = line("id: ").map(str::to_owned);
        }
    }
    assert!(ends > 0, "it has read what it was sent");
    assert_eq!(server.hub.stats().resyncs, 0);
}

/// Whoever does not keep cursors would lose changes without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_keep_cursors_is_told_to_load_again() {
    let file = Store::new("slow-resync");
    let server = serve(&file).await;
    let mut raw = connected(&server, None).await;
    raw.subscribe("a", READY).await;
    raw.next_of("a").await;
    insert_until(&file, &server, |stats| stats.overflows > 0).await;
    let resync = within(async {
        loop {
            let (event, cursor) = event(&raw.next_of("a").await);
            if event["action"] == "RESYNC" {
                return cursor;
            }
        }
    });
    assert!(resync.await.is_some());
    assert_eq!(server.hub.stats().slow_readers_closed, 0);
}

#[tokio::test]
async fn a_ping_keeps_the_cursor_of_an_idle_client_young() {
    let file = Store::new("young");
    let server = file
        .serve_with(|builder| {
            builder.limits(|limits| limits.ping_interval = Duration::from_millis(50))
        })
        .await;
    let mut raw = connected(&server, Some(&json!({}))).await;
    raw.subscribe("a", &NOTES.replace("noteChanges", "noteChanges(id: 5)"))
        .await;
    raw.subscribe("b", "subscription { draftChanges { id } }")
        .await;
    server.until(|stats| stats.subscriptions == 2).await;
    file.insert([1, 2]);
    server.until(|stats| stats.changes_published == 2).await;
    // Of the operation without a log nothing is told.
    let position = |cursor: &Value| {
        cursor
            .as_str()
            .unwrap()
            .split('.')
            .nth(2)
            .unwrap()
            .to_owned()
    };
    let cursor = within(async {
        loop {
            let ping = raw.next().await;
            assert_eq!(ping["type"], "ping", "{ping}");
            raw.send(json!({"type": "pong", "payload": ping["payload"]}))
                .await;
            let after = ping["payload"]["graphex"]["after"].as_object().unwrap();
            assert_eq!(after.keys().collect::<Vec<_>>(), ["a"]);
            if position(&after["a"]) == "2" {
                return after["a"].clone();
            }
        }
    })
    .await;
    drop(raw);
    server.until(|stats| stats.channels == 0).await;
    file.insert([5]);
    let mut raw = connected(&server, Some(&json!({"a": cursor}))).await;
    raw.subscribe("a", &NOTES.replace("noteChanges", "noteChanges(id: 5)"))
        .await;
    let (event, _) = event(&raw.next_of("a").await);
    assert_eq!(told(&event), "CREATE 5 note 5");
    // A client that keeps no cursors is not told.
    let mut plain = connected(&server, None).await;
    plain.subscribe("a", NOTES).await;
    let mut pings = 0;
    while pings < 3 {
        match plain.receive().await {
            Message::Ping(_) => pings += 1,
            other => panic!("not a ping but {other:?}"),
        }
    }
}

/// What a snapshot has shown is where the lane is, until something happens.
#[tokio::test]
async fn a_ping_tells_where_a_quiet_snapshot_stands() {
    let file = Store::new("quiet");
    let server = file
        .serve_with(|builder| {
            builder.limits(|limits| limits.ping_interval = Duration::from_millis(50))
        })
        .await;
    file.insert([1]);
    server.until(|stats| stats.changes_published == 1).await;
    let mut raw = connected(&server, Some(&json!({}))).await;
    raw.subscribe(
        "a",
        &NOTES.replace("noteChanges", "noteChanges(snapshot: true)"),
    )
    .await;
    let mut ready = None;
    within(async {
        loop {
            let message = raw.next().await;
            if message["type"] == "next" {
                let (event, cursor) = event(&message["payload"]);
                ready = cursor
                    .filter(|_| event["action"] == "READY")
                    .or(ready.take());
            } else if ready.is_some() {
                assert_eq!(message["type"], "ping", "{message}");
                let cursor = message["payload"]["graphex"]["after"]["a"].as_str();
                assert_eq!(cursor, ready.as_deref());
                return;
            }
        }
    })
    .await;
}
