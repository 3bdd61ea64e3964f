//! The chat of `examples/chat`, over PostgreSQL and Redis, in as many processes as you like: some
//! answer HTTP, some have the WebSockets, and each client is told of what any of them writes.
//! Clients of the standard protocols need no Redis: each process reads the log for itself.
//!
//! `cargo run --package graphex-cluster-example` says how to start them. The models, queries and
//! mutations are those of the chat: nothing in them knows how many processes there are.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

mod database;
#[path = "../chat/models.rs"]
mod models;
#[path = "../chat/mutations/mod.rs"]
mod mutations;
#[path = "../chat/queries.rs"]
mod queries;
mod schema;
#[path = "../chat/signals.rs"]
mod signals;
#[path = "../chat/viewer.rs"]
mod viewer;

use std::error::Error;
use std::time::Duration;

use async_graphql::Data;
use axum::Router;
use axum::serve::ListenerExt as _;
use graphex::axum::Endpoints;
use graphex::prelude::*;
use graphex::redis::RedisLayer;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::models::{
    Message, MessageChanges, MessageSubscription, Note, NoteChanges, NoteSubscription, User,
    UserChanges, UserSubscription,
};
use crate::mutations::Mutation;
use crate::queries::Query;
use crate::viewer::Viewer;

/// The generated subscription fields, on one root: of the two-channel protocol, and of the
/// standard protocols.
#[derive(MergedSubscription, Default)]
struct Subscription(
    UserSubscription,
    MessageSubscription,
    NoteSubscription,
    UserChanges,
    MessageChanges,
    NoteChanges,
);

/// How long it takes to close the channels of all clients.
const DRAIN: Duration = Duration::from_secs(10);
/// What the last answers may take after that. A client that does not read does not keep the program.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let role = std::env::args().nth(1);
    let (hub, app) = match role.as_deref() {
        Some("http") => {
            let (hub, endpoints) = endpoints()?;
            (hub, Router::new().route("/graphql", endpoints.http()))
        }
        Some("ws") => {
            // Its clients subscribe over the others.
            variable("REDIS_URL")?;
            let (hub, endpoints) = endpoints()?;
            (hub, Router::new().route("/ws/", endpoints.ws()))
        }
        _ => {
            println!("{}", include_str!("usage.txt"));
            return Ok(());
        }
    };
    let port = variable("PORT")?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let terminated = signals::terminated()?;
    let (address, role) = (listener.local_addr()?, role.unwrap_or_default());
    println!(
        "{role} listens on {address}\n\n{}",
        include_str!("usage.txt")
    );
    // Events are sent at once, not when the client has acknowledged the last one.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let server = axum::serve(listener, app).with_graceful_shutdown(hub.drained());
    let ending = async {
        terminated.await;
        hub.drain(DRAIN).await;
        sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        served = server => served?,
        () = ending => {}
    }
    // What was written reaches the other processes.
    hub.flush().await;
    Ok(())
}

/// All processes have the same schema, the same database and the same layer.
fn endpoints() -> Result<(Hub, Endpoints<ClusterSchema>), Failure> {
    let models = Hub::builder()
        .model::<User>()
        .model::<Message>()
        .model::<Note>();
    // Carries what processes say to each other: who subscribes over which channel.
    let models = match std::env::var("REDIS_URL") {
        Ok(url) => models.layer(RedisLayer::new(&url)?.prefix("cluster")?),
        Err(_) => models,
    };
    let (hub, database) = database::open(models, &variable("DATABASE_URL")?)?;
    let schema = Schema::build(Query, Mutation::default(), Subscription::default())
        .data(hub.clone())
        .data(database)
        .finish();
    let endpoints = Endpoints::new(schema, hub.clone())
        .identity(|request| Viewer::of(request).identity())
        .data(|request, data| {
            data.insert(Viewer::of(request));
        })
        .on_connect(|payload, request| async move {
            let viewer = Viewer::connecting(&request, &payload);
            let mut data = Data::default();
            data.insert(viewer.identity());
            data.insert(viewer);
            Ok(data)
        });
    Ok((hub, endpoints))
}

type ClusterSchema = Schema<Query, Mutation, Subscription>;

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("set {name}\n\n{}", include_str!("usage.txt")))
}
