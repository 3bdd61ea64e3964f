//! Attaching connections and pools, with what else they carry.

use crate::database;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::capture::{Feed, Note, created, notes, updated};
use crate::database::{Conn, connect, url};
use diesel::connection::{
    AnsiTransactionManager, Instrumentation, InstrumentationEvent, SimpleConnection as _,
    TransactionManager as _,
};
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use diesel::result::Error;
use graphex::{Action, AttachError, BroadcastDsl as _, CaptureError, Hub, ModelType};

fn insert(conn: &mut Conn, id: i64) -> QueryResult<Note> {
    diesel::insert_into(notes::table)
        .values(Note::new(id, "new"))
        .broadcast()
        .get_result(conn)
}

fn count(conn: &mut Conn) -> i64 {
    notes::table.count().get_result(conn).unwrap()
}

fn capture_error(outcome: QueryResult<Note>) -> CaptureError {
    match outcome {
        Err(Error::QueryBuilderError(error)) => *error.downcast().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// An instrumentation that counts events.
fn counting() -> (Arc<AtomicUsize>, impl Instrumentation) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let instrumentation = move |_: InstrumentationEvent<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    (count, instrumentation)
}

#[test]
fn a_connection_that_is_not_attached_writes_nothing() {
    let mut conn = connect();
    let refused = capture_error(insert(&mut conn, 1));
    assert_eq!(refused, CaptureError::NotAttached { model: "Note" });
    assert!(refused.to_string().contains("call `hub.attach(&mut conn)`"));
    assert_eq!(count(&mut conn), 0);
    let broken = AnsiTransactionManager::is_broken_transaction_manager(&mut conn);
    assert!(!broken, "no transaction is left open");
}

#[test]
fn a_model_that_the_hub_does_not_know_writes_nothing() {
    let hub = Hub::builder().build();
    let mut conn = connect();
    hub.attach(&mut conn).unwrap();
    let refused = capture_error(insert(&mut conn, 1));
    assert_eq!(refused, CaptureError::UnknownModel { model: "Note" });
    assert!(refused.to_string().contains("add `.model::<Note>()`"));
    assert_eq!(count(&mut conn), 0);
}

#[test]
fn attaching_twice_changes_nothing() {
    let (mut conn, mut feed) = (connect(), Feed::new());
    feed.hub.attach(&mut conn).unwrap();
    conn.transaction(|conn| {
        insert(conn, 1)?;
        feed.hub.attach(conn).unwrap();
        insert(conn, 2)
    })
    .unwrap();
    assert_eq!(feed.told(), [created(1, "new"), created(2, "new")]);
}

#[test]
fn a_connection_attached_amid_a_transaction_is_told_from_there() {
    let (mut conn, mut feed) = (connect(), Feed::new());
    conn.transaction(|conn| {
        conn.transaction(|conn| {
            feed.hub.attach(conn).unwrap();
            insert(conn, 1)
        })
    })
    .unwrap();
    assert_eq!(feed.told(), [created(1, "new")]);
}

#[test]
fn a_connection_moves_to_another_hub_between_transactions_only() {
    let (mut one, mut two) = (Feed::new(), Feed::new());
    let mut conn = connect();
    one.hub.attach(&mut conn).unwrap();
    conn.transaction(|conn| {
        insert(conn, 1)?;
        assert_eq!(two.hub.attach(conn), Err(AttachError::Uncommitted));
        let (_, instrumentation) = counting();
        let refused = two.hub.attach_with(conn, instrumentation);
        assert_eq!(refused, Err(AttachError::Uncommitted));
        insert(conn, 2)
    })
    .unwrap();
    two.hub.attach(&mut conn).unwrap();
    insert(&mut conn, 3).unwrap();
    assert_eq!(one.told(), [created(1, "new"), created(2, "new")]);
    assert_eq!(two.told(), [created(3, "new")]);
}

#[test]
fn an_instrumentation_that_cannot_be_moved_stays_and_says_so() {
    let (mut conn, feed) = (connect(), Feed::new());
    let (count, instrumentation) = counting();
    conn.set_instrumentation(instrumentation);
    let refused = feed.hub.attach(&mut conn);
    assert_eq!(refused, Err(AttachError::Instrumented));
    assert!(refused.unwrap_err().to_string().contains("attach_with"));
    conn.batch_execute("SELECT 1").unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

#[test]
fn an_instrumentation_that_comes_later_detaches_and_the_error_says_so() {
    let (mut conn, mut feed) = (connect(), Feed::new());
    feed.hub.attach(&mut conn).unwrap();
    let (_, instrumentation) = counting();
    conn.set_instrumentation(instrumentation);
    let refused = insert(&mut conn, 1).unwrap_err().to_string();
    assert!(
        refused.contains("another instrumentation since"),
        "{refused}"
    );
    assert_eq!(feed.told(), []);
    assert_eq!(notes::table.count().get_result(&mut conn), Ok(0_i64));
}

#[test]
fn an_instrumentation_given_along_is_called_for_every_event() {
    let (mut conn, mut feed) = (connect(), Feed::new());
    let (calls, instrumentation) = counting();
    feed.hub.attach_with(&mut conn, instrumentation).unwrap();
    conn.batch_execute("SELECT 1").unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    // Attaching again keeps it.
    feed.hub.attach(&mut conn).unwrap();
    conn.batch_execute("SELECT 1").unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    // Another one takes its place, and costs no pending change.
    let (later, instrumentation) = counting();
    conn.transaction(|conn| {
        insert(conn, 1)?;
        feed.hub.attach_with(conn, instrumentation).unwrap();
        QueryResult::Ok(())
    })
    .unwrap();
    assert!(later.load(Ordering::Relaxed) > 0);
    assert_eq!(feed.told(), [created(1, "new")]);
}

/// Makes the table on each new connection.
#[derive(Debug)]
struct MakeTable;

impl CustomizeConnection<Conn, diesel::r2d2::Error> for MakeTable {
    fn on_acquire(&self, conn: &mut Conn) -> Result<(), diesel::r2d2::Error> {
        conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
            .map_err(diesel::r2d2::Error::QueryError)
    }
}

#[test]
fn a_pool_attaches_its_connections_and_runs_the_users_customizer() {
    let mut feed = Feed::new();
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(feed.hub.customizer().with(MakeTable)))
        .build(ConnectionManager::<SqliteConnection>::new(url(
            "customized",
        )))
        .unwrap();
    let mut conn = pool.get().unwrap();
    insert(&mut conn, 1).unwrap();
    conn.transaction(|conn| {
        diesel::update(notes::table)
            .set(notes::text.eq("set"))
            .broadcast()
            .execute(conn)
    })
    .unwrap();
    assert_eq!(feed.told(), [created(1, "new"), updated(1, "set")]);
}

#[test]
fn a_pool_takes_no_open_transaction_back() {
    let mut feed = Feed::new();
    let _keeper = database::connect_to("returned");
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(feed.hub.customizer()))
        .build(ConnectionManager::<SqliteConnection>::new(url("returned")))
        .unwrap();
    let mut conn = pool.get().unwrap();
    AnsiTransactionManager::begin_transaction(&mut *conn).unwrap();
    insert(&mut conn, 1).unwrap();
    drop(conn);
    let mut conn = pool.get().unwrap();
    insert(&mut conn, 2).unwrap();
    assert_eq!(count(&mut conn), 1);
    assert_eq!(feed.told(), [created(2, "new")]);
}

