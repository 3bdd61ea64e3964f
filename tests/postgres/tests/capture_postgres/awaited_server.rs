//! What is captured on PostgreSQL through diesel-async.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use crate::awaited::{attached, ids, insert};
use crate::awaited_database::{connect, enter, hold_session, open, wait_for_session};
use crate::capture::{Listener, Note, created, notes, resync};
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::{
    AsyncConnection as _, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _,
};
use graphex::{BroadcastDsl as _, CaptureError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// diesel-async has no batches for SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_told_row_by_row() {
    let (mut conn, mut feed) = (connect("batches").await, Listener::new().await);
    feed.hub.attach(&mut conn).await.unwrap();
    let batch = |ids: &[i64]| -> Vec<Note> { ids.iter().map(|id| Note::new(*id, "new")).collect() };
    let count = diesel::insert_into(notes::table)
        .values(&batch(&[1, 2]))
        .broadcast()
        .execute(&mut conn)
        .await;
    assert_eq!(count, Ok(2));
    let ids: Vec<i64> = diesel::insert_into(notes::table)
        .values(batch(&[3, 4]))
        .broadcast()
        .returning(notes::id)
        .get_results(&mut conn)
        .await
        .unwrap();
    assert_eq!(ids, [3, 4]);
    let ids = diesel::insert_into(notes::table)
        .values([(notes::id.eq(5), notes::text.eq("new"))])
        .returning(notes::id)
        .broadcast()
        .load::<i64>(&mut conn)
        .await
        .unwrap();
    assert_eq!(ids, [5]);
    let none = diesel::insert_into(notes::table)
        .values(&batch(&[]))
        .broadcast()
        .get_result::<Note>(&mut conn)
        .await;
    assert_eq!(none, Err(Error::NotFound));
    let expected = [1, 2, 3, 4, 5].map(|id| created(id, "new"));
    assert_eq!(feed.told().await, expected);
}

/// Inserts a row in a transaction whose future is dropped when its `COMMIT` is on its way.
/// On one thread, so that no answer comes within the poll that sends it.
async fn give_up_commit(feed: &Listener, conn: &mut AsyncPgConnection) {
    let commits = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&commits);
    let instrumentation = move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::CommitTransaction { .. }) {
            heard.store(true, Ordering::Relaxed);
        }
    };
    feed.hub.attach_with(conn, instrumentation).await.unwrap();
    let mut transaction = Box::pin(conn.transaction(async |conn| insert(conn, 1).await));
    std::future::poll_fn(|context| {
        let polled = transaction.as_mut().poll(context);
        assert!(polled.is_pending(), "the commit was not given up");
        if AtomicBool::load(&commits, Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_is_given_up_is_a_gap_when_its_connection_is_dropped() {
    let (mut other, mut feed) = (connect("given_up_commit").await, Listener::new().await);
    let mut conn = open("given_up_commit").await;
    hold_session(&mut conn).await;
    give_up_commit(&feed, &mut conn).await;
    drop(conn);
    assert_eq!(feed.told().await, [resync()]);
    wait_for_session(&mut other).await;
}

/// As one does that lies in a pool.
#[tokio::test]
async fn a_commit_that_is_given_up_is_a_gap_though_its_connection_is_kept() {
    let mut feed = Listener::with_commit_time(Duration::from_millis(50)).await;
    let mut conn = connect("kept").await;
    give_up_commit(&feed, &mut conn).await;
    assert_eq!(feed.next().await, [resync()]);
    drop(conn);
    // It may have taken place since.
    assert_eq!(feed.next().await, [resync()]);
}

/// Has this run when a transaction with [`insert_and_reply`] is committed.
async fn at_commit(conn: &mut AsyncPgConnection, run: &str) {
    conn.batch_execute(&format!(
        "CREATE TABLE IF NOT EXISTS replies (note BIGINT); \
         CREATE OR REPLACE FUNCTION replied() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM {run}; RETURN NULL; END'; \
         DROP TRIGGER IF EXISTS replied ON replies; \
         CREATE CONSTRAINT TRIGGER replied AFTER INSERT ON replies DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION replied()"
    ))
    .await
    .unwrap();
}

async fn insert_and_reply(conn: &mut AsyncPgConnection) -> QueryResult<usize> {
    insert(conn, 1).await?;
    let reply = diesel::sql_query("INSERT INTO replies VALUES (1)");
    RunQueryDsl::execute(reply, conn).await
}

/// The deferred trigger waits longer than anybody waits for the commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_takes_too_long_is_a_gap_and_another_when_it_ends() {
    let mut feed = Listener::with_commit_time(Duration::from_millis(50)).await;
    let mut conn = connect("slow").await;
    feed.hub.attach(&mut conn).await.unwrap();
    let (held, released) = (AsyncPgConnection::establish, "SELECT pg_advisory_lock(3)");
    let mut holder = held(&graphex_postgres_tests::url()).await.unwrap();
    holder.batch_execute(released).await.unwrap();
    at_commit(&mut conn, "pg_advisory_xact_lock(3)").await;
    let writing = tokio::spawn(async move { conn.transaction(insert_and_reply).await });
    assert_eq!(feed.next().await, [resync()]);
    drop(holder);
    writing.await.unwrap().unwrap();
    assert_eq!(feed.told().await, [resync()]);
}

#[tokio::test]
async fn a_connection_whose_commit_was_given_up_takes_no_changes() {
    let (mut conn, mut feed) = attached("refused_after").await;
    give_up_commit(&feed, &mut conn).await;
    let refused: CaptureError = match insert(&mut conn, 2).await {
        Err(Error::QueryBuilderError(error)) => *error.downcast().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused, CaptureError::GivenUp { model: "Note" });
    // What diesel-async believes to be a savepoint of it.
    drop(conn);
    assert_eq!(feed.told().await, [resync()]);
}

/// The server says so, and with that the transaction is rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_in_its_commit_tells_nothing() {
    let (mut conn, mut feed) = attached("ended_commit").await;
    at_commit(&mut conn, "pg_terminate_backend(pg_backend_pid())").await;
    let ended = conn.transaction(insert_and_reply).await;
    assert!(matches!(ended, Err(Error::DatabaseError(..))), "{ended:?}");
    assert_eq!(feed.told().await, []);
}

/// A way to the server for one connection, and what carries it.
async fn way_to_server() -> (String, JoinHandle<()>) {
    let url = graphex_postgres_tests::url();
    let (user, server) = url.rsplit_once('@').unwrap();
    let (server, database) = server.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let way = format!("{user}@{}/{database}", listener.local_addr().unwrap());
    let server = server.to_owned();
    let carrying = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        tokio::io::copy_bidirectional(&mut client, &mut server)
            .await
            .unwrap();
    });
    (way, carrying)
}

