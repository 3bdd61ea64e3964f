//! The axum endpoints: GraphQL over HTTP, graphql-transport-ws, GraphQL over SSE and multipart
//! subscriptions on one path, a WebSocket for the notifications of the two-channel protocol, and a
//! page to try them all in the browser.

mod admission;
#[cfg(feature = "client")]
mod client;
mod cors;
mod format;
mod health;
mod http;
mod media;
mod multipart;
mod operations;
mod origin;
mod page;
mod protocol;
mod request;
mod reservations;
mod response;
mod router;
mod routes;
mod session;
mod socket;
mod sse;
mod streaming;
mod timing;
mod transport_ws;
mod two_channel;

use std::sync::Arc;

use ::http::request::Parts;
use async_graphql::{Data, Result};
use futures_util::future::BoxFuture;
use serde_json::Value;

#[cfg(feature = "client")]
pub use client::{Client, client};
pub use router::{Endpoints, router};

use crate::hub::Identity;

/// Reads who asks from a request.
type IdentityOf = Arc<dyn Fn(&Parts) -> Identity + Send + Sync>;
/// Adds an application's data to a GraphQL request.
type AddData = Arc<dyn Fn(&Parts, &mut Data) + Send + Sync>;
/// Asks an application about a connection: what a client says of itself, and its request.
type OnConnect = Arc<dyn Fn(Value, Parts) -> BoxFuture<'static, Result<Data>> + Send + Sync>;
