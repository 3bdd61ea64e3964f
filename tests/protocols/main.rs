//! What each protocol says and serves, over real sockets.

#![cfg(feature = "axum")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../harness/mod.rs"]
mod harness;
#[path = "../hello/mod.rs"]
mod hello;
#[path = "../streams/mod.rs"]
mod streams;
#[path = "../until/mod.rs"]
mod until;

mod client_page;
mod documents;
mod every_protocol;
mod extensions;
mod foreign_transport;
mod holdings;
mod http;
mod limits;
mod multipart;
mod no_such_faults;
mod sse;
mod two_channel;
mod websocket;
