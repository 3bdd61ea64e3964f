//! Subscriptions that begin with the rows that there are: what they have is what SQL has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection as _;
use graphex::__private::{RawLog, RawRead};
use graphex::Cursor;
use serde_json::{Value, json};

use crate::database::Conn;
use crate::dice::Dice;
use crate::harness::{Server, within};
use crate::logged::{self, Listener, Store, event, told};
use crate::proof;
use crate::streams::graphql_ws::Raw;

fn query(arguments: &str) -> String {
    format!(
        "subscription {{ noteChanges(snapshot: true{arguments}) {{ action id data {{ owner room text }} }} }}"
    )
}

async fn subscribed(server: &Server, user: Option<i64>, arguments: &str) -> Raw {
    let mut raw = server.acknowledged_as(user).await;
    raw.subscribe("a", &query(arguments)).await;
    raw
}

/// What comes up to `READY`, each as it is told, sorted; and the cursor of `READY`.
async fn begun(raw: &mut Raw) -> (Vec<String>, String) {
    let mut all = Vec::new();
    loop {
        let (event, cursor) = event(&raw.next_of("a").await);
        let cursor = cursor.unwrap();
        if event["action"] == "READY" {
            assert!(position(&cursor) > 0);
            all.sort();
            return (all, cursor);
        }
        assert_eq!(cursor, "v1.0.0.0", "{event}");
        all.push(told(&event));
    }
}

#[tokio::test]
async fn a_subscription_begins_with_the_rows_that_there_are() {
    let store = Store::new("rows");
    store.insert([1, 2]);
    store.run("INSERT INTO notes VALUES (3, 2, 8, 'other'), (4, 2, 7, 'it''s ? \\ %')");
    let server = store.serve().await;
    for (user, arguments, expected) in [
        (
            None,
            "",
            &[
                "SNAPSHOT 1 note 1",
                "SNAPSHOT 2 note 2",
                "SNAPSHOT 3 other",
                "SNAPSHOT 4 it's ? \\ %",
            ][..],
        ),
        (Some(2), "", &["SNAPSHOT 3 other", "SNAPSHOT 4 it's ? \\ %"]),
        (Some(2), ", filters: {room: 7}", &["SNAPSHOT 4 it's ? \\ %"]),
        (
            None,
            r#", filters: {text: "it's ? \\ %"}"#,
            &["SNAPSHOT 4 it's ? \\ %"],
        ),
        (None, ", id: 2", &["SNAPSHOT 2 note 2"]),
        (
            None,
            ", filters: {text__regex: \"^n.*1\"}",
            &["SNAPSHOT 1 note 1"],
        ),
        (
            None,
            ", filters: {room__range: [8, 9], text__icontains: \"OTH\"}",
            &["SNAPSHOT 3 other"],
        ),
        (None, ", filters: {room__in: []}", &[]),
        // Whoever hears of one action begins with the rows too.
        (
            Some(1),
            ", action: DELETE",
            &["SNAPSHOT 1 note 1", "SNAPSHOT 2 note 2"],
        ),
    ] {
        let mut raw = subscribed(&server, user, arguments).await;
        assert_eq!(begun(&mut raw).await.0, expected, "{arguments}");
    }
    let mut raw = subscribed(&server, Some(1), "").await;
    begun(&mut raw).await;
    store.run("UPDATE notes SET owner = 1 WHERE id = 3; DELETE FROM notes WHERE id = 1");
    for expected in ["ENTER 3 other", "DELETE 1 note 1"] {
        let (event, _) = event(&raw.next_of("a").await);
        assert_eq!(told(&event), expected);
    }
    raw.silent().await;
}

#[tokio::test]
async fn who_comes_back_goes_on_or_begins_anew() {
    let store = Store::new("back");
    store.insert([1]);
    let server = store.serve().await;
    let mut raw = subscribed(&server, None, "").await;
    let (_, cursor) = begun(&mut raw).await;
    drop(raw);
    store.insert([2]);
    let back = async |cursor: &str| {
        let mut raw = server.socket().await;
        let payload = logged::after(&json!({ "a": cursor }));
        raw.send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
        raw.subscribe("a", &query("")).await;
        let cursor = None;
        Listener { raw, cursor }
    };
    let mut listener = back(&cursor).await;
    for expected in ["CREATE 2 note 2", "READY"] {
        assert_eq!(listener.told().await, expected);
    }
    // In the middle of a snapshot there is no position to go on after.
    for gone in ["v1.0.0.0", "else"] {
        let mut listener = back(gone).await;
        assert_eq!(listener.told().await, "RESYNC");
        assert_eq!(listener.cursor.as_deref(), Some("v1.0.0.0"));
        let expected = ["SNAPSHOT 1 note 1", "SNAPSHOT 2 note 2"];
        assert_eq!(begun(&mut listener.raw).await.0, expected);
    }
}

