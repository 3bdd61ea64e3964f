//! The counters of what went wrong: each is checked against what a test made go wrong.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::harness::within;
use crate::until::until;
use async_graphql::{EmptyMutation, Object, Request};
use futures_util::{FutureExt as _, StreamExt as _};
use graphex::prelude::*;
use graphex::{Channel, HubBuilder, Limits};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use tokio::sync::Notify;

/// A message of a tenant.
#[derive(Clone, ModelType)]
#[graphex(
    stream = "messages",
    serialize_data,
    scope(tenant),
    lookup(fails: bool, waits: bool)
)]
struct Message {
    id: i64,
    tenant: i64,
    text: String,
}

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        // Not to be found is a failure of the server's.
        let tenant = *ctx.data::<i64>()?;
        Ok(MessageScope { tenant })
    }
}

/// Holds `waits` back.
#[derive(Clone, Default)]
struct Gate(Arc<Notify>);

impl MessageLookups for Message {
    async fn fails(_: &LookupContext<'_>, _: i64, _: bool) -> Result<bool> {
        Err("on purpose".into())
    }

    async fn waits(ctx: &LookupContext<'_>, _: i64, _: bool) -> Result<bool> {
        ctx.data::<Gate>()?.0.notified().await;
        Ok(true)
    }
}

/// A model that no hub knows.
#[derive(Clone, ModelType)]
#[graphex(stream = "others")]
struct Other {
    id: i64,
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, MessageChanges);

struct Site {
    hub: Hub,
    schema: Schema<Query, EmptyMutation, Subscription>,
    gate: Gate,
    recorder: PrometheusRecorder,
}

fn site(limits: impl FnOnce(&mut Limits)) -> Site {
    site_with(|builder| builder.limits(limits))
}

fn site_with(change: impl FnOnce(HubBuilder) -> HubBuilder) -> Site {
    let gate = Gate::default();
    let builder = Hub::builder().model::<Message>().data(gate.clone());
    let hub = change(builder).build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .data(1_i64)
        .finish();
    let recorder = PrometheusBuilder::new().build_recorder();
    Site {
        hub,
        schema,
        gate,
        recorder,
    }
}

fn user(name: &str) -> Identity {
    Identity::new(name)
}

impl Site {
    fn get(&self, name: &str) -> f64 {
        metrics::with_local_recorder(&self.recorder, || self.hub.record_metrics());
        let text = self.recorder.handle().render();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        value.trim().parse().unwrap()
    }

    async fn becomes(&self, name: &str, value: f64) {
        let becomes = until(|| self.get(name) == value);
        let within = tokio::time::timeout(Duration::from_secs(20), becomes).await;
        assert!(within.is_ok(), "{name} is {}", self.get(name));
    }

    async fn messages(&self, arguments: &str) -> Channel {
        let channel = self.hub.connect(user("ann")).unwrap();
        let id = channel.id().as_str();
        let document = format!(
            "subscription {{ messageSubscription(channelId: \"{id}\", operation: SUBSCRIBE, action: UPDATE{arguments}) {{ ok error }} }}"
        );
        let request = Request::new(document).data(user("ann"));
        let answer = graphex::execute(&self.schema, request).await;
        let answer = answer.data.into_json().unwrap();
        assert_eq!(answer["messageSubscription"]["ok"], true, "{answer}");
        channel
    }

    fn update(&self, id: i64, text: &str) {
        let text = text.to_owned();
        let tenant = 1;
        self.hub
            .publish(Action::Update, &Message { id, tenant, text });
    }
}

