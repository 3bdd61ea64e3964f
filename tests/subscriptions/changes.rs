//! The events of `MessageChanges` under a transport of async-graphql's own.

use std::time::Duration;

use crate::hello::Query;
use async_graphql::{EmptyMutation, Request, Response, Subscription, Value};
use futures_util::stream::{BoxStream, Stream, StreamExt as _, iter};
use graphex::prelude::*;
use serde_json::json;

#[derive(Clone, ModelType)]
#[graphex(
    stream = "messages",
    label = "chat.message",
    serialize_data,
    authorize,
    scope(tenant),
    index_fields(tenant)
)]
struct Message {
    id: i64,
    tenant: i64,
    text: Option<String>,
    #[graphex(skip)]
    #[allow(dead_code)]
    secret: String,
}

struct CurrentUser(i64);

impl Authorized for Message {
    async fn authorize(ctx: &Context<'_>, args: &MessageSubscriptionArgs) -> Result<()> {
        assert_eq!(args.channel_id, None);
        match ctx.data_opt::<CurrentUser>() {
            Some(_) => Ok(()),
            None => Err("log in first".into()),
        }
    }
}

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let CurrentUser(tenant) = *ctx.data()?;
        Ok(MessageScope { tenant })
    }
}

/// A model in id-only mode.
#[derive(Clone, ModelType)]
#[graphex(stream = "pings", label = "chat.ping", serialize_data = false)]
struct Ping {
    #[allow(dead_code)]
    id: String,
    room: i64,
}

/// An ordinary subscription beside the generated ones.
#[derive(Default)]
struct Counter;

#[Subscription]
impl Counter {
    async fn count(&self, to: i32) -> impl Stream<Item = i32> {
        iter(1..=to)
    }
}

#[derive(MergedSubscription, Default)]
struct Root(MessageSubscription, MessageChanges, PingChanges, Counter);

type ChatSchema = Schema<Query, EmptyMutation, Root>;

fn chat() -> (ChatSchema, Hub) {
    let hub = Hub::builder().model::<Message>().model::<Ping>().build();
    let schema = Schema::build(Query, EmptyMutation, Root::default());
    (schema.data(hub.clone()).finish(), hub)
}

fn message(id: i64, tenant: i64, text: Option<&str>) -> Message {
    Message {
        id,
        tenant,
        text: text.map(str::to_owned),
        secret: "s3cret".into(),
    }
}

/// A subscription of a user of tenant 7 that has joined.
async fn subscribed(schema: &ChatSchema, hub: &Hub, query: &str) -> BoxStream<'static, Response> {
    let before = hub.stats().subscriptions;
    let request = Request::new(query).data(CurrentUser(7));
    let mut events = schema.execute_stream(request).boxed();
    assert!(futures_util::poll!(events.next()).is_pending());
    assert_eq!(hub.stats().subscriptions, before + 1);
    events
}

async fn next(events: &mut BoxStream<'static, Response>) -> serde_json::Value {
    let response = tokio::time::timeout(Duration::from_secs(20), events.next());
    let response = response.await.unwrap().expect("the stream has ended");
    assert_eq!(response.errors, []);
    response.data.into_json().unwrap()
}

async fn refused(schema: &ChatSchema, request: Request) -> Response {
    let mut events = schema.execute_stream(request);
    let response = events.next().await.unwrap();
    assert_eq!(response.data, Value::Null);
    assert!(events.next().await.is_none());
    response
}