#[tokio::test]
async fn what_is_too_large_is_an_error_that_says_so() {
    let store = Store::new("large");
    store.insert([1, 2, 3, 4]);
    store.run("UPDATE notes SET room = 8 WHERE id > 2");
    let server = store
        .serve_with(|builder| {
            builder.limits(|limits| {
                limits.snapshot_rows = 2;
                limits.snapshot_reads = 3;
                limits.snapshot_bytes = 1_000;
            })
        })
        .await;
    let narrow = "; narrow it with `filters` or `id`, or leave `snapshot` out and load what you show in pages";
    for (arguments, reason) in [
        ("", "it has more than 2 rows"),
        (
            ", filters: {text__icontains: \"4\"}",
            "more than 3 rows would have to be read",
        ),
    ] {
        let mut raw = subscribed(&server, None, arguments).await;
        let expected = format!("the snapshot is too large: {reason}{narrow}");
        assert_eq!(raw.error_of("a").await, expected);
        assert_eq!(server.hub.stats().subscriptions, 0);
    }
    // Whoever comes back with a position that is not good gets the same answer.
    for gone in ["v1.0.0.0", "else"] {
        let mut raw = server.socket().await;
        let payload = logged::after(&json!({ "a": gone }));
        raw.send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
        raw.subscribe("a", &query("")).await;
        let expected = format!("the snapshot is too large: it has more than 2 rows{narrow}");
        assert_eq!(raw.error_of("a").await, expected);
    }
    let mut raw = subscribed(&server, None, ", filters: {room: 8}").await;
    let expected = ["SNAPSHOT 3 note 3", "SNAPSHOT 4 note 4"];
    assert_eq!(begun(&mut raw).await.0, expected);
    store.run(
        "UPDATE notes SET text = text || text || text || text || text || text || text || text",
    );
    store.run("UPDATE notes SET text = text || text || text || text || text || text || text || text || text");
    let mut raw = subscribed(&server, None, ", filters: {room: 8}").await;
    let expected = format!("the snapshot is too large: its rows have more than 1000 bytes{narrow}");
    assert_eq!(raw.error_of("a").await, expected);
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { draftChanges(snapshot: true) { id } }")
        .await;
    assert_eq!(
        raw.error_of("a").await,
        "stream `drafts` has no change log, so `snapshot` cannot be given: leave it out, and load what you show"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_snapshots_at_once_are_read_once() {
    let store = Store::new("equal");
    store.insert(1..=4_000);
    let server = store.serve().await;
    let mut raws = Vec::new();
    for _ in 0..100 {
        raws.push(server.acknowledged().await);
    }
    for raw in &mut raws {
        raw.subscribe("a", &query("")).await;
    }
    // At once: who does not read answers no pings.
    let rows = |mut raw: Raw| tokio::spawn(async move { begun(&mut raw).await.0.len() });
    let rows: Vec<_> = raws.into_iter().map(rows).collect();
    for rows in rows {
        assert_eq!(rows.await.unwrap(), 4_000);
    }
    let read = server.hub.stats().snapshots_read;
    // The first may be done before the last of them has come.
    assert!(read <= 3, "{read}");
}

/// What is asked, in the words of clients and for a row.
type Matches = fn(i64, &Note) -> bool;
const ASKED: [(Option<i64>, &str, Matches); 6] = [
    (None, "", |_, _| true),
    (Some(1), "", |_, note| note.owner == 1),
    (Some(2), ", filters: {room: 7}", |_, note| {
        note.owner == 2 && note.room == 7
    }),
    (None, ", filters: {room__in: [7, 8]}", |_, note| {
        note.room < 9
    }),
    (None, ", filters: {text__regex: \"^a.*b\"}", |_, note| {
        note.text.starts_with('a') && note.text.contains('b')
    }),
    (
        Some(1),
        ", filters: {room__gt: 7, id__gt: 20}",
        |id, note| note.owner == 1 && note.room > 7 && id > 20,
    ),
];

#[derive(Clone, Debug, PartialEq)]
struct Note {
    owner: i64,
    room: i64,
    text: String,
}

impl Note {
    fn of(row: &Value) -> Self {
        Self {
            owner: row["owner"].as_i64().unwrap(),
            room: row["room"].as_i64().unwrap(),
            text: row["text"].as_str().unwrap().to_owned(),
        }
    }
}

type Rows = BTreeMap<i64, Note>;

/// Writes at random until it is told to stop.
fn writer(mut conn: Conn, mut dice: Dice, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            let (id, owner, room) = (1 + dice.below(40), 1 + dice.below(2), 7 + dice.below(3));
            let text = dice.pick(&["ab", "axb", "b", "c"]);
            let statement = match dice.below(6) {
                0 | 1 => format!(
                    "INSERT INTO notes VALUES ({id}, {owner}, {room}, '{text}') ON CONFLICT DO NOTHING"
                ),
                2 => format!("DELETE FROM notes WHERE id = {id}"),
                3 => format!("UPDATE notes SET owner = {owner} WHERE id = {id}"),
                4 => format!(
                    "BEGIN; UPDATE notes SET room = {room} WHERE id = {id}; UPDATE notes SET text = '{text}' WHERE id = {id}; COMMIT"
                ),
                _ => format!("UPDATE notes SET text = '{text}', room = {room} WHERE id = {id}"),
            };
            conn.batch_execute(&statement).unwrap();
        }
    })
}

