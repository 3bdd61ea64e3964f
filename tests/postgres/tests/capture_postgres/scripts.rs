//! Random transaction scripts on PostgreSQL.

use crate::database;
use crate::proof;
use crate::script;

#[test]
fn what_is_told_is_what_was_committed() {
    script::check(proof::steps(200), || database::connect("scripts"));
}
