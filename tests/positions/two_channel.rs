//! Clients of the two-channel protocol that ask where they are, with a change log in SQLite.

use crate::dice;
use crate::harness;
use crate::harness::{Client, Server};
use crate::logged;
use crate::logged::Store;
use crate::proof;
use crate::until::until;
use serde_json::{Value, json};

const FIELD: &str = "noteSubscription";
const EVERYTHING: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE, data: [ID, TEXT]";

async fn subscribe(server: &Server, client: &Client, arguments: &str) {
    let arguments = format!("{EVERYTHING}, {arguments}");
    server.done(client, FIELD, &arguments).await;
}

/// `create 5 note 5`, `ready`, and the cursor.
async fn told(client: &mut Client) -> (String, Option<String>) {
    let notification = client.json().await;
    assert_eq!(notification["stream"], "notes");
    let payload = &notification["payload"];
    assert_eq!(payload["model"], "positions.note");
    let mut parts = vec![payload["action"].as_str().unwrap().to_owned()];
    parts.extend(payload["data"]["id"].as_i64().map(|id| id.to_string()));
    parts.extend(payload["data"]["text"].as_str().map(str::to_owned));
    let cursor = payload["cursor"].as_str().map(str::to_owned);
    (parts.join(" "), cursor)
}

/// A client that was ready, and where it was then.
async fn ready(server: &Server, user: Option<i64>) -> (Client, String) {
    let mut client = server.connect(user).await;
    subscribe(server, &client, "ready: true").await;
    let (action, cursor) = told(&mut client).await;
    assert_eq!(action, "ready");
    (client, cursor.expect("it stands somewhere"))
}

/// Comes back after this cursor.
async fn back(server: &Server, user: Option<i64>, cursor: &str) -> Client {
    let client = server.connect(user).await;
    subscribe(server, &client, &format!("after: \"{cursor}\"")).await;
    client
}

/// Nothing waits for the client: what is written now is the next.
async fn hears_next(store: &Store, client: &mut Client, id: i64) {
    store.insert([id]);
    assert_eq!(told(client).await.0, format!("create {id} note {id}"));
}

#[tokio::test]
async fn a_client_goes_on_after_its_last_notification() {
    let store = Store::new("two-after");
    let server = store.serve().await;
    let (mut client, _) = ready(&server, None).await;
    store.insert([1]);
    let (text, cursor) = told(&mut client).await;
    assert_eq!(text, "create 1 note 1");
    let cursor = cursor.unwrap();
    drop(client);
    server.until_empty().await;
    store.insert([2, 3]);
    store.run("UPDATE notes SET text = 'new' WHERE id = 2; DELETE FROM notes WHERE id = 3");
    let mut client = back(&server, None, &cursor).await;
    for expected in [
        "create 2 note 2",
        "create 3 note 3",
        "update 2 new",
        "delete 3 note 3",
    ] {
        let (text, at) = told(&mut client).await;
        assert_eq!(text, expected);
        assert_ne!(at.unwrap(), cursor);
    }
    hears_next(&store, &mut client, 4).await;
    // Another process reads the log.
    let other = store.serve().await;
    let mut client = back(&other, None, &cursor).await;
    assert_eq!(told(&mut client).await.0, "create 2 note 2");
    assert_eq!(server.hub.stats().resyncs + other.hub.stats().resyncs, 0);
}

#[tokio::test]
async fn rows_that_are_there_come_first_and_rows_enter_and_leave() {
    let store = Store::new("two-snapshot");
    let server = store.serve().await;
    store.insert([1, 2]);
    store.run("UPDATE notes SET room = 8 WHERE id = 2");
    server.until(|stats| stats.changes_published == 3).await;
    let mut client = server.connect(None).await;
    subscribe(&server, &client, "filters: {room: 7}, snapshot: true").await;
    let (row, cursor) = told(&mut client).await;
    assert_eq!(row, "snapshot 1 note 1");
    assert_eq!(cursor.unwrap(), "v1.0.0.0", "it is no position");
    assert_eq!(told(&mut client).await.0, "ready");
    store.run("UPDATE notes SET room = 7 WHERE id = 2; UPDATE notes SET room = 8, text = 'secret' WHERE id = 1");
    assert_eq!(told(&mut client).await.0, "enter 2 note 2");
    let left = client.json().await;
    assert_eq!(left["payload"]["action"], "leave");
    assert_eq!(left["payload"]["data"], json!({"id": 1}), "the key alone");
}

