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

/// What becomes of a statement one of whose rows cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is as well: nobody asked for the row.
    Counts,
    /// It fails.
    Fails,
}

/// What a statement returned.
#[derive(Debug)]
pub(super) struct Returned<U> {
    /// Its rows.
    rows: Vec<U>,
    /// How many rows there are besides, which cannot be read.
    unread: usize,
}

/// What a method makes of what its statement returned.
#[derive(Debug)]
pub enum Outcome<U, T> {
    /// The number of rows.
    Count(fn(usize) -> T),
    /// The rows.
    Rows(fn(Vec<U>) -> QueryResult<T>),
}

impl<U, T> Outcome<U, T> {
    pub(super) fn unread(&self) -> Unread {
        match self {
            Self::Count(_) => Unread::Counts,
            Self::Rows(_) => Unread::Fails,
        }
    }

    pub(super) fn of(self, returned: Returned<U>) -> QueryResult<T> {
        match self {
            Self::Count(count) => Ok(count(returned.rows.len() + returned.unread)),
            Self::Rows(rows) => rows(returned.rows),
        }
    }
}

/// The returned rows of one statement, as they come.
pub(super) struct Rows<R, U> {
    read: Read<R, U>,
    changes: Vec<Change>,
    returned: Vec<U>,
    /// Why a row could not be read, and how many.
    unread: Option<Box<dyn std::error::Error + Send + Sync>>,
    unread_count: usize,
}

impl<R, U> Rows<R, U> {
    pub(super) fn new(read: Read<R, U>) -> Self {
        Self {
            read,
            changes: Vec::new(),
            returned: Vec::new(),
            unread: None,
            unread_count: 0,
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
                self.unread_count += 1;
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
        unread: Unread,
    ) -> QueryResult<Returned<U>> {
        let tracker = Tracker::of::<M::First>(there)?;
        tracker.record(depth, is_test, self.changes);
        let returned = Returned {
            rows: self.returned,
            unread: self.unread_count,
        };
        let Some(error) = self.unread else {
            return Ok(returned);
        };
        M::miss(there, depth);
        // A transaction of the user's can still commit, if the error is ignored.
        tracing::error!(
            model = M::First::MODEL.name,
            %error,
            "a changed row cannot be read; if its transaction commits, subscribers are told to \
             load again"
        );
        match unread {
            Unread::Counts => Ok(returned),
            Unread::Fails => Err(Error::DeserializationError(error)),
        }
    }
}
