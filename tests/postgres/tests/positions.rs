//! The position of what a client has written itself, with a change log in PostgreSQL.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../store.rs"]
mod database;
#[path = "../../harness/mod.rs"]
mod harness;
#[path = "../../logged/mod.rs"]
mod logged;
#[path = "../../resume/own_writes.rs"]
mod own_writes;
#[path = "../../streams/mod.rs"]
mod streams;
