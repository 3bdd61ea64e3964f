//! Subscriptions that begin with the rows that there are, with a change log in SQLite.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "logged/sqlite.rs"]
mod database;
mod dice;
mod harness;
mod logged;
mod proof;
#[path = "resume/snapshots.rs"]
mod snapshots;
mod streams;
