//! Clients that go on where they were, over real sockets, with a change log in SQLite.

use crate::logged;
use crate::logged::{Draft, Listener, NOTES, Store, sent};
use crate::streams::sse::Body;
use graphex::{Action, Cursor};
use serde_json::json;

#[tokio::test]
async fn each_event_of_a_logged_model_has_its_position() {
    let file = Store::new("positions");
    let server = file.serve().await;
    let query = "subscription { noteChanges { action at: cursor before { text room } changed data { text } } }";
    let mut listener = Listener::join(&server, query).await;
    let mut equal = Listener::join(&server, query).await;
    let mut events = server.events_of(NOTES).await;
    server.until(|stats| stats.subscriptions == 3).await;
    file.insert([1]);
    file.run("UPDATE notes SET text = 'new', room = 8 WHERE id = 1; DELETE FROM notes");

    let mut cursors = Vec::new();
    for expected in [
        json!({"action": "CREATE", "before": null, "changed": null, "data": {"text": "note 1"}}),
        json!({"action": "UPDATE", "before": {"text": "note 1", "room": 7}, "changed": ["ROOM", "TEXT"], "data": {"text": "new"}}),
        json!({"action": "DELETE", "before": null, "changed": null, "data": {"text": "new"}}),
    ] {
        let mut event = listener.event().await;
        assert_eq!(equal.event().await, event);
        let at = event.as_object_mut().unwrap().remove("at").unwrap();
        assert_eq!(event, expected);
        let cursor = listener.cursor.clone().unwrap();
        assert_eq!(at, json!(cursor));
        cursor.parse::<Cursor>().unwrap();
        // The position is the change's: whoever hears of it has the same.
        assert_eq!(sent(&mut events).await.1.as_ref(), Some(&cursor));
        assert!(!cursors.contains(&cursor));
        cursors.push(cursor);
    }
    let stats = server.hub.stats();
    assert_eq!(stats.frames_encoded, 6, "equal plans share their frames");
}

#[tokio::test]
async fn what_has_no_place_in_the_log_has_no_position() {
    let file = Store::new("beside");
    let server = file.serve().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe("a", "subscription { draftChanges { id cursor changed } }")
        .await;
    server.until(|stats| stats.subscriptions == 1).await;
    server.hub.publish(Action::Create, &Draft { id: 3 });
    let event = json!({"draftChanges": {"id": "3", "cursor": null, "changed": null}});
    raw.data("a", event).await;
}

#[tokio::test]
async fn notifications_are_as_they_were_for_who_does_not_ask_where_they_are() {
    let file = Store::new("two-channel");
    let server = file.serve().await;
    let mut client = server.connect(None).await;
    let everything = "action: ALL_ACTIONS, operation: SUBSCRIBE, data: [ID, TEXT]";
    server.done(&client, "noteSubscription", everything).await;
    file.insert([1]);
    file.run("UPDATE notes SET room = 8");
    for action in ["create", "update"] {
        let expected = format!(
            r#"{{"stream":"notes","payload":{{"action":"{action}","model":"positions.note","data":{{"id":1,"text":"note 1"}}}}}}"#
        );
        assert_eq!(client.text().await, expected);
    }
}

