//! The metrics of the layer, checked against what a test did to Redis.

use std::time::Duration;

use futures_util::StreamExt as _;
use graphex::{Action, HubBuilder};
use graphex_redis_tests::{EVERYTHING, Node, Server, note, prefix, tick, within};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

const OUTAGES: &str = "graphex_layer_outages_total";

/// A node, and what its metrics are read with.
struct Measured {
    node: Node,
    recorder: PrometheusRecorder,
}

impl Measured {
    fn on(redis: &Server, prefix: &str, change: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        Self {
            node: Node::on(&redis.url(), prefix, change),
            recorder: PrometheusBuilder::new().build_recorder(),
        }
    }

    fn get(&self, name: &str) -> f64 {
        metrics::with_local_recorder(&self.recorder, || self.node.hub.record_metrics());
        let text = self.recorder.handle().render();
        let value = text.lines().find_map(|line| {
            let (found, value) = line.rsplit_once(' ')?;
            (found == name).then(|| value.parse().unwrap())
        });
        value.unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Messages that were not used, by their reasons.
    fn lost(&self) -> [(&'static str, f64); 4] {
        ["unreadable", "repeated", "queue_full", "refused"].map(|reason| {
            let name = format!("graphex_messages_lost_total{{reason=\"{reason}\"}}");
            (reason, self.get(&name))
        })
    }

    async fn loses(&self, expected: [(&'static str, f64); 4]) {
        within(async {
            while self.lost() != expected {
                tick().await;
            }
        })
        .await;
    }
}

fn lost(reason: &str, count: f64) -> [(&'static str, f64); 4] {
    ["unreadable", "repeated", "queue_full", "refused"]
        .map(|name| (name, if name == reason { count } else { 0.0 }))
}

#[tokio::test]
async fn outages_are_those_that_there_were() {
    let mut redis = Server::start().await;
    let limits = |builder: HubBuilder| {
        builder.limits(|limits| limits.probe_interval = Duration::from_secs(1))
    };
    let measured = Measured::on(&redis, &prefix("outages"), limits);
    measured.node.ready().await;
    assert_eq!(measured.get(OUTAGES), 0.0);
    for round in 1..=3 {
        assert_eq!(measured.get("graphex_ready"), 1.0);
        redis.kill().await;
        within(async {
            while measured.get("graphex_ready") == 1.0 {
                tick().await;
            }
        })
        .await;
        redis.restart().await;
        measured.node.ready().await;
        assert_eq!(measured.get(OUTAGES), f64::from(round));
    }
    assert_eq!(measured.lost(), lost("none", 0.0));
}

#[tokio::test]
async fn messages_that_cannot_be_read_or_come_again_are_counted_by_that() {
    let (redis, prefix) = (Server::start().await, prefix("lost"));
    let measured = Measured::on(&redis, &prefix, |builder| builder);
    let node = &measured.node;
    let client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    assert_eq!(measured.lost(), lost("none", 0.0));

    let topic = format!("{prefix}:topic:{{messages}}-create");
    let connection = redis::Client::open(redis.url()).unwrap();
    let mut reader = connection.get_async_pubsub().await.unwrap();
    reader.subscribe(&topic).await.unwrap();
    node.publish(Action::Create, 1, 1);
    let message = within(reader.on_message().next()).await.unwrap();
    let mut publisher = connection.get_multiplexed_async_connection().await.unwrap();
    let mut publish = async |message: &[u8]| {
        let mut command = redis::cmd("PUBLISH");
        let command = command.arg(&topic).arg(message);
        let _: u64 = command.query_async(&mut publisher).await.unwrap();
    };
    for _ in 0..5 {
        publish(message.get_payload_bytes()).await;
    }
    measured.loses(lost("repeated", 5.0)).await;
    for _ in 0..3 {
        publish(b"hello").await;
    }
    let mut expected = lost("repeated", 5.0);
    expected[0].1 = 3.0;
    measured.loses(expected).await;
    assert_eq!(measured.get(OUTAGES), 0.0);
}

#[tokio::test]
async fn messages_that_find_no_room_are_counted_by_that() {
    let (redis, prefix) = (Server::start().await, prefix("full"));
    let writer = Measured::on(&redis, &prefix, |builder| builder);
    let limits = |builder: HubBuilder| builder.limits(|limits| limits.layer_queue_bytes = 1);
    let listener = Measured::on(&redis, &prefix, limits);
    listener.node.ready().await;
    let client = listener.node.connect("ann");
    listener.node.done(&client, None, EVERYTHING).await;
    for id in 0..2_000 {
        writer.node.publish(Action::Create, id, id % 2);
    }
    let full = r#"graphex_messages_lost_total{reason="queue_full"}"#;
    within(async {
        while listener.get(full) == 0.0 {
            tick().await;
        }
    })
    .await;
    writer.node.hub.flush().await;
    // What is still on its way may be lost too.
    let dropped = listener.node.hub.stats().messages_dropped as f64;
    assert!(listener.get(full) >= dropped && dropped <= 2_000.0);
    assert_eq!(writer.lost(), lost("none", 0.0));
}

#[tokio::test]
async fn messages_that_redis_does_not_take_are_counted_by_that() {
    let redis = Server::with(&["--proto-max-bulk-len", "1mb"]).await;
    let measured = Measured::on(&redis, &prefix("refused"), |builder| builder);
    let node = &measured.node;
    let client = node.connect("ann");
    node.notes(&client).await;
    let mut large = note(1);
    large.text = "x".repeat(2 * 1024 * 1024);
    node.hub.publish(Action::Create, &large);
    node.hub.publish(Action::Create, &note(2));
    measured.loses(lost("refused", 1.0)).await;
    assert_eq!(measured.get(OUTAGES), 0.0);
    drop(client);
}
