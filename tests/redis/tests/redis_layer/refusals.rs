//! What Redis does not take: a message costs its stream one `resync` and nobody else anything, and a
//! topic its own subscriptions.

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use graphex::{Action, HubBuilder, Stats};
use graphex_redis_tests::{
    Client, Cluster, EVERYTHING, Node, Server, message, note, prefix, tick, within,
};
use serde_json::{Value, json};

const UNAVAILABLE: &str = "live updates are not available at the moment; try again";

/// What two limits of Redis, each at the least that it can be, do not let through.
const TOO_LARGE: usize = 2 * 1024 * 1024;

/// The id of a row that is too large.
const LARGE: i64 = 1_000;

fn limits(builder: HubBuilder) -> HubBuilder {
    builder.limits(|limits| {
        // Each loss is told by itself, and what follows it comes.
        limits.resync_interval = Duration::ZERO;
        limits.outbox_frames = 10_000;
        limits.outbox_bytes = 64 * 1024 * 1024;
    })
}

fn publish(node: &Node, id: i64, room: i64) {
    let mut row = message(id, room);
    if id >= LARGE {
        row.text = "x".repeat(TOO_LARGE);
    }
    node.hub.publish(Action::Create, &row);
}

fn resync() -> (String, Value) {
    ("resync".to_owned(), Value::Null)
}

async fn sees(client: &mut Client, ids: impl IntoIterator<Item = i64>) {
    for id in ids {
        assert_eq!(client.told().await, ("create".to_owned(), json!(id)));
    }
}

fn refused(stats: &Stats) -> (u64, u64, u64) {
    (
        stats.messages_refused,
        stats.layer_outages,
        stats.changes_lost,
    )
}

/// A subscriber of each stream at each node.
struct Subscribers {
    messages: Vec<Client>,
    notes: Vec<Client>,
}

impl Subscribers {
    async fn of(nodes: &[&Node]) -> Self {
        let (mut messages, mut notes) = (Vec::new(), Vec::new());
        for node in nodes {
            node.ready().await;
            let (one, other) = (node.connect("ann"), node.connect("bob"));
            node.done(&one, None, EVERYTHING).await;
            node.notes(&other).await;
            messages.push(one);
            notes.push(other);
        }
        Self { messages, notes }
    }
}

/// Rows that are too large, first alone and then among others that are not.
async fn too_large_is_dropped(writer: &Node, listener: &Node) {
    let mut subscribers = Subscribers::of(&[writer, listener]).await;
    publish(writer, 1, 1);
    publish(writer, LARGE, 1);
    writer.hub.publish(Action::Create, &note(1));
    let began = Instant::now();
    for client in &mut subscribers.messages {
        sees(client, [1]).await;
        assert_eq!(client.told().await, resync());
    }
    println!("told after {:?}", began.elapsed());
    publish(writer, 2, 1);
    for client in &mut subscribers.messages {
        sees(client, [2]).await;
    }
    // All at once, and the same topics for all.
    for id in (10..110).chain([LARGE + 1]).chain(110..200) {
        publish(writer, id, 1);
    }
    for client in &mut subscribers.messages {
        sees(client, 10..110).await;
        assert_eq!(client.told().await, resync());
    }
    // Who is told loads again what it had at that moment, and sees what follows.
    publish(writer, 200, 1);
    for client in &mut subscribers.messages {
        let mut last = None;
        while last != Some(200) {
            let (action, id) = client.told().await;
            let id = id.as_i64().unwrap();
            assert_eq!(action, "create");
            assert!(
                id == last.map_or(id.max(110), |last| last + 1),
                "{last:?}, {id}"
            );
            last = Some(id);
        }
    }
    writer.hub.publish(Action::Create, &note(2));
    for client in &mut subscribers.notes {
        sees(client, [1, 2]).await;
    }
    assert_eq!(refused(&writer.hub.stats()), (2, 0, 0));
    assert_eq!(refused(&listener.hub.stats()), (0, 0, 0));
    assert!(writer.hub.ready() && listener.hub.ready());
}

/// Redis answers, and ends the connection.
#[tokio::test]
async fn a_row_over_the_bulk_length_is_dropped() {
    let redis = Server::with(&["--proto-max-bulk-len", "1mb"]).await;
    let prefix = prefix("bulk");
    let writer = Node::on(&redis.url(), &prefix, limits);
    let listener = Node::on(&redis.url(), &prefix, limits);
    too_large_is_dropped(&writer, &listener).await;
}