#[tokio::test]
async fn events_carry_what_is_selected() {
    let (schema, hub) = chat();
    let query = "subscription { feed: messageChanges { __typename action id model data { __typename text key: id } } }";
    let mut events = subscribed(&schema, &hub, query).await;
    hub.publish(Action::Create, &message(1, 8, Some("foreign")));
    hub.publish(Action::Update, &message(1, 7, None));
    hub.publish(Action::Delete, &message(2, 7, Some("gone")));
    let event = |action, id, text: Option<&str>, key| {
        json!({"feed": {"__typename": "MessageChange", "action": action, "id": id, "model": "chat.message",
            "data": {"__typename": "MessageData", "text": text, "key": key}}})
    };
    assert_eq!(next(&mut events).await, event("UPDATE", "1", None, 1));
    let deleted = event("DELETE", "2", Some("gone"), 2);
    assert_eq!(next(&mut events).await, deleted);
    drop(events);
    let stats = hub.stats();
    assert_eq!(
        (stats.channels, stats.subscriptions, stats.plans),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn arguments_narrow_the_events() {
    let (schema, hub) = chat();
    let query = "subscription { messageChanges(action: UPDATE, id: 5, filters: {text__startswith: \"a\"}) { id data { text } } }";
    let mut events = subscribed(&schema, &hub, query).await;
    hub.publish(Action::Create, &message(5, 7, Some("a")));
    hub.publish(Action::Update, &message(6, 7, Some("a")));
    hub.publish(Action::Update, &message(5, 7, Some("b")));
    hub.publish(Action::Update, &message(5, 7, Some("ab")));
    let expected = json!({"messageChanges": {"id": "5", "data": {"text": "ab"}}});
    assert_eq!(next(&mut events).await, expected);
}

#[tokio::test]
async fn in_id_only_mode_there_is_no_data() {
    let (schema, hub) = chat();
    let query = "subscription { pingChanges(filters: {room: 1}) { action id } }";
    let mut events = subscribed(&schema, &hub, query).await;
    let ping = |id: &str, room| Ping {
        id: id.into(),
        room,
    };
    hub.publish(Action::Create, &ping("a", 2));
    hub.publish(Action::Create, &ping("b\"", 1));
    let expected = json!({"pingChanges": {"action": "CREATE", "id": "b\""}});
    assert_eq!(next(&mut events).await, expected);
    let request = Request::new("subscription { pingChanges { data { id } } }");
    let response = refused(&schema, request).await;
    let expected = "Unknown field \"data\" on type \"PingChange\".";
    assert!(
        response.errors[0].message.starts_with(expected),
        "{:?}",
        response.errors
    );
    assert!(!schema.sdl().contains("PingData"));
}

#[tokio::test]
async fn denials_and_bad_arguments_are_errors_with_a_code() {
    let (schema, hub) = chat();
    let code = |response: &Response| {
        let extensions = response.errors[0].extensions.clone();
        extensions.and_then(|extensions| extensions.get("code").cloned())
    };
    let query = "subscription { messageChanges { id } }";
    let denied = refused(&schema, Request::new(query)).await;
    assert_eq!(denied.errors[0].message, "log in first");
    assert_eq!(code(&denied), Some(Value::from("FORBIDDEN")));
    let query = "subscription { messageChanges(filters: {text__regex: \"(\"}) { id } }";
    let bad = refused(&schema, Request::new(query).data(CurrentUser(7))).await;
    assert_eq!(code(&bad), Some(Value::from("BAD_USER_INPUT")));
    let query = "subscription { messageChanges { data { secret } } }";
    let hidden = refused(&schema, Request::new(query).data(CurrentUser(7))).await;
    assert!(
        hidden.errors[0]
            .message
            .contains("Unknown field \"secret\"")
    );
    let stats = hub.stats();
    assert_eq!(
        (stats.channels, stats.subscriptions, stats.plans),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn ordinary_subscriptions_stand_beside_it() {
    let (schema, _) = chat();
    let counts: Vec<_> = schema
        .execute_stream("subscription { count(to: 3) }")
        .map(|response| response.data.into_json().unwrap())
        .collect()
        .await;
    let expected: Vec<_> = (1..=3).map(|count| json!({ "count": count })).collect();
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn it_is_a_root_by_itself() {
    let hub = Hub::builder().model::<Message>().build();
    let schema = Schema::build(Query, EmptyMutation, MessageChanges::default())
        .data(hub.clone())
        .finish();
    let request = Request::new("subscription { messageChanges { id } }").data(CurrentUser(7));
    let mut events = schema.execute_stream(request).boxed();
    assert!(futures_util::poll!(events.next()).is_pending());
    hub.publish(Action::Create, &message(3, 7, None));
    let expected = json!({"messageChanges": {"id": "3"}});
    assert_eq!(next(&mut events).await, expected);
}

#[tokio::test]
async fn who_may_have_missed_changes_is_told_in_the_words_of_its_selection() {
    let hub = Hub::builder()
        .model::<Message>()
        .model::<Ping>()
        .limits(|limits| limits.publisher_queue = 2)
        .build();
    let schema = Schema::build(Query, EmptyMutation, Root::default());
    let schema = schema.data(hub.clone()).finish();
    let query = "subscription { feed: messageChanges { __typename what: action id model row: data { text } } }";
    let mut events = subscribed(&schema, &hub, query).await;
    // On this runtime of one thread nothing is taken from the queue in between.
    for id in 1..=3 {
        hub.publish(Action::Create, &message(id, 7, None));
    }
    for id in ["1", "2"] {
        assert_eq!(next(&mut events).await["feed"]["id"], id);
    }
    let resync = json!({"__typename": "MessageChange", "what": "RESYNC", "id": null, "model": "chat.message", "row": null});
    assert_eq!(next(&mut events).await, json!({"feed": resync}));
    hub.publish(Action::Create, &message(4, 7, None));
    assert_eq!(next(&mut events).await["feed"]["id"], "4");
}

#[tokio::test]
async fn equal_selections_share_a_plan_however_they_are_written() {
    let (schema, hub) = chat();
    let equal = [
        "subscription { messageChanges { id data { text } } }",
        "subscription Named { messageChanges(action: ALL_ACTIONS) { ...F } } fragment F on MessageChange { id data { text text } }",
        "subscription { messageChanges { id id @include(if: true) model @skip(if: true) ... on MessageChange { data { text } } } }",
    ];
    let mut streams = Vec::new();
    for query in equal {
        streams.push(subscribed(&schema, &hub, query).await);
    }
    assert_eq!(hub.stats().plans, 3, "one for each action");
    let other = "subscription { messageChanges { data { text } id } }";
    streams.push(subscribed(&schema, &hub, other).await);
    assert_eq!(hub.stats().plans, 6);
    hub.publish(Action::Create, &message(1, 7, Some("hi")));
    for events in &mut streams {
        let expected = json!({"messageChanges": {"id": "1", "data": {"text": "hi"}}});
        assert_eq!(next(events).await, expected);
    }
    assert_eq!(hub.stats().frames_encoded, 2);
}
