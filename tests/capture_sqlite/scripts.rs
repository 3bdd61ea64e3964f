//! Random transaction scripts on SQLite.

use crate::database;
use crate::proof;
use crate::script;

#[test]
fn what_is_told_is_what_was_committed() {
    let _keeper = database::connect_to("scripts");
    script::check(proof::steps(1_000), || database::connect_to("scripts"));
}