/// What a client makes of an event.
fn apply(rows: &mut Rows, event: &Value) {
    let id = event["id"].as_str().unwrap().parse().unwrap();
    let row = || Note::of(&event["data"]);
    let (had, is_new) = match event["action"].as_str().unwrap() {
        "SNAPSHOT" | "CREATE" | "ENTER" => (rows.insert(id, row()), true),
        "UPDATE" => (rows.insert(id, row()), false),
        "DELETE" | "LEAVE" => (rows.remove(&id), false),
        other => panic!("{other}"),
    };
    assert_eq!(had.is_none(), is_new, "{event}");
}

/// A state of a client, and where in the log it had it.
struct Had {
    matches: Matches,
    at: u64,
    rows: Rows,
}

/// Begins, and goes on for some events; the states at `READY` and at the end.
async fn run(server: &Server, dice: &mut Dice) -> Vec<Had> {
    let (user, arguments, matches) = ASKED[dice.below(ASKED.len())];
    let mut raw = subscribed(server, user, arguments).await;
    let (mut rows, mut had) = (Rows::new(), Vec::new());
    let mut left = dice.below(30);
    loop {
        let (event, cursor) = event(&raw.next_of("a").await);
        let is_ready = event["action"] == "READY";
        if !is_ready {
            apply(&mut rows, &event);
            if had.is_empty() {
                continue;
            }
            left = left.saturating_sub(1);
        }
        if is_ready || left == 0 {
            let (at, rows) = (position(&cursor.unwrap()), rows.clone());
            had.push(Had { matches, at, rows });
        }
        if left == 0 {
            return had;
        }
    }
}

/// The number of a change in the log.
fn position(cursor: &str) -> u64 {
    cursor.split('.').nth(2).unwrap().parse().unwrap()
}

/// Compares what clients had with what the log alone says of the same positions.
fn compare(store: &Store, begin: &Cursor, mut all: Vec<Had>) {
    all.sort_by_key(|had| had.at);
    let mut all = all.into_iter().peekable();
    let mut log = RawLog::open(&store.log(), Some(begin)).unwrap().unwrap();
    let mut rows = Rows::new();
    let mut check = |rows: &Rows, next: u64| {
        while let Some(had) = all.next_if(|had| had.at < next) {
            let matching = rows.iter().filter(|(id, note)| (had.matches)(**id, note));
            let expected: Rows = matching.map(|(id, note)| (*id, note.clone())).collect();
            assert_eq!(had.rows, expected, "at {}", had.at);
        }
    };
    while let RawRead::Page(page) = log.read().unwrap() {
        for entry in page {
            check(&rows, position(&entry.cursor.to_string()));
            let row = |json: &Option<String>| -> Value {
                serde_json::from_str(json.as_deref().unwrap()).unwrap()
            };
            match entry.op {
                'd' => {
                    rows.remove(&row(&entry.old)["id"].as_i64().unwrap());
                }
                _ => {
                    let row = row(&entry.new);
                    rows.insert(row["id"].as_i64().unwrap(), Note::of(&row));
                }
            }
        }
    }
    check(&rows, u64::MAX);
    assert!(all.next().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_and_its_stream_are_what_the_log_says_beside_writers_at_full_speed() {
    let store = Store::new("full-speed");
    let server = store
        .serve_with(|builder| builder.limits(|limits| limits.outbox_frames = 100_000))
        .await;
    let begin = RawLog::open(&store.log(), None).unwrap().unwrap().cursor();
    let stop = Arc::<AtomicBool>::default();
    let mut dice = Dice::new();
    let writers: Vec<_> = (0..3)
        .map(|_| writer(store.connect(), dice.split(), &stop))
        .collect();
    let mut all = Vec::new();
    for _ in 0..proof::steps(100) {
        all.extend(run(&server, &mut dice).await);
    }
    // One of them goes on to the end.
    let mut raw = subscribed(&server, None, "").await;
    let mut rows = Rows::new();
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap();
    }
    store.run("INSERT INTO notes VALUES (1000, 1, 7, 'last')");
    within(async {
        // The snapshot, which is in no order, may have the last row too.
        let mut is_ready = false;
        while !is_ready || !rows.contains_key(&1000) {
            let (event, _) = event(&raw.next_of("a").await);
            if event["action"] == "READY" {
                is_ready = true;
            } else {
                apply(&mut rows, &event);
            }
        }
    })
    .await;
    assert_eq!(rows, stored(&store));
    compare(&store, &begin, all);
    assert_eq!(server.hub.stats().resyncs, 0);
}

fn stored(store: &Store) -> Rows {
    use diesel::prelude::*;
    use logged::notes::{self, dsl};
    let columns = (notes::id, notes::owner, notes::room, notes::text);
    let rows = dsl::notes.select(columns).load(&mut store.connect());
    let rows: Vec<(i64, i64, i64, String)> = rows.unwrap();
    let note = |(id, owner, room, text)| (id, Note { owner, room, text });
    rows.into_iter().map(note).collect()
}
