//! A model, and what its subscribers are told.

#![allow(dead_code, reason = "each test target uses its part")]

use std::time::Duration;

use async_graphql::{EmptyMutation, Object, Request, Schema};
use diesel::prelude::*;
use futures_util::FutureExt as _;
use graphex::{Action, ChangeLog, Channel, Hub, HubBuilder, Identity, ModelType, execute};

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, ModelType)]
#[diesel(table_name = notes)]
#[graphex(stream = "notes", serialize_data)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) text: String,
}

impl Note {
    pub(crate) fn new(id: i64, text: &str) -> Self {
        let text = text.to_owned();
        Self { id, text }
    }
}

/// What a subscriber is told of one change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    pub(crate) action: &'static str,
    pub(crate) id: i64,
    pub(crate) text: String,
}

pub(crate) fn told(action: Action, id: i64, text: &str) -> Told {
    Told {
        action: action.name(),
        id,
        text: text.to_owned(),
    }
}

pub(crate) fn created(id: i64, text: &str) -> Told {
    told(Action::Create, id, text)
}

pub(crate) fn updated(id: i64, text: &str) -> Told {
    told(Action::Update, id, text)
}

pub(crate) fn deleted(id: i64, text: &str) -> Told {
    told(Action::Delete, id, text)
}

pub(crate) struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

/// A subscriber may have missed changes.
pub(crate) fn resync() -> Told {
    Told {
        action: "resync",
        id: 0,
        text: String::new(),
    }
}

/// A hub with a subscriber to everything, on a runtime of its own.
pub(crate) struct Feed {
    pub(crate) hub: Hub,
    listener: Listener,
    runtime: tokio::runtime::Runtime,
}

/// The same on the runtime of its test.
pub(crate) struct Listener {
    pub(crate) hub: Hub,
    channel: Channel,
}

/// Marks the end of what was published so far.
const SENTINEL: i64 = i64::MIN;
/// Below are sentinels alone.
const SENTINELS: i64 = i64::MIN + 1_000_000;

impl Feed {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let listener = runtime.block_on(Listener::new());
        let hub = listener.hub.clone();
        Self {
            hub,
            listener,
            runtime,
        }
    }

    /// Everything published since the last call, in order.
    pub(crate) fn told(&mut self) -> Vec<Told> {
        self.runtime.block_on(self.listener.told())
    }
}

impl Listener {
    pub(crate) async fn new() -> Self {
        Self::with_commit_time(Duration::from_secs(60)).await
    }

    pub(crate) async fn with_commit_time(time: Duration) -> Self {
        Self::open(Hub::builder(), time).await
    }

    /// This log tells of the notes.
    pub(crate) async fn of_log(log: ChangeLog) -> Self {
        Self::open(Hub::builder().change_log(log), Duration::from_secs(60)).await
    }

    async fn open(builder: HubBuilder, commit_time: Duration) -> Self {
        let hub = builder
            .model::<Note>()
            .limits(|limits| {
                limits.outbox_frames = 1_000_000;
                limits.outbox_bytes = 1_000_000_000;
                limits.publisher_queue = 1_000_000;
                limits.resync_interval = Duration::ZERO;
                limits.commit_time = commit_time;
            })
            .build();
        let schema = Schema::build(Query, EmptyMutation, NoteSubscription::default())
            .data(hub.clone())
            .finish();
        let identity = Identity::new("reader");
        let channel = hub.connect(identity.clone()).unwrap();
        let subscribe = format!(
            "subscription {{ noteSubscription(channelId: \"{}\", action: ALL_ACTIONS, \
             operation: SUBSCRIBE) {{ ok }} }}",
            channel.id().as_str()
        );
        let answer = execute(&schema, Request::new(subscribe).data(identity)).await;
        assert_eq!(answer.data.to_string(), "{noteSubscription: {ok: true}}");
        Self { hub, channel }
    }

    /// What comes next.
    pub(crate) async fn next(&mut self) -> Vec<Told> {
        let next = tokio::time::timeout(Duration::from_secs(60), self.channel.take());
        let frames = next.await.expect("nothing came").unwrap();
        frames.iter().map(|frame| read(frame)).collect()
    }

    /// What is there when all that was committed is flushed.
    pub(crate) async fn flushed(&mut self) -> Vec<Told> {
        let flush = tokio::time::timeout(Duration::from_secs(60), self.hub.flush());
        flush.await.expect("it is not flushed");
        let there = self.channel.take().now_or_never();
        let frames = there.map_or_else(Default::default, Result::unwrap);
        frames.iter().map(|frame| read(frame)).collect()
    }

    /// Everything published since the last call, in order.
    pub(crate) async fn told(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        let mut sentinel = SENTINEL;
        self.hub.publish(Action::Create, &Note::new(sentinel, ""));
        let reading = async {
            loop {
                for frame in self.channel.take().await.unwrap() {
                    let one = read(&frame);
                    if one.id == sentinel {
                        return;
                    }
                    // The gap may have taken the sentinel along.
                    if one == resync() {
                        sentinel += 1;
                        self.hub.publish(Action::Create, &Note::new(sentinel, ""));
                    }
                    if one.id >= SENTINELS {
                        all.push(one);
                    }
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reading)
            .await
            .expect("the sentinel did not arrive");
        all
    }
}

fn read(frame: &[u8]) -> Told {
    let frame: serde_json::Value = serde_json::from_slice(frame).unwrap();
    let payload = &frame["payload"];
    if payload["action"] == "resync" {
        return resync();
    }
    let actions = [Action::Create, Action::Update, Action::Delete];
    let action = actions
        .into_iter()
        .find(|action| payload["action"] == action.name());
    Told {
        action: action.unwrap().name(),
        id: payload["data"]["id"].as_i64().unwrap(),
        text: payload["data"]["text"].as_str().unwrap().to_owned(),
    }
}
