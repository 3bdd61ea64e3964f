//! The axum endpoints: HTTP for queries, mutations and one-shot subscriptions, a WebSocket
//! for the notifications of the two-channel protocol.

mod http;
mod media;
mod origin;
mod router;
mod session;
mod two_channel;

pub use router::{Endpoints, router};
