//! `Hub::flush` over PostgreSQL's log: all that was committed before, whoever wrote it, and nothing else
//! is waited for.

use crate::proof;
use std::time::Duration;

use crate::logged::{Draft, Note, Query, Store, Subscription};
use async_graphql::{EmptyMutation, Request};
use diesel::connection::SimpleConnection as _;
use graphex::Channel;
use graphex::prelude::*;

/// Rows of one transaction.
const ROWS: i64 = 500;

async fn joined(hub: &Hub) -> Channel {
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    let channel = hub.connect(Identity::anonymous()).unwrap();
    let id = channel.id().as_str();
    let document = format!(
        "subscription {{ noteSubscription(channelId: \"{id}\", operation: SUBSCRIBE, action: CREATE) {{ ok error }} }}"
    );
    let answer = graphex::execute(&schema, Request::new(document)).await;
    let answer = answer.data.into_json().unwrap();
    assert_eq!(answer["noteSubscription"]["ok"], true, "{answer}");
    channel
}

/// How many events are there, without waiting.
async fn there(channel: &mut Channel) -> usize {
    let mut events = 0;
    while let Ok(taken) = tokio::time::timeout(Duration::ZERO, channel.take()).await {
        events += taken.unwrap().len();
    }
    events
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_is_delivered_and_what_is_open_is_not_waited_for() {
    let store = Store::new("flush");
    let hub = Hub::builder()
        .model::<Note>()
        .model::<Draft>()
        .limits(|limits| limits.outbox_frames = 10_000)
        .change_log(store.log().without::<Draft>())
        .try_build()
        .unwrap();
    let mut channel = joined(&hub).await;
    let mut open = store.connect();
    let mut first = 1;
    for _ in 0..proof::steps(20) {
        open.batch_execute(&format!(
            "BEGIN; INSERT INTO notes VALUES ({}, 1, 7, 'open')",
            -first
        ))
        .unwrap();
        // A program that knows nothing of this process.
        store.insert(first..first + ROWS);
        first += ROWS;
        hub.flush().await;
        assert_eq!(there(&mut channel).await, ROWS as usize);
        open.batch_execute("COMMIT").unwrap();
        hub.flush().await;
        assert_eq!(there(&mut channel).await, 1);
        open.batch_execute("BEGIN; INSERT INTO notes VALUES (0, 1, 7, 'never'); ROLLBACK")
            .unwrap();
        hub.flush().await;
        assert_eq!(there(&mut channel).await, 0);
    }
}