diesel::table! {
    pairs (id) {
        id -> BigInt,
    }
}

#[derive(Debug, Queryable, Selectable, ModelType)]
#[diesel(table_name = pairs)]
#[graphex(stream = "left")]
struct Left {
    id: i64,
}

#[derive(Debug, Queryable, Selectable, ModelType)]
#[diesel(table_name = pairs)]
#[graphex(stream = "right", field = "rightSubscription")]
struct Right {
    id: i64,
}

#[test]
fn a_table_with_two_models_is_told_to_the_chosen_one() {
    let hub = Hub::builder().model::<Left>().build();
    let mut conn = connect();
    hub.attach(&mut conn).unwrap();
    conn.batch_execute("CREATE TABLE pairs (id BIGINT PRIMARY KEY)")
        .unwrap();
    let insert = || diesel::insert_into(pairs::table).values(pairs::id.eq(1));
    insert()
        .broadcast::<Right>()
        .get_result(&mut conn)
        .unwrap_err();
    let left = insert().broadcast::<Left>().get_result(&mut conn).unwrap();
    assert_eq!(left.id, 1);
}

#[test]
fn a_related_row_is_told_with_the_transaction_or_not_at_all() {
    let (mut conn, mut feed) = (connect(), Feed::new());
    let hub = feed.hub.clone();
    let parent = Note::new(100, "parent");
    let publish = |conn: &mut Conn| hub.publish_on_commit(conn, Action::Update, &parent);
    let refused = capture_error(publish(&mut conn).map(|()| parent.clone()));
    assert_eq!(refused, CaptureError::NotAttached { model: "Note" });
    hub.attach(&mut conn).unwrap();
    // At once, where there is no transaction.
    publish(&mut conn).unwrap();
    assert_eq!(feed.told(), [updated(100, "parent")]);
    // In its order, when it commits.
    conn.transaction(|conn| {
        insert(conn, 1)?;
        publish(conn)?;
        insert(conn, 2)?;
        assert_eq!(feed.told(), []);
        QueryResult::Ok(())
    })
    .unwrap();
    let told = [created(1, "new"), updated(100, "parent"), created(2, "new")];
    assert_eq!(feed.told(), told);
    // Not at all where it, or a savepoint, is rolled back.
    let rolled_back = conn.transaction(|conn| {
        publish(conn)?;
        Err::<(), _>(Error::RollbackTransaction)
    });
    rolled_back.unwrap_err();
    conn.transaction(|conn| {
        let savepoint = conn.transaction(|conn| {
            publish(conn)?;
            Err::<(), _>(Error::RollbackTransaction)
        });
        savepoint.unwrap_err();
        insert(conn, 3)
    })
    .unwrap();
    assert_eq!(feed.told(), [created(3, "new")]);
    diesel::sql_query("BEGIN").execute(&mut conn).unwrap();
    let refused = capture_error(publish(&mut conn).map(|()| parent.clone()));
    assert_eq!(refused, CaptureError::TransactionAsText { model: "Note" });
    // Another hub does not hear of this connection.
    let other = Hub::builder().model::<Note>().build();
    let other = other.publish_on_commit(&mut conn, Action::Update, &parent);
    let refused = capture_error(other.map(|()| parent.clone()));
    assert_eq!(refused, CaptureError::NotAttached { model: "Note" });
}

