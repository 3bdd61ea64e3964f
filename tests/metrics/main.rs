//! The metrics, checked against what tests did.

#![cfg(all(feature = "axum", feature = "metrics"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "diesel")]
#[path = "../logged/sqlite.rs"]
mod database;
#[path = "../harness/mod.rs"]
mod harness;
#[cfg(feature = "diesel")]
#[path = "../logged/mod.rs"]
mod logged;
#[path = "../streams/mod.rs"]
mod streams;
#[path = "../until/mod.rs"]
mod until;

#[cfg(feature = "diesel")]
mod change_log;
mod each;
mod reasons;
