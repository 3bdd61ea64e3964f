//! Subscribers of models with a change log, in SQLite: where they are, and how they go on from there.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../logged/sqlite.rs"]
mod database;
#[path = "../dice/mod.rs"]
mod dice;
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../logged/mod.rs"]
mod logged;
#[path = "../proof/mod.rs"]
mod proof;
#[path = "../streams/mod.rs"]
mod streams;
#[path = "../until/mod.rs"]
mod until;

#[path = "../resume/drops.rs"]
mod drops;
#[path = "../resume/own_writes.rs"]
mod own_writes;
#[path = "../resume/passages.rs"]
mod passages;
#[path = "../resume/snapshots.rs"]
mod snapshots;

mod enter_leave;
mod listening;
mod rescope;
mod resume;
mod slow;
mod spans;
mod two_channel;