/// Redis ends the connection without an answer.
#[tokio::test]
async fn a_row_over_the_query_buffer_is_dropped() {
    let redis = Server::with(&["--client-query-buffer-limit", "1mb"]).await;
    let prefix = prefix("buffer");
    let writer = Node::on(&redis.url(), &prefix, limits);
    let listener = Node::on(&redis.url(), &prefix, limits);
    too_large_is_dropped(&writer, &listener).await;
}

#[tokio::test]
async fn a_row_over_the_bulk_length_of_a_cluster_is_dropped() {
    let cluster = Cluster::start().await;
    for server in &cluster.servers {
        let set = ["CONFIG", "SET", "proto-max-bulk-len", "1mb"];
        let () = server.command(&set).await.unwrap();
    }
    let prefix = prefix("cluster");
    let writer = Node::with(cluster.layer(), &prefix, limits);
    let listener = Node::with(cluster.layer(), &prefix, limits);
    too_large_is_dropped(&writer, &listener).await;
}

#[tokio::test]
async fn a_large_row_that_redis_takes_keeps_its_place() {
    let redis = Server::start().await;
    let prefix = prefix("large");
    let writer = Node::on(&redis.url(), &prefix, limits);
    let listener = Node::on(&redis.url(), &prefix, limits);
    let mut subscribers = Subscribers::of(&[&listener]).await;
    let ids = [1, LARGE, 2, 3, LARGE + 1, LARGE + 2, 4];
    ids.iter().for_each(|id| publish(&writer, *id, id % 2));
    sees(&mut subscribers.messages[0], ids).await;
    assert_eq!(refused(&writer.hub.stats()), (0, 0, 0));
}

/// Redis publishes it, and ends the connections of all to whom it would send it.
#[tokio::test]
async fn a_row_that_costs_the_listeners_their_connection_does_so_once() {
    let limit = "pubsub 1mb 1mb 0";
    let redis = Server::with(&["--client-output-buffer-limit", limit]).await;
    let node = Node::on(&redis.url(), &prefix("output"), limits);
    let mut subscribers = Subscribers::of(&[&node]).await;
    for round in 1..4 {
        publish(&node, LARGE, 1);
        for client in [&mut subscribers.messages[0], &mut subscribers.notes[0]] {
            assert_eq!(client.told().await, resync());
        }
        node.ready().await;
        publish(&node, round, 1);
        sees(&mut subscribers.messages[0], [round]).await;
        assert_eq!(
            node.hub.stats().layer_outages,
            u64::try_from(round).unwrap()
        );
    }
    assert_eq!(node.hub.stats().messages_refused, 0);
}

/// A user who may do everything, but publish and subscribe under these names alone; with the names
/// that are open to it to subscribe.
async fn user(redis: &Server, prefix: &str, channels: &[&str], subscribe: &str) -> String {
    let channels = channels.iter().map(|name| format!("&{prefix}:{name}"));
    let channels: Vec<_> = channels.collect();
    let selector = format!("(+subscribe +unsubscribe &{prefix}:{subscribe})");
    let mut words = vec!["ACL", "SETUSER", "chat", "reset", "on", ">secret", "+@all"];
    words.extend(channels.iter().map(String::as_str));
    words.push(&selector);
    let () = redis.command(&words).await.unwrap();
    format!("redis://chat:secret@127.0.0.1:{}/", redis.port)
}

#[tokio::test]
async fn a_topic_that_may_not_be_published_to_costs_its_stream_alone() {
    let (redis, prefix) = (Server::start().await, prefix("publish"));
    let channels = ["node:*", "all", "topic:{notes}*"];
    let url = user(&redis, &prefix, &channels, "*").await;
    let writer = Node::on(&url, &prefix, limits);
    let listener = Node::on(&redis.url(), &prefix, limits);
    let mut subscribers = Subscribers::of(&[&writer, &listener]).await;
    publish(&writer, 1, 1);
    writer.hub.publish(Action::Create, &note(1));
    for client in &mut subscribers.messages {
        assert_eq!(client.told().await, resync());
    }
    // The narrowed topic alone is refused now.
    let channels = ["node:*", "all", "topic:{notes}*", "topic:{messages}-create"];
    user(&redis, &prefix, &channels, "*").await;
    publish(&writer, 2, 1);
    writer.hub.publish(Action::Create, &note(2));
    for client in &mut subscribers.messages {
        assert_eq!(client.told().await, resync());
    }
    // And nothing any more.
    user(&redis, &prefix, &["*"], "*").await;
    publish(&writer, 3, 1);
    for client in &mut subscribers.messages {
        sees(client, [3]).await;
    }
    for client in &mut subscribers.notes {
        sees(client, [1, 2]).await;
    }
    assert_eq!(refused(&writer.hub.stats()), (2, 0, 0));
    assert_eq!(refused(&listener.hub.stats()), (0, 0, 0));
}

