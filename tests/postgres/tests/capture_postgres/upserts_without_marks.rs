//! Upserts into partitioned tables and views, of which PostgreSQL returns no system columns: what
//! works without `.broadcast()` works with it, and created rows and updated rows are told apart.

use crate::capture::{Feed, Listener, Note, Told, created, deleted, notes, updated};
use crate::queries::Queries;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};
use graphex::BroadcastDsl as _;

/// The columns of one partition are in another order, so that its rows are made anew on their way.
const PARTITIONED: &str = "DROP TABLE notes; \
    CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL) PARTITION BY RANGE (id); \
    CREATE TABLE low PARTITION OF notes FOR VALUES FROM (0) TO (3); \
    CREATE TABLE high (text text NOT NULL, id bigint PRIMARY KEY); \
    ALTER TABLE notes ATTACH PARTITION high FOR VALUES FROM (3) TO (1000)";
const VIEW: &str = "ALTER TABLE notes RENAME TO stored; \
    CREATE VIEW notes AS SELECT text, id FROM stored";
/// A view that is not updatable by itself.
const TRIGGERED: &str = "ALTER TABLE notes RENAME TO stored; \
    CREATE VIEW notes AS SELECT id, max(text) AS text FROM stored GROUP BY id; \
    CREATE FUNCTION store() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        INSERT INTO stored VALUES (NEW.id, NEW.text) ON CONFLICT DO NOTHING; \
        IF NOT FOUND THEN RETURN NULL; END IF; \
        RETURN NEW; \
    END $$; \
    CREATE TRIGGER store INSTEAD OF INSERT ON notes FOR EACH ROW EXECUTE FUNCTION store()";

/// A connection to a schema of its own in which `notes` is made in this way, with row 1.
fn connect(schema: &str, made: &str) -> PgConnection {
    let mut conn = graphex_postgres_tests::connect(schema);
    let clean = format!(
        "DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}; \
         CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL); {made}; \
         INSERT INTO notes (id, text) VALUES (1, 'old')"
    );
    conn.batch_execute(&clean).unwrap();
    conn
}

fn batch(text: &str) -> Vec<Note> {
    (1..5).map(|id| Note::new(id, text)).collect()
}

/// Row 1 was there.
fn first_time(text: &str) -> [Told; 4] {
    [
        updated(1, text),
        created(2, text),
        created(3, text),
        created(4, text),
    ]
}

fn second_time(text: &str) -> [Told; 4] {
    [1, 2, 3, 4].map(|id| updated(id, text))
}

/// An upsert of rows, as Diesel and diesel-async take it.
macro_rules! put {
    ($rows:expr) => {
        diesel::insert_into(notes::table)
            .values($rows)
            .on_conflict(notes::id)
            .do_update()
            .set(notes::text.eq(excluded(notes::text)))
    };
}

