//! What clients can change.
//!
//! Look for `.broadcast()`: it goes between a statement and its `get_result`, `get_results` or
//! `execute`, and tells subscribers of every row that the statement wrote, once that is
//! committed. Nothing else here is special.

mod messages;
mod notes;
mod users;

use async_graphql::{Error, MergedObject};

/// The root of all mutations.
#[derive(MergedObject, Default)]
pub(crate) struct Mutation(
    users::UserMutation,
    messages::MessageMutation,
    notes::NoteMutation,
);

/// The answer when there is no such row, or the user may not see it.
fn missing(what: &str, id: i32) -> Error {
    Error::new(format!("there is no {what} {id}"))
}
