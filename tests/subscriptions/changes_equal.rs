//! The events of `MessageChanges` equal, whatever is selected of them, what async-graphql makes of
//! the same types written by hand.
//!
//! `GRAPHEX_SEED=<number>` repeats a run.

#![allow(clippy::print_stdout, reason = "tells the seed")]

use crate::proof;
use std::time::Duration;

use crate::hello::Query;
use async_graphql::{EmptyMutation, Enum, ID, Request, SimpleObject, Subscription, Variables};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use futures_util::stream::{BoxStream, Stream, StreamExt as _, once};
use graphex::prelude::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

#[derive(Clone, Debug, ModelType)]
#[graphex(stream = "messages", label = "chat.message", serialize_data)]
struct Message {
    id: i64,
    room: Option<i32>,
    size: u32,
    score: Option<f64>,
    pinned: bool,
    text: String,
    #[graphex(rename = "createdBy")]
    created_by: Option<String>,
    day: NaiveDate,
    time: Option<NaiveTime>,
    local: NaiveDateTime,
    created: DateTime<Utc>,
    uuid: uuid::Uuid,
    meta: Value,
    tags: Vec<i32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "ChangeAction")]
enum TwinAction {
    Create,
    Update,
    Delete,
    #[allow(dead_code, reason = "it is in the schema")]
    Resync,
}

#[derive(Clone, SimpleObject)]
#[graphql(name = "MessageChange", rename_fields = "snake_case")]
struct TwinChange {
    action: TwinAction,
    id: Option<ID>,
    model: String,
    data: Option<TwinData>,
}

#[derive(Clone, SimpleObject)]
#[graphql(name = "MessageData", rename_fields = "snake_case")]
struct TwinData {
    id: i64,
    room: Option<i32>,
    size: u32,
    score: Option<f64>,
    pinned: bool,
    text: String,
    #[graphql(name = "createdBy")]
    created_by: Option<String>,
    day: NaiveDate,
    time: Option<NaiveTime>,
    local: NaiveDateTime,
    created: DateTime<Utc>,
    uuid: uuid::Uuid,
    meta: Value,
    tags: Vec<i32>,
}

impl TwinChange {
    fn new(action: Action, message: Message) -> Self {
        let action = match action {
            Action::Create => TwinAction::Create,
            Action::Update => TwinAction::Update,
            Action::Delete => TwinAction::Delete,
        };
        Self {
            action,
            id: Some(message.id.into()),
            model: "chat.message".to_owned(),
            data: Some(TwinData {
                id: message.id,
                room: message.room,
                size: message.size,
                score: message.score,
                pinned: message.pinned,
                text: message.text,
                created_by: message.created_by,
                day: message.day,
                time: message.time,
                local: message.local,
                created: message.created,
                uuid: message.uuid,
                meta: message.meta,
                tags: message.tags,
            }),
        }
    }
}

struct Twin;

#[Subscription]
impl Twin {
    async fn message_changes(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = TwinChange>> {
        let change = ctx.data::<TwinChange>()?.clone();
        Ok(once(async { change }))
    }
}

const FIELDS: [&str; 14] = [
    "id",
    "room",
    "size",
    "score",
    "pinned",
    "text",
    "createdBy",
    "day",
    "time",
    "local",
    "created",
    "uuid",
    "meta",
    "tags",
];

fn messages() -> impl Strategy<Value = Message> {
    let text = || "[a-c\"\\\\\u{0}-\u{1f}é🙂]{0,5}";
    let seconds = -9_000_000_000_i64..9_000_000_000;
    let instant = (seconds, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap());
    let numbers = (
        any::<i64>(),
        any::<Option<i32>>(),
        any::<u32>(),
        any::<Option<f64>>(),
    );
    let texts = (text(), proptest::option::of(text()), any::<bool>());
    let rest = (
        any::<[u8; 16]>(),
        proptest::collection::vec(any::<i32>(), 0..3),
        any::<bool>(),
    );
    (numbers, texts, instant, rest).prop_map(|(numbers, texts, created, rest)| Message {
        id: numbers.0,
        room: numbers.1,
        size: numbers.2,
        score: numbers.3,
        text: texts.0,
        created_by: texts.1,
        pinned: texts.2,
        day: created.date_naive(),
        time: rest.2.then(|| created.time()),
        local: created.naive_utc(),
        created,
        uuid: uuid::Uuid::from_bytes(rest.0),
        meta: json!({"a": [numbers.1, null], "b": rest.1}),
        tags: rest.1,
    })
}

/// A field, perhaps under an alias that says which it is: one key is one field.
fn aliased(field: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(field.to_owned()),
        1 => Just(format!("x_{field}: {field}")),
        1 => Just(format!("Y{field}:{field}")),
    ]
}

