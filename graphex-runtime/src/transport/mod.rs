//! The axum endpoints: HTTP for queries, mutations and one-shot subscriptions, a WebSocket
//! for the notifications of the two-channel protocol, and a page to try them in the browser.

#[cfg(feature = "client")]
mod client;
mod http;
mod media;
mod origin;
mod router;
mod session;
mod two_channel;

use std::sync::Arc;

use ::http::request::Parts;
use async_graphql::Data;

#[cfg(feature = "client")]
pub use client::{Client, client};
pub use router::{Endpoints, router};

use crate::hub::Identity;

/// Reads who asks from a request.
type IdentityOf = Arc<dyn Fn(&Parts) -> Identity + Send + Sync>;
/// Adds an application's data to a GraphQL request.
type AddData = Arc<dyn Fn(&Parts, &mut Data) + Send + Sync>;
