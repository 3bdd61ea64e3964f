//! Random transaction scripts on PostgreSQL.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../capture/mod.rs"]
mod capture;
#[path = "../database.rs"]
mod database;
#[path = "../../proof/mod.rs"]
mod proof;
#[path = "../../capture/script.rs"]
mod script;

#[test]
fn what_is_told_is_what_was_committed() {
    script::check(proof::steps(200), || database::connect("scripts"));
}
