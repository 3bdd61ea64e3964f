//! What reaches subscribers of transactions on PostgreSQL, case by case.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::capture::{Feed, Note, created, notes};
use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::result::Error;
use graphex::BroadcastDsl as _;
use graphex_postgres_tests::{connect, enter, url};

/// An attached connection to an empty table, and who is told.
fn attached(schema: &str) -> (PgConnection, Feed) {
    let (mut conn, feed) = (connect(schema), Feed::new());
    diesel::delete(notes::table).execute(&mut conn).unwrap();
    feed.hub.attach(&mut conn).unwrap();
    (conn, feed)
}

fn insert(conn: &mut PgConnection, id: i64) -> QueryResult<Note> {
    diesel::insert_into(notes::table)
        .values(Note::new(id, "new"))
        .broadcast()
        .get_result(conn)
}

fn rollback<T>() -> QueryResult<T> {
    Err(Error::RollbackTransaction)
}

fn ids(conn: &mut PgConnection) -> Vec<i64> {
    let ids = notes::table.select(notes::id).order(notes::id);
    ids.load(conn).unwrap()
}

type Fail = fn(&mut PgConnection);

/// Ways of failing inside of PostgreSQL.
const FAILURES: [(&str, Fail); 6] = [
    ("execute", |conn| {
        diesel::insert_into(notes::table)
            .values(Note::new(1, "again"))
            .execute(conn)
            .unwrap_err();
    }),
    ("broadcast", |conn| {
        insert(conn, 1).unwrap_err();
    }),
    ("load", |conn| {
        let divided = notes::id.eq(diesel::dsl::sql("1 / (id - 1)"));
        let rows = notes::table.filter(divided).load::<Note>(conn);
        rows.unwrap_err();
    }),
    ("load row by row", |conn| {
        use diesel::pg::PgRowByRowLoadingMode;

        let one = diesel::dsl::sql::<diesel::sql_types::Integer>("1 / (2 - generate_series(1, 3))");
        let rows = diesel::select(one).load_iter::<i32, PgRowByRowLoadingMode>(conn);
        rows.unwrap().find_map(Result::err).unwrap();
    }),
    ("batch_execute", |conn| {
        conn.batch_execute("SELECT 1; SELECT nothing FROM nowhere")
            .unwrap_err();
    }),
    ("sql_query", |conn| {
        diesel::sql_query("SELECT 1 / 0").execute(conn).unwrap_err();
    }),
];

#[test]
fn a_transaction_that_an_ignored_error_aborted_is_not_told() {
    let (mut conn, mut feed) = attached("aborted");
    for (name, fail) in FAILURES {
        // PostgreSQL answers this COMMIT with a ROLLBACK, and Diesel with `Ok`.
        let outcome = conn.transaction(|conn| {
            insert(conn, 1)?;
            fail(conn);
            QueryResult::Ok(())
        });
        assert_eq!(outcome, Ok(()), "{name}");
        assert_eq!(ids(&mut conn), [0_i64; 0], "{name}");
        assert_eq!(feed.told(), [], "{name}");
    }
    insert(&mut conn, 1).unwrap();
    assert_eq!(feed.told(), [created(1, "new")], "the connection is as new");
}

#[test]
fn a_savepoint_contains_an_ignored_error() {
    let (mut conn, mut feed) = attached("contained");
    for (name, fail) in FAILURES {
        diesel::delete(notes::table).execute(&mut conn).unwrap();
        conn.transaction(|conn| {
            insert(conn, 1)?;
            let _ = conn.transaction(|conn| {
                insert(conn, 2)?;
                fail(conn);
                rollback::<()>()
            });
            // Its RELEASE fails, and Diesel rolls it back.
            let released = conn.transaction(|conn| {
                insert(conn, 3)?;
                fail(conn);
                QueryResult::Ok(())
            });
            assert!(released.is_err(), "{name}");
            insert(conn, 4)
        })
        .unwrap();
        assert_eq!(ids(&mut conn), [1, 4], "{name}");
        assert_eq!(
            feed.told(),
            [created(1, "new"), created(4, "new")],
            "{name}"
        );
    }
}

