//! What one stream waits for, or is too much for it, costs the others nothing.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::time::{Duration, Instant};

use graphex::Action;
use graphex_redis_tests::{Client, EVERYTHING, Node, message, note, prefix, redis_url};
use serde_json::json;

/// What no test of this file should take for late, on a busy machine.
const SOON: Duration = Duration::from_millis(100);

/// A row that is slow to decide for who asks with these patterns.
const PATTERNS: usize = 40;
const TEXT: usize = 16 * 1024;

async fn slow(node: &Node) -> Client {
    let client = node.connect("eve");
    for number in 0..PATTERNS {
        let pattern = format!("[ab]*a[ab]{{100}}c{number}");
        let arguments = format!("{EVERYTHING}, filters: {{text__regex: \"{pattern}\"}}");
        node.done(&client, None, &arguments).await;
    }
    client
}

fn publish_slow(node: &Node, id: i64) {
    let mut row = message(id, 1);
    row.text = "ab".repeat(TEXT / 2);
    node.hub.publish(Action::Create, &row);
    node.publish(Action::Create, id + 1, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_stream_whose_delivery_is_slow_delays_no_other() {
    let prefix = prefix("slow");
    let writer = Node::on(&redis_url(), &prefix, |builder| builder);
    let listener = Node::on(&redis_url(), &prefix, |builder| {
        builder.limits(|limits| limits.probe_interval = Duration::from_secs(60))
    });
    listener.ready().await;
    writer.ready().await;
    let (mut ann, mut bob) = (listener.connect("ann"), listener.connect("bob"));
    listener.done(&ann, None, EVERYTHING).await;
    listener.notes(&bob).await;
    let _eve = slow(&listener).await;
    // How long it takes until the stream goes on.
    let began = Instant::now();
    publish_slow(&writer, 1);
    for id in [1, 2] {
        assert_eq!(ann.told().await.1, id);
    }
    let busy = began.elapsed();
    let began = Instant::now();
    publish_slow(&writer, 3);
    writer.hub.publish(Action::Create, &note(1));
    assert_eq!(bob.told().await, ("create".to_owned(), json!(1)));
    let beside = began.elapsed();
    println!("a stream is busy for {busy:?}; beside it a note takes {beside:?}");
    assert!(beside < SOON.max(busy / 3), "{beside:?} of {busy:?}");
    for id in [3, 4] {
        assert_eq!(ann.told().await.1, id);
    }
}

#[tokio::test]
async fn a_stream_that_is_too_much_is_told_alone() {
    let prefix = prefix("burst");
    let writer = Node::on(&redis_url(), &prefix, |builder| builder);
    let listener = Node::on(&redis_url(), &prefix, |builder| {
        // One message may wait.
        builder.limits(|limits| limits.layer_queue_bytes = 1)
    });
    listener.ready().await;
    let (mut ann, mut bob) = (listener.connect("ann"), listener.connect("bob"));
    listener.done(&ann, None, EVERYTHING).await;
    listener.notes(&bob).await;
    // No neighbours share a message.
    for id in 0..500 {
        writer.publish(Action::Create, id, id % 2);
    }
    for id in 0..20 {
        writer.hub.publish(Action::Create, &note(id));
        assert_eq!(bob.told().await, ("create".to_owned(), json!(id)));
    }
    // What is missing is told where it is missing, and what is written then comes.
    let (mut last, mut may_have_missed, mut written) = (-1, false, 500);
    while last < 500 {
        let (action, id) = ann.told().await;
        if action == "resync" {
            assert!(!may_have_missed, "told twice after {last}");
            may_have_missed = true;
            writer.publish(Action::Create, written, 1);
            written += 1;
        } else {
            let id = id.as_i64().unwrap();
            assert!(
                id == last + 1 || id > last && may_have_missed,
                "{last}, {id}"
            );
            (last, may_have_missed) = (id, false);
        }
    }
    assert!(listener.hub.stats().messages_dropped > 0);
    assert_eq!(writer.hub.stats().messages_dropped, 0);
}
