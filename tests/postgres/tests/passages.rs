//! Rows that begin and cease to be a subscription's, with a change log in PostgreSQL.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../store.rs"]
mod database;
#[path = "../../dice/mod.rs"]
mod dice;
#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../logged/mod.rs"]
mod logged;
#[path = "../../resume/passages.rs"]
mod passages;
#[path = "../../proof/mod.rs"]
mod proof;
#[path = "../../streams/mod.rs"]
mod streams;
