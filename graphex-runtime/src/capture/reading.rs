//! Reading a returned row: once as a change, once as what the user gets.

use diesel::connection::Instrumentation;
use diesel::result::{Error, QueryResult};

use super::told::{Models, Told};
use super::tracker::Tracker;
use crate::change::Change;
use crate::model::ModelType as _;

/// Only the captured part of a row is returned.
#[derive(Debug)]
pub struct Alone;
/// The captured part comes after what the user wants.
#[derive(Debug)]
pub struct Beside;

/// How a row is read as changes of the models `M` and as the user's `U`.
pub trait Reading<K, M, DB, U> {
    /// What Diesel reads.
    type Row;

    /// Adds the changes, and gives what the user gets.
    fn read(row: Self::Row, changes: &mut Vec<Change>) -> U;
}

impl<K, M: Told<K, DB, First = U>, DB, U> Reading<K, M, DB, U> for Alone {
    type Row = M::Part;

    fn read(part: M::Part, changes: &mut Vec<Change>) -> U {
        M::tell(&part, changes);
        M::into_first(part)
    }
}

impl<K, M: Told<K, DB>, DB, U> Reading<K, M, DB, U> for Beside {
    type Row = (U, M::Part);

    fn read((returned, part): Self::Row, changes: &mut Vec<Change>) -> U {
        M::tell(&part, changes);
        returned
    }
}

/// How a row is read.
pub(super) type Read<R, U> = fn(R, &mut Vec<Change>) -> U;

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

#[diagnostic::do_not_recommend]
impl<M: Models> Executable<M> for Alone {
    type Counted = M::First;
}

/// The returned rows of one statement.
pub(super) struct Rows<R, U> {
    read: Read<R, U>,
    changes: Vec<Change>,
    returned: Vec<U>,
    /// Why a row could not be read.
    unread: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl<R, U> Rows<R, U> {
    pub(super) fn new(read: Read<R, U>) -> Self {
        Self {
            read,
            changes: Vec::new(),
            returned: Vec::new(),
            unread: None,
        }
    }

    /// Adds the next row. An error is the database's, which has taken the statement back.
    pub(super) fn add(&mut self, row: QueryResult<R>) -> QueryResult<()> {
        match row {
            Ok(row) => {
                let value = (self.read)(row, &mut self.changes);
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
    pub(super) fn record<M: Models>(
        self,
        there: &mut dyn Instrumentation,
        depth: u32,
        is_test: bool,
    ) -> QueryResult<Vec<U>> {
        let tracker = Tracker::of::<M::First>(there)?;
        tracker.record(depth, is_test, self.changes);
        let Some(error) = self.unread else {
            return Ok(self.returned);
        };
        M::miss(there, depth);
        // A transaction of the user's can still commit, if this error is ignored.
        tracing::error!(
            model = M::First::MODEL.name,
            %error,
            "a changed row cannot be read; if its transaction commits, subscribers are told to \
             load again"
        );
        Err(Error::DeserializationError(error))
    }
}
