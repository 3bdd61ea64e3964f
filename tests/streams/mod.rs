//! A schema with streams of every kind, for the tests of the standard protocols.

#![allow(dead_code, reason = "each test target uses its part")]

pub(crate) mod graphql_ws;
pub(crate) mod sse;

use std::sync::Arc;

use async_graphql::Object;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use graphex::Limits;
use graphex::prelude::*;
use tokio::sync::{Notify, broadcast};

use super::harness::{CurrentUser, Server, endpoints, nodes, within};
use crate::until::until;

/// A note, which its owner alone hears of.
#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data, authorize, scope(owner))]
pub(crate) struct Note {
    pub(crate) id: i32,
    pub(crate) owner: i64,
    pub(crate) text: String,
}

impl Authorized for Note {
    async fn authorize(ctx: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<()> {
        match ctx.data_opt::<CurrentUser>() {
            Some(_) => Ok(()),
            None => Err("log in first".into()),
        }
    }
}

impl Scoped for Note {
    async fn scope(ctx: &Context<'_>, args: &NoteSubscriptionArgs) -> Result<NoteScope> {
        let CurrentUser(owner) = *ctx.data()?;
        if args.id.as_ref().is_some_and(|id| *id == "13") {
            return Err("not this one".into());
        }
        Ok(NoteScope { owner })
    }
}

/// What `numbers` streams.
#[derive(Clone)]
pub(crate) struct Source(pub(crate) broadcast::Sender<i32>);

/// Holds `slow` and `on_connect` back.
#[derive(Clone, Default)]
pub(crate) struct Gate(pub(crate) Arc<Notify>);

pub(crate) struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }

    async fn fails(&self) -> Result<i32> {
        Err("it failed".into())
    }

    async fn maybe(&self) -> Result<Option<i32>> {
        Err("it failed".into())
    }

    async fn panics(&self) -> i32 {
        "nothing".parse().expect("on purpose")
    }

    async fn user(&self, ctx: &Context<'_>) -> Option<i64> {
        ctx.data_opt::<CurrentUser>().map(|user| user.0)
    }

    /// A text of so many bytes.
    async fn large(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Waits for the gate.
    async fn slow(&self, ctx: &Context<'_>) -> Result<i32> {
        ctx.data::<Gate>()?.0.notified().await;
        Ok(1)
    }
}

pub(crate) struct Mutation;

#[Object]
impl Mutation {
    async fn twice(&self, number: i32) -> i32 {
        number * 2
    }
}

#[derive(Default)]
pub(crate) struct Streams;

#[async_graphql::Subscription]
impl Streams {
    async fn numbers(&self, ctx: &Context<'_>) -> Result<BoxStream<'static, i32>> {
        let receiver = ctx.data::<Source>()?.0.subscribe();
        Ok(stream::unfold(receiver, |mut receiver| async {
            let number = receiver.recv().await.ok()?;
            Some((number, receiver))
        })
        .boxed())
    }

    async fn count(&self, to: i32) -> BoxStream<'static, i32> {
        stream::iter(1..=to).boxed()
    }

    /// So many texts of so many bytes.
    async fn texts(&self, count: usize, bytes: usize) -> BoxStream<'static, String> {
        stream::iter(vec![bytes; count])
            .map(|bytes| "x".repeat(bytes))
            .boxed()
    }

    async fn refused(&self) -> Result<BoxStream<'static, i32>> {
        Err("you may not".into())
    }

    async fn panics_later(&self) -> BoxStream<'static, i32> {
        stream::iter([1, 2])
            .map(|number| {
                assert!(number == 1, "on purpose");
                number
            })
            .boxed()
    }

    /// Each item fails, and the stream goes on.
    async fn failing(&self, ctx: &Context<'_>) -> Result<BoxStream<'static, Result<i32>>> {
        let numbers = self.numbers(ctx).await?;
        Ok(numbers.map(|_| Err("this one failed".into())).boxed())
    }

    async fn endless(&self, of: i32) -> BoxStream<'static, i32> {
        stream::repeat(of).boxed()
    }
}

#[derive(MergedSubscription, Default)]
pub(crate) struct Subscription(NoteSubscription, NoteChanges, Streams);

pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) source: broadcast::Sender<i32>,
    pub(crate) gate: Gate,
}

impl std::ops::Deref for Fixture {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

pub(crate) async fn start() -> Fixture {
    start_with(|_| {}).await
}

pub(crate) async fn start_with(limits: impl FnOnce(&mut Limits)) -> Fixture {
    started(limits, |app| app).await
}

/// A server whose router is behind a layer.
pub(crate) async fn start_behind(layer: impl FnOnce(axum::Router) -> axum::Router) -> Fixture {
    started(|_| {}, layer).await
}

async fn started(
    limits: impl FnOnce(&mut Limits),
    layer: impl FnOnce(axum::Router) -> axum::Router,
) -> Fixture {
    let hub = nodes::build(Hub::builder().model::<Note>().limits(limits));
    let (source, _) = broadcast::channel(16);
    let gate = Gate::default();
    let schema = Schema::build(Query, Mutation, Subscription::default())
        .data(hub.clone())
        .data(Source(source.clone()))
        .data(gate.clone())
        .finish();
    let app = layer(endpoints(schema, &hub).into_router());
    let server = Server::start(app, hub).await;
    Fixture {
        server,
        source,
        gate,
    }
}

impl Fixture {
    /// Waits until so many listen to `numbers`.
    pub(crate) async fn listened(&self, count: usize) {
        within(until(|| self.source.receiver_count() == count)).await;
    }

    pub(crate) fn publish(&self, number: i32) {
        self.source.send(number).unwrap();
    }

    /// Tells of a change of a note.
    pub(crate) fn change(&self, action: Action, id: i32, owner: i64, text: &str) {
        let text = text.to_owned();
        self.hub.publish(action, &Note { id, owner, text });
    }

    /// Waits until the hub has so many subscriptions.
    pub(crate) async fn joined(&self, count: usize) {
        self.until(|stats| stats.subscriptions == count).await;
    }
}