#[tokio::test]
async fn a_client_goes_on_after_its_last_event() {
    let file = Store::new("after");
    let server = file.serve().await;
    let mut listener = Listener::join(&server, NOTES).await;
    file.insert([1]);
    assert_eq!(listener.told().await, "CREATE 1 note 1");
    let cursor = listener.drop_out(&server).await.unwrap();
    file.insert([2, 3]);
    file.run("UPDATE notes SET text = 'new' WHERE id = 2; DELETE FROM notes WHERE id = 3");
    // Whoever subscribes without a position has none of these.
    server.until(|stats| stats.changes_published == 5).await;
    let missed = [
        "CREATE 2 note 2",
        "CREATE 3 note 3",
        "UPDATE 2 new",
        "DELETE 3 note 3",
        "CREATE 4 note 4",
    ];

    // As an argument.
    let after = format!(
        "subscription {{ noteChanges(after: \"{cursor}\") {{ action id data {{ text }} }} }}"
    );
    let mut argument = Listener::join(&server, &after).await;
    // By the id of the operation, once.
    let mut raw = server.socket().await;
    let payload = logged::after(&json!({"a": cursor}));
    raw.send(json!({"type": "connection_init", "payload": payload}))
        .await;
    assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
    raw.subscribe("b", NOTES).await;
    raw.subscribe("a", NOTES).await;
    let mut by_id = Listener { raw, cursor: None };
    // As `Last-Event-ID`.
    let request = server.ask_for("text/event-stream", NOTES);
    let mut events = Body::of(request.header("last-event-id", &cursor)).await;
    server.until(|stats| stats.subscriptions == 4).await;
    for expected in &missed[..4] {
        assert_eq!(argument.told().await, *expected);
        assert_eq!(by_id.told().await, *expected);
        assert_eq!(sent(&mut events).await.0, *expected);
    }
    file.insert([4]);
    assert_eq!(argument.told().await, missed[4]);
    assert_eq!(sent(&mut events).await.0, missed[4]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let message = by_id.raw.next().await;
        ids.push(message["id"].as_str().unwrap().to_owned());
        let (event, _) = logged::event(&message["payload"]);
        assert_eq!(logged::told(&event), missed[4]);
    }
    ids.sort();
    assert_eq!(ids, ["a", "b"]);
    by_id.raw.complete("a").await;
    by_id.raw.subscribe("a", NOTES).await;
    by_id.raw.silent().await;
}

#[tokio::test]
async fn filters_and_scope_hold_for_what_was_missed() {
    let file = Store::new("filters");
    let server = file.serve().await;
    let begin = async |user| {
        let query = "subscription { noteChanges(ready: true) { action id data { text } } }";
        let mut body = server.events_as(user, query).await;
        sent(&mut body).await.1.unwrap()
    };
    let begun = [begin(1).await, begin(2).await];
    // More than the lane keeps, so that the log is read.
    file.insert(1..=3_000);
    file.run("UPDATE notes SET owner = 2, room = 9 WHERE id IN (5, 6, 2998); DELETE FROM notes WHERE id = 2998");
    server
        .until(|stats| stats.changes_published == 3_004 && stats.subscriptions == 0)
        .await;
    let [foreign, own] = begun.map(|cursor| {
        format!(
            "subscription {{ noteChanges(after: \"{cursor}\", action: UPDATE, filters: {{room: 9}}) {{ action id data {{ text }} }} }}"
        )
    });
    let mut body = server.events_as(2, &own).await;
    for id in [5, 6, 2998] {
        assert_eq!(sent(&mut body).await.0, format!("ENTER {id} note {id}"));
    }
    let mut foreign = server.events_as(1, &foreign).await;
    server.until(|stats| stats.subscriptions == 2).await;
    file.run("UPDATE notes SET owner = 1, room = 9 WHERE id = 10");
    assert_eq!(sent(&mut foreign).await.0, "ENTER 10 note 10");
}

/// It has not seen what was there before.
#[tokio::test]
async fn who_comes_back_with_another_scope_is_told_to_load_again() {
    let file = Store::new("scopes");
    let server = file.serve().await;
    let ask = |user: Option<i64>, cursor: Option<&str>| {
        let query = "subscription { noteChanges(ready: true) { action id data { text } } }";
        let mut request = server.ask_for("text/event-stream", query);
        if let Some(user) = user {
            request = request.header("x-user", user);
        }
        if let Some(cursor) = cursor {
            request = request.header("last-event-id", cursor);
        }
        Body::of(request)
    };
    let users = [None, Some(1), Some(2)];
    for before in users {
        let mut body = ask(before, None).await;
        let (told, cursor) = sent(&mut body).await;
        let cursor = cursor.unwrap();
        assert_eq!(told, "READY");
        let parts = if before.is_none() { 4 } else { 5 };
        assert_eq!(cursor.split('.').count(), parts, "{cursor}");
        for now in users {
            let mut body = ask(now, Some(&cursor)).await;
            if now != before {
                assert_eq!(sent(&mut body).await.0, "RESYNC", "{before:?} {now:?}");
            }
            assert_eq!(sent(&mut body).await.0, "READY", "{before:?} {now:?}");
        }
    }
}

