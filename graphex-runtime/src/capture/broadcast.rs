//! `.broadcast()`: running a statement and recording what it changed.

use std::fmt;
use std::marker::PhantomData;

use diesel::RunQueryDsl;
use diesel::connection::Connection;
use diesel::query_builder::Query;
use diesel::query_builder::{DeleteStatement, InsertStatement, ReturningClause, UpdateStatement};
use diesel::query_dsl::methods::LoadQuery;
use diesel::query_source::{QuerySource, Table};
use diesel::result::{Error, QueryResult};

use super::bare::BroadcastConnection;
use super::error::CaptureError;
use super::reading::{Executable, Reading};
use super::returning::{AlsoReturning, Returns};
use super::statement::{Kind, Statement};
use super::tracker::{Tracker, depth, is_test_transaction};
use crate::change::Change;
use crate::model::{BroadcastTable, ModelType};

/// Adds [`broadcast`](Self::broadcast) to Diesel's insert, update and delete statements.
pub trait BroadcastDsl<K>: Sized {
    /// Tells the subscribers of `M` which rows the statement changes, once its transaction
    /// has committed.
    ///
    /// Run the result as any statement: `execute`, `get_result`, `get_results`, `load`. It
    /// returns rows of `M`, or what `returning` asks for. `M` follows from the table; write
    /// `.broadcast::<Message>()` where a table has several models.
    fn broadcast<M>(self) -> M::Broadcast
    where
        M: Chosen<Self, K>,
        Self: Statement<K, Table: BroadcastTable<M>>,
    {
        M::broadcast(self)
    }
}

/// A model, known. As long as it is not (a table with two models), the type of
/// `.broadcast()` has no name, so that the compiler asks for it there and then instead of
/// searching on behalf of all models there could be.
pub trait Chosen<S, K>: ModelType {
    /// The statement, broadcast to this model.
    type Broadcast;

    /// Makes it.
    fn broadcast(statement: S) -> Self::Broadcast;
}

impl<S, K, M: ModelType> Chosen<S, K> for M {
    type Broadcast = Broadcast<S, M, K>;

    fn broadcast(statement: S) -> Broadcast<S, M, K> {
        Broadcast {
            statement,
            _marker: PhantomData,
        }
    }
}

impl<K, T: QuerySource, U, Op, Ret> BroadcastDsl<K> for InsertStatement<T, U, Op, Ret> {}
impl<K, T: QuerySource, U, V, Ret> BroadcastDsl<K> for UpdateStatement<T, U, V, Ret> {}
impl<K, T: QuerySource, U, Ret> BroadcastDsl<K> for DeleteStatement<T, U, Ret> {}

/// A statement whose changes reach the subscribers of `M`; from
/// [`broadcast`](BroadcastDsl::broadcast).
///
/// It runs in a transaction: the one that is open, else one of its own, in which case
/// nothing is written if it fails. A statement that changes many rows tells of all of them,
/// also when `get_result` returns only the first.
#[must_use = "a statement does nothing until it is run with `execute`, `get_result` or `load`"]
pub struct Broadcast<S, M, K> {
    statement: S,
    _marker: PhantomData<fn() -> (M, K)>,
}

impl<S: fmt::Debug, M, K> fmt::Debug for Broadcast<S, M, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Broadcast").field(&self.statement).finish()
    }
}

impl<S, M, K> Broadcast<S, M, K> {
    /// Returns this expression for each changed row, instead of the model.
    pub fn returning<E>(self, returns: E) -> Broadcast<S::Returning, M, K>
    where
        S: Returning<E>,
    {
        Broadcast {
            statement: self.statement.returning(returns),
            _marker: PhantomData,
        }
    }

