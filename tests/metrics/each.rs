//! Each metric, checked against what a test did.

use crate::streams;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::harness::{Server, endpoints, within};
use crate::streams::{Note, NoteChanges, NoteSubscription, Query};
use crate::until::until;
use graphex::prelude::*;
use graphex::{Limits, SlowReader};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::json;

const NOTES: &str = "subscription { noteChanges { id data { text } } }";
const OWNER: i64 = 1;

#[derive(MergedSubscription, Default)]
struct Subscription(NoteSubscription, NoteChanges);

struct Site {
    hub: Hub,
    server: Server,
    recorder: metrics_exporter_prometheus::PrometheusRecorder,
}

async fn site(limits: impl FnOnce(&mut Limits)) -> Site {
    let hub = Hub::builder().model::<Note>().limits(limits).build();
    let schema = Schema::build(Query, async_graphql::EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    let app = endpoints(schema, &hub).into_router();
    let server = Server::start_alone(app, hub.clone()).await;
    Site {
        hub,
        server,
        recorder: PrometheusBuilder::new().build_recorder(),
    }
}

/// What is there now, by name and labels.
struct Metrics(BTreeMap<String, f64>);

impl Site {
    fn text(&self) -> String {
        metrics::with_local_recorder(&self.recorder, || self.hub.record_metrics());
        self.recorder.handle().render()
    }

    fn metrics(&self) -> Metrics {
        let text = self.text();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let lines = lines.filter_map(|line| line.rsplit_once(' '));
        Metrics(
            lines
                .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
                .collect(),
        )
    }

    fn change(&self, id: i32, owner: i64, text: &str) {
        let text = text.to_owned();
        self.hub.publish(Action::Update, &Note { id, owner, text });
    }

    async fn joined(&self, count: usize) {
        self.server
            .until(|stats| stats.subscriptions == count)
            .await;
    }
}

impl Metrics {
    fn get(&self, name: &str) -> f64 {
        let value = self.0.get(name);
        *value.unwrap_or_else(|| panic!("no {name} among {:?}", self.0))
    }

    fn are<const N: usize>(&self, expected: [(&str, f64); N]) {
        for (name, value) in expected {
            assert_eq!(self.get(name), value, "{name}");
        }
    }
}

#[tokio::test]
async fn channels_subscriptions_and_plans_are_those_that_there_are() {
    let site = site(|_| {}).await;
    let two_channel = site.server.connect(Some(OWNER)).await;
    let subscribe = "action: UPDATE, operation: SUBSCRIBE";
    site.server
        .done(&two_channel, "noteSubscription", subscribe)
        .await;
    let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
    raw.subscribe("a", NOTES).await;
    raw.subscribe("b", NOTES).await;
    let events = site.server.events_as(OWNER, NOTES).await;
    let multipart = site
        .server
        .ask_for("multipart/mixed;subscriptionSpec=1.0", NOTES);
    let parts = streams::sse::Body::of(multipart.header("x-user", OWNER)).await;
    let own = site.hub.connect(Identity::anonymous()).unwrap();
    site.joined(5).await;
    site.metrics().are([
        (r#"graphex_channels{transport="two-channel"}"#, 1.0),
        (r#"graphex_channels{transport="graphql-transport-ws"}"#, 1.0),
        (r#"graphex_channels{transport="sse"}"#, 1.0),
        (r#"graphex_channels{transport="multipart"}"#, 1.0),
        (r#"graphex_channels{transport="own"}"#, 1.0),
        (
            r#"graphex_subscriptions{stream="notes",transport="two-channel"}"#,
            1.0,
        ),
        (
            r#"graphex_subscriptions{stream="notes",transport="graphql-transport-ws"}"#,
            2.0,
        ),
        (
            r#"graphex_subscriptions{stream="notes",transport="sse"}"#,
            1.0,
        ),
        (
            r#"graphex_subscriptions{stream="notes",transport="multipart"}"#,
            1.0,
        ),
        // One of the two-channel protocol, and one for each action of the other document.
        (r#"graphex_plans{stream="notes"}"#, 4.0),
        ("graphex_unshared", 0.0),
        ("graphex_ready", 1.0),
    ]);
    // What is gone is told.
    drop((two_channel, events, parts, own));
    raw.complete("a").await;
    raw.complete("b").await;
    site.server
        .until(|stats| (stats.channels, stats.subscriptions) == (1, 0))
        .await;
    site.metrics().are([
        (r#"graphex_channels{transport="two-channel"}"#, 0.0),
        (r#"graphex_channels{transport="graphql-transport-ws"}"#, 1.0),
        (
            r#"graphex_subscriptions{stream="notes",transport="graphql-transport-ws"}"#,
            0.0,
        ),
        (r#"graphex_plans{stream="notes"}"#, 0.0),
        (r#"graphex_channels_closed_total{reason="client"}"#, 4.0),
    ]);
}

#[tokio::test]
async fn changes_frames_and_bytes_are_what_was_sent() {
    let site = site(|_| {}).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
        raw.subscribe("a", NOTES).await;
        clients.push(raw);
    }
    site.joined(3).await;
    let mut bytes = 0;
    for id in 0..10 {
        site.change(id, OWNER, "hi");
        site.change(id, OWNER + 1, "of another");
        for client in &mut clients {
            let payload = client.next_of("a").await;
            bytes += payload.to_string().len();
        }
    }
    site.metrics().are([
        (r#"graphex_changes_delivered_total{stream="notes"}"#, 20.0),
        ("graphex_changes_published_total", 20.0),
        ("graphex_frames_encoded_total", 10.0),
        (r#"graphex_frames_total{stream="notes"}"#, 30.0),
        (r#"graphex_frame_bytes_total{stream="notes"}"#, bytes as f64),
        (r#"graphex_changes_waiting{stream="notes"}"#, 0.0),
        ("graphex_frames_waiting", 0.0),
        // One write for each: nothing was there to share it.
        ("graphex_delivery_seconds_count", 30.0),
        (r#"graphex_changes_lost_total{reason="queue_full"}"#, 0.0),
        ("graphex_resyncs_total", 0.0),
    ]);
    let published = site
        .metrics()
        .get(r#"graphex_publish_seconds_count{stream="notes"}"#);
    assert!((1.0..=20.0).contains(&published), "{published}");
}

/// On this runtime of one thread nothing is delivered while the test holds the thread, so that it
/// knows how long delivery took.
#[tokio::test]
async fn the_time_of_a_delivery_is_that_of_an_outside_clock() {
    let site = site(|_| {}).await;
    let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
    raw.subscribe("a", NOTES).await;
    site.joined(1).await;
    let mut outside = Duration::ZERO;
    for (id, millis) in (0..).zip([20, 40, 80]) {
        let began = Instant::now();
        site.change(id, OWNER, "hi");
        std::thread::sleep(Duration::from_millis(millis));
        raw.next_of("a").await;
        outside += began.elapsed();
    }
    let metrics = site.metrics();
    assert_eq!(metrics.get("graphex_delivery_seconds_count"), 3.0);
    let measured = metrics.get("graphex_delivery_seconds_sum");
    let beside = (measured - outside.as_secs_f64()).abs() / outside.as_secs_f64();
    assert!(beside < 0.1, "{measured} s of {outside:?}");
    let published = metrics.get(r#"graphex_publish_seconds_sum{stream="notes"}"#);
    assert!((0.125..0.25).contains(&published), "{published}");
    // As exact as the bounds of the histogram's buckets are.
    assert!(published < measured * 1.125, "{published} of {measured}");
}

#[tokio::test]
async fn losses_gaps_and_closes_have_their_reasons() {
    let site = site(|limits| {
        limits.publisher_queue = 10;
        limits.outbox_frames = 4;
    })
    .await;
    let mut own = site.hub.connect(Identity::new("user:1")).unwrap();
    let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
    raw.subscribe("a", NOTES).await;
    site.joined(1).await;
    // Nothing is taken from the queue in between.
    for id in 0..15 {
        site.change(id, OWNER, "hi");
    }
    let waiting = site
        .metrics()
        .get(r#"graphex_changes_waiting{stream="notes"}"#);
    assert_eq!(waiting, 10.0);
    loop {
        let event = raw.next_of("a").await["data"]["noteChanges"].take();
        if event["data"].is_null() {
            break;
        }
    }
    site.metrics().are([
        (r#"graphex_changes_lost_total{reason="queue_full"}"#, 5.0),
        ("graphex_resyncs_total", site.hub.stats().resyncs as f64),
        (
            r#"graphex_gaps_total{reason="overflow"}"#,
            site.hub.stats().overflows as f64,
        ),
    ]);
    assert!(site.hub.stats().resyncs > 0);
    site.hub.revoke(&Identity::new("user:1"), "out").await;
    assert_eq!(raw.closed().await.0, 4403);
    assert!(own.take().await.is_err());
    drop((raw, own));
    site.server.until_empty().await;
    site.metrics().are([
        (r#"graphex_channels_closed_total{reason="revoked"}"#, 2.0),
        (r#"graphex_channels_closed_total{reason="client"}"#, 0.0),
    ]);
    site.hub.lift(&Identity::new("user:1")).await;
    let mut own = site.hub.connect(Identity::new("user:1")).unwrap();
    let hub = site.hub.clone();
    let drained = tokio::spawn(async move { hub.drain(Duration::ZERO).await });
    assert!(within(own.take()).await.is_err());
    drop(own);
    within(drained).await.unwrap();
    site.metrics().are([
        (r#"graphex_channels_closed_total{reason="going_away"}"#, 1.0),
        ("graphex_ready", 0.0),
    ]);
}

#[tokio::test]
async fn a_slow_reader_and_what_waits_for_it_are_seen() {
    let site = site(|limits| {
        limits.outbox_frames = 8;
        limits.slow_reader = SlowReader::Close;
    })
    .await;
    let own = site.hub.connect(Identity::new("user:1")).unwrap();
    let id = own.id().as_str().to_owned();
    let document = format!(
        "subscription {{ noteSubscription(channelId: \"{id}\", action: UPDATE, operation: SUBSCRIBE) {{ ok error }} }}"
    );
    let (_, body) = site
        .server
        .post(Some(OWNER), json!({"query": document}))
        .await;
    assert_eq!(body["data"]["noteSubscription"]["ok"], true, "{body}");
    (0..5).for_each(|id| site.change(id, OWNER, "hi"));
    // Those of a change are counted when its last member has them.
    let frames = r#"graphex_frames_total{stream="notes"}"#;
    within(until(|| site.metrics().get(frames) >= 5.0)).await;
    let metrics = site.metrics();
    assert_eq!(metrics.get("graphex_frames_waiting"), 5.0);
    let queued = metrics.get(r#"graphex_frame_bytes_total{stream="notes"}"#);
    assert_eq!(metrics.get("graphex_frame_bytes_waiting"), queued);
    (0..5).for_each(|id| site.change(id, OWNER, "hi"));
    site.server
        .until(|stats| stats.slow_readers_closed == 1)
        .await;
    drop(own);
    site.server.until_empty().await;
    site.metrics().are([(
        r#"graphex_channels_closed_total{reason="slow_reader"}"#,
        1.0,
    )]);
}

#[tokio::test]
async fn hooks_are_timed_and_what_they_refuse_is_counted() {
    let site = site(|_| {}).await;
    let mut raw = site.server.acknowledged().await;
    raw.subscribe("a", NOTES).await;
    assert_eq!(raw.error_of("a").await, "log in first");
    let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
    raw.subscribe("a", "subscription { noteChanges(id: 13) { id } }")
        .await;
    assert_eq!(raw.error_of("a").await, "not this one");
    raw.subscribe("b", NOTES).await;
    site.joined(1).await;
    site.metrics().are([
        (r#"graphex_hook_seconds_count{hook="authorize"}"#, 3.0),
        (r#"graphex_hook_seconds_count{hook="scope"}"#, 2.0),
        (
            r#"graphex_hooks_refused_total{hook="authorize",outcome="denied"}"#,
            1.0,
        ),
        (
            r#"graphex_hooks_refused_total{hook="scope",outcome="denied"}"#,
            1.0,
        ),
        (
            r#"graphex_hooks_refused_total{hook="scope",outcome="failed"}"#,
            0.0,
        ),
    ]);
}

/// The names in a text, as far as they are ours.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = words.filter(|word| word.starts_with("graphex_"));
    ours.map(|word| {
        let parts = ["_count", "_sum", "_bucket"];
        let bare = parts.iter().find_map(|part| word.strip_suffix(part));
        bare.unwrap_or(word).to_owned()
    })
    .collect()
}

/// The table is whole, and the dashboard asks for nothing that there is not.
#[tokio::test]
async fn the_table_of_the_guide_has_all_of_them() {
    let site = site(|_| {}).await;
    let mut raw = site.server.acknowledged_as(Some(OWNER)).await;
    raw.subscribe("a", NOTES).await;
    site.joined(1).await;
    site.change(1, OWNER, "hi");
    raw.next_of("a").await;
    let mut exported = names(&site.text());
    // Where there is a change log.
    exported.insert("graphex_log_lag_seconds".to_owned());
    let guide = include_str!("../../guide/metrics.md");
    let rows = guide.lines().filter(|line| line.starts_with("| `graphex_"));
    let documented = rows.map(|row| row.split('`').nth(1).unwrap().to_owned());
    assert_eq!(documented.collect::<BTreeSet<_>>(), exported);
    let dashboard = include_str!("../../examples/chat/grafana.json");
    serde_json::from_str::<serde_json::Value>(dashboard).unwrap();
    let asked = names(dashboard);
    let unknown: Vec<_> = asked.difference(&exported).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(asked.len() > 12, "{asked:?}");
}
