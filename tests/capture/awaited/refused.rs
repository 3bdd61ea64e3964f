//! Transactions that nobody hears the end of, and those that have none.

use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};
use graphex::CaptureError;

use super::attach::capture_error;
use super::{attached, ids, insert};
use crate::capture::created;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_in_a_transaction_that_was_begun_as_text() {
    let (mut conn, mut feed) = attached("as_text").await;
    for (id, script) in (1..).zip([false, true]) {
        if script {
            conn.batch_execute("SELECT 1; BEGIN").await.unwrap();
        } else {
            let begin = diesel::sql_query("BEGIN");
            diesel_async::RunQueryDsl::execute(begin, &mut conn)
                .await
                .unwrap();
        }
        let refused = capture_error(insert(&mut conn, id).await);
        assert_eq!(refused, CaptureError::TransactionAsText { model: "Note" });
        conn.batch_execute("ROLLBACK").await.unwrap();
        assert!(!ids(&mut conn).await.contains(&id));
        // It was not harmed by that.
        insert(&mut conn, id).await.unwrap();
        assert_eq!(feed.told().await, [created(id, "new")]);
    }
    // A text that begins none, or whose transaction is over.
    conn.batch_execute("BEGIN; INSERT INTO notes VALUES (7, 'plain'); COMMIT")
        .await
        .unwrap();
    conn.batch_execute("BEGIN BEGIN").await.unwrap_err();
    insert(&mut conn, 8).await.unwrap();
    conn.transaction(async |conn| insert(conn, 9).await)
        .await
        .unwrap();
    insert(&mut conn, 10).await.unwrap();
    assert_eq!(feed.told().await, [8, 9, 10].map(|id| created(id, "new")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_transaction_is_not_told() {
    let (mut conn, mut feed) = attached("test_transaction").await;
    conn.begin_test_transaction().await.unwrap();
    insert(&mut conn, 1).await.unwrap();
    conn.transaction(async |conn| insert(conn, 2).await)
        .await
        .unwrap();
    assert_eq!(ids(&mut conn).await, [1, 2]);
    drop(conn);
    assert_eq!(feed.told().await, []);
}