#[tokio::test]
async fn a_position_that_is_not_good_is_one_resync() {
    let file = Store::new("bad");
    let server = file.serve().await;
    let mut listener = Listener::join(&server, NOTES).await;
    file.insert([1]);
    listener.told().await;
    let good = listener.drop_out(&server).await.unwrap();
    let good: Cursor = good.parse().unwrap();
    let good = good.to_string();
    let parts: Vec<_> = good.split('.').collect();
    for (position, bad) in [
        "else".to_owned(),
        String::new(),
        format!("v1.abc.{}.{}", parts[2], parts[3]),
        format!("v1.{}.{}.abc", parts[1], parts[2]),
        format!("v1.{}.999.{}", parts[1], parts[3]),
    ]
    .into_iter()
    .enumerate()
    {
        let query = format!(
            "subscription {{ noteChanges(after: \"{bad}\") {{ action id data {{ text }} }} }}"
        );
        let mut listener = Listener::join(&server, &query).await;
        assert_eq!(listener.told().await, "RESYNC", "{bad}");
        let at = listener.cursor.clone().expect("it goes on from here");
        let id = 100 + position as i64;
        file.insert([id]);
        assert_eq!(listener.told().await, format!("CREATE {id} note {id}"));
        // Where the `RESYNC` was.
        let query = query.replace(&bad, &at);
        if !bad.is_empty() {
            let mut again = Listener::join(&server, &query).await;
            assert_eq!(again.told().await, format!("CREATE {id} note {id}"));
            again.drop_out(&server).await;
        }
        listener.drop_out(&server).await;
    }
}

#[tokio::test]
async fn changes_that_are_gone_are_one_resync() {
    let file = Store::new("gone");
    let server = file.serve().await;
    let mut listener = Listener::join(&server, NOTES).await;
    file.insert([1, 2]);
    listener.told().await;
    let cursor = listener.cursor.clone().unwrap();
    listener.told().await;
    let query = format!(
        "subscription {{ noteChanges(after: \"{cursor}\") {{ action id data {{ text }} }} }}"
    );
    drop(listener);
    drop(server);
    // Another process, of which the past is in the log alone.
    let server = file.serve().await;
    let mut listener = Listener::join(&server, &query).await;
    assert_eq!(listener.told().await, "CREATE 2 note 2");
    file.run("DELETE FROM graphex_log WHERE seq = 1; INSERT INTO notes VALUES (3, 1, 7, 'note 3')");
    assert_eq!(listener.told().await, "CREATE 3 note 3");
    // What is read from memory is as good; another process has the log alone.
    drop((listener, server));
    let server = file.serve().await;
    let mut late = Listener::join(&server, &query).await;
    assert_eq!(late.told().await, "RESYNC");
    file.insert([4]);
    assert_eq!(late.told().await, "CREATE 4 note 4");
}

#[tokio::test]
async fn a_model_without_a_log_says_so() {
    let file = Store::new("unlogged");
    let server = file.serve().await;
    let mut raw = server.acknowledged().await;
    raw.subscribe(
        "a",
        "subscription { draftChanges(after: \"v1.1.1.1\") { id } }",
    )
    .await;
    assert_eq!(
        raw.error_of("a").await,
        "stream `drafts` has no change log, so `after` cannot be given: leave it out, and load what you show"
    );
}

#[tokio::test]
async fn ready_says_that_the_subscription_stands() {
    let file = Store::new("ready");
    let server = file.serve().await;
    file.insert([1]);
    server.until(|stats| stats.changes_published == 1).await;
    let query = "subscription { noteChanges(ready: true) { action id data { text } } }";
    let mut listener = Listener::join(&server, query).await;
    assert_eq!(listener.told().await, "READY");
    let cursor = listener.drop_out(&server).await;
    let cursor = cursor.expect("it stands somewhere");
    file.insert([2]);
    server.until(|stats| stats.changes_published == 2).await;
    let after = format!(
        "subscription {{ noteChanges(after: \"{cursor}\", ready: true) {{ action id data {{ text }} }} }}"
    );
    let mut listener = Listener::join(&server, &after).await;
    let told = [listener.told().await, listener.told().await];
    assert_eq!(told, ["CREATE 2 note 2", "READY"]);
    let lost = after.replace(&cursor, "else");
    let mut lost = Listener::join(&server, &lost).await;
    assert_eq!([lost.told().await, lost.told().await], ["RESYNC", "READY"]);
    // Without a log too, and without a position.
    let mut raw = server.acknowledged().await;
    raw.subscribe(
        "a",
        "subscription { draftChanges(ready: true) { action id model cursor } }",
    )
    .await;
    let ready = json!({"action": "READY", "id": null, "model": "positions.draft", "cursor": null});
    raw.data("a", json!({"draftChanges": ready})).await;
}
