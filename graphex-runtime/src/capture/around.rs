//! What there is, or has to be, around a statement.

use diesel::connection::Instrumentation;
use diesel::result::QueryResult;

use super::models::Models;
use super::tracker::Tracker;

/// What there is, or has to be, around a statement.
pub(super) enum Around {
    /// The transaction that is open, at this depth.
    Open(u32),
    /// A transaction of its own: only a transaction tells before its commit what it will publish, and
    /// so keeps the order of the commits.
    Own,
    /// Nothing: only the change log tells of its models, in the order that the log has.
    Nothing,
}

impl Around {
    /// That of a statement that tells of `M`, at this depth; an error if it would not be told.
    pub(super) fn of<M: Models>(
        there: &mut dyn Instrumentation,
        depth: QueryResult<u32>,
    ) -> QueryResult<Self> {
        M::check(there)?;
        let depth = depth?;
        if depth > 0 {
            return Ok(Self::Open(depth));
        }
        if M::are_logged(there) {
            return Ok(Self::Nothing);
        }
        Tracker::of::<M::First>(there)?.can_begin::<M::First>()?;
        Ok(Self::Own)
    }
}
