//! `.broadcast()`: a statement, the models that it tells of, and the ways to run it.

use std::fmt;
use std::marker::PhantomData;

use diesel::RunQueryDsl;
use diesel::query_builder::Query;
use diesel::query_builder::{DeleteStatement, InsertStatement, ReturningClause, UpdateStatement};
use diesel::query_dsl::methods::LoadQuery;
use diesel::query_source::{QuerySource, Table};
use diesel::result::{Error, QueryResult};

use super::models::And;
use super::reading::{Executable, Outcome};
use super::returning::Returns;
use super::statement::{FitFor, Statement};
use super::table::{HaveModel, Tables};
use super::way::{Blocking, On, Way};
use crate::model::ModelType;

/// Adds [`broadcast`](Self::broadcast) to Diesel's insert, update and delete statements.
pub trait BroadcastDsl<K, Conn, W>: Sized {
    /// Tells the subscribers of `M` which rows the statement changes, once its transaction
    /// has committed.
    ///
    /// Run the result as any statement: `execute`, `get_result`, `get_results`, `load`. It
    /// returns rows of `M`, or what `returning` asks for. `M` follows from the table; write
    /// `.broadcast::<Message>()` where a table has several models.
    fn broadcast<M>(self) -> M::Broadcast
    where
        M: Chosen<Self, K, Conn, W>,
        Self: Statement<K>,
        Tables: HaveModel<Self::Table, M>,
    {
        M::broadcast(self)
    }
}

/// A model, known. As long as it is not (a table with two models), the type of
/// `.broadcast()` has no name, so that the compiler asks for it there and then instead of
/// searching on behalf of all models there could be.
pub trait Chosen<S, K, Conn, W>: ModelType {
    /// The statement, broadcast to this model.
    type Broadcast;

    /// Makes it.
    fn broadcast(statement: S) -> Self::Broadcast;
}

/// The model `M`, if the statement's table has it.
type ModelOf<S, M, K> = <Tables as HaveModel<<S as Statement<K>>::Table, M>>::Model;

// Of a model of another table the type of the statement is unknown, so that it is one error.
impl<S, K, Conn, W, M> Chosen<S, K, Conn, W> for M
where
    M: ModelType,
    S: Statement<K>,
    Tables: HaveModel<S::Table, M>,
{
    type Broadcast = Broadcast<S, ModelOf<S, M, K>, K, Conn, W>;

    fn broadcast(statement: S) -> Self::Broadcast {
        Broadcast {
            statement,
            _told: PhantomData,
            _run: PhantomData,
        }
    }
}

impl<K, C, W, T: QuerySource, U, Op, Ret> BroadcastDsl<K, C, W> for InsertStatement<T, U, Op, Ret> {}
impl<K, C, W, T: QuerySource, U, V, Ret> BroadcastDsl<K, C, W> for UpdateStatement<T, U, V, Ret> {}
impl<K, C, W, T: QuerySource, U, Ret> BroadcastDsl<K, C, W> for DeleteStatement<T, U, Ret> {}

/// A statement whose changes reach the subscribers of `M`; from
/// [`broadcast`](BroadcastDsl::broadcast).
///
/// It runs in a transaction: the one that is open, else one of its own, in which case
/// nothing is written if it fails. Where a change log tells of the model it takes none of its own, and
/// fails or not as any statement. A statement that changes many rows tells of all of them, also when
/// `get_result` returns only the first.
///
/// On a connection of diesel-async's each of its methods returns a future.
#[must_use = "a statement does nothing until it is run with `execute`, `get_result` or `load`"]
pub struct Broadcast<S, M, K, Conn, W> {
    statement: S,
    /// The model follows from the table, the kind from the statement.
    _told: PhantomData<fn() -> (M, K)>,
    /// The way follows from the connection.
    _run: PhantomData<fn(&mut Conn) -> W>,
}

impl<S: fmt::Debug, M, K, Conn, W> fmt::Debug for Broadcast<S, M, K, Conn, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broadcast").field(&self.statement).finish()
    }
}

impl<S, M, K, Conn, W> Broadcast<S, M, K, Conn, W> {
    /// Returns this expression for each changed row, instead of the model.
    pub fn returning<E>(self, returns: E) -> Broadcast<S::Returning, M, K, Conn, W>
    where
        S: Returning<E>,
    {
        Broadcast {
            statement: self.statement.returning(returns),
            _told: PhantomData,
            _run: PhantomData,
        }
    }

    /// Tells the subscribers of one more model of the table, too. Rows are still returned as the first.
    pub fn also<B: ModelType>(self) -> Broadcast<S, And<M, B>, K, Conn, W>
    where
        S: Statement<K>,
        Tables: HaveModel<S::Table, B>,
    {
        Broadcast {
            statement: self.statement,
            _told: PhantomData,
            _run: PhantomData,
        }
    }

