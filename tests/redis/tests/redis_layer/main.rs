//! The layer over Redis: what it promises, what it costs, and what Redis does not take.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contract;
mod metrics;
mod refusals;
mod rights;
mod secure;
mod traffic;
