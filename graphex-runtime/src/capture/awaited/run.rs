//! Running a statement and recording what it changed, across awaits.

use std::marker::PhantomData;

use diesel::result::QueryResult;
use diesel_async::methods::LoadQuery;
use diesel_async::{AsyncConnection, RunQueryDsl};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use super::Awaited;
use super::own::{Own, depth_of, is_test_transaction};
use crate::capture::around::Around;
use crate::capture::broadcast::Run;
use crate::capture::evidence::{Evidence, HasNoLocks};
use crate::capture::models::{Captured, Models};
use crate::capture::reading::{Outcome, Read, Reading, Returned, Rows, Unread};
use crate::capture::returning::AlsoReturning;
use crate::capture::tracker::Tracker;
use crate::model::ModelType;

impl<'conn, 'query, S, Conn, M, K, U> Run<'conn, 'query, Conn, M, K, U, Awaited> for S
where
    Conn: AsyncConnection,
    M: Captured<K, Conn::Backend>,
    U: Send + 'conn,
    S: AlsoReturning<M::Selection> + Send + 'conn,
    S::Reading: Reading<K, M, Conn::Backend, U>,
    <S::Reading as Reading<K, M, Conn::Backend, U>>::Row: Send + 'conn,
    S::Query: Send
        + 'conn
        + LoadQuery<'query, Conn, <S::Reading as Reading<K, M, Conn::Backend, U>>::Row>,
{
    fn run<T: 'conn>(
        self,
        conn: &'conn mut Conn,
        outcome: Outcome<U, T>,
    ) -> BoxFuture<'conn, QueryResult<T>> {
        Box::pin(async move {
            let evidence = if M::ASKS {
                evidence::<M::First, _>(conn).await?
            } else {
                Evidence::default()
            };
            let query = self.also_returning(M::selection(evidence));
            let unread = outcome.unread();
            outcome.of(run::<_, M, _, _, _>(conn, query, S::Reading::read, unread).await?)
        })
    }
}

/// The evidence that the model's table has on this connection, which is asked once.
async fn evidence<M: ModelType, C: AsyncConnection>(conn: &mut C) -> QueryResult<Evidence> {
    let tracker = Tracker::of::<M>(conn.instrumentation())?;
    if let Some(known) = tracker.evidence.of::<M>() {
        return Ok(known);
    }
    let count = RunQueryDsl::execute(HasNoLocks::of::<M>(), conn).await?;
    let evidence = HasNoLocks::read(count);
    let tracker = Tracker::of::<M>(conn.instrumentation())?;
    tracker.evidence.learn::<M>(evidence);
    Ok(evidence)
}

/// Runs a statement as on Diesel's connections.
async fn run<'query, C, M, Q, R, U>(
    conn: &mut C,
    query: Q,
    read: Read<R, U>,
    unread: Unread,
) -> QueryResult<Returned<U>>
where
    C: AsyncConnection,
    M: Models,
    Q: LoadQuery<'query, C, R>,
{
    let depth = depth_of(conn);
    match Around::of::<M>(conn.instrumentation(), depth)? {
        Around::Open(depth) => record::<_, M, _, _, _>(conn, depth, query, read, unread).await,
        Around::Own => {
            let mut own = Own::begin(conn).await?;
            let returned = record::<_, M, _, _, _>(own.conn(), 1, query, read, unread).await;
            match &returned {
                Ok(_) => own.commit().await?,
                Err(_) => own.roll_back().await,
            }
            returned
        }
        Around::Nothing => {
            let returned = record::<_, M, _, _, _>(conn, 0, query, read, unread).await;
            Tracker::wake_log(conn.instrumentation());
            returned
        }
    }
}

async fn record<'query, C, M, Q, R, U>(
    conn: &mut C,
    depth: u32,
    query: Q,
    read: Read<R, U>,
    unread: Unread,
) -> QueryResult<Returned<U>>
where
    C: AsyncConnection,
    M: Models,
    Q: LoadQuery<'query, C, R>,
{
    let mut sent = Sent::<_, M>::new(conn, depth);
    let read = read_rows(sent.conn, query, read).await;
    sent.has_ended = true;
    let is_test = is_test_transaction(sent.conn, depth);
    let there = sent.conn.instrumentation();
    match read {
        Ok(rows) => rows.record::<M>(there, depth, is_test, unread),
        Err(error) => {
            let tracker = Tracker::of::<M::First>(there)?;
            // PostgreSQL may say so among the rows, after diesel-async has told of the end.
            tracker.fail(&error);
            Err(error)
        }
    }
}

async fn read_rows<'query, C, Q, R, U>(
    conn: &mut C,
    query: Q,
    read: Read<R, U>,
) -> QueryResult<Rows<R, U>>
where
    C: AsyncConnection,
    Q: LoadQuery<'query, C, R>,
{
    let mut rows = Rows::new(read);
    let mut stream = std::pin::pin!(query.internal_load(conn).await?);
    while let Some(row) = stream.next().await {
        rows.add(row)?;
    }
    Ok(rows)
}

/// A statement that is sent. If its future is dropped it runs nonetheless, and its transaction
/// may commit: then its rows are missed.
struct Sent<'c, C: AsyncConnection, M: Models> {
    conn: &'c mut C,
    depth: u32,
    has_ended: bool,
    _model: PhantomData<fn() -> M>,
}

impl<'c, C: AsyncConnection, M: Models> Sent<'c, C, M> {
    fn new(conn: &'c mut C, depth: u32) -> Self {
        Self {
            conn,
            depth,
            has_ended: false,
            _model: PhantomData,
        }
    }
}

impl<C: AsyncConnection, M: Models> Drop for Sent<'_, C, M> {
    fn drop(&mut self) {
        // After a panic of the driver's, its connection may not be asked.
        if self.has_ended || std::thread::panicking() {
            return;
        }
        M::miss(self.conn.instrumentation(), self.depth);
    }
}
