//! What reaches subscribers of transactions on SQLite, case by case.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::capture::{Feed, Note, created, deleted, notes, updated};
use crate::database::{Conn, connect, put};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::Error;
use graphex::BroadcastDsl as _;

/// An attached connection to a database of its own, and who is told.
fn attached() -> (Conn, Feed) {
    let (mut conn, feed) = (connect(), Feed::new());
    feed.hub.attach(&mut conn).unwrap();
    (conn, feed)
}

fn insert(conn: &mut Conn, id: i64) -> QueryResult<Note> {
    diesel::insert_into(notes::table)
        .values(Note::new(id, "new"))
        .broadcast()
        .get_result(conn)
}

fn rollback<T>() -> QueryResult<T> {
    Err(Error::RollbackTransaction)
}

fn count(conn: &mut Conn) -> i64 {
    notes::table.count().get_result(conn).unwrap()
}

#[test]
fn a_statement_by_itself_is_told_at_once() {
    let (mut conn, mut feed) = attached();
    insert(&mut conn, 1).unwrap();
    assert_eq!(feed.told(), [created(1, "new")]);
    insert(&mut conn, 1).unwrap_err();
    assert_eq!(feed.told(), []);
}

#[test]
fn a_transaction_is_told_when_it_has_committed_in_the_order_of_its_changes() {
    let (mut conn, mut feed) = attached();
    conn.transaction(|conn| {
        insert(conn, 1)?;
        diesel::update(notes::table)
            .set(notes::text.eq("changed"))
            .broadcast()
            .execute(conn)?;
        insert(conn, 2)?;
        diesel::delete(notes::table.find(1))
            .broadcast()
            .execute(conn)?;
        assert_eq!(feed.told(), [], "nothing before the commit");
        QueryResult::Ok(())
    })
    .unwrap();
    let expected = [
        created(1, "new"),
        updated(1, "changed"),
        created(2, "new"),
        deleted(1, "changed"),
    ];
    assert_eq!(feed.told(), expected);
    assert_eq!(feed.told(), [], "once");
}

#[test]
fn a_rolled_back_transaction_is_not_told() {
    let (mut conn, mut feed) = attached();
    let _ = conn.transaction(|conn| {
        insert(conn, 1)?;
        rollback::<()>()
    });
    assert_eq!(feed.told(), []);
}

#[test]
fn savepoints_share_the_fate_of_what_is_around_them() {
    let (mut conn, mut feed) = attached();
    conn.transaction(|conn| {
        insert(conn, 1)?;
        let _ = conn.transaction(|conn| {
            insert(conn, 2)?;
            conn.transaction(|conn| insert(conn, 3))?;
            rollback::<()>()
        });
        conn.transaction(|conn| {
            insert(conn, 4)?;
            let _ = conn.transaction(|conn| {
                insert(conn, 5)?;
                rollback::<()>()
            });
            insert(conn, 6)
        })?;
        insert(conn, 7)
    })
    .unwrap();
    let expected = [1, 4, 6, 7].map(|id| created(id, "new"));
    assert_eq!(feed.told(), expected);

    let _ = conn.transaction(|conn| {
        conn.transaction(|conn| insert(conn, 8))?;
        rollback::<()>()
    });
    assert_eq!(feed.told(), []);
}

#[test]
fn immediate_and_exclusive_transactions_are_transactions() {
    let (mut conn, mut feed) = attached();
    conn.immediate_transaction(|conn| insert(conn, 1)).unwrap();
    conn.exclusive_transaction(|conn| insert(conn, 2)).unwrap();
    let _ = conn.immediate_transaction(|conn| {
        insert(conn, 3)?;
        rollback::<()>()
    });
    assert_eq!(feed.told(), [created(1, "new"), created(2, "new")]);
}

#[test]
fn nothing_is_told_from_test_transactions() {
    let (mut conn, mut feed) = attached();
    conn.test_transaction(|conn| insert(conn, 1));
    conn.begin_test_transaction().unwrap();
    insert(&mut conn, 2).unwrap();
    conn.transaction(|conn| insert(conn, 3)).unwrap();
    assert_eq!(count(&mut conn), 2);
    assert_eq!(feed.told(), []);
}

#[test]
fn a_failed_commit_is_not_told() {
    let (mut conn, mut feed) = attached();
    conn.batch_execute(
        "PRAGMA foreign_keys = ON; \
         CREATE TABLE replies (note BIGINT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)",
    )
    .unwrap();
    let refused = conn.transaction(|conn| {
        insert(conn, 1)?;
        diesel::sql_query("INSERT INTO replies VALUES (2)").execute(conn)
    });
    assert!(matches!(refused, Err(Error::DatabaseError(..))));
    assert_eq!((count(&mut conn), feed.told()), (0, vec![]));

    insert(&mut conn, 2).unwrap();
    assert_eq!(feed.told(), [created(2, "new")]);
}

