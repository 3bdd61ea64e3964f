//! Who is told what: filters, scopes, rights, routing and gaps.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "axum")]
#[path = "../crowd/mod.rs"]
mod crowd;
#[path = "../dice/mod.rs"]
mod dice;
#[cfg(feature = "axum")]
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../hello/mod.rs"]
mod hello;
#[path = "../in_process/mod.rs"]
mod in_process;
#[path = "../proof/mod.rs"]
mod proof;
#[cfg(feature = "axum")]
#[path = "../streams/mod.rs"]
mod streams;
#[path = "../until/mod.rs"]
mod until;
#[path = "../wishes/mod.rs"]
mod wishes;

mod changes;
mod changes_equal;
mod explain;
#[cfg(feature = "axum")]
mod filters;
mod gaps;
mod isolation;
mod listening;
#[cfg(feature = "axum")]
mod rights;
mod routing;
mod security;
mod throttle;