#[tokio::test]
async fn a_loss_that_may_not_be_told_to_all_is_told_at_home() {
    let (redis, prefix) = (Server::start().await, prefix("home"));
    let channels = ["node:*", "topic:{notes}*"];
    let url = user(&redis, &prefix, &channels, "*").await;
    let writer = Node::on(&url, &prefix, limits);
    let listener = Node::on(&redis.url(), &prefix, limits);
    let mut subscribers = Subscribers::of(&[&writer, &listener]).await;
    publish(&writer, 1, 1);
    writer.hub.publish(Action::Create, &note(1));
    assert_eq!(subscribers.messages[0].told().await, resync());
    for client in &mut subscribers.notes {
        sees(client, [1]).await;
    }
    // What the other sees next is what it is sent.
    publish(&listener, 2, 1);
    for client in &mut subscribers.messages {
        sees(client, [2]).await;
    }
    let (messages, outages, _) = refused(&writer.hub.stats());
    // The change, and the word of its loss.
    assert_eq!((messages, outages), (2, 0));
}

#[tokio::test]
async fn a_topic_that_may_not_be_joined_costs_its_subscriptions_alone() {
    let (redis, prefix) = (Server::start().await, prefix("join"));
    let own = ["node:*", "all", "topic:{notes}*"];
    let url = user(&redis, &prefix, &own, "topic:{notes}*").await;
    let node = Node::on(&url, &prefix, |builder| {
        limits(builder).limits(|limits| {
            limits.join_time = Duration::from_secs(20);
            limits.probe_interval = Duration::from_millis(500);
        })
    });
    let writer = Node::on(&redis.url(), &prefix, limits);
    node.ready().await;
    let (mut ann, mut bob) = (node.connect("ann"), node.connect("bob"));
    let asked = Instant::now();
    assert_eq!(node.refused(&ann, EVERYTHING).await, UNAVAILABLE);
    assert!(asked.elapsed() < Duration::from_secs(5));
    node.notes(&bob).await;
    writer.hub.publish(Action::Create, &note(1));
    sees(&mut bob, [1]).await;
    // Allowed, it is there for who asks again, and nobody has missed anything.
    user(&redis, &prefix, &["*"], "*").await;
    node.done(&ann, Some(1), EVERYTHING).await;
    publish(&writer, 1, 1);
    sees(&mut ann, [1]).await;
    assert_eq!(node.hub.stats().layer_outages, 0);
    // Redis ends the connection of who has a topic that is not allowed any more. What is still
    // allowed is joined again.
    user(&redis, &prefix, &own, "topic:{notes}*").await;
    assert_eq!(ann.told().await, resync());
    assert_eq!(bob.told().await, resync());
    writer.hub.publish(Action::Create, &note(2));
    sees(&mut bob, [2]).await;
    publish(&writer, 2, 1);
    // When it is allowed, who has waited all along is told, and sees what follows.
    user(&redis, &prefix, &["*"], "*").await;
    // Each topic is allowed from when it is asked for: the three of the subscription together, or one
    // of them before the others. Then the others are told of too, and what came between may be lost.
    assert_eq!(ann.told().await, resync());
    for id in 3.. {
        publish(&writer, id, 1);
        let event = ann.told().await;
        if event != resync() {
            let published = (3..=id).map(|id| ("create".to_owned(), json!(id)));
            assert!(
                published.into_iter().any(|create| event == create),
                "{event:?}"
            );
            break;
        }
        assert!(id < 5, "it is told for each topic at most");
    }
    within(async {
        while !node.hub.ready() {
            tick().await;
        }
    })
    .await;
    assert_eq!(node.hub.stats().layer_outages, 1);
}
