//! The transaction that a statement takes where none is open.

use std::num::NonZeroU32;

use diesel::connection::{InstrumentationEvent, TransactionDepthChange};
use diesel::result::QueryResult;
use diesel_async::{AsyncConnection, TransactionManager as _};
use futures_util::FutureExt as _;

use crate::capture::bare::depth_in;
use crate::capture::tracker::Tracker;

/// The transaction depth; 0 outside of a transaction.
pub(super) fn depth_of<C: AsyncConnection>(conn: &mut C) -> QueryResult<u32> {
    depth_in(C::TransactionManager::transaction_manager_status_mut(conn))
}

/// Whether the transaction that is open is a test transaction, as on Diesel's connections.
pub(super) fn is_test_transaction<C: AsyncConnection>(conn: &mut C, depth: u32) -> bool {
    depth > 0 && !C::TransactionManager::is_broken_transaction_manager(conn)
}

/// An open transaction of one statement.
///
/// Not diesel-async's: where the future of that is dropped the transaction stays open, and what
/// the connection writes next is lost with it. This one ends when it is dropped, as a statement
/// without a transaction does, and the connection is as before.
pub(super) struct Own<'c, C: AsyncConnection> {
    conn: &'c mut C,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begins,
    IsOpen,
    IsOver,
}

impl<'c, C: AsyncConnection> Own<'c, C> {
    /// Opens it.
    pub(super) async fn begin(conn: &'c mut C) -> QueryResult<Self> {
        let state = State::Begins;
        let mut own = Self { conn, state };
        own.announce(InstrumentationEvent::begin_transaction);
        if let Err(error) = own.conn.batch_execute("BEGIN").await {
            own.state = State::IsOver;
            return Err(error);
        }
        own.change_depth(TransactionDepthChange::IncreaseDepth);
        own.state = State::IsOpen;
        Ok(own)
    }

    /// The connection.
    pub(super) fn conn(&mut self) -> &mut C {
        self.conn
    }

    /// Commits it. Where that fails it is rolled back: SQLite leaves it open.
    pub(super) async fn commit(mut self) -> QueryResult<()> {
        self.announce(InstrumentationEvent::commit_transaction);
        let committed = self.conn.batch_execute("COMMIT").await;
        if committed.is_err() {
            self.roll_back().await;
        } else {
            self.end();
        }
        committed
    }

    /// Rolls it back; a connection that cannot, and is in a transaction still, is broken.
    pub(super) async fn roll_back(&mut self) {
        self.announce(InstrumentationEvent::rollback_transaction);
        let rolled_back = self.conn.batch_execute("ROLLBACK").await;
        // SQLite may have done so by itself, and its connection has noticed.
        let is_over = depth_of(self.conn) == Ok(0);
        self.end();
        if rolled_back.is_err() && !is_over {
            self.is_broken();
        }
    }

    fn end(&mut self) {
        if self.state == State::IsOpen {
            self.change_depth(TransactionDepthChange::DecreaseDepth);
        }
        self.state = State::IsOver;
    }

    fn announce(&mut self, event: fn(NonZeroU32) -> InstrumentationEvent<'static>) {
        let instrumentation = self.conn.instrumentation();
        instrumentation.on_connection_event(event(NonZeroU32::MIN));
    }

    fn change_depth(&mut self, change: TransactionDepthChange) {
        let status = C::TransactionManager::transaction_manager_status_mut(self.conn);
        let changed = status
            .transaction_state()
            .and_then(|state| state.change_transaction_depth(change));
        // It may know already, and then is as it should be.
        let _ = changed;
    }

    fn is_broken(&mut self) {
        C::TransactionManager::transaction_manager_status_mut(self.conn).set_in_error();
    }
}

impl<C: AsyncConnection> Drop for Own<'_, C> {
    fn drop(&mut self) {
        if self.state == State::IsOver {
            return;
        }
        // The driver may wait here, which panics on some runtimes; a second panic would abort.
        if std::thread::panicking() {
            self.is_broken();
            return;
        }
        self.announce(InstrumentationEvent::rollback_transaction);
        // Polled once it is on its way, behind whatever was sent before: a driver sends in order.
        // After a COMMIT there is nothing to roll back, and it is refused.
        let _ = self.conn.batch_execute("ROLLBACK").now_or_never();
        if let Some(tracker) = self.conn.instrumentation().downcast_mut::<Tracker>() {
            tracker.give_up();
        }
        self.end();
    }
}