#[test]
fn an_error_outside_of_a_transaction_spoils_nothing() {
    let (mut conn, mut feed) = attached("outside");
    insert(&mut conn, 1).unwrap();
    for (_, fail) in FAILURES {
        fail(&mut conn);
    }
    conn.transaction(|conn| insert(conn, 2)).unwrap();
    assert_eq!(feed.told(), [created(1, "new"), created(2, "new")]);
}

/// Ways of failing before or after the server has to do with it.
const OWN_FAILURES: [(&str, Fail); 3] = [
    ("more binds than the protocol can number", |conn| {
        let many: Vec<_> = (2..40_000).map(|id| Note::new(id, "many")).collect();
        let insert = diesel::insert_into(notes::table).values(&many);
        insert.broadcast().execute(conn).unwrap_err();
    }),
    ("a result of another type", |conn| {
        diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>("NULL"))
            .get_result::<String>(conn)
            .unwrap_err();
    }),
    ("nothing to set", |conn| {
        let nothing = None::<diesel::dsl::Eq<notes::text, &str>>;
        let update = diesel::update(notes::table).set(nothing);
        update.broadcast().execute(conn).unwrap_err();
    }),
];

#[test]
fn an_error_that_the_server_never_saw_spoils_nothing() {
    let (mut conn, mut feed) = attached("unseen");
    for (name, fail) in OWN_FAILURES {
        diesel::delete(notes::table).execute(&mut conn).unwrap();
        conn.transaction(|conn| {
            insert(conn, 1)?;
            fail(conn);
            QueryResult::Ok(())
        })
        .unwrap();
        assert_eq!(ids(&mut conn), [1], "{name}");
        assert_eq!(feed.told(), [created(1, "new")], "{name}");
    }
}

#[test]
fn a_failed_commit_is_not_told() {
    let (mut conn, mut feed) = attached("failed_commit");
    conn.batch_execute(
        "CREATE TABLE IF NOT EXISTS replies \
         (note BIGINT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)",
    )
    .unwrap();
    let refused = conn.transaction(|conn| {
        insert(conn, 1)?;
        diesel::sql_query("INSERT INTO replies VALUES (2)").execute(conn)
    });
    assert!(matches!(refused, Err(Error::DatabaseError(..))));
    assert_eq!((ids(&mut conn), feed.told()), (vec![], vec![]));
    insert(&mut conn, 2).unwrap();
    assert_eq!(feed.told(), [created(2, "new")]);
}

#[test]
fn built_transactions_are_transactions() {
    let (mut conn, mut feed) = attached("built");
    conn.build_transaction()
        .serializable()
        .run(|conn| {
            insert(conn, 1)?;
            conn.transaction(|conn| insert(conn, 2))
        })
        .unwrap();
    let _ = conn.build_transaction().repeatable_read().run(|conn| {
        insert(conn, 3)?;
        rollback::<()>()
    });
    let _ = conn
        .build_transaction()
        .read_only()
        .run(|conn| insert(conn, 4));
    assert_eq!(feed.told(), [created(1, "new"), created(2, "new")]);
}

#[test]
fn nothing_is_told_from_test_transactions() {
    let (mut conn, mut feed) = attached("test_transactions");
    conn.test_transaction(|conn| insert(conn, 1));
    conn.begin_test_transaction().unwrap();
    insert(&mut conn, 2).unwrap();
    conn.transaction(|conn| insert(conn, 3)).unwrap();
    assert_eq!(ids(&mut conn), [2, 3]);
    assert_eq!(feed.told(), []);
}

#[test]
fn a_panic_and_a_dropped_connection_are_not_told() {
    let (mut conn, mut feed) = attached("dropped");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        conn.transaction(|conn| -> QueryResult<()> {
            insert(conn, 1)?;
            resume_unwind(Box::new("a panic of the application"))
        })
    }));
    assert!(panicked.is_err());
    drop(conn);
    let mut conn = connect("dropped");
    feed.hub.attach(&mut conn).unwrap();
    AnsiTransactionManager::begin_transaction(&mut conn).unwrap();
    insert(&mut conn, 2).unwrap();
    drop(conn);
    assert_eq!(feed.told(), []);
}

