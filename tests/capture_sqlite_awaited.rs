//! What is captured on SQLite through diesel-async.

#![cfg(feature = "diesel-async")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod capture;
#[path = "capture/awaited/mod.rs"]
mod cases;
#[path = "capture/sqlite_awaited.rs"]
mod database;
mod dice;
mod proof;
