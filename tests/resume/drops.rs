//! Clients that are cut off again and again while others write: each has seen every change once.

use crate::{dice, logged, proof};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use crate::harness::Server;
use crate::logged::{Listener, NOTES, Store, event, told};
use diesel::connection::SimpleConnection as _;
use serde_json::json;

/// A client that keeps the cursor of each operation, as the documented lines of graphql-ws do.
async fn reconnected(server: &Server, cursor: Option<&str>, ready: bool) -> Listener {
    let mut raw = server.socket().await;
    let cursors = cursor.map_or(json!({}), |cursor| json!({ "a": cursor }));
    let payload = logged::after(&cursors);
    raw.send(json!({"type": "connection_init", "payload": payload}))
        .await;
    assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
    let query = if ready {
        NOTES.replace("noteChanges", "noteChanges(ready: true)")
    } else {
        NOTES.to_owned()
    };
    raw.subscribe("a", &query).await;
    let cursor = cursor.map(str::to_owned);
    Listener { raw, cursor }
}

/// What a client has seen, and whether the writer is to stop.
#[derive(Default)]
struct Progress {
    seen: AtomicI64,
    stop: AtomicBool,
}

/// Inserts one note after the other until it is told to stop; how many. It is never further ahead
/// than a client can be that reads.
fn writer(file: &Store, progress: &Arc<Progress>) -> std::thread::JoinHandle<i64> {
    let (mut conn, progress) = (file.connect(), Arc::clone(progress));
    std::thread::spawn(move || {
        let mut id = 0;
        while !progress.stop.load(Ordering::Relaxed) {
            if id > progress.seen.load(Ordering::Relaxed) + 400 {
                std::thread::sleep(std::time::Duration::from_micros(100));
                continue;
            }
            id += 1;
            conn.batch_execute(&format!("INSERT INTO notes VALUES ({id}, 1, 7, 'n')"))
                .unwrap();
        }
        id
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_cut_off_again_and_again_has_neither_hole_nor_double() {
    let file = Store::new("drops");
    let server = file.serve().await;
    let drops = proof::steps(100);
    let mut dice = dice::Dice::new();
    let mut listener = reconnected(&server, None, true).await;
    assert_eq!(listener.told().await, "READY");
    let progress = Arc::<Progress>::default();
    let writing = writer(&file, &progress);
    let mut seen = 0;
    for _ in 0..drops {
        for _ in 0..dice.below(60) {
            let next = listener.event().await;
            seen += 1;
            assert_eq!(told(&next), format!("CREATE {seen} n"));
            progress.seen.store(seen, Ordering::Relaxed);
        }
        // What is on the way is lost with the connection.
        let cursor = listener.cursor.take();
        drop(listener);
        listener = reconnected(&server, cursor.as_deref(), false).await;
    }
    progress.stop.store(true, Ordering::Relaxed);
    let written = writing.join().unwrap();
    while seen < written {
        let next = listener.event().await;
        seen += 1;
        assert_eq!(told(&next), format!("CREATE {seen} n"));
    }
    listener.raw.silent().await;
    assert_eq!(server.hub.stats().resyncs, 0);
}

/// Clients with different plans catch up with a long past while others write, and live
/// subscribers go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_catch_up_with_a_long_past_beside_live_delivery() {
    const PAST: i64 = 20_000;
    let file = Store::new("past");
    let server = file.serve().await;
    let mut live = reconnected(&server, None, true).await;
    assert_eq!(live.told().await, "READY");
    let begin = live.cursor.clone().unwrap();
    live.drop_out(&server).await;
    for block in 0..20 {
        file.insert(block * 1_000 + 1..=(block + 1) * 1_000);
    }
    server
        .until(|stats| stats.changes_published == PAST as u64)
        .await;
    let mut live = reconnected(&server, None, true).await;
    assert_eq!(live.told().await, "READY");
    let mut late = Vec::new();
    for _ in 0..10 {
        late.push(reconnected(&server, Some(&begin), false).await);
    }
    // They take their time; who is live waits for none of them.
    file.insert([PAST + 1]);
    // The end of the past may still be on its way when the subscription stands.
    let mut heard: i64 = live.event().await["id"].as_str().unwrap().parse().unwrap();
    while heard <= PAST {
        heard += 1;
        let expected = format!("CREATE {heard} note {heard}");
        assert_eq!(live.told().await, expected);
    }
    let caught_up = late.into_iter().map(|mut late| {
        tokio::spawn(async move {
            for id in 1..=PAST + 1 {
                let (event, _) = event(&late.raw.next_of("a").await);
                assert_eq!(told(&event), format!("CREATE {id} note {id}"));
            }
            late.raw.silent().await;
        })
    });
    for caught_up in caught_up.collect::<Vec<_>>() {
        caught_up.await.unwrap();
    }
    assert_eq!(server.hub.stats().resyncs, 0);
}

/// With two processes, and without Redis: each reads the log for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_to_another_or_a_restarted_server_has_neither_hole_nor_double() {
    let store = Store::new("servers");
    let mut servers = [store.serve().await, store.serve().await];
    let mut dice = dice::Dice::new();
    let mut listener = reconnected(&servers[0], None, true).await;
    assert_eq!(listener.told().await, "READY");
    let progress = Arc::<Progress>::default();
    let writing = writer(&store, &progress);
    let (mut seen, mut restarts) = (0, 0);
    for _ in 0..proof::steps(60) {
        for _ in 0..dice.below(60) {
            let next = listener.event().await;
            seen += 1;
            assert_eq!(told(&next), format!("CREATE {seen} n"));
            progress.seen.store(seen, Ordering::Relaxed);
        }
        let cursor = listener.cursor.take();
        drop(listener);
        let at = dice.below(2);
        if dice.one_in(4) {
            // What it had in memory is gone.
            servers[at] = store.serve().await;
            restarts += 1;
        }
        listener = reconnected(&servers[at], cursor.as_deref(), false).await;
    }
    progress.stop.store(true, Ordering::Relaxed);
    let written = writing.join().unwrap();
    while seen < written {
        let next = listener.event().await;
        seen += 1;
        assert_eq!(told(&next), format!("CREATE {seen} n"));
    }
    listener.raw.silent().await;
    assert!(restarts > 0);
    for server in &servers {
        assert_eq!(server.hub.stats().resyncs, 0);
    }
}