#[test]
fn a_pool_takes_no_open_transaction_back() {
    let mut feed = Feed::new();
    drop(attached("pooled"));
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(feed.hub.customizer()))
        .build(ConnectionManager::<PgConnection>::new(url()))
        .unwrap();
    let mut conn = pool.get().unwrap();
    enter(&mut conn, "pooled").unwrap();
    AnsiTransactionManager::begin_transaction(&mut *conn).unwrap();
    insert(&mut conn, 1).unwrap();
    drop(conn);
    let mut conn = pool.get().unwrap();
    enter(&mut conn, "pooled").unwrap();
    let note: Note = diesel::insert_into(notes::table)
        .values(Note::new(2, "new"))
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!((note.id, ids(&mut conn)), (2, vec![2]));
    assert_eq!(feed.told(), [created(2, "new")]);
}

#[test]
fn nothing_is_written_in_a_transaction_that_was_begun_as_text() {
    let (mut conn, mut feed) = attached("text");
    for begin in ["BEGIN", "start transaction isolation level serializable"] {
        diesel::sql_query(begin).execute(&mut conn).unwrap();
        let refused = insert(&mut conn, 1).unwrap_err().to_string();
        assert!(refused.contains("begun as SQL text"), "{refused}");
        diesel::sql_query("ROLLBACK").execute(&mut conn).unwrap();
        assert_eq!(ids(&mut conn), [0_i64; 0]);
    }
    // What a script began before it failed is open.
    conn.batch_execute("BEGIN; SELECT nothing FROM nowhere")
        .unwrap_err();
    insert(&mut conn, 1).unwrap_err();
    conn.batch_execute("ROLLBACK").unwrap();
    // The user's own COMMIT, by Diesel, is one.
    conn.batch_execute("BEGIN").unwrap();
    conn.transaction(|conn| insert(conn, 2)).unwrap();
    insert(&mut conn, 3).unwrap();
    assert_eq!(ids(&mut conn), [2, 3]);
    assert_eq!(feed.told(), [created(2, "new"), created(3, "new")]);
}

#[test]
fn a_transaction_that_is_prepared_as_text_is_not_told() {
    let (mut conn, mut feed) = attached("prepared");
    let prepare = "PREPARE TRANSACTION 'graphex_text'";
    // Diesel finds that its transaction is gone.
    conn.transaction(|conn| {
        insert(conn, 1)?;
        diesel::sql_query(prepare).execute(conn)
    })
    .unwrap_err();
    assert_eq!(ids(&mut conn), [0_i64; 0]);
    insert(&mut conn, 2).unwrap();
    assert_eq!(feed.told(), [created(2, "new")]);
    conn.batch_execute("COMMIT PREPARED 'graphex_text'")
        .unwrap();
    assert_eq!(ids(&mut conn), [1, 2]);
    // In a savepoint, and in a transaction that was begun by hand.
    AnsiTransactionManager::begin_transaction(&mut conn).unwrap();
    conn.transaction(|conn| insert(conn, 3)).unwrap();
    conn.batch_execute(prepare).unwrap();
    let ended = AnsiTransactionManager::commit_transaction(&mut conn);
    assert!(matches!(ended, Err(Error::NotInTransaction)), "{ended:?}");
    conn.batch_execute("ROLLBACK PREPARED 'graphex_text'")
        .unwrap();
    // Until Diesel's next transaction ends, the end of that one was not heard.
    insert(&mut conn, 7).unwrap();
    // As text from the beginning on.
    conn.batch_execute("BEGIN; INSERT INTO notes VALUES (4, 'plain')")
        .unwrap();
    insert(&mut conn, 5).unwrap_err();
    conn.batch_execute(prepare).unwrap();
    insert(&mut conn, 6).unwrap();
    conn.batch_execute("ROLLBACK PREPARED 'graphex_text'")
        .unwrap();
    assert_eq!(ids(&mut conn), [1, 2, 6, 7]);
    assert_eq!(feed.told(), [created(7, "new"), created(6, "new")]);
}
