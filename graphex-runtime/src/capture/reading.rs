//! Reading a returned row: once as a change, once as what the user gets.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::connection::Instrumentation;
use diesel::deserialize::{self, FromSqlRow, QueryableByName, StaticallySizedRow};
use diesel::dsl::SqlTypeOf;
use diesel::expression::Expression;
use diesel::result::{Error, QueryResult};
use diesel::row::NamedRow;

use super::models::{Captured, Models};
use super::tracker::Tracker;
use crate::change::Change;
use crate::model::ModelType as _;

/// Only the captured part of a row is returned.
#[derive(Debug)]
pub struct Alone;
/// The captured part comes after what the user wants, which has the SQL type `Asked`.
#[derive(Debug)]
pub struct Beside<Asked>(PhantomData<fn() -> Asked>);

/// How a row is read as changes of the models `M` and as the user's `U`.
pub trait Reading<K, M, DB, U> {
    /// What Diesel reads.
    type Row;

    /// Adds the changes, and gives what the user gets.
    fn read(row: Self::Row, seen: &mut Seen) -> U;
}

/// Why a row cannot be read.
type Unreadable = Box<dyn std::error::Error + Send + Sync>;

/// What subscribers are to be told of the rows of a statement.
#[derive(Debug, Default)]
pub struct Seen {
    changes: Vec<Change>,
    /// Why a row is not among them; of several the first.
    missed: Option<Unreadable>,
}

impl Seen {
    fn miss(&mut self, error: Unreadable) {
        self.missed.get_or_insert(error);
    }
}

/// A row in two parts, of these SQL types: what the user asked for, and what is captured, which may be
/// unreadable without harm to the first.
///
/// Diesel reads all of a row or nothing, and leaves no room for another way to read what it knows the
/// type of. So it is not told the type.
#[derive(Debug)]
pub struct Parts<U, P, Asked, Captured> {
    returned: U,
    captured: Result<P, Unreadable>,
    _types: PhantomData<fn() -> (Asked, Captured)>,
}

impl<U, P, Asked, Captured, DB> QueryableByName<DB> for Parts<U, P, Asked, Captured>
where
    DB: Backend,
    (U,): FromSqlRow<(Asked,), DB>,
    P: StaticallySizedRow<Captured, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        let count = row.field_count();
        let split = count.saturating_sub(P::FIELD_COUNT);
        let (returned,) = FromSqlRow::build_from_row(&row.partial_row(0..split))?;
        Ok(Self {
            returned,
            captured: P::build_from_row(&row.partial_row(split..count)),
            _types: PhantomData,
        })
    }
}

impl<K, M: Captured<K, DB, First = U>, DB, U> Reading<K, M, DB, U> for Alone {
    type Row = M::Part;

    fn read(part: M::Part, seen: &mut Seen) -> U {
        M::tell(&part, &mut seen.changes);
        M::into_first(part)
    }
}

impl<K, M, DB, U, Asked> Reading<K, M, DB, U> for Beside<Asked>
where
    M: Captured<K, DB, Selection: Expression>,
{
    type Row = Parts<U, M::Part, Asked, SqlTypeOf<M::Selection>>;

    fn read(row: Self::Row, seen: &mut Seen) -> U {
        match row.captured {
            Ok(part) => M::tell(&part, &mut seen.changes),
            Err(error) => seen.miss(error),
        }
        row.returned
    }
}

/// How a row is read.
pub(super) type Read<R, U> = fn(R, &mut Seen) -> U;

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
    seen: Seen,
    returned: Vec<U>,
    /// How many rows there are besides, which the user cannot be given.
    unread: usize,
}

impl<R, U> Rows<R, U> {
    pub(super) fn new(read: Read<R, U>) -> Self {
        Self {
            read,
            seen: Seen::default(),
            returned: Vec::new(),
            unread: 0,
        }
    }

    /// Adds the next row. An error is the database's, which has taken the statement back.
    pub(super) fn add(&mut self, row: QueryResult<R>) -> QueryResult<()> {
        match row {
            Ok(row) => {
                let value = (self.read)(row, &mut self.seen);
                self.returned.push(value);
                Ok(())
            }
            // The row is changed all the same, and there may be more.
            Err(Error::DeserializationError(error)) => {
                self.seen.miss(error);
                self.unread += 1;
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
        tracker.record(depth, is_test, self.seen.changes);
        let returned = Returned {
            rows: self.returned,
            unread: self.unread,
        };
        let Some(error) = self.seen.missed else {
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
            Unread::Fails if returned.unread > 0 => Err(Error::DeserializationError(error)),
            Unread::Fails | Unread::Counts => Ok(returned),
        }
    }
}
