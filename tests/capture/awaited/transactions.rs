//! Transactions.

use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection as _, TransactionManager};
use graphex::BroadcastDsl as _;

use super::{attached, ids, insert, rollback};
use crate::awaited_database::{ABORTS_ON_ERROR, Conn, DEFERRED};
use crate::capture::{created, deleted, notes, updated};

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_by_itself_is_told_at_once() {
    let (mut conn, mut feed) = attached("alone").await;
    insert(&mut conn, 1).await.unwrap();
    assert_eq!(feed.told().await, [created(1, "new")]);
    insert(&mut conn, 1).await.unwrap_err();
    assert_eq!(feed.told().await, []);
    insert(&mut conn, 2).await.unwrap();
    assert_eq!(feed.told().await, [created(2, "new")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_told_when_it_has_committed_in_the_order_of_its_changes() {
    let (mut conn, mut feed) = attached("order").await;
    conn.transaction(async |conn| {
        insert(conn, 1).await?;
        diesel::update(notes::table)
            .set(notes::text.eq("changed"))
            .broadcast()
            .execute(conn)
            .await?;
        insert(conn, 2).await?;
        diesel::delete(notes::table.find(1))
            .broadcast()
            .execute(conn)
            .await?;
        assert_eq!(feed.told().await, [], "nothing before the commit");
        QueryResult::Ok(())
    })
    .await
    .unwrap();
    let expected = [
        created(1, "new"),
        updated(1, "changed"),
        created(2, "new"),
        deleted(1, "changed"),
    ];
    assert_eq!(feed.told().await, expected);
    assert_eq!(feed.told().await, [], "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_transaction_is_not_told() {
    let (mut conn, mut feed) = attached("rolled_back").await;
    let outcome = conn
        .transaction(async |conn| {
            insert(conn, 1).await?;
            rollback::<()>()
        })
        .await;
    assert_eq!(outcome, rollback());
    assert_eq!(feed.told().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn savepoints_share_the_fate_of_what_is_around_them() {
    let (mut conn, mut feed) = attached("savepoints").await;
    conn.transaction(async |conn| {
        insert(conn, 1).await?;
        let _ = conn
            .transaction(async |conn| {
                insert(conn, 2).await?;
                conn.transaction(async |conn| insert(conn, 3).await).await?;
                rollback::<()>()
            })
            .await;
        conn.transaction(async |conn| {
            insert(conn, 4).await?;
            let _ = conn
                .transaction(async |conn| {
                    insert(conn, 5).await?;
                    rollback::<()>()
                })
                .await;
            insert(conn, 6).await
        })
        .await?;
        insert(conn, 7).await
    })
    .await
    .unwrap();
    let expected = [1, 4, 6, 7].map(|id| created(id, "new"));
    assert_eq!(feed.told().await, expected);

    let _ = conn
        .transaction(async |conn| {
            conn.transaction(async |conn| insert(conn, 8).await).await?;
            rollback::<()>()
        })
        .await;
    assert_eq!(feed.told().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_from_test_transactions() {
    let (mut conn, mut feed) = attached("test_transactions").await;
    conn.test_transaction(async |conn| insert(conn, 1).await)
        .await;
    conn.begin_test_transaction().await.unwrap();
    insert(&mut conn, 2).await.unwrap();
    conn.transaction(async |conn| insert(conn, 3).await)
        .await
        .unwrap();
    assert_eq!(ids(&mut conn).await, [2, 3]);
    assert_eq!(feed.told().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_is_not_told() {
    let (mut conn, mut feed) = attached("failed_commit").await;
    conn.batch_execute(DEFERRED).await.unwrap();
    let refused = conn
        .transaction(async |conn| {
            insert(conn, 1).await?;
            diesel::sql_query("INSERT INTO replies VALUES (2)")
                .execute(conn)
                .await
        })
        .await;
    assert!(
        matches!(refused, Err(Error::DatabaseError(..))),
        "{refused:?}"
    );
    assert_eq!(feed.told().await, []);
}

/// The transaction of a statement by itself is not diesel-async's.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_commit_of_a_statement_is_not_told_and_leaves_the_connection_as_it_was() {
    let (mut conn, mut feed) = attached("failed_own_commit").await;
    conn.batch_execute(&format!(
        "{DEFERRED}; DELETE FROM replies; DELETE FROM notes; \
         INSERT INTO notes VALUES (1, 'old'); INSERT INTO replies VALUES (1)"
    ))
    .await
    .unwrap();
    let refused = diesel::delete(notes::table)
        .broadcast()
        .execute(&mut conn)
        .await;
    assert!(
        matches!(refused, Err(Error::DatabaseError(..))),
        "{refused:?}"
    );
    insert(&mut conn, 2).await.unwrap();
    conn.transaction(async |conn| insert(conn, 3).await)
        .await
        .unwrap();
    assert_eq!(ids(&mut conn).await, [1, 2, 3]);
    assert_eq!(feed.told().await, [created(2, "new"), created(3, "new")]);
}

/// On PostgreSQL it aborts the transaction, whose `COMMIT` rolls back and reports success.
#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_error_costs_what_the_database_makes_of_it() {
    let (mut conn, mut feed) = attached("ignored").await;
    for fail in [
        Fail::Broadcast,
        Fail::Execute,
        Fail::Batch,
        Fail::LoadThenMore,
    ] {
        diesel::delete(notes::table)
            .execute(&mut conn)
            .await
            .unwrap();
        conn.transaction(async |conn| {
            insert(conn, 1).await?;
            fail.run(conn).await;
            QueryResult::Ok(())
        })
        .await
        .unwrap();
        let committed = if ABORTS_ON_ERROR { vec![] } else { vec![1] };
        assert_eq!(ids(&mut conn).await, committed, "{fail:?}");
        let told: Vec<_> = committed.iter().map(|id| created(*id, "new")).collect();
        assert_eq!(feed.told().await, told, "{fail:?}");
    }
    diesel::delete(notes::table)
        .execute(&mut conn)
        .await
        .unwrap();
    insert(&mut conn, 1).await.unwrap();
    assert_eq!(
        feed.told().await,
        [created(1, "new")],
        "the connection is as new"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_savepoint_contains_an_ignored_error() {
    let (mut conn, mut feed) = attached("contained").await;
    for fail in [
        Fail::Broadcast,
        Fail::Execute,
        Fail::Batch,
        Fail::LoadThenMore,
    ] {
        diesel::delete(notes::table)
            .execute(&mut conn)
            .await
            .unwrap();
        conn.transaction(async |conn| {
            insert(conn, 1).await?;
            let _ = conn
                .transaction(async |conn| {
                    insert(conn, 2).await?;
                    fail.run(conn).await;
                    rollback::<()>()
                })
                .await;
            insert(conn, 4).await
        })
        .await
        .unwrap();
        assert_eq!(ids(&mut conn).await, [1, 4], "{fail:?}");
        let expected = [created(1, "new"), created(4, "new")];
        assert_eq!(feed.told().await, expected, "{fail:?}");
    }
}

/// Ways of failing inside of the database.
#[derive(Clone, Copy, Debug)]
enum Fail {
    Broadcast,
    Execute,
    Batch,
    /// PostgreSQL says so among the rows, after diesel-async has told of the query's end.
    LoadThenMore,
}

impl Fail {
    async fn run(self, conn: &mut Conn) {
        match self {
            Self::Broadcast => {
                insert(conn, 1).await.unwrap_err();
            }
            Self::Execute => {
                diesel::sql_query("SELECT nothing FROM nowhere")
                    .execute(conn)
                    .await
                    .unwrap_err();
            }
            Self::Batch => {
                let sql = "SELECT 1; SELECT nothing FROM nowhere";
                conn.batch_execute(sql).await.unwrap_err();
            }
            Self::LoadThenMore => {
                let again = diesel::insert_into(notes::table)
                    .values(notes::table.select((notes::id, notes::text)))
                    .into_columns((notes::id, notes::text));
                let again = RunQueryDsl::execute(again, conn).await;
                again.unwrap_err();
                let _ = notes::table.count().get_result::<i64>(conn).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_is_not_told() {
    let (mut conn, mut feed) = attached("dropped").await;
    <Conn as AsyncConnection>::TransactionManager::begin_transaction(&mut conn)
        .await
        .unwrap();
    insert(&mut conn, 1).await.unwrap();
    drop(conn);
    assert_eq!(feed.told().await, []);
}
