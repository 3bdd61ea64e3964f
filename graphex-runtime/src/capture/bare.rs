//! The connections that `.broadcast()` runs on.

use diesel::connection::{
    AnsiTransactionManager, Connection, LoadConnection, TransactionManager as _,
    TransactionManagerStatus,
};
use diesel::r2d2::{ManageConnection, PoolTransactionManager, PooledConnection, R2D2Connection};
use diesel::result::QueryResult;

/// A connection that `.broadcast()` runs on: Diesel's, those of an r2d2 pool, and the same within
/// `conn.transaction(…)`. For functions that are generic over it, of one database:
///
/// ```
/// use diesel::prelude::*;
/// use diesel::sqlite::Sqlite;
/// use graphex_macros::ModelType;
/// use graphex_runtime::{BroadcastConnection, BroadcastDsl};
///
/// diesel::table! { messages (id) { id -> BigInt, text -> Text, } }
///
/// #[derive(Queryable, Selectable, ModelType)]
/// #[diesel(table_name = messages)]
/// #[graphex(stream = "messages", crate = "graphex_runtime")]
/// struct Message { id: i64, text: String }
///
/// fn send<C>(conn: &mut C, text: &str) -> QueryResult<Message>
/// where
///     C: BroadcastConnection<Backend = Sqlite>,
/// {
///     diesel::insert_into(messages::table)
///         .values(messages::text.eq(text))
///         .broadcast()
///         .get_result(conn)
/// }
/// # fn main() {}
/// ```
///
/// An enum with Diesel's `MultiConnection` is one when it says so, since it runs statements itself:
///
/// ```ignore
/// impl graphex::BroadcastConnection for AnyConnection {
///     type Bare = Self;
///     fn bare(&mut self) -> &mut Self { self }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`.broadcast()` does not run on `{Self}`",
    label = "neither a connection of Diesel's nor one of an r2d2 pool",
    note = "an enum with `#[derive(MultiConnection)]` is one with `impl graphex::BroadcastConnection for {Self} {{ type Bare = Self; fn bare(&mut self) -> &mut Self {{ self }} }}`"
)]
pub trait BroadcastConnection: Connection {
    /// The connection that statements run on: itself, or the one inside of a pool's.
    type Bare: LoadConnection<Backend = Self::Backend>;

    /// Borrows it.
    fn bare(&mut self) -> &mut Self::Bare;
}

impl<C> BroadcastConnection for C
where
    C: Connection<TransactionManager: Reach<C>>,
    <C::TransactionManager as Reach<C>>::Bare: LoadConnection<Backend = C::Backend>,
{
    type Bare = <C::TransactionManager as Reach<C>>::Bare;

    fn bare(&mut self) -> &mut Self::Bare {
        C::TransactionManager::bare(self)
    }
}

/// The way to the connection inside of a pool's: Diesel runs SQLite's batches on a bare
/// connection only. Told apart by the transaction manager, since both are connections.
pub trait Reach<Conn: Connection> {
    /// The bare connection.
    type Bare: Connection<Backend = Conn::Backend>;

    /// Borrows it.
    fn bare(conn: &mut Conn) -> &mut Self::Bare;
}

impl<Conn: Connection> Reach<Conn> for AnsiTransactionManager {
    type Bare = Conn;

    fn bare(conn: &mut Conn) -> &mut Conn {
        conn
    }
}

impl<Manager, T> Reach<PooledConnection<Manager>> for PoolTransactionManager<T>
where
    Manager: ManageConnection,
    Manager::Connection: R2D2Connection + Send + 'static,
{
    type Bare = Manager::Connection;

    fn bare(conn: &mut PooledConnection<Manager>) -> &mut Manager::Connection {
        conn
    }
}

/// The connection's transaction depth; 0 outside of a transaction.
pub(super) fn depth<C: Connection>(conn: &mut C) -> QueryResult<u32> {
    depth_in(C::TransactionManager::transaction_manager_status_mut(conn))
}

/// Whether the transaction that is open is one of Diesel's test transactions, which it does not take
/// for a broken connection.
pub(super) fn is_test_transaction<C: Connection>(conn: &mut C, depth: u32) -> bool {
    depth > 0 && !C::TransactionManager::is_broken_transaction_manager(conn)
}

/// The transaction depth in what the transaction manager knows; 0 outside of a transaction.
pub(super) fn depth_in(status: &TransactionManagerStatus) -> QueryResult<u32> {
    Ok(status
        .transaction_depth()?
        .map_or(0, std::num::NonZeroU32::get))
}
