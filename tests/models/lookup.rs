//! Custom lookups, from the key `lookup` to what a subscriber is told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::hello::Query;
use async_graphql::{EmptyMutation, Request};
use futures_util::FutureExt as _;
use graphex::prelude::*;
use graphex::{Channel, Kind, Lookup, Stats};
use serde_json::{Value, json};

/// Sent as its id alone; who wrote it is not even visible.
#[derive(Clone, ModelType)]
#[graphex(
    stream = "messages",
    label = "chat.message",
    serialize_data = false,
    lookup(author_name(author): String, author__is(room, author): Option<i32>, tagged: Vec<String>)
)]
struct Message {
    id: i64,
    room: i64,
    #[graphex(skip)]
    author: i32,
}

/// What the rows do not hold: the authors' names, and what was asked of them.
#[derive(Default)]
struct Directory {
    asked: Mutex<Vec<String>>,
}

impl Directory {
    fn note(&self, call: String) {
        self.asked.lock().unwrap().push(call);
    }
}

impl MessageLookups for Message {
    async fn author_name(ctx: &LookupContext<'_>, author: i32, name: String) -> Result<bool> {
        let directory = ctx.data::<Arc<Directory>>()?;
        directory.note(format!("{} of {author}: {name}", ctx.action()));
        match name.as_str() {
            "error" => Err("the directory is closed".into()),
            "panic" => panic!("the directory burns"),
            "slow" => std::future::pending().await,
            _ => {
                tokio::task::yield_now().await;
                Ok(name == ["nobody", "neo", "trinity"][usize::try_from(author)?])
            }
        }
    }

    async fn author__is(
        _: &LookupContext<'_>,
        room: i64,
        author: i32,
        operand: Option<i32>,
    ) -> Result<bool> {
        Ok(room > 0 && operand == Some(author))
    }

    async fn tagged(_: &LookupContext<'_>, id: i64, tags: Vec<String>) -> Result<bool> {
        Ok(tags.contains(&format!("tag-{id}")))
    }
}

/// Far longer than anything here takes, on a clock that may be paused.
const DEADLINE: Duration = Duration::from_secs(20);

async fn within<T>(future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(DEADLINE, future).await;
    done.expect("nothing came within the deadline")
}

struct Chat {
    hub: Hub,
    schema: Schema<Query, EmptyMutation, MessageSubscription>,
    directory: Arc<Directory>,
}

impl Chat {
    fn new() -> Self {
        let directory = Arc::<Directory>::default();
        let hub = Hub::builder()
            .model::<Message>()
            .data(Arc::clone(&directory))
            .build();
        let schema = Schema::build(Query, EmptyMutation, MessageSubscription::default());
        let schema = schema.data(hub.clone()).finish();
        Self {
            hub,
            schema,
            directory,
        }
    }

    /// A new channel that has subscribed with these filters.
    async fn subscribed(&self, filters: &str) -> Channel {
        let channel = self.hub.connect(Identity::anonymous()).unwrap();
        let document = format!(
            "subscription {{ messageSubscription(channelId: \"{}\", action: ALL_ACTIONS, \
             operation: SUBSCRIBE, filters: {filters}) {{ ok error }} }}",
            channel.id().as_str()
        );
        let answer = within(graphex::execute(&self.schema, Request::new(document))).await;
        assert_eq!(answer.errors, []);
        let answer = answer.data.into_json().unwrap();
        let confirmed = json!({ "messageSubscription": { "ok": true, "error": null } });
        assert_eq!(answer, confirmed);
        channel
    }

    fn publish(&self, action: Action, id: i64, room: i64, author: i32) {
        self.hub.publish(action, &Message { id, room, author });
    }

    /// The calls since this was last asked, sorted.
    fn calls(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.directory.asked.lock().unwrap());
        calls.sort();
        calls
    }

    fn stats(&self) -> Stats {
        self.hub.stats()
    }
}

/// The payload of the next notification, which comes alone.
async fn only(channel: &mut Channel) -> Value {
    let mut frames = within(channel.take()).await.unwrap();
    assert_eq!(frames.len(), 1);
    let mut frame: Value = serde_json::from_slice(&frames.pop_front().unwrap()).unwrap();
    frame["payload"].take()
}

/// The action and the id of the next notification.
async fn next(channel: &mut Channel) -> (String, i64) {
    let payload = only(channel).await;
    assert_eq!(payload["data"].as_object().unwrap().len(), 1, "{payload}");
    let action = payload["action"].as_str().unwrap().to_owned();
    (action, payload["data"]["id"].as_i64().unwrap())
}

fn told(action: &str, id: i64) -> (String, i64) {
    (action.to_owned(), id)
}

fn assert_told_nothing(channel: &mut Channel) {
    assert!(channel.take().now_or_never().is_none());
}

#[tokio::test]
async fn it_is_a_filter_of_the_operands_type() {
    let sdl = Chat::new().schema.sdl();
    for line in [
        "\tauthor_name: String\n",
        "\tauthor__is: Int\n",
        "\ttagged: [String!]\n",
    ] {
        assert!(sdl.contains(line), "{line:?} in {sdl}");
    }
    assert!(!sdl.contains("\tauthor:"), "{sdl}");
}

