//! Names for functions that are generic over a statement or a model.

use diesel::RunQueryDsl;
use diesel::query_dsl::methods::LoadQuery;

use super::broadcast::{Broadcast, BroadcastDsl, Run};
use super::statement::{FitFor, Statement};
use super::way::Blocking;
use crate::model::{BroadcastTable, ModelType};

/// A statement that [`broadcast`](BroadcastDsl::broadcast) takes, for the model `M` on the connection
/// `C`, and which returns rows of `M`. `K`, what it does to a row, follows from its type:
///
/// ```
/// use diesel::prelude::*;
/// use graphex_runtime::{BroadcastConnection, BroadcastStatement, ModelType};
///
/// fn run<'query, M, S, C, K>(conn: &mut C, statement: S) -> QueryResult<M>
/// where
///     M: ModelType,
///     C: BroadcastConnection,
///     S: BroadcastStatement<'query, M, C, K>,
/// {
///     statement.broadcast::<M>().get_result(conn)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`.broadcast()` does not run this statement for the model `{M}` on `{C}`",
    label = "no statement of this model on this connection",
    note = "the statement inserts into, updates or deletes from the table of `{M}`, and `{M}` derives `Queryable` and `Selectable`"
)]
pub trait BroadcastStatement<'query, M: ModelType, C, K>:
    BroadcastDsl<K, C, Blocking>
    + Statement<K, Table: BroadcastTable<M, Model = M>>
    + FitFor<K, C, Blocking, Way = Blocking>
    + for<'conn> Run<'conn, 'query, C, M, K, M, Blocking>
{
}

impl<'query, S, M, C, K> BroadcastStatement<'query, M, C, K> for S
where
    M: ModelType,
    S: BroadcastDsl<K, C, Blocking>
        + Statement<K, Table: BroadcastTable<M, Model = M>>
        + FitFor<K, C, Blocking, Way = Blocking>
        + for<'conn> Run<'conn, 'query, C, M, K, M, Blocking>,
{
}

/// What [`broadcast`](BroadcastDsl::broadcast) gives, to be run on the connection `C` for rows that
/// are read as `U`: whoever takes one tells of what it changes.
///
/// ```
/// use diesel::prelude::*;
/// use graphex_runtime::BroadcastQuery;
///
/// fn all<'query, C, U, Q>(conn: &mut C, query: Q) -> QueryResult<Vec<U>>
/// where
///     C: Connection,
///     Q: BroadcastQuery<'query, C, U>,
/// {
///     query.get_results(conn)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "this is no statement that tells its changes and returns `{U}` on `{C}`",
    label = "not broadcast, or with other rows",
    note = "call `.broadcast()` on it; it returns its model, or what `returning` asks for"
)]
pub trait BroadcastQuery<'query, C, U>: RunQueryDsl<C> + LoadQuery<'query, C, U> {}

impl<'query, S, M, K, C, U> BroadcastQuery<'query, C, U> for Broadcast<S, M, K, C, Blocking> where
    Self: RunQueryDsl<C> + LoadQuery<'query, C, U>
{
}