/// `do_update`, `do_nothing` and plain statements.
fn tells_them_apart(schema: &str, made: &str) {
    let (mut conn, mut feed) = (connect(schema, made), Feed::new());
    feed.hub.attach(&mut conn).unwrap();
    let rows = batch("a");
    assert_eq!(put!(&rows).broadcast().execute(&mut conn), Ok(4));
    assert_eq!(feed.told(), first_time("a"));

    let rows = batch("b");
    let returned: Vec<Note> = put!(&rows).broadcast().get_results(&mut conn).unwrap();
    assert_eq!(returned, rows);
    assert_eq!(feed.told(), second_time("b"));

    let ids: Vec<i64> = put!(&rows)
        .returning(notes::id)
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(feed.told(), second_time("b"));

    let rows: Vec<_> = (4..6).map(|id| Note::new(id, "c")).collect();
    let count = diesel::insert_into(notes::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .broadcast()
        .execute(&mut conn);
    assert_eq!((count, feed.told()), (Ok(1), vec![created(5, "c")]));
    rows_of_one_transaction(&mut conn, &mut feed);
}

fn rows_of_one_transaction(conn: &mut PgConnection, feed: &mut Feed) {
    let put =
        |conn: &mut PgConnection, text: &str| put!(Note::new(6, text)).broadcast().execute(conn);
    let transaction = conn.transaction(|conn| {
        put(conn, "a")?;
        put(conn, "b")?;
        diesel::delete(notes::table.find(6))
            .broadcast()
            .execute(conn)?;
        put(conn, "c")
    });
    assert_eq!(transaction, Ok(1));
    let expected = [
        created(6, "a"),
        updated(6, "b"),
        deleted(6, "b"),
        created(6, "c"),
    ];
    assert_eq!(feed.told(), expected);
}

#[test]
fn a_partitioned_table() {
    tells_them_apart("partitioned", PARTITIONED);
}

#[test]
fn a_view_that_is_updatable() {
    tells_them_apart("updatable_view", VIEW);
}

/// PostgreSQL takes no other upsert there.
#[test]
fn a_view_with_a_trigger_instead() {
    let (mut conn, mut feed) = (connect("triggered_view", TRIGGERED), Feed::new());
    feed.hub.attach(&mut conn).unwrap();
    let rows = batch("a");
    let put = || {
        diesel::insert_into(notes::table)
            .values(&rows)
            .on_conflict_do_nothing()
    };
    assert_eq!(put().broadcast().execute(&mut conn), Ok(3));
    assert_eq!(feed.told(), [2, 3, 4].map(|id| created(id, "a")));
    assert_eq!(put().broadcast().execute(&mut conn), Ok(0));
    assert_eq!(
        put!(&rows).execute(&mut conn).is_ok(),
        put!(&rows).broadcast().execute(&mut conn).is_ok()
    );
    assert_eq!(feed.told(), []);
}

#[test]
fn what_a_table_is_is_asked_once_per_connection_and_only_for_upserts() {
    let (mut conn, mut feed) = (connect("asked", ""), Feed::new());
    let queries = Queries::default();
    feed.hub.attach_with(&mut conn, queries.receives()).unwrap();
    let update = diesel::update(notes::table).set(notes::text.eq("set"));
    update.broadcast().execute(&mut conn).unwrap();
    assert_eq!(queries.count("pg_class"), 0);
    for _ in 0..3 {
        put!(&batch("a")).broadcast().execute(&mut conn).unwrap();
    }
    assert_eq!(
        (queries.count("pg_class"), queries.count("xmax = 0")),
        (1, 3)
    );
    assert_eq!(feed.told().len(), 13);
}

async fn connect_awaited(schema: &str, made: &str) -> (AsyncPgConnection, Listener) {
    drop(connect(schema, made));
    let url = graphex_postgres_tests::url();
    let mut conn = AsyncPgConnection::establish(&url).await.unwrap();
    let entering = format!("SET search_path = {schema}");
    conn.batch_execute(&entering).await.unwrap();
    let feed = Listener::new().await;
    feed.hub.attach(&mut conn).await.unwrap();
    (conn, feed)
}

async fn tells_them_apart_awaited(schema: &str, made: &str) {
    let (mut conn, mut feed) = connect_awaited(schema, made).await;
    let rows = batch("a");
    let count = put!(&rows).broadcast().execute(&mut conn).await;
    assert_eq!(count, Ok(4));
    assert_eq!(feed.told().await, first_time("a"));
    let rows = batch("b");
    let returned: Vec<Note> = put!(&rows)
        .broadcast()
        .get_results(&mut conn)
        .await
        .unwrap();
    assert_eq!(returned, rows);
    assert_eq!(feed.told().await, second_time("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_diesel_async() {
    tells_them_apart_awaited("awaited_table", "").await;
    tells_them_apart_awaited("awaited_partitioned", PARTITIONED).await;
    tells_them_apart_awaited("awaited_view", VIEW).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_with_a_trigger_instead_on_diesel_async() {
    let (mut conn, mut feed) = connect_awaited("awaited_triggered_view", TRIGGERED).await;
    let rows = batch("a");
    let put = || {
        diesel::insert_into(notes::table)
            .values(&rows)
            .on_conflict_do_nothing()
    };
    let returned: Vec<Note> = put().broadcast().get_results(&mut conn).await.unwrap();
    assert_eq!(returned, rows[1..]);
    assert_eq!(feed.told().await, [2, 3, 4].map(|id| created(id, "a")));
    assert_eq!(put().broadcast().execute(&mut conn).await, Ok(0));
    let plain = diesel_async::RunQueryDsl::execute(put!(&rows), &mut conn).await;
    let broadcast = put!(&rows).broadcast().execute(&mut conn).await;
    assert!(plain.is_err(), "{plain:?}");
    assert_eq!(format!("{broadcast:?}"), format!("{plain:?}"));
    assert_eq!(feed.told().await, []);
    // The connection is as before.
    let rows = [Note::new(9, "b")];
    let put = diesel::insert_into(notes::table).values(&rows);
    assert_eq!(
        put.on_conflict_do_nothing()
            .broadcast()
            .execute(&mut conn)
            .await,
        Ok(1)
    );
    assert_eq!(feed.told().await, [created(9, "b")]);
}
