//! Spans of `tracing`: which there are, with which fields, and how many of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::logged::{Draft, Listener, Store};
use graphex::prelude::*;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A span, and how often it was entered.
#[derive(Clone, Debug)]
struct Span {
    name: &'static str,
    parent: Option<u64>,
    /// All that it may have.
    known: BTreeSet<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Span {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}").trim_matches('"').to_owned();
        self.fields.insert(field.name(), text);
    }
}

/// Keeps the spans of graphex, each at the place of its id less one.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    spans: Vec<Span>,
    entered: Vec<u64>,
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() == "graphex::spans"
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut state = self.0.lock().unwrap();
        let metadata = attributes.metadata();
        let mut span = Span {
            name: metadata.name(),
            parent: state.entered.last().copied(),
            known: metadata.fields().iter().map(|field| field.name()).collect(),
            fields: BTreeMap::new(),
        };
        attributes.record(&mut span);
        state.spans.push(span);
        Id::from_u64(state.spans.len() as u64)
    }
    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut state = self.0.lock().unwrap();
        values.record(&mut state.spans[id.into_u64() as usize - 1]);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, id: &Id) {
        self.0.lock().unwrap().entered.push(id.into_u64());
    }
    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }
}

impl Collector {
    /// Those of a name.
    fn named(&self, name: &str) -> Vec<Span> {
        let state = self.0.lock().unwrap();
        let named = state.spans.iter().filter(|span| span.name == name);
        named.cloned().collect()
    }

    fn of(&self, span: u64) -> Span {
        self.0.lock().unwrap().spans[span as usize - 1].clone()
    }
}

impl Span {
    fn has<const N: usize>(&self, fields: [(&str, &str); N]) {
        for (name, value) in fields {
            let found = self.fields.get(name).map(String::as_str);
            assert_eq!(found, Some(value), "{name} of {self:?}");
        }
    }
}

const NOTES: &str = "subscription Watch { noteChanges { action id } }";
const DRAFTS: &str = "subscription { draftChanges { action id } }";

#[tokio::test]
async fn subscribing_a_change_and_its_delivery_have_spans() {
    let spans = Collector::default();
    let _heard = tracing::subscriber::set_default(spans.clone());
    let store = Store::new("spans");
    let server = store.serve().await;
    let mut notes = Listener::join(&server, NOTES).await;
    let mut same = Listener::join(&server, NOTES).await;
    let [first, _] = &spans.named("graphex.subscribe")[..] else {
        panic!(
            "two have subscribed: {:?}",
            spans.named("graphex.subscribe")
        );
    };
    first.has([
        ("otel.kind", "server"),
        ("messaging.system", "graphex"),
        ("messaging.operation.name", "subscribe"),
        ("messaging.destination.name", "notes"),
        ("graphql.operation.type", "subscription"),
        ("graphex.left_out", "0"),
    ]);
    assert_eq!(first.fields.get("error.type"), None);

    // From the log: both have one plan for each action.
    store.insert([1]);
    for listener in [&mut notes, &mut same] {
        assert_eq!(listener.told().await, "CREATE 1");
    }
    let changes = spans.named("graphex.change");
    assert_eq!(changes.len(), 1, "{changes:?}");
    changes[0].has([
        ("otel.kind", "consumer"),
        ("messaging.operation.name", "receive"),
        ("messaging.operation.type", "receive"),
        ("messaging.destination.name", "notes"),
        ("messaging.batch.message_count", "1"),
    ]);
    let deliveries = spans.named("graphex.delivery");
    assert_eq!(deliveries.len(), 1, "{deliveries:?}");
    deliveries[0].has([
        ("otel.kind", "consumer"),
        ("messaging.operation.name", "deliver"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", "notes"),
        ("graphex.action", "create"),
        ("graphex.plans", "1"),
        ("graphex.frames", "2"),
    ]);
    assert_eq!(
        spans.of(deliveries[0].parent.unwrap()).name,
        "graphex.change"
    );

    // From a writer of this process.
    let mut drafts = Listener::join(&server, DRAFTS).await;
    server.hub.publish(Action::Update, &Draft { id: 7 });
    drafts.raw.next_of("a").await;
    let published = spans.named("graphex.change").pop().unwrap();
    published.has([
        ("otel.kind", "producer"),
        ("messaging.operation.name", "publish"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "drafts"),
    ]);
    let delivered = spans.named("graphex.delivery").pop().unwrap();
    delivered.has([("graphex.action", "update"), ("graphex.frames", "1")]);

    // What is refused says why.
    let refused = "subscription Refused { draftChanges(after: \"x\") { action } }";
    let payload = json!({"query": refused, "operationName": "Refused"});
    let message = json!({"type": "subscribe", "id": "b", "payload": payload});
    drafts.raw.send(message).await;
    drafts.raw.error_of("b").await;
    let refused = spans.named("graphex.subscribe").pop().unwrap();
    refused.has([
        ("messaging.destination.name", "drafts"),
        ("graphql.operation.name", "Refused"),
        ("error.type", "BAD_USER_INPUT"),
    ]);
    assert_eq!(refused.fields.get("otel.status_code"), None);
}

#[tokio::test(start_paused = true)]
async fn a_busy_stream_makes_so_many_spans_a_second() {
    let spans = Collector::default();
    let _heard = tracing::subscriber::set_default(spans.clone());
    let builder = Hub::builder().model::<Draft>();
    let hub = builder.limits(|limits| limits.spans_per_second = 5).build();
    let write = async |changes: i64| {
        for id in 0..changes {
            hub.publish(Action::Create, &Draft { id });
        }
        hub.flush().await;
    };
    hub.flush().await;
    write(100).await;
    assert_eq!(spans.named("graphex.delivery").len(), 5);
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    write(1).await;
    let deliveries = spans.named("graphex.delivery");
    assert_eq!(deliveries.len(), 6);
    deliveries[5].has([("graphex.left_out", "95"), ("graphex.frames", "0")]);
}

/// The guide's table names each span with all that it may have, and nothing else.
#[tokio::test]
async fn the_table_of_the_guide_has_every_field() {
    let spans = Collector::default();
    let _heard = tracing::subscriber::set_default(spans.clone());
    let store = Store::new("spans-guide");
    let server = store.serve().await;
    let mut notes = Listener::join(&server, NOTES).await;
    store.insert([1]);
    notes.event().await;
    let guide = include_str!("../../guide/tracing.md");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `"));
    let told: BTreeMap<_, BTreeSet<_>> = rows
        .map(|row| {
            let (field, rest) = row.split_once("` |").unwrap();
            (field, rest.split('|').next().unwrap())
        })
        .fold(BTreeMap::new(), |mut told, (field, names)| {
            for name in names.split(',').map(str::trim) {
                told.entry(name).or_insert_with(BTreeSet::new).insert(field);
            }
            told
        });
    for name in ["subscribe", "change", "delivery"] {
        let span = spans.named(&format!("graphex.{name}")).pop().unwrap();
        assert_eq!(told.get(name), Some(&span.known), "{name}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
}
