//! Clients that are cut off again and again while others write: each has seen every change once.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "logged/sqlite.rs"]
mod database;
mod dice;
#[path = "resume/drops.rs"]
mod drops;
mod harness;
mod logged;
mod proof;
mod streams;