#[tokio::test]
async fn a_position_that_is_not_good_is_one_resync() {
    let store = Store::new("two-bad");
    let server = store.serve().await;
    let (_, of_another_scope) = ready(&server, Some(1)).await;
    for (id, bad) in [(1, ""), (2, "else"), (3, of_another_scope.as_str())] {
        let mut client = back(&server, None, bad).await;
        let (text, at) = told(&mut client).await;
        assert_eq!(text, "resync", "{bad:?}");
        hears_next(&store, &mut client, id).await;
        // It goes on there.
        let mut client = back(&server, None, &at.unwrap()).await;
        assert_eq!(told(&mut client).await.0, format!("create {id} note {id}"));
    }
}

#[tokio::test]
async fn a_model_without_a_log_is_ready_and_refuses_the_rest() {
    let store = Store::new("two-unlogged");
    let server = store.serve().await;
    let mut client = server.connect(None).await;
    for argument in ["after: \"v1.1.1.1\"", "snapshot: true"] {
        let arguments = format!("action: CREATE, operation: SUBSCRIBE, {argument}");
        let refused = server.refused(&client, "draftSubscription", &arguments);
        let (name, _) = argument.split_once(':').unwrap();
        let reason = format!("stream `drafts` has no change log, so `{name}` cannot be given");
        assert!(refused.await.starts_with(&reason));
    }
    let arguments = "action: CREATE, operation: SUBSCRIBE, ready: true";
    server.done(&client, "draftSubscription", arguments).await;
    let expected = r#"{"stream":"drafts","payload":{"action":"ready","model":"positions.draft"}}"#;
    assert_eq!(client.text().await, expected);
    let draft = logged::Draft { id: 3 };
    server.hub.publish(graphex::Action::Create, &draft);
    let expected = r#"{"stream":"drafts","payload":{"action":"create","model":"positions.draft","data":{"id":3}}}"#;
    assert_eq!(client.text().await, expected);
}

/// Of one call there is one subscription for each action, whether it is told where it is or not.
#[tokio::test]
async fn subscribing_again_replaces_and_unsubscribing_ends() {
    let store = Store::new("two-again");
    let server = store.serve().await;
    let (mut client, cursor) = ready(&server, None).await;
    subscribe(&server, &client, "ready: true").await;
    assert_eq!(told(&mut client).await.0, "ready");
    assert_eq!(server.hub.stats().subscriptions, 1);
    // With a cursor it begins anew there.
    hears_next(&store, &mut client, 1).await;
    subscribe(&server, &client, &format!("after: \"{cursor}\"")).await;
    assert_eq!(told(&mut client).await.0, "create 1 note 1");
    // One action alone; the others are told as they were.
    let create = "action: CREATE, operation: SUBSCRIBE, data: [ID, TEXT], ready: true";
    server.done(&client, FIELD, create).await;
    assert_eq!(told(&mut client).await.0, "ready");
    assert_eq!(server.hub.stats().subscriptions, 2);
    hears_next(&store, &mut client, 2).await;
    store.run("UPDATE notes SET text = 'new' WHERE id = 2");
    assert_eq!(told(&mut client).await.0, "update 2 new");
    // What waited is not sent: whoever does not ask where it is may have missed that.
    server.done(&client, FIELD, EVERYTHING).await;
    let resync = client.json().await;
    let expected = json!({"action": "resync", "model": "positions.note"});
    assert_eq!(resync["payload"], expected);
    assert_eq!(server.hub.stats().subscriptions, 1);
    store.insert([3]);
    assert_eq!(
        told(&mut client).await,
        ("create 3 note 3".to_owned(), None)
    );
    subscribe(&server, &client, "ready: true").await;
    assert_eq!(told(&mut client).await.0, "ready");
    let end = "action: ALL_ACTIONS, operation: UNSUBSCRIBE";
    server.done(&client, FIELD, end).await;
    assert_eq!(server.hub.stats().subscriptions, 0);
    let confirmation = server.control(&client, FIELD, end).await;
    assert_eq!(confirmation["ok"], Value::Bool(false));
}

#[tokio::test]
async fn a_channel_that_is_full_takes_what_replaces() {
    let store = Store::new("two-full");
    let limit = |builder: graphex::HubBuilder| {
        builder.limits(|limits| limits.subscriptions_per_channel = 1)
    };
    let server = store.serve_with(limit).await;
    let (mut client, _) = ready(&server, None).await;
    subscribe(&server, &client, "ready: true").await;
    assert_eq!(told(&mut client).await.0, "ready");
    // The other actions stay, so this is a second one.
    let create = "action: CREATE, operation: SUBSCRIBE, ready: true";
    let reason = server.refused(&client, FIELD, create).await;
    assert!(reason.contains('1'), "{reason}");
    subscribe(&server, &client, "ready: true").await;
    assert_eq!(told(&mut client).await.0, "ready");
    hears_next(&store, &mut client, 1).await;
}

