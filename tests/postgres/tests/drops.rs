//! Clients that are cut off again and again, with a change log in PostgreSQL.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../store.rs"]
mod database;
#[path = "../../dice/mod.rs"]
mod dice;
#[path = "../../resume/drops.rs"]
mod drops;
#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../logged/mod.rs"]
mod logged;
#[path = "../../proof/mod.rs"]
mod proof;
#[path = "../../streams/mod.rs"]
mod streams;
