//! A chat server with live updates: `cargo run --example chat`.
//!
//! `DATABASE_URL=chat.sqlite` keeps the database in that file. Whoever writes to it, its changes are captured:
//!
//! ```text
//! sqlite3 chat.sqlite "UPDATE messages SET text = 'from the shell' WHERE id = 1"
//! ```
//!
//! With `--features redis` several of them are one service: each has a `PORT` of its own, and all
//! have one `REDIS_URL` and one `DATABASE_URL`.
//!
//! With `--features metrics` it tells Prometheus of itself on `/metrics`; `grafana.json` is a dashboard of that.
//!
//! Where to read on: `models.rs` declares the streams, `mutations/` writes rows with
//! `.broadcast()`, `database.rs` opens the log of changes that the hub reads, `serve.rs` bounds what a client
//! can do before it asks for something, and this file puts it together.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

mod database;
mod explain;
#[cfg(feature = "metrics")]
mod metrics;
mod models;
mod mutations;
mod queries;
mod schema;
mod serve;
mod signals;
mod viewer;
mod welcome;

use std::error::Error;
use std::time::Duration;

use async_graphql::Data;
use axum::response::Redirect;
use axum::routing::get;
use graphex::HubBuilder;
use graphex::prelude::*;
#[cfg(feature = "redis")]
use graphex::redis::{LayerError, RedisLayer};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::models::{
    Message, MessageChanges, MessageSubscription, Note, NoteChanges, NoteSubscription, User,
    UserChanges, UserSubscription,
};
use crate::mutations::Mutation;
use crate::queries::Query;
use crate::viewer::Viewer;

/// How long it takes to close the channels of all clients, so that they do not all come to another
/// process at once.
const DRAIN: Duration = Duration::from_secs(10);
/// What the last answers may take after that. A client that does not read does not keep the program.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The generated subscription fields, on one root: of the two-channel protocol, and of the
/// standard protocols.
#[derive(MergedSubscription, Default)]
struct Subscription(
    MessageSubscription,
    UserSubscription,
    NoteSubscription,
    MessageChanges,
    UserChanges,
    NoteChanges,
);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    // Clients are told no more than a sentence of what goes wrong: the log says why.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    let models = Hub::builder()
        .model::<User>()
        .model::<Message>()
        .model::<Note>();
    let (hub, database) = database::open(with_layer(models)?)?;
    let schema = Schema::build(Query, Mutation::default(), Subscription::default())
        .data(hub.clone())
        .data(database.clone())
        .finish();
    let app = graphex::axum::Endpoints::new(schema, hub.clone())
        .identity(|request| Viewer::of(request).identity())
        .data(|request, data| {
            data.insert(Viewer::of(request));
        })
        .health(true)
        .on_connect(|payload, request| async move {
            let viewer = Viewer::connecting(&request, &payload);
            let mut data = Data::default();
            data.insert(viewer.identity());
            data.insert(viewer);
            Ok(data)
        })
        // The page to try it in the browser begins as ann.
        .client_page(|page| page.title("Chat").parameter("user", "1"))
        .into_router()
        .route(
            "/",
            get(|| async { Redirect::temporary("/graphql/client/") }),
        );
    let app = app.merge(explain::router(hub.clone(), database));
    #[cfg(feature = "metrics")]
    let app = app.merge(metrics::router(hub.clone())?);

    let listener = listen().await?;
    let terminated = signals::terminated()?;
    println!("{}", welcome::text(listener.local_addr()?));
    let server = serve::serve(listener, app, serve::Limits::default(), hub.drained());
    let ending = async {
        terminated.await;
        hub.drain(DRAIN).await;
        sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        () = server => {}
        () = ending => {}
    }
    // What was written reaches the other processes.
    hub.flush().await;
    Ok(())
}

/// Makes this process one of several, if `REDIS_URL` says where they meet.
#[cfg(feature = "redis")]
fn with_layer(hub: HubBuilder) -> Result<HubBuilder, LayerError> {
    let Ok(url) = std::env::var("REDIS_URL") else {
        return Ok(hub);
    };
    let prefix = std::env::var("REDIS_PREFIX").unwrap_or_else(|_| "chat".to_owned());
    Ok(hub.layer(RedisLayer::new(&url)?.prefix(&prefix)?))
}

#[cfg(not(feature = "redis"))]
fn with_layer(hub: HubBuilder) -> Result<HubBuilder, &'static str> {
    match std::env::var_os("REDIS_URL") {
        Some(_) => Err("REDIS_URL is set; add `--features redis` to the command"),
        None => Ok(hub),
    }
}

/// Listens on the port that `PORT` names; 0 takes a free one.
async fn listen() -> Result<TcpListener, Box<dyn Error + Send + Sync>> {
    let port = match std::env::var("PORT") {
        Ok(text) => text
            .parse()
            .map_err(|_| format!("PORT is `{text}`, but must be a number from 0 to 65535"))?,
        Err(_) => 8000_u16,
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    Ok(listener.map_err(|error| {
        format!("cannot listen on port {port} ({error}); choose another, as in PORT=8001")
    })?)
}