#[tokio::test]
async fn who_is_cut_off_again_and_again_has_neither_hole_nor_double() {
    let store = Store::new("two-drops");
    let servers = [store.serve().await, store.serve().await];
    let mut dice = dice::Dice::new();
    let (mut client, mut cursor) = ready(&servers[0], None).await;
    let (mut seen, mut written) = (0, 0);
    for _ in 0..proof::steps(40) {
        for _ in 0..dice.below(20) {
            written += 1;
            store.insert([written]);
        }
        for _ in 0..dice.below(20).min(usize::try_from(written - seen).unwrap()) {
            let (text, at) = told(&mut client).await;
            seen += 1;
            assert_eq!(text, format!("create {seen} note {seen}"));
            cursor = at.unwrap();
        }
        // What is on the way is lost with the connection.
        drop(client);
        client = back(&servers[dice.below(2)], None, &cursor).await;
    }
    while seen < written {
        seen += 1;
        let text = told(&mut client).await.0;
        assert_eq!(text, format!("create {seen} note {seen}"));
    }
    hears_next(&store, &mut client, written + 1).await;
}

/// Subscribes or unsubscribes a channel of user 1 that takes nothing.
async fn control(server: &Server, channel: &graphex::Channel, arguments: &str) {
    let id = channel.id().as_str();
    let document =
        format!("subscription {{ {FIELD}(channelId: \"{id}\", {arguments}) {{ ok error }} }}");
    let (_, answer) = server.post(Some(1), json!({ "query": document })).await;
    assert_eq!(answer["data"][FIELD]["ok"], true, "{answer}");
}

/// Takes so many notifications; the action and the id of each.
async fn taken(channel: &mut graphex::Channel, count: usize) -> Vec<(String, Option<i64>)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        for frame in harness::within(channel.take()).await.unwrap() {
            let notification: Value = serde_json::from_slice(&frame).unwrap();
            let payload = &notification["payload"];
            let action = payload["action"].as_str().unwrap().to_owned();
            taken.push((action, payload["data"]["id"].as_i64()));
        }
    }
    taken
}

/// Whichever action it leaves: what it begins with comes, and the others go on.
#[tokio::test]
async fn who_leaves_one_action_while_it_begins_keeps_the_others() {
    const ROWS: i64 = 50;
    for (number, gone) in ["CREATE", "UPDATE", "DELETE"].into_iter().enumerate() {
        let store = Store::new(&format!("two-leaves-{number}"));
        let limits =
            |builder: graphex::HubBuilder| builder.limits(|limits| limits.outbox_frames = 8);
        let server = store.serve_with(limits).await;
        let connect = || {
            server
                .hub
                .own
                .connect(graphex::Identity::new("user:1"))
                .unwrap()
        };
        let unsubscribe = format!("action: {gone}, operation: UNSUBSCRIBE");
        let (_, cursor) = ready(&server, Some(1)).await;
        store.insert(1..=ROWS);
        store.run("UPDATE notes SET text = 'new'; DELETE FROM notes WHERE id = 1");
        server
            .until(|stats| stats.changes_published == 2 * ROWS as u64 + 1)
            .await;
        // With the rows that there are, of which it has room for few.
        let mut first = connect();
        control(&server, &first, &format!("{EVERYTHING}, snapshot: true")).await;
        control(&server, &first, &unsubscribe).await;
        let rows = taken(&mut first, ROWS as usize).await;
        let expected = (2..=ROWS).map(|id| ("snapshot".to_owned(), Some(id)));
        let ready = [("ready".to_owned(), None)];
        assert_eq!(rows, expected.chain(ready).collect::<Vec<_>>(), "{gone}");
        // After a position: what it has missed of the others.
        let mut second = connect();
        let after = format!("{EVERYTHING}, after: \"{cursor}\", ready: true");
        control(&server, &second, &after).await;
        control(&server, &second, &unsubscribe).await;
        let missed = (1..=ROWS).map(|id| ("create".to_owned(), Some(id)));
        let missed = missed.chain((1..=ROWS).map(|id| ("update".to_owned(), Some(id))));
        let missed = missed.chain([("delete".to_owned(), Some(1))]);
        let missed = missed.filter(|(action, _)| !gone.eq_ignore_ascii_case(action));
        let missed: Vec<_> = missed.chain([("ready".to_owned(), None)]).collect();
        assert_eq!(taken(&mut second, missed.len()).await, missed, "{gone}");
        // And what comes from now on.
        store.insert([100]);
        store
            .run("UPDATE notes SET text = 'last' WHERE id = 100; DELETE FROM notes WHERE id = 100");
        for channel in [&mut first, &mut second] {
            let live = ["create", "update", "delete"].into_iter();
            let live = live.filter(|action| !gone.eq_ignore_ascii_case(action));
            let live: Vec<_> = live.map(|action| (action.to_owned(), Some(100))).collect();
            assert_eq!(taken(channel, 2).await, live, "{gone}");
        }
    }
}