    /// Runs the statement and returns how many rows it changed.
    ///
    /// The other ways to run it (`get_result`, `get_results`, `load`) are those of Diesel's
    /// [`RunQueryDsl`].
    ///
    /// # Errors
    ///
    /// Those of the statement. A [`CaptureError`](crate::CaptureError) before it runs.
    pub fn execute<'query, Conn>(self, conn: &mut Conn) -> QueryResult<usize>
    where
        S: Returns<Reading: Executable<M>>,
        S: Run<'query, Conn, M, K, <S::Reading as Executable<M>>::Counted>,
    {
        Ok(self.statement.run(conn)?.len())
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

impl<S, M, K, Conn> RunQueryDsl<Conn> for Broadcast<S, M, K> {}

impl<'query, S, M, K, Conn, U> LoadQuery<'query, Conn, U> for Broadcast<S, M, K>
where
    S: Run<'query, Conn, M, K, U>,
{
    type RowIter<'conn>
        = std::iter::Map<std::vec::IntoIter<U>, fn(U) -> QueryResult<U>>
    where
        Conn: 'conn;

    fn internal_load(self, conn: &mut Conn) -> QueryResult<Self::RowIter<'_>> {
        Ok(self.statement.run(conn)?.into_iter().map(Ok))
    }
}

/// A statement of kind `K` that can run on `Conn`, tell of `M` and return `U`.
pub trait Run<'query, Conn, M, K, U> {
    /// Runs it and records its changes.
    fn run(self, conn: &mut Conn) -> QueryResult<Vec<U>>;
}

impl<'query, S, Conn, M, K, U> Run<'query, Conn, M, K, U> for S
where
    Conn: BroadcastConnection,
    M: ModelType,
    K: Kind<M, Conn::Backend>,
    S: AlsoReturning<K::Selection>,
    S::Reading: Reading<K, M, Conn::Backend, U>,
    S::Query: LoadQuery<'query, Conn::Bare, <S::Reading as Reading<K, M, Conn::Backend, U>>::Row>,
{
    fn run(self, conn: &mut Conn) -> QueryResult<Vec<U>> {
        let query = self.also_returning(K::selection());
        let conn = conn.bare();
        run::<_, M, _, _, _>(conn, query, S::Reading::read)
    }
}

/// Runs a statement in a transaction and records its changes there. Without one around it
/// takes its own: only a transaction tells before its commit what it will publish, and so
/// keeps the order of the commits.
fn run<'query, C, M, Q, R, U>(
    conn: &mut C,
    query: Q,
    read: fn(R) -> (Change, U),
) -> QueryResult<Vec<U>>
where
    C: Connection,
    M: ModelType,
    Q: LoadQuery<'query, C, R>,
{
    let spoken = Tracker::of::<_, M>(conn)?.is_spoken_open();
    if depth(conn)? == 0 {
        if spoken {
            let model = M::MODEL.name;
            return Err(CaptureError::TransactionAsText { model }.into());
        }
        conn.transaction(|conn| record::<_, M, _, _, _>(conn, query, read))
    } else {
        record::<_, M, _, _, _>(conn, query, read)
    }
}

fn record<'query, C, M, Q, R, U>(
    conn: &mut C,
    query: Q,
    read: fn(R) -> (Change, U),
) -> QueryResult<Vec<U>>
where
    C: Connection,
    M: ModelType,
    Q: LoadQuery<'query, C, R>,
{
    let (mut changes, mut returned) = (Vec::new(), Vec::new());
    let mut unread = None;
    for row in query.internal_load(conn)? {
        match row.map(read) {
            Ok((change, value)) => {
                changes.push(change);
                returned.push(value);
            }
            // The row is changed all the same, and there may be more.
            Err(Error::DeserializationError(error)) => unread = unread.or(Some(error)),
            // The database has taken the statement back.
            Err(error) => return Err(error),
        }
    }
    let depth = depth(conn)?;
    let is_test = is_test_transaction(conn, depth);
    Tracker::of::<_, M>(conn)?.record(depth, is_test, changes);
    match unread {
        None => Ok(returned),
        Some(error) => {
            // A transaction of the user's can still commit, if this error is ignored.
            tracing::error!(
                model = M::MODEL.name,
                %error,
                "a changed row cannot be read; if its transaction commits, subscribers do not \
                 hear of it"
            );
            Err(Error::DeserializationError(error))
        }
    }
}
