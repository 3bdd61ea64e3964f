//! Attaching connections and pools.

use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, bb8, deadpool};
use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use graphex::{AttachError, BroadcastDsl as _, CaptureError, Hub};

use super::{attached, ids, insert};
use crate::awaited_database::{Conn, connect, url};
use crate::capture::{Listener, Note, created, notes};

pub(super) fn capture_error(outcome: QueryResult<Note>) -> CaptureError {
    match outcome {
        Err(Error::QueryBuilderError(error)) => *error.downcast().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_not_attached_writes_nothing() {
    let mut conn = connect("not_attached").await;
    let refused = capture_error(insert(&mut conn, 1).await);
    assert_eq!(refused, CaptureError::NotAttached { model: "Note" });
    assert_eq!(ids(&mut conn).await, [0_i64; 0]);
    conn.transaction(async |_| QueryResult::Ok(()))
        .await
        .expect("no transaction is left open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_the_hub_does_not_know_writes_nothing() {
    let mut conn = connect("unknown").await;
    Hub::builder().build().attach(&mut conn).await.unwrap();
    let refused = capture_error(insert(&mut conn, 1).await);
    assert_eq!(refused, CaptureError::UnknownModel { model: "Note" });
    assert_eq!(ids(&mut conn).await, [0_i64; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_moves_to_another_hub_between_transactions_only() {
    let (mut conn, mut one) = attached("moves").await;
    let mut two = Listener::new().await;
    conn.transaction(async |conn| {
        insert(conn, 1).await?;
        let refused = two.hub.attach(conn).await;
        assert_eq!(refused, Err(AttachError::Uncommitted));
        one.hub.attach(conn).await.expect("the same again");
        insert(conn, 2).await
    })
    .await
    .unwrap();
    two.hub.attach(&mut conn).await.unwrap();
    insert(&mut conn, 3).await.unwrap();
    assert_eq!(one.told().await, [created(1, "new"), created(2, "new")]);
    assert_eq!(two.told().await, [created(3, "new")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instrumentation_is_kept_and_hears_of_every_transaction() {
    let (mut conn, mut listener) = (connect("instrumented").await, Listener::new().await);
    let (sender, events) = std::sync::mpsc::channel();
    let instrumentation = move |event: InstrumentationEvent<'_>| match event {
        InstrumentationEvent::BeginTransaction { .. } => sender.send("begin").unwrap(),
        InstrumentationEvent::CommitTransaction { .. } => sender.send("commit").unwrap(),
        InstrumentationEvent::RollbackTransaction { .. } => sender.send("roll back").unwrap(),
        _ => {}
    };
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let refused = listener.hub.attach(&mut conn).await;
    assert_eq!(refused, Err(AttachError::Instrumented));
    let hub = &listener.hub;
    hub.attach_with(&mut conn, instrumentation).await.unwrap();
    insert(&mut conn, 1).await.unwrap();
    insert(&mut conn, 1).await.unwrap_err();
    let heard: Vec<_> = events.try_iter().collect();
    assert_eq!(heard, ["begin", "commit", "begin", "roll back"]);
    assert_eq!(listener.told().await, [created(1, "new")]);
}

const TABLE: &str = "CREATE TEMPORARY TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)";

fn manager(hub: &Hub, name: &str) -> AsyncDieselConnectionManager<Conn> {
    AsyncDieselConnectionManager::new_with_config(url(name), hub.manager_config())
}

#[tokio::test(flavor = "multi_thread")]
async fn deadpools_connections_are_attached() {
    let mut listener = Listener::new().await;
    let pool = deadpool::Pool::builder(manager(&listener.hub, "deadpool"))
        .max_size(1)
        .build()
        .unwrap();
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(TABLE).await.unwrap();
    insert(&mut conn, 1).await.unwrap();
    let count = diesel::insert_into(notes::table)
        .values(Note::new(2, "new"))
        .broadcast()
        .execute(&mut conn)
        .await;
    assert_eq!(count, Ok(1));
    conn.transaction(async |conn| insert(conn, 3).await)
        .await
        .unwrap();
    let expected = [1, 2, 3].map(|id| created(id, "new"));
    assert_eq!(listener.told().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn bb8s_connections_are_attached() {
    let mut listener = Listener::new().await;
    let pool = bb8::Pool::builder()
        .max_size(1)
        .build(manager(&listener.hub, "bb8"))
        .await
        .unwrap();
    let mut conn = pool.get().await.unwrap();
    conn.batch_execute(TABLE).await.unwrap();
    let count = diesel::insert_into(notes::table)
        .values(Note::new(1, "new"))
        .broadcast()
        .execute(&mut conn)
        .await;
    assert_eq!(count, Ok(1));
    drop(conn);
    let mut conn = pool.get().await.unwrap();
    conn.transaction(async |conn| {
        diesel::insert_into(notes::table)
            .values(Note::new(2, "new"))
            .broadcast()
            .get_result::<Note>(conn)
            .await
    })
    .await
    .unwrap();
    assert_eq!(
        listener.told().await,
        [created(1, "new"), created(2, "new")]
    );
}
