//! The position of what a client has written itself, with a change log in SQLite.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "logged/sqlite.rs"]
mod database;
mod harness;
mod logged;
#[path = "resume/own_writes.rs"]
mod own_writes;
mod streams;
