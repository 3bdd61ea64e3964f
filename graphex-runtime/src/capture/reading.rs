//! Reading a returned row: once as a change, once as what the user gets.

use diesel::result::{Error, QueryResult};

use super::statement::Kind;
use super::tracker::Tracker;
use crate::change::Change;
use crate::model::ModelType;

/// Only the captured part of a row is returned.
#[derive(Debug)]
pub struct Alone;
/// The captured part comes after what the user wants.
#[derive(Debug)]
pub struct Beside;

/// How a row is read as a change of `M` and as the user's `U`.
pub trait Reading<K, M, DB, U> {
    /// What Diesel reads.
    type Row;

    /// Both of it.
    fn read(row: Self::Row) -> (Change, U);
}

impl<K: Kind<M, DB>, M: ModelType, DB> Reading<K, M, DB, M> for Alone {
    type Row = K::Part;

    fn read(part: K::Part) -> (Change, M) {
        (change_of::<K, M, DB>(&part), K::into_model(part))
    }
}

impl<K: Kind<M, DB>, M: ModelType, DB, U> Reading<K, M, DB, U> for Beside {
    type Row = (U, K::Part);

    fn read((returned, part): Self::Row) -> (Change, U) {
        (change_of::<K, M, DB>(&part), returned)
    }
}

fn change_of<K: Kind<M, DB>, M: ModelType, DB>(part: &K::Part) -> Change {
    Change::unlogged(M::MODEL, K::action(part), K::model(part).to_row())
}

/// A statement whose rows need no type from the user.
#[diagnostic::on_unimplemented(
    message = "`execute` would throw away what `returning` asks for",
    label = "this statement returns rows",
    note = "leave `returning` out, or read the rows with `get_results`"
)]
pub trait Executable<M> {
    /// What is read to count the rows.
    type Counted;
}

impl<M> Executable<M> for Alone {
    type Counted = M;
}

/// The returned rows of one statement.
pub(super) struct Rows<R, U> {
    read: fn(R) -> (Change, U),
    changes: Vec<Change>,
    returned: Vec<U>,
    /// Why a row could not be read.
    unread: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl<R, U> Rows<R, U> {
    pub(super) fn new(read: fn(R) -> (Change, U)) -> Self {
        Self {
            read,
            changes: Vec::new(),
            returned: Vec::new(),
            unread: None,
        }
    }

    /// Adds the next row. An error is the database's, which has taken the statement back.
    pub(super) fn add(&mut self, row: QueryResult<R>) -> QueryResult<()> {
        match row.map(self.read) {
            Ok((change, value)) => {
                self.changes.push(change);
                self.returned.push(value);
                Ok(())
            }
            // The row is changed all the same, and there may be more.
            Err(Error::DeserializationError(error)) => {
                self.unread.get_or_insert(error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The statement has ended, at this depth: records its changes, and gives what it returned.
    pub(super) fn record<M: ModelType>(
        self,
        tracker: &mut Tracker,
        depth: u32,
        is_test: bool,
    ) -> QueryResult<Vec<U>> {
        tracker.record(depth, is_test, self.changes);
        if self.unread.is_some() {
            tracker.miss(depth, M::MODEL);
        }
        match self.unread {
            None => Ok(self.returned),
            Some(error) => {
                // A transaction of the user's can still commit, if this error is ignored.
                tracing::error!(
                    model = M::MODEL.name,
                    %error,
                    "a changed row cannot be read; if its transaction commits, subscribers are \
                     told to load again"
                );
                Err(Error::DeserializationError(error))
            }
        }
    }
}