/// How many transactions wait for the lock of [`at_commit`].
async fn waiting_for_lock(conn: &mut AsyncPgConnection) -> usize {
    let waiting = "SELECT pid FROM pg_locks \
        WHERE locktype = 'advisory' AND objid = 4 AND NOT granted";
    RunQueryDsl::execute(diesel::sql_query(waiting), conn)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_during_which_the_connection_breaks_is_a_gap() {
    let (mut holder, mut feed) = (connect("broken_commit").await, Listener::new().await);
    at_commit(&mut holder, "pg_advisory_xact_lock(4)").await;
    let lock = "SELECT pg_advisory_lock(4)";
    holder.batch_execute(lock).await.unwrap();
    let (way, carrying) = way_to_server().await;
    let mut conn = enter(&way, "broken_commit").await;
    feed.hub.attach(&mut conn).await.unwrap();
    let writing = tokio::spawn(async move { conn.transaction(insert_and_reply).await });
    let waits = async { while waiting_for_lock(&mut holder).await == 0 {} };
    tokio::time::timeout(Duration::from_secs(20), waits)
        .await
        .unwrap();
    carrying.abort();
    let broken = writing.await.unwrap();
    assert!(broken.is_err(), "{broken:?}");
    assert_eq!(feed.told().await, [resync()]);
    // It took place: nobody has told the server.
    let unlock = "SELECT pg_advisory_unlock(4)";
    holder.batch_execute(unlock).await.unwrap();
    let took_place = async { while ids(&mut holder).await.is_empty() {} };
    tokio::time::timeout(Duration::from_secs(20), took_place)
        .await
        .unwrap();
}

/// The ends of queries on a shared connection are heard in any order.
#[tokio::test(flavor = "multi_thread")]
async fn queries_that_run_beside_each_other_hide_no_error() {
    let (mut conn, mut feed) = attached("pipelined").await;
    for fails in [true, false] {
        conn.transaction(async |conn| {
            insert(conn, 1).await?;
            let divisor = i32::from(!fails);
            let query = |sql: String| RunQueryDsl::execute(diesel::sql_query(sql), &mut &*conn);
            let (a, b, c) = tokio::join!(
                query("SELECT pg_sleep(0.01)".to_owned()),
                query(format!("SELECT 1 / {divisor}")),
                query("SELECT 2".to_owned()),
            );
            assert!(a.is_ok());
            assert_eq!((b.is_err(), c.is_err()), (fails, fails));
            QueryResult::Ok(())
        })
        .await
        .unwrap();
        let committed = ids(&mut conn).await;
        assert_eq!(committed.is_empty(), fails);
        let told: Vec<_> = committed.iter().map(|id| created(*id, "new")).collect();
        assert_eq!(feed.told().await, told);
    }
}