#[tokio::test]
async fn it_decides_on_each_action_in_order_by_a_field_that_is_never_sent() {
    let chat = Chat::new();
    let mut neo = chat.subscribed("{ author_name: \"neo\" }").await;
    for (action, id, author) in [
        (Action::Create, 1, 1),
        (Action::Create, 2, 2),
        (Action::Update, 2, 1),
        (Action::Delete, 3, 2),
        (Action::Delete, 2, 1),
    ] {
        chat.publish(action, id, 7, author);
    }
    let mut frames = Vec::new();
    while frames.len() < 3 {
        frames.extend(within(neo.take()).await.unwrap());
    }
    let frames: Vec<_> = frames
        .iter()
        .map(|frame| std::str::from_utf8(frame).unwrap())
        .collect();
    let expected = [("create", 1), ("update", 2), ("delete", 2)].map(|(action, id)| {
        format!(
            r#"{{"stream":"messages","payload":{{"action":"{action}","model":"chat.message","data":{{"id":{id}}}}}}}"#
        )
    });
    assert_eq!(frames, expected);
    assert_told_nothing(&mut neo);
    assert_eq!(
        chat.calls(),
        [
            "create of 1: neo",
            "create of 2: neo",
            "delete of 1: neo",
            "delete of 2: neo",
            "update of 1: neo",
        ]
    );
    assert_eq!(chat.stats().lookups_failed, 0);
}

#[tokio::test]
async fn it_runs_once_for_each_operand_and_change_whoever_asks() {
    let chat = Chat::new();
    let neo = "{ author_name: \"neo\" }";
    let mut all = [
        chat.subscribed(neo).await,
        chat.subscribed(neo).await,
        // Other plans with the same operand.
        chat.subscribed("{ author_name: \"neo\", room: 7 }").await,
        chat.subscribed("{ author_name: \"neo\", room__gt: 1 }")
            .await,
    ];
    let mut trinity = chat.subscribed("{ author_name: \"trinity\" }").await;
    // Of each action.
    assert_eq!(chat.stats().plans, 4 * 3);
    for (id, author) in [(1, 1), (2, 2)] {
        chat.publish(Action::Create, id, 7, author);
    }
    assert_eq!(next(&mut trinity).await, told("create", 2));
    for channel in &mut all {
        assert_eq!(next(channel).await, told("create", 1));
        assert_told_nothing(channel);
    }
    assert_eq!(
        chat.calls(),
        [
            "create of 1: neo",
            "create of 1: trinity",
            "create of 2: neo",
            "create of 2: trinity",
        ]
    );
}

#[tokio::test]
async fn it_is_not_asked_where_another_filter_does_not_hold() {
    let chat = Chat::new();
    let mut client = chat.subscribed("{ author_name: \"neo\", room: 9 }").await;
    let mut range = chat
        .subscribed("{ author_name: \"neo\", room__range: [8, 9] }")
        .await;
    chat.publish(Action::Create, 1, 7, 1);
    chat.publish(Action::Create, 2, 9, 1);
    assert_eq!(next(&mut client).await, told("create", 2));
    assert_eq!(next(&mut range).await, told("create", 2));
    assert_eq!(chat.calls(), ["create of 1: neo"]);
}

#[tokio::test]
async fn several_must_all_hold() {
    let chat = Chat::new();
    let mut client = chat
        .subscribed("{ author_name: \"neo\", author__is: 1, tagged: [\"tag-2\", \"tag-4\"] }")
        .await;
    for (id, room, author) in [(1, 7, 1), (2, 0, 1), (4, 7, 2), (4, 7, 1)] {
        chat.publish(Action::Update, id, room, author);
    }
    assert_eq!(next(&mut client).await, told("update", 4));
    assert_told_nothing(&mut client);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_is_a_gap_for_its_own_subscribers_and_holds_up_nobody_else() {
    let chat = Chat::new();
    let mut neo = chat.subscribed("{ author_name: \"neo\" }").await;
    let mut failing = Vec::new();
    for name in ["error", "panic", "slow"] {
        let filters = format!("{{ author_name: \"{name}\" }}");
        failing.push(chat.subscribed(&filters).await);
    }
    let before = tokio::time::Instant::now();
    chat.publish(Action::Create, 1, 7, 1);
    assert_eq!(next(&mut neo).await, told("create", 1));
    chat.publish(Action::Delete, 1, 7, 1);
    assert_eq!(next(&mut neo).await, told("delete", 1));
    assert_eq!(before.elapsed(), Duration::ZERO);
    for channel in &mut failing {
        assert_eq!(only(channel).await["action"], "resync");
    }
    // The slow one's answer is waited for as long as the limit says.
    assert_eq!(before.elapsed(), chat.hub.limits().lookup_time);
    tokio::time::sleep(2 * chat.hub.limits().lookup_time).await;
    assert_eq!(chat.stats().lookups_failed, 6);
}

#[tokio::test]
async fn without_the_data_it_fails() {
    let hub = Hub::builder().model::<Message>().build();
    let chat = Chat {
        schema: Schema::build(Query, EmptyMutation, MessageSubscription::default())
            .data(hub.clone())
            .finish(),
        hub,
        directory: Arc::default(),
    };
    let mut named = chat.subscribed("{ author_name: \"neo\" }").await;
    let mut tagged = chat.subscribed("{ tagged: [\"tag-1\"] }").await;
    for id in [1, 1] {
        chat.publish(Action::Create, id, 7, 1);
        assert_eq!(next(&mut tagged).await, told("create", 1));
    }
    assert_eq!(only(&mut named).await["action"], "resync");
    assert_eq!(chat.stats().lookups_failed, 2);
}

/// The derive cannot ask the runtime, so it has a list of its own.
#[test]
fn the_derive_knows_the_lookups_of_fields() {
    let source = include_str!("../../graphex-macros/src/help.rs");
    let list = source.split("LOOKUPS: &[&str] = &[").nth(1).unwrap();
    let list = list.split(']').next().unwrap();
    let listed: BTreeSet<_> = list.split('"').skip(1).step_by(2).collect();
    let kinds = [Kind::Text, Kind::DateTime, Kind::Instant, Kind::Json];
    let lookups = kinds.into_iter().flat_map(Lookup::of);
    assert_eq!(listed, lookups.map(Lookup::name).collect());
}
