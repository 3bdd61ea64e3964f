//! Subscriptions that begin with the rows that there are, with a change log in PostgreSQL.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../store.rs"]
mod database;
#[path = "../../dice/mod.rs"]
mod dice;
#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../logged/mod.rs"]
mod logged;
#[path = "../../proof/mod.rs"]
mod proof;
#[path = "../../resume/snapshots.rs"]
mod snapshots;
#[path = "../../streams/mod.rs"]
mod streams;