#[tokio::test]
async fn what_cannot_be_decided_is_counted_by_its_reason() {
    let site = site(|limits| {
        limits.pattern_work = 10;
        limits.decision_queue = 3;
    });
    for reason in ["budget_spent", "lookup_failed", "decisions_full"] {
        assert_eq!(
            site.get(&format!("graphex_gaps_total{{reason=\"{reason}\"}}")),
            0.0
        );
    }
    let failing = site.messages(", filters: {fails: true}").await;
    site.update(1, "a");
    site.becomes(r#"graphex_gaps_total{reason="lookup_failed"}"#, 1.0)
        .await;
    drop(failing);
    let costly = site
        .messages(r#", filters: {text__regex: "(a|b)+c"}"#)
        .await;
    site.update(1, &"x".repeat(100_000));
    site.becomes(r#"graphex_gaps_total{reason="budget_spent"}"#, 1.0)
        .await;
    drop(costly);
    let _waiting = site.messages(", filters: {waits: true}").await;
    (1..=3).for_each(|id| site.update(id, "a"));
    site.becomes("graphex_decisions_waiting", 3.0).await;
    site.update(4, "a");
    let full = r#"graphex_gaps_total{reason="decisions_full"}"#;
    within(until(|| site.get(full) > 0.0)).await;
    assert_eq!(site.get(full), site.hub.stats().decisions_dropped as f64);
    within(until(|| {
        site.gate.0.notify_waiters();
        site.get("graphex_decisions_waiting") == 0.0
    }))
    .await;
}

#[tokio::test]
async fn a_frame_that_repeats_a_large_value_is_counted() {
    let site = site(|limits| limits.outbox_bytes = 64 * 1024);
    let aliases: String = (0..8).map(|at| format!("a{at}: text ")).collect();
    let document = format!("subscription {{ messageChanges {{ action data {{ {aliases} }} }} }}");
    let mut events = Box::pin(site.schema.execute_stream(document));
    assert!(events.next().now_or_never().is_none());
    site.update(1, &"x".repeat(32 * 1024));
    events.next().await.unwrap();
    assert_eq!(
        site.get(r#"graphex_gaps_total{reason="frame_too_large"}"#),
        1.0
    );
    assert_eq!(site.get("graphex_resyncs_total"), 1.0);
}

#[tokio::test]
async fn hooks_that_fail_and_changes_of_unknown_models_are_counted() {
    let site = site(|_| {});
    let hub = site.hub.clone();
    let without = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub)
        .finish();
    let events = without.execute_stream("subscription { messageChanges { action } }");
    let refused = Box::pin(events).next().await.unwrap();
    assert_eq!(refused.errors.len(), 1);
    let failed = r#"graphex_hooks_refused_total{hook="scope",outcome="failed"}"#;
    assert_eq!(site.get(failed), 1.0);
    (0..3).for_each(|id| site.hub.publish(Action::Update, &Other { id }));
    let unregistered = r#"graphex_changes_lost_total{reason="unregistered"}"#;
    assert_eq!(site.get(unregistered), 3.0);
    let deep = format!("{}__typename{}", "{ a ".repeat(100), " }".repeat(100));
    let request = Request::new(deep).data(site.hub.clone());
    let refused = graphex::execute(&site.schema, request).await;
    assert_eq!(refused.errors.len(), 1);
    assert_eq!(site.get("graphex_documents_refused_total"), 1.0);
}

#[tokio::test]
async fn rights_that_end_are_counted_by_how() {
    let site = site(|limits| limits.revocations = 2);
    let soon = SystemTime::now() + Duration::from_millis(50);
    let mut expiring = site.hub.connect(user("bob").with_expiry(soon)).unwrap();
    let mut rescoped = site.hub.connect(user("eve")).unwrap();
    let mut same = site.hub.connect(user("eve")).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(20), expiring.closed());
    assert_eq!(ended.await.unwrap(), graphex::CloseReason::Expired);
    site.hub.rescope(&user("eve")).await;
    for channel in [&mut rescoped, &mut same] {
        assert_eq!(channel.closed().await, graphex::CloseReason::Rescoped);
    }
    drop((expiring, rescoped, same));
    assert_eq!(
        site.get(r#"graphex_channels_closed_total{reason="expired"}"#),
        1.0
    );
    assert_eq!(
        site.get(r#"graphex_channels_closed_total{reason="rescoped"}"#),
        2.0
    );
    for name in ["a", "b", "c"] {
        site.hub.revoke(&user(name), "out").await;
    }
    assert_eq!(site.get("graphex_revocations_forgotten_total"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn rechecks_that_fail_are_counted() {
    let every = Duration::from_secs(60);
    let fails = |_| async { Err(std::io::Error::other("the database is away").into()) };
    let site = site_with(|builder| builder.recheck(every, fails));
    let _connection = site.hub.connect(user("ann")).unwrap();
    assert_eq!(site.get("graphex_rechecks_failed_total"), 0.0);
    tokio::time::sleep(every * 3 + every / 2).await;
    assert_eq!(site.get("graphex_rechecks_failed_total"), 3.0);
}
