//! Rows that begin and cease to be a subscription's: its rows are those of SQL.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "logged/sqlite.rs"]
mod database;
mod dice;
mod harness;
mod logged;
#[path = "resume/passages.rs"]
mod passages;
mod proof;
mod streams;