#[test]
fn a_failed_statement_costs_only_itself() {
    let (mut conn, mut feed) = attached();
    conn.transaction(|conn| {
        insert(conn, 1)?;
        insert(conn, 1).unwrap_err();
        conn.batch_execute("SELECT nothing FROM nowhere")
            .unwrap_err();
        insert(conn, 2)
    })
    .unwrap();
    assert_eq!(feed.told(), [created(1, "new"), created(2, "new")]);
}

#[test]
fn a_panic_in_a_transaction_is_not_told() {
    let (mut conn, mut feed) = attached();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        conn.transaction(|conn| -> QueryResult<()> {
            insert(conn, 1)?;
            resume_unwind(Box::new("a panic of the application"))
        })
    }));
    assert!(panicked.is_err());
    drop(conn);
    assert_eq!(feed.told(), []);
}

#[test]
fn a_dropped_connection_is_not_told() {
    use diesel::connection::{AnsiTransactionManager, TransactionManager as _};

    let (mut conn, mut feed) = attached();
    AnsiTransactionManager::begin_transaction(&mut conn).unwrap();
    insert(&mut conn, 1).unwrap();
    drop(conn);
    assert_eq!(feed.told(), []);
}

/// Diesel notices that SQLite ended the transaction, and begins another at the same depth.
#[test]
fn a_transaction_that_sqlite_rolled_back_is_not_told() {
    let (mut conn, mut feed) = attached();
    let outcome = conn.transaction(|conn| {
        insert(conn, 1)?;
        conn.batch_execute("INSERT OR ROLLBACK INTO notes VALUES (1, 'again')")
            .unwrap_err();
        insert(conn, 2)
    });
    outcome.unwrap_err();
    assert_eq!(count(&mut conn), 1);
    assert_eq!(feed.told(), [created(2, "new")]);
}

const STOP: &str =
    "CREATE TRIGGER stop BEFORE UPDATE ON notes BEGIN SELECT RAISE(ROLLBACK, 'stop'); END";

#[test]
fn a_statement_that_sqlite_rolls_back_says_why_and_the_connection_goes_on() {
    let (mut conn, mut feed) = attached();
    insert(&mut conn, 1).unwrap();
    conn.batch_execute(STOP).unwrap();
    let update = diesel::update(notes::table).set(notes::text.eq("never"));
    let refused = update.broadcast().execute(&mut conn).unwrap_err();
    assert_eq!(refused.to_string(), "stop");
    insert(&mut conn, 2).unwrap();
    assert_eq!(feed.told(), [1, 2].map(|id| created(id, "new")));
}

#[cfg(feature = "diesel-async")]
#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_diesel_async() {
    use crate::awaited::{attached, insert};
    use diesel_async::SimpleAsyncConnection as _;

    let (mut conn, mut feed) = attached("stopped").await;
    insert(&mut conn, 1).await.unwrap();
    conn.batch_execute(STOP).await.unwrap();
    let update = diesel::update(notes::table).set(notes::text.eq("never"));
    let refused = update.broadcast().execute(&mut conn).await.unwrap_err();
    assert_eq!(refused.to_string(), "stop");
    insert(&mut conn, 2).await.unwrap();
    assert_eq!(feed.told().await, [1, 2].map(|id| created(id, "new")));
}

#[test]
fn two_connections_of_one_hub_are_told_in_the_order_of_their_commits() {
    let (mut feed, mut one, mut two) = (Feed::new(), connect(), connect());
    feed.hub.attach(&mut one).unwrap();
    feed.hub.attach(&mut two).unwrap();
    one.transaction(|one| {
        insert(one, 1)?;
        insert(&mut two, 2)
    })
    .unwrap();
    assert_eq!(feed.told(), [created(2, "new"), created(1, "new")]);
}

#[test]
fn a_row_that_was_ignored_is_not_told() {
    let (mut conn, mut feed) = attached();
    insert(&mut conn, 1).unwrap();
    assert_eq!(put(&mut conn, &Note::new(1, "ignored")).unwrap(), 0);
    assert_eq!(put(&mut conn, &Note::new(2, "put")).unwrap(), 1);
    assert_eq!(feed.told(), [created(1, "new"), created(2, "put")]);
}
