//! One server of a cluster killed, or silent: the same as for a Redis that is alone.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use graphex::{Action, HubBuilder};
use graphex_redis_tests::{ALONE, Cluster, EVERYTHING, Load, Node, prefix, tick, within};
use serde_json::json;

const ROUNDS: usize = 3;

/// Time in which delivery flows again when the cluster is whole.
const BACK: Duration = Duration::from_secs(2);

/// Less would be too little for a node on a busy machine.
const PROBE: Duration = Duration::from_secs(1);

fn limits(builder: HubBuilder) -> HubBuilder {
    builder.limits(|limits| limits.probe_interval = PROBE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_of_a_stream_is_killed_and_comes_back() {
    let _alone = ALONE.lock().await;
    let mut cluster = Cluster::start().await;
    let prefix = prefix("killed");
    let place = cluster.place("{messages}").await;
    let (writer, listener) = (
        Node::with(cluster.layer(), &prefix, limits),
        Node::with(cluster.layer(), &prefix, limits),
    );
    let mut load = Load::start(&writer, &listener).await;
    for round in 0..ROUNDS {
        load.until_it_flows().await;
        cluster.servers[place].kill().await;
        let written = load.written.load(Ordering::SeqCst);
        while load.written.load(Ordering::SeqCst) < written + 100 {
            tick().await;
        }
        assert!(!listener.hub.ready());
        cluster.servers[place].restart().await;
        cluster.until_whole().await;
        let back = Instant::now();
        load.until_it_flows().await;
        let flowed = back.elapsed();
        println!("round {round}: delivery flows again {flowed:?} after the cluster is whole");
        assert!(flowed < BACK, "{flowed:?}");
    }
    load.finish(ROUNDS).await;
    assert_eq!(writer.hub.stats().changes_lost, 0);
}

#[tokio::test]
async fn a_server_that_says_nothing_any_more_is_found_by_who_only_listens() {
    let _alone = ALONE.lock().await;
    let cluster = Cluster::start().await;
    let prefix = prefix("silent");
    let place = cluster.place("{messages}").await;
    let writer = Node::with(cluster.layer(), &prefix, limits);
    // One whose own messages come over another server.
    let (listener, mut client) = loop {
        let listener = Node::with(cluster.layer(), &prefix, limits);
        let client = listener.connect("ann");
        let own = format!("{{{}}}", &client.channel.id().as_str()[..16]);
        if cluster.place(&own).await != place {
            break (listener, client);
        }
    };
    listener.ready().await;
    writer.done(&client, None, EVERYTHING).await;
    for round in 0..ROUNDS as i64 {
        writer.publish(Action::Create, round * 2, 1);
        // What was written in between may have come to Redis before who listens did.
        let mut told = client.told().await;
        if round > 0 && told.1 == round * 2 - 1 {
            told = client.told().await;
        }
        assert_eq!(told, ("create".to_owned(), json!(round * 2)));
        cluster.servers[place].signal("-STOP").await;
        let silent = Instant::now();
        within(async {
            while listener.hub.ready() {
                tick().await;
            }
        })
        .await;
        let found = silent.elapsed();
        println!("round {round}: found silent after {found:?}");
        assert!(found < PROBE * 2 + Duration::from_millis(300), "{found:?}");
        writer.publish(Action::Create, round * 2 + 1, 1);
        cluster.servers[place].signal("-CONT").await;
        let resync = json!({"action": "resync", "model": "chat.message"});
        assert_eq!(client.payload().await, resync);
        writer.ready().await;
        listener.ready().await;
    }
}
