//! Running a statement and recording what it changed.

use diesel::RunQueryDsl;
use diesel::connection::Connection;
use diesel::query_dsl::methods::LoadQuery;
use diesel::result::{Error, QueryResult};

use super::around::Around;
use super::bare::{BroadcastConnection, depth, is_test_transaction};
use super::broadcast::Run;
use super::evidence::{Evidence, HasNoLocks};
use super::models::{Captured, Models};
use super::reading::{Outcome, Read, Reading, Returned, Rows, Unread};
use super::returning::AlsoReturning;
use super::tracker::Tracker;
use super::way::Blocking;
use crate::model::ModelType;

impl<'conn, 'query, S, Conn, M, K, U> Run<'conn, 'query, Conn, M, K, U, Blocking> for S
where
    Conn: BroadcastConnection,
    M: Captured<K, Conn::Backend>,
    S: AlsoReturning<M::Selection>,
    S::Reading: Reading<K, M, Conn::Backend, U>,
    S::Query: LoadQuery<'query, Conn::Bare, <S::Reading as Reading<K, M, Conn::Backend, U>>::Row>,
{
    fn run<T: 'conn>(self, conn: &'conn mut Conn, outcome: Outcome<U, T>) -> QueryResult<T> {
        let conn = conn.bare();
        let evidence = if M::ASKS {
            evidence::<M::First, _>(conn)?
        } else {
            Evidence::default()
        };
        let query = self.also_returning(M::selection(evidence));
        let unread = outcome.unread();
        outcome.of(run::<_, M, _, _, _>(conn, query, S::Reading::read, unread)?)
    }
}

/// The evidence that the model's table has on this connection, which is asked once.
fn evidence<M: ModelType, C: Connection>(conn: &mut C) -> QueryResult<Evidence> {
    let tracker = Tracker::of::<M>(conn.instrumentation())?;
    if let Some(known) = tracker.evidence.of::<M>() {
        return Ok(known);
    }
    let count = HasNoLocks::of::<M>().execute(conn)?;
    let evidence = HasNoLocks::read(count);
    let tracker = Tracker::of::<M>(conn.instrumentation())?;
    tracker.evidence.learn::<M>(evidence);
    Ok(evidence)
}

/// Runs a statement in what there has to be around it, and records its changes there.
fn run<'query, C, M, Q, R, U>(
    conn: &mut C,
    query: Q,
    read: Read<R, U>,
    unread: Unread,
) -> QueryResult<Returned<U>>
where
    C: Connection,
    M: Models,
    Q: LoadQuery<'query, C, R>,
{
    let depth = depth(conn);
    let around = Around::of::<M>(conn.instrumentation(), depth)?;
    let record = |conn: &mut C, depth| record::<_, M, _, _, _>(conn, depth, query, read, unread);
    match around {
        Around::Open(depth) => record(conn, depth),
        Around::Own => in_transaction(conn, |conn| record(conn, 1)),
        Around::Nothing => {
            let returned = record(conn, 0);
            Tracker::wake_log(conn.instrumentation());
            returned
        }
    }
}

/// In one whose error is the statement's: where SQLite has rolled back by itself, Diesel's is that it cannot.
fn in_transaction<C: Connection, T>(
    conn: &mut C,
    run: impl FnOnce(&mut C) -> QueryResult<T>,
) -> QueryResult<T> {
    let mut failed = None;
    let ran = conn.transaction(|conn| {
        run(conn).map_err(|error| {
            failed = Some(error);
            Error::RollbackTransaction
        })
    });
    failed.map_or(ran, Err)
}

fn record<'query, C, M, Q, R, U>(
    conn: &mut C,
    depth: u32,
    query: Q,
    read: Read<R, U>,
    unread: Unread,
) -> QueryResult<Returned<U>>
where
    C: Connection,
    M: Models,
    Q: LoadQuery<'query, C, R>,
{
    let mut rows = Rows::new(read);
    for row in query.internal_load(conn)? {
        rows.add(row)?;
    }
    let is_test = is_test_transaction(conn, depth);
    rows.record::<M>(conn.instrumentation(), depth, is_test, unread)
}
