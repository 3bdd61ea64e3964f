//! Values at the edge of their types: what is written without `.broadcast()` is written with it.

use std::pin::pin;
use std::time::Duration;

use async_graphql::{EmptyMutation, Object};
use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::Error;
use futures_util::StreamExt as _;
use graphex::prelude::*;
use graphex::{ChangeLog, Database, Event, Field, Listener, TypedChange};
use graphex_postgres_tests::OwnDatabase;
use serde_json::json;

diesel::table! {
    readings (id) {
        id -> BigInt,
        at -> Timestamptz,
        value -> Double,
        raw -> Binary,
    }
}

#[derive(Debug, Queryable, Selectable, ModelType)]
#[diesel(table_name = readings)]
#[graphex(stream = "readings", serialize_data)]
struct Reading {
    id: i64,
    at: DateTime<Utc>,
    value: f64,
    raw: Vec<u8>,
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

/// Row 1 is at a time that chrono cannot hold, row 2 has no number.
fn connect(schema: &str) -> (PgConnection, Hub) {
    let mut conn = graphex_postgres_tests::connect(schema);
    conn.batch_execute(
        "DROP TABLE IF EXISTS readings; \
         CREATE TABLE readings (id bigint PRIMARY KEY, at timestamptz NOT NULL, \
             value double precision NOT NULL, raw bytea NOT NULL); \
         INSERT INTO readings VALUES (1, 'infinity', 1, ''), (2, '2026-01-02 03:04:05Z', 'NaN', '\\x00ff')",
    )
    .unwrap();
    let hub = Hub::builder().model::<Reading>().build();
    hub.attach(&mut conn).unwrap();
    (conn, hub)
}

async fn heard(ear: &mut Listener<Reading>) -> Event<Reading> {
    let heard = tokio::time::timeout(Duration::from_secs(60), ear.next());
    heard.await.unwrap().unwrap()
}

async fn change(ear: &mut Listener<Reading>) -> TypedChange<Reading> {
    match heard(ear).await {
        Event::Change(change) => change,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_row_that_the_model_cannot_hold_is_written_and_told_as_a_gap() {
    let (mut conn, hub) = connect("infinity");
    let mut ear = hub.subscribe::<Reading>().await.unwrap();
    let update = || diesel::update(readings::table).set(readings::value.eq(2.0));
    assert_eq!(update().broadcast().execute(&mut conn), Ok(2));
    // One of the two rows could be read, but not all.
    let mut is_gap_told = false;
    while !is_gap_told {
        is_gap_told = matches!(heard(&mut ear).await, Event::Gap);
    }
    let delete = diesel::delete(readings::table.find(1));
    assert_eq!(delete.broadcast().execute(&mut conn), Ok(1));
    assert!(matches!(heard(&mut ear).await, Event::Gap));
    assert_eq!(readings::table.count().get_result(&mut conn), Ok(1_i64));
}

#[test]
fn a_row_that_is_asked_for_and_cannot_be_read_is_an_error_and_not_written() {
    let (mut conn, _hub) = connect("infinity_read");
    let update = diesel::update(readings::table).set(readings::value.eq(2.0));
    let read = update.broadcast().get_results::<Reading>(&mut conn);
    assert!(matches!(read, Err(Error::DeserializationError(_))));
    let written = readings::table.filter(readings::value.eq(2.0)).count();
    assert_eq!(written.get_result(&mut conn), Ok(0_i64));
}

#[tokio::test]
async fn what_is_asked_for_of_such_a_row_is_returned() {
    let (mut conn, hub) = connect("infinity_returned");
    let mut ear = hub.subscribe::<Reading>().await.unwrap();
    let update = diesel::update(readings::table.find(1)).set(readings::value.eq(2.0));
    let updated: f64 = update
        .broadcast()
        .returning(readings::value)
        .get_result(&mut conn)
        .unwrap();
    assert!((updated - 2.0).abs() < f64::EPSILON);
    assert!(matches!(heard(&mut ear).await, Event::Gap));

    let at = || diesel::dsl::sql::<diesel::sql_types::Timestamptz>("'-infinity'");
    let put = || {
        diesel::insert_into(readings::table)
            .values((
                readings::id.eq(3),
                readings::at.eq(at()),
                readings::value.eq(3.0),
                readings::raw.eq(vec![0_u8]),
            ))
            .on_conflict(readings::id)
            .do_update()
            .set(readings::value.eq(4.0))
    };
    for _ in 0..2 {
        let id = put().returning(readings::id).broadcast();
        assert_eq!(id.get_result::<i64>(&mut conn), Ok(3));
        assert!(matches!(heard(&mut ear).await, Event::Gap));
    }
    let ids = diesel::delete(readings::table).broadcast();
    let mut ids: Vec<i64> = ids.returning(readings::id).load(&mut conn).unwrap();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    let mut is_gap_told = false;
    while !is_gap_told {
        is_gap_told = matches!(heard(&mut ear).await, Event::Gap);
    }
    assert_eq!(readings::table.count().get_result(&mut conn), Ok(0_i64));
}

/// async-graphql answers a query for a float that is no number with null, too.
#[tokio::test]
async fn no_number_is_null_for_clients_and_itself_in_the_process() {
    let (mut conn, hub) = connect("nan");
    let mut ear = hub.subscribe::<Reading>().await.unwrap();
    let schema = Schema::build(Query, EmptyMutation, ReadingChanges::default())
        .data(hub.clone())
        .finish();
    let document = "subscription { readingChanges(ready: true) { action data { value raw } } }";
    let mut events = pin!(schema.execute_stream(document));
    assert!(events.next().await.unwrap().errors.is_empty());
    let delete = diesel::delete(readings::table.find(2));
    assert_eq!(delete.broadcast().execute(&mut conn), Ok(1));
    let change = change(&mut ear).await;
    assert!(change.get::<f64>("value").unwrap().is_nan());
    assert_eq!(change.get::<Vec<u8>>("raw").unwrap(), [0, 255]);
    let event = tokio::time::timeout(Duration::from_secs(60), events.next());
    let event = event.await.unwrap().unwrap();
    let told = event.data.into_json().unwrap();
    let data = json!({ "value": null, "raw": [0, 255] });
    assert_eq!(
        (&told["readingChanges"]["data"], &event.errors[..]),
        (&data, &[][..])
    );
}

/// `RETURNING` is before what an `AFTER` trigger does.
#[tokio::test]
async fn what_an_after_trigger_changes_is_not_told() {
    let (mut conn, hub) = connect("after_trigger");
    conn.batch_execute(
        "CREATE OR REPLACE FUNCTION doubled() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF pg_trigger_depth() = 1 THEN \
                 UPDATE readings SET value = NEW.value * 2 WHERE id = NEW.id; \
             END IF; \
             RETURN NULL; \
         END $$; \
         CREATE TRIGGER doubled AFTER UPDATE ON readings FOR EACH ROW EXECUTE FUNCTION doubled()",
    )
    .unwrap();
    let mut ear = hub.subscribe::<Reading>().await.unwrap();
    let set = diesel::update(readings::table.find(2)).set(readings::value.eq(21.0));
    let told: Reading = set.broadcast().get_result(&mut conn).unwrap();
    assert!((told.value - 21.0).abs() < f64::EPSILON);
    let value = change(&mut ear).await.get::<f64>("value").unwrap();
    assert!((value - 21.0).abs() < f64::EPSILON);
    let written: f64 = readings::table
        .find(2)
        .select(readings::value)
        .get_result(&mut conn)
        .unwrap();
    assert!((written - 42.0).abs() < f64::EPSILON);
}

#[derive(Clone, Copy, Debug, PartialEq, Field)]
enum Status {
    Open,
    InProgress,
    #[db_rename = "done"]
    Closed,
}

#[derive(ModelType)]
#[graphex(stream = "tasks", table = "tasks", serialize_data)]
struct Task {
    id: i64,
    status: Status,
    before: Option<Status>,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enum_of_the_database_is_read_back_from_the_log() {
    let database = OwnDatabase::create("enums");
    let mut conn = PgConnection::establish(&database.url()).unwrap();
    conn.batch_execute(
        "CREATE TYPE status AS ENUM ('open', 'in_progress', 'done'); \
         CREATE TABLE tasks (id bigint PRIMARY KEY, status status NOT NULL, before text)",
    )
    .unwrap();
    let models = Hub::builder().model::<Task>();
    models
        .log_schema(Database::Postgres)
        .install(&mut conn)
        .unwrap();
    let url = database.url();
    let log = ChangeLog::postgres(move || PgConnection::establish(&url));
    let hub = models.change_log(log).try_build().unwrap();
    let mut ear = hub
        .subscribe::<Task>()
        .filter("status", Status::Closed)
        .await
        .unwrap();
    conn.batch_execute(
        "INSERT INTO tasks VALUES (1, 'open', NULL), (2, 'done', 'in_progress'), (3, 'done', NULL)",
    )
    .unwrap();
    for (id, before) in [(2_i64, Some(Status::InProgress)), (3, None)] {
        let heard = tokio::time::timeout(Duration::from_secs(60), ear.next());
        let Event::Change(change) = heard.await.unwrap().unwrap() else {
            panic!("a gap");
        };
        assert_eq!(change.id::<i64>().unwrap(), id);
        assert_eq!(change.get::<Status>("status").unwrap(), Status::Closed);
        assert_eq!(change.get::<Option<Status>>("before").unwrap(), before);
    }
}