#[test]
fn nothing_is_written_in_a_transaction_that_was_begun_as_text() {
    let (mut conn, mut feed) = (connect(), Feed::new());
    feed.hub.attach(&mut conn).unwrap();
    let begin: [fn(&mut Conn); 3] = [
        |conn| {
            diesel::sql_query("BEGIN").execute(conn).unwrap();
        },
        |conn| conn.batch_execute("SELECT 1; BEGIN IMMEDIATE").unwrap(),
        |conn| conn.batch_execute("SAVEPOINT a").unwrap(),
    ];
    for (id, begin) in (1..).zip(begin) {
        begin(&mut conn);
        let refused = capture_error(insert(&mut conn, id));
        assert_eq!(refused, CaptureError::TransactionAsText { model: "Note" });
        assert!(refused.to_string().contains("use `conn.transaction(…)`"));
        diesel::sql_query("ROLLBACK").execute(&mut conn).unwrap();
        assert_eq!(count(&mut conn), 0);
        // It was not harmed by that.
        insert(&mut conn, id).unwrap();
        assert_eq!(feed.told(), [created(id, "new")]);
        diesel::delete(notes::table).execute(&mut conn).unwrap();
    }
    // A text that begins none, or whose transaction is over.
    conn.batch_execute("BEGIN; INSERT INTO notes VALUES (7, 'plain'); COMMIT")
        .unwrap();
    diesel::sql_query("BEGIN BEGIN")
        .execute(&mut conn)
        .unwrap_err();
    insert(&mut conn, 8).unwrap();
    conn.transaction(|conn| insert(conn, 9)).unwrap();
    insert(&mut conn, 10).unwrap();
    assert_eq!(feed.told(), [8, 9, 10].map(|id| created(id, "new")));
}
