//! A hub with a change log, and what a subscriber of it is told.

#![allow(dead_code, reason = "each test target uses its part")]

use std::time::Duration;

use async_graphql::{EmptyMutation, Object, Request, Schema};
use diesel::prelude::*;
use futures_util::FutureExt as _;
use graphex::{BuildError, ChangeLog, Channel, Hub, Identity, LogSchema, ModelType, execute};

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

pub(crate) fn note(id: i64, text: &str) -> Note {
    let text = text.to_owned();
    Note { id, text }
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

/// A hub with a subscriber to all notes.
pub(crate) struct Feed {
    pub(crate) hub: Hub,
    channel: Channel,
    runtime: tokio::runtime::Runtime,
}

impl Feed {
    pub(crate) fn open(log: ChangeLog) -> Result<Self, BuildError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let entered = runtime.enter();
        let builder = Hub::builder().model::<Note>().limits(|limits| {
            limits.outbox_frames = 1_000_000;
            limits.outbox_bytes = 1_000_000_000;
        });
        let hub = builder.change_log(log).try_build()?;
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
        let answer = runtime.block_on(execute(&schema, Request::new(subscribe).data(identity)));
        assert_eq!(answer.data.to_string(), "{noteSubscription: {ok: true}}");
        drop(entered);
        Ok(Self {
            hub,
            channel,
            runtime,
        })
    }

    /// Runs a future where the hub runs.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// What is there when all that was committed is flushed, without waiting for more.
    pub(crate) fn flushed(&mut self) -> Vec<String> {
        let deadline = Duration::from_secs(60);
        let flushing = self.hub.flush();
        self.runtime
            .block_on(async { tokio::time::timeout(deadline, flushing).await })
            .expect("it is flushed within the deadline");
        let there = self.channel.take().now_or_never();
        let frames = there.map_or_else(Default::default, Result::unwrap);
        frames.iter().map(|frame| read(frame)).collect()
    }

    /// What is told up to this, itself included.
    pub(crate) fn told_until(&mut self, last: &str) -> Vec<String> {
        let mut all = Vec::new();
        let reading = async {
            while all.last().map(String::as_str) != Some(last) {
                for frame in self.channel.take().await.unwrap() {
                    all.push(read(&frame));
                }
            }
        };
        let deadline = Duration::from_secs(60);
        let read = self
            .runtime
            .block_on(async { tokio::time::timeout(deadline, reading).await });
        if read.is_err() {
            panic!("`{last}` is not told, only {all:?}");
        }
        all
    }
}

/// `create 5 hi`, or `resync`.
fn read(frame: &[u8]) -> String {
    let frame: serde_json::Value = serde_json::from_slice(frame).unwrap();
    let payload = &frame["payload"];
    let action = payload["action"].as_str().unwrap();
    match payload["data"]["text"].as_str() {
        Some(text) => format!("{action} {} {text}", payload["data"]["id"]),
        None => action.to_owned(),
    }
}

pub(crate) fn sqlite_schema() -> LogSchema {
    LogSchema::sqlite().model::<Note>()
}
