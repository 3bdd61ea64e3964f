//! Random transaction scripts on SQLite.

#![cfg(feature = "diesel")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod capture;
#[path = "capture/sqlite.rs"]
mod database;
mod proof;
#[path = "capture/script.rs"]
mod script;

#[test]
fn what_is_told_is_what_was_committed() {
    let _keeper = database::connect_to("scripts");
    script::check(proof::steps(1_000), || database::connect_to("scripts"));
}
