//! Redis killed, cut off and back, under load: sockets stay open, every subscriber either sees
//! every change or is told that it may not have, and nobody sees one twice.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use graphex::{Action, HubBuilder};
use graphex_redis_tests::{ALONE, EVERYTHING, Load, Node, Proxy, Server, prefix, tick, within};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const ROUNDS: usize = 10;

/// Time in which delivery flows again when Redis is back.
const BACK: Duration = Duration::from_secs(2);

const UNAVAILABLE: &str = "live updates are not available at the moment; try again";

/// Less would be too little for a node on a busy machine.
const PROBE: Duration = Duration::from_secs(1);

fn limits(builder: HubBuilder) -> HubBuilder {
    builder.limits(|limits| limits.probe_interval = PROBE)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_comes_back() {
    let _alone = ALONE.lock().await;
    let mut redis = Server::start().await;
    let prefix = prefix("killed");
    let (writer, listener) = (
        Node::on(&redis.url(), &prefix, limits),
        Node::on(&redis.url(), &prefix, limits),
    );
    let mut load = Load::start(&writer, &listener).await;
    for round in 0..ROUNDS {
        load.until_it_flows().await;
        redis.kill().await;
        // Something is written while it is away.
        let written = load.written.load(Ordering::SeqCst);
        while load.written.load(Ordering::SeqCst) < written + 100 {
            tick().await;
        }
        assert!(!listener.hub.ready());
        redis.restart().await;
        let back = Instant::now();
        load.until_it_flows().await;
        let flowed = back.elapsed();
        println!("round {round}: delivery flows again {flowed:?} after Redis is back");
        assert!(flowed < BACK, "{flowed:?}");
        assert!(listener.hub.ready() && writer.hub.ready());
    }
    load.finish(ROUNDS).await;
    let stats = writer.hub.stats();
    assert_eq!(
        (stats.changes_lost, stats.layer_outages),
        (0, ROUNDS as u64)
    );
    assert_eq!(listener.hub.stats().slow_readers_closed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_loses_everything_and_does_not_end() {
    let _alone = ALONE.lock().await;
    let redis = Server::start().await;
    let prefix = prefix("swallowed");
    let proxy = Proxy::start(redis.port).await;
    let (writer, listener) = (
        Node::on(&proxy.url(), &prefix, limits),
        Node::on(&proxy.url(), &prefix, limits),
    );
    let mut load = Load::start(&writer, &listener).await;
    for round in 0..ROUNDS {
        load.until_it_flows().await;
        proxy.swallow();
        let swallowed = Instant::now();
        within(async {
            while listener.hub.ready() || writer.hub.ready() {
                tick().await;
            }
        })
        .await;
        let found = swallowed.elapsed();
        // Two intervals, and what a busy machine needs to look.
        assert!(found < PROBE * 2 + Duration::from_millis(300), "{found:?}");
        proxy.open();
        let back = Instant::now();
        load.until_it_flows().await;
        let flowed = back.elapsed();
        println!("round {round}: found deaf after {found:?}, flows again {flowed:?} after");
        assert!(flowed < BACK, "{flowed:?}");
    }
    load.finish(ROUNDS).await;
    assert_eq!(writer.hub.stats().changes_lost, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_cut_off_costs_nobody_a_change() {
    let _alone = ALONE.lock().await;
    let redis = Server::start().await;
    let prefix = prefix("cut-off");
    let proxy = Proxy::start(redis.port).await;
    let (writer, listener) = (
        Node::on(&proxy.url(), &prefix, limits),
        Node::on(&redis.url(), &prefix, limits),
    );
    let mut load = Load::start(&writer, &listener).await;
    for _ in 0..ROUNDS {
        load.until_it_flows().await;
        proxy.swallow();
        within(async {
            while writer.hub.ready() {
                tick().await;
            }
        })
        .await;
        proxy.open();
        load.until_it_flows().await;
    }
    // What Redis took without an answer came again, and was known.
    load.finish(0).await;
    assert_eq!(listener.hub.stats().layer_outages, 0);
    println!(
        "{} messages came twice",
        listener.hub.stats().messages_repeated
    );
}

#[tokio::test]
async fn who_cannot_join_is_told_and_who_joins_after_an_outage_is_not_told_of_it() {
    let mut redis = Server::start().await;
    let node = Node::on(&redis.url(), &prefix("away"), |builder| {
        builder.limits(|limits| limits.join_time = Duration::from_millis(300))
    });
    let (mut early, mut late) = (node.connect("ann"), node.connect("bob"));
    node.done(&early, None, EVERYTHING).await;
    redis.kill().await;
    // An existing topic is not confirmed either while nobody hears it.
    within(async {
        while node.hub.ready() {
            tick().await;
        }
    })
    .await;
    let refused = node.refused(&late, EVERYTHING).await;
    assert_eq!(refused, UNAVAILABLE);
    assert_eq!(node.hub.stats().subscriptions, 1);
    node.publish(Action::Create, 1, 1);
    redis.restart().await;
    within(async { while node.ask(&late, None, EVERYTHING).await["ok"] == false {} }).await;
    assert_eq!(early.payload().await["action"], "resync");
    node.publish(Action::Create, 2, 1);
    let mut told = Vec::new();
    while told.last() != Some(&Value::from(2)) {
        let (action, id) = late.told().await;
        assert_eq!(action, "create");
        told.push(id);
    }
}

#[tokio::test]
async fn nobody_has_joined_whom_redis_has_not_confirmed() {
    let redis = Server::start().await;
    let proxy = Proxy::start(redis.port).await;
    let node = Node::on(&proxy.url(), &prefix("unconfirmed"), |builder| {
        builder.limits(|limits| {
            limits.join_time = Duration::from_millis(300);
            // What has become of the link is not found.
            limits.probe_interval = Duration::from_secs(3_600);
        })
    });
    let client = node.connect("ann");
    node.done(&client, Some(1), EVERYTHING).await;
    proxy.swallow();
    // A topic that is there already is nobody's loss.
    node.done(&client, Some(1), EVERYTHING).await;
    let refused = node.ask(&client, Some(2), EVERYTHING).await;
    assert_eq!(refused["error"], UNAVAILABLE);
    assert!(node.hub.ready());
}

#[tokio::test]
async fn an_operation_that_cannot_join_is_an_error_and_one_that_ends_before_leaves_nothing() {
    let (mut redis, prefix) = (Server::start().await, prefix("operations"));
    let node = Node::on(&redis.url(), &prefix, |builder| {
        builder.limits(|limits| limits.join_time = Duration::from_secs(1))
    });
    let (address, _serving) = node.serve().await;
    let ready = async |wanted| {
        within(async {
            while node.hub.ready() != wanted {
                tick().await;
            }
        })
        .await;
    };
    ready(true).await;
    let mut request = format!("ws://{address}/graphql")
        .into_client_request()
        .unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let connecting = tokio_tungstenite::connect_async(request);
    let (mut socket, _) = within(connecting).await.unwrap();
    let mut said = async |messages: &[Value]| -> Value {
        for message in messages {
            let message = Message::text(message.to_string());
            within(socket.send(message)).await.unwrap();
        }
        loop {
            match within(socket.next()).await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                _ => continue,
            }
        }
    };
    let subscribe = |id: &str| {
        let query = "subscription { messageChanges { id } }";
        json!({"type": "subscribe", "id": id, "payload": {"query": query}})
    };
    let ack = said(&[json!({"type": "connection_init"})]).await;
    assert_eq!(ack["type"], "connection_ack");
    redis.kill().await;
    ready(false).await;
    let answer = said(&[subscribe("a")]).await;
    assert_eq!(
        (&answer["type"], &answer["id"]),
        (&json!("error"), &json!("a"))
    );
    assert_eq!(answer["payload"][0]["extensions"]["code"], "UNAVAILABLE");
    // It is not confirmed when it ends.
    let complete = json!({"type": "complete", "id": "b"});
    let pong = said(&[subscribe("b"), complete, json!({"type": "ping"})]).await;
    assert_eq!(pong, json!({"type": "pong"}));
    // One that waits when Redis comes back has joined, and missed nothing.
    let pong = said(&[subscribe("c"), json!({"type": "ping"})]).await;
    assert_eq!(pong, json!({"type": "pong"}));
    redis.restart().await;
    within(async {
        while node.hub.stats().subscriptions == 0 {
            tick().await;
        }
    })
    .await;
    node.publish(Action::Create, 1, 1);
    let event = said(&[]).await;
    let data = json!({"data": {"messageChanges": {"id": "1"}}});
    assert_eq!(event, json!({"type": "next", "id": "c", "payload": data}));
    assert_eq!(node.hub.stats().subscriptions, 1);
}

#[tokio::test]
async fn a_hub_that_does_not_tell_of_gaps_is_quiet() {
    let mut redis = Server::start().await;
    let node = Node::on(&redis.url(), &prefix("quiet"), |builder| {
        builder.resync(false)
    });
    let mut client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    redis.kill().await;
    redis.restart().await;
    node.publish(Action::Create, 1, 1);
    assert_eq!(client.told().await.1, 1);
}

#[tokio::test]
async fn a_redis_that_refuses_to_publish_is_an_outage_of_which_nobody_is_told_twice() {
    let redis = Server::start().await;
    let node = Node::on(&redis.url(), &prefix("refused"), |builder| builder);
    let mut client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    let acl = ["ACL", "SETUSER", "default"];
    let () = redis
        .command(&[&acl[..], &["-publish"]].concat())
        .await
        .unwrap();
    node.publish(Action::Create, 1, 1);
    within(async {
        while node.hub.ready() {
            tick().await;
        }
    })
    .await;
    // It connects again and again, but does not hear itself.
    let connected = async || -> u64 {
        let info: String = redis.command(&["INFO", "stats"]).await.unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().parse().unwrap()
    };
    let before = connected().await;
    within(async { while connected().await < before + 50 {} }).await;
    let () = redis
        .command(&[&acl[..], &["+publish"]].concat())
        .await
        .unwrap();
    assert_eq!(client.payload().await["action"], "resync");
    assert_eq!(client.told().await.1, 1);
    assert_eq!(node.hub.stats().layer_outages, 1);
}
