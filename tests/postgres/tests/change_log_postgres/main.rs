//! The change log of PostgreSQL: who is heard, what is kept, and what is told at the start.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../change_log/mod.rs"]
mod change_log;
#[path = "../change_log/model.rs"]
mod model;
#[path = "../../../queries/mod.rs"]
mod queries;
#[path = "../../../change_log/replica.rs"]
mod replica;

mod captured;
mod writers;