/// A selection with directives whose conditions are written out or given as variables.
fn conditional(selection: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let directive = prop_oneof![
        6 => Just(""),
        1 => Just("@include(if: true)"),
        1 => Just("@skip(if: true)"),
        1 => Just("@include(if: $yes)"),
        1 => Just("@skip(if: $yes)"),
        1 => Just("@include(if: $no)"),
        1 => Just("@skip(if: $no)"),
    ];
    (selection, directive).prop_map(|(selection, directive)| match selection.split_once('{') {
        Some((field, selected)) => format!("{field} {directive} {{{selected}"),
        None => format!("{selection} {directive}"),
    })
}

/// What is selected of an object, some of it within inline fragments.
fn selected(field: &BoxedStrategy<String>, ty: &'static str) -> BoxedStrategy<String> {
    let join = |parts: Vec<String>| parts.join(" ");
    let fields = || proptest::collection::vec(conditional(field.clone()), 1..5).prop_map(join);
    let condition = prop_oneof![Just(String::new()), Just(format!("on {ty}"))];
    let fragment =
        (condition, fields()).prop_map(|(on, fields)| format!("... {on} {{ {fields} }}"));
    let part = prop_oneof![3 => fields(), 1 => conditional(fragment)];
    let parts = proptest::collection::vec(part, 1..3).prop_map(join);
    // An object always has a field left.
    parts
        .prop_map(|parts| format!("__typename {parts}"))
        .boxed()
}

fn document() -> impl Strategy<Value = String> {
    let data_field = proptest::sample::select(&FIELDS[..]).prop_flat_map(aliased);
    let data_field = prop_oneof![8 => data_field, 1 => Just("t: __typename".to_owned())].boxed();
    let data = selected(&data_field, "MessageData");
    let spread = prop_oneof![4 => data, 1 => Just("id ...Row".to_owned())];
    let data = (prop_oneof![Just("data"), Just("row: data")], spread)
        .prop_map(|(field, selected)| format!("{field} {{ {selected} }}"));
    let plain = proptest::sample::select(&["action", "id", "model"][..]).prop_flat_map(aliased);
    let field = prop_oneof![2 => plain, 2 => data, 1 => Just("__typename".to_owned())].boxed();
    let change = selected(&field, "MessageChange");
    let root = prop_oneof![Just("messageChanges"), Just("feed: messageChanges")];
    (root, change.clone(), change, any::<bool>()).prop_map(|(root, one, other, spread)| {
        let spread = if spread { "...Change" } else { "" };
        format!(
            "subscription S($yes: Boolean!, $no: Boolean!) {{ {root} {{ {one} {spread} ...Used }} }} \
             fragment Used on MessageChange {{ __typename data {{ ...Row }} x: model @skip(if: $yes) y: model @include(if: $no) }} \
             fragment Change on MessageChange {{ {other} }} \
             fragment Row on MessageData {{ text ...More }} \
             fragment More on MessageData {{ room k: id }}"
        )
        // A fragment that nobody uses is no valid document.
        .replace("fragment Change", if spread.is_empty() { "#" } else { "fragment Change" })
        .replace("} fragment Row", "}\nfragment Row")
    })
}

fn request(document: &str) -> Request {
    Request::new(document).variables(Variables::from_json(json!({"yes": true, "no": false})))
}

/// Instants in one form: async-graphql writes UTC as an offset.
fn normal(value: &Value) -> Value {
    match value {
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => json!(instant.to_utc().to_rfc3339()),
            Err(_) => value.clone(),
        },
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(key, value)| (key.clone(), normal(value)));
            Value::Object(fields.collect())
        }
        value => value.clone(),
    }
}

#[tokio::test]
async fn whatever_is_selected_is_what_async_graphql_makes_of_the_same_types() {
    let seed = std::env::var("GRAPHEX_SEED").map_or(5, |seed| seed.parse().unwrap());
    println!("GRAPHEX_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let hub = Hub::builder().model::<Message>().build();
    let schema = Schema::build(Query, EmptyMutation, MessageChanges::default())
        .data(hub.clone())
        .finish();
    let twin = Schema::new(Query, EmptyMutation, Twin);
    let actions = [Action::Create, Action::Update, Action::Delete];
    for count in 0..proof::steps(200) {
        let document = document().new_tree(&mut runner).unwrap().current();
        let message = messages().new_tree(&mut runner).unwrap().current();
        let action = actions[count % 3];
        let mut events: BoxStream<'_, _> = schema.execute_stream(request(&document));
        let first = futures_util::poll!(events.next());
        assert!(first.is_pending(), "{first:?}\n{document}");
        hub.publish(action, &message);
        let event = tokio::time::timeout(Duration::from_secs(20), events.next());
        let event = event.await.unwrap().unwrap();
        let change = TwinChange::new(action, message);
        let mut expected = twin.execute_stream(request(&document).data(change));
        let expected = expected.next().await.unwrap();
        assert_eq!(expected.errors, [], "{document}");
        let json = |response: async_graphql::Response| {
            normal(&response.data.into_json().unwrap()).to_string()
        };
        assert_eq!(json(event), json(expected), "{document}");
    }
}