    /// Runs the statement and returns how many rows it changed.
    ///
    /// # Errors
    ///
    /// Those of the statement. A [`CaptureError`](crate::CaptureError) before it runs.
    pub fn execute<'conn, 'query>(self, conn: &'conn mut Conn) -> Ran<'conn, S, K, Conn, W, usize>
    where
        // First, so that the way is known and the compiler says what a statement lacks on it.
        Conn: On<W>,
        S: FitFor<K, Conn, Conn::Way>,
        S: Returns<Reading: Executable<M>>,
        S: Run<'conn, 'query, Conn, M, K, <S::Reading as Executable<M>>::Counted, S::Way>,
    {
        self.statement.run(conn, Outcome::Count(|count| count))
    }

    /// Runs the statement and returns its first row.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute); [`Error::NotFound`] where no row changed.
    pub fn get_result<'conn, 'query, U: 'conn>(
        self,
        conn: &'conn mut Conn,
    ) -> Ran<'conn, S, K, Conn, W, U>
    where
        Conn: On<W>,
        S: FitFor<K, Conn, Conn::Way>,
        S: Run<'conn, 'query, Conn, M, K, U, S::Way>,
    {
        let first = |rows: Vec<U>| rows.into_iter().next().ok_or(Error::NotFound);
        self.statement.run(conn, Outcome::Rows(first))
    }

    /// Runs the statement and returns its rows.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    pub fn get_results<'conn, 'query, U: 'conn>(
        self,
        conn: &'conn mut Conn,
    ) -> Ran<'conn, S, K, Conn, W, Vec<U>>
    where
        Conn: On<W>,
        S: FitFor<K, Conn, Conn::Way>,
        S: Run<'conn, 'query, Conn, M, K, U, S::Way>,
    {
        self.statement.run(conn, Outcome::Rows(Ok))
    }

    /// Runs the statement and returns its rows, as [`get_results`](Self::get_results) does.
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    pub fn load<'conn, 'query, U: 'conn>(
        self,
        conn: &'conn mut Conn,
    ) -> Ran<'conn, S, K, Conn, W, Vec<U>>
    where
        Conn: On<W>,
        S: FitFor<K, Conn, Conn::Way>,
        S: Run<'conn, 'query, Conn, M, K, U, S::Way>,
    {
        self.statement.run(conn, Outcome::Rows(Ok))
    }
}

/// A statement that may get a `RETURNING` clause.
pub trait Returning<E> {
    /// The statement with it.
    type Returning;

    /// Adds it.
    fn returning(self, returns: E) -> Self::Returning;
}

impl<T, U, Op, E> Returning<E> for InsertStatement<T, U, Op>
where
    T: QuerySource,
    InsertStatement<T, U, Op, ReturningClause<E>>: Query,
{
    type Returning = InsertStatement<T, U, Op, ReturningClause<E>>;

    fn returning(self, returns: E) -> Self::Returning {
        self.returning(returns)
    }
}

impl<T, U, V, E> Returning<E> for UpdateStatement<T, U, V>
where
    T: Table,
    UpdateStatement<T, U, V, ReturningClause<E>>: Query,
{
    type Returning = UpdateStatement<T, U, V, ReturningClause<E>>;

    fn returning(self, returns: E) -> Self::Returning {
        self.returning(returns)
    }
}

impl<T, U, E> Returning<E> for DeleteStatement<T, U>
where
    T: Table,
    E: diesel::SelectableExpression<T>,
    DeleteStatement<T, U, ReturningClause<E>>: Query,
{
    type Returning = DeleteStatement<T, U, ReturningClause<E>>;

    fn returning(self, returns: E) -> Self::Returning {
        self.returning(returns)
    }
}

impl<S, M, K, Conn> RunQueryDsl<Conn> for Broadcast<S, M, K, Conn, Blocking> {}

impl<'query, S, M, K, Conn, U> LoadQuery<'query, Conn, U> for Broadcast<S, M, K, Conn, Blocking>
where
    U: 'static,
    S: for<'conn> Run<'conn, 'query, Conn, M, K, U, Blocking>,
{
    type RowIter<'conn>
        = std::iter::Map<std::vec::IntoIter<U>, fn(U) -> QueryResult<U>>
    where
        Conn: 'conn;

    fn internal_load(self, conn: &mut Conn) -> QueryResult<Self::RowIter<'_>> {
        let each = Outcome::Rows(|rows| Ok(rows.into_iter().map(Ok as fn(U) -> _)));
        self.statement.run(conn, each)
    }
}

/// A statement of kind `K` that can run on `Conn`, tell of `M` and return `U`.
pub trait Run<'conn, 'query, Conn, M, K, U, W: Way>: Sized {
    /// Runs it, records its changes and makes the outcome of its rows.
    fn run<T: 'conn>(self, conn: &'conn mut Conn, outcome: Outcome<U, T>) -> W::Ran<'conn, T>;
}

/// What running a statement gives. The way to it leads through what may be missing: of what makes the type
/// of a method, rustc says so without graphex's own source.
type Ran<'conn, S, K, Conn, W, T> =
    <<S as FitFor<K, Conn, <Conn as On<W>>::Way>>::Way as Way>::Ran<'conn, T>;