/// Who comes back to rows that cannot be sent is refused, as one who is new is.
#[tokio::test]
async fn a_snapshot_instead_of_a_position_is_refused_with_a_reason() {
    let store = Store::new("two-large");
    let limits = |builder: graphex::HubBuilder| builder.limits(|limits| limits.snapshot_rows = 2);
    let server = store.serve_with(limits).await;
    store.insert([1, 2, 3]);
    let client = server.connect(None).await;
    let other = Store::new("two-other");
    let (_, of_another_log) = ready(&other.serve().await, None).await;
    for after in ["v1.0.0.0", "else", of_another_log.as_str()] {
        let arguments = format!("{EVERYTHING}, snapshot: true, ready: true, after: \"{after}\"");
        let error = server.refused(&client, FIELD, &arguments).await;
        assert!(error.contains("more than 2 rows"), "{error}");
    }
    assert_eq!(server.hub.stats().subscriptions, 0);
}

/// Creates that wait for a client that takes nothing, a page of the log with long texts; from the first.
async fn missed(server: &Server, store: &Store, channel: &graphex::Channel) {
    let user = Some(1);
    let (client, cursor) = ready(server, user).await;
    drop(client);
    server.until(|stats| stats.subscriptions == 0).await;
    let text = "x".repeat(TEXT);
    let values: Vec<_> = (1..=MISSED)
        .map(|id| format!("({id}, 1, 7, '{text}')"))
        .collect();
    store.run(&format!("INSERT INTO notes VALUES {}", values.join(", ")));
    server
        .until(|stats| stats.changes_published == MISSED as u64)
        .await;
    let document = format!(
        "subscription {{ noteSubscription(channelId: \"{}\", {EVERYTHING}, after: \"{cursor}\") {{ ok error }} }}",
        channel.id().as_str()
    );
    let (_, answer) = server.post(user, json!({ "query": document })).await;
    assert_eq!(answer["data"]["noteSubscription"]["ok"], true, "{answer}");
}

/// Takes all that was missed, each once and in order.
async fn take_all(channel: &mut graphex::Channel) {
    let mut seen = 0;
    while seen < MISSED {
        for frame in harness::within(channel.take()).await.unwrap().iter() {
            seen += 1;
            let notification: Value = serde_json::from_slice(frame).unwrap();
            assert_eq!(notification["payload"]["data"]["id"], seen);
        }
    }
}

const MISSED: usize = 200;
const TEXT: usize = 4 * 1024;

/// A user who may hold so much, and of whom little waits.
async fn site(name: &str, bytes: usize) -> (Store, Server) {
    let store = Store::new(name);
    let limits = |builder: graphex::HubBuilder| {
        builder.limits(|limits| {
            limits.bytes_per_identity = bytes;
            limits.outbox_bytes = 16 * TEXT;
        })
    };
    let server = store.serve_with(limits).await;
    (store, server)
}

#[tokio::test]
async fn what_a_client_is_to_be_sent_is_counted_while_it_does_not_take_it() {
    let (store, server) = site("two-counted", MISSED * TEXT + 100 * 1024).await;
    let user = || graphex::Identity::new("user:1");
    let hub = &server.hub.own;
    let mut channel = hub.connect(user()).unwrap();
    missed(&server, &store, &channel).await;
    let fill = || -> Result<Vec<_>, _> { (0..10).map(|_| hub.connect(user())).collect() };
    harness::within(until(|| fill().is_err())).await;
    let refused = fill().unwrap_err().to_string();
    assert!(refused.contains("bytes"), "{refused}");
    take_all(&mut channel).await;
    harness::within(until(|| fill().is_ok())).await;
}

/// It is handed what it has room for, and the rest is read again.
#[tokio::test]
async fn who_may_not_hold_what_it_missed_gets_it_all_the_same() {
    let (store, server) = site("two-little", 100 * 1024).await;
    let user = graphex::Identity::new("user:1");
    let mut channel = server.hub.own.connect(user).unwrap();
    missed(&server, &store, &channel).await;
    take_all(&mut channel).await;
    assert_eq!(server.hub.stats().resyncs, 0);
    // It stands: what follows comes.
    store.insert([1_000]);
    let frames = harness::within(channel.take()).await.unwrap();
    let frames: Vec<_> = frames.iter().collect();
    assert!(String::from_utf8_lossy(frames[0]).contains("note 1000"));
}
