//! What reaches subscribers comes from the captured rows: delivery asks the database nothing.

#![cfg(feature = "diesel")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod in_process;
mod until;

use std::sync::Mutex;

use async_graphql::{Data, EmptyMutation, Object, Request};
use chrono::{NaiveDate, NaiveDateTime};
use diesel::connection::{Instrumentation, InstrumentationEvent, SimpleConnection as _};
use diesel::prelude::*;
use graphex::prelude::*;
use graphex::{Channel, Identity};
use in_process::{Desk, frames};

diesel::table! {
    tasks (id) {
        id -> BigInt,
        text -> Text,
        room -> Nullable<Integer>,
        score -> Double,
        done -> Bool,
        day -> Date,
        due -> Timestamp,
    }
}

diesel::table! {
    pings (id) {
        id -> BigInt,
        text -> Text,
        room -> Nullable<Integer>,
        score -> Double,
        done -> Bool,
        day -> Date,
        due -> Timestamp,
    }
}

/// Two models with the same columns: one sends whole rows, the other ids.
macro_rules! models {
    ($($model:ident $table:ident [$($keys:tt)*])*) => {$(
        #[derive(Clone, Queryable, Selectable, Insertable, ModelType)]
        #[diesel(table_name = $table)]
        #[graphex($($keys)*)]
        struct $model {
            id: i64,
            text: String,
            room: Option<i32>,
            score: f64,
            done: bool,
            day: NaiveDate,
            due: NaiveDateTime,
        }

        impl $model {
            fn new(id: i64) -> Self {
                let day = NaiveDate::from_ymd_opt(2026, 3, 4).unwrap();
                Self {
                    id,
                    text: format!("urgent: task {id}"),
                    room: Some(7),
                    score: 1.5,
                    done: false,
                    day,
                    due: day.and_hms_opt(5, 6, 7).unwrap(),
                }
            }

            /// Creates, updates and deletes one row and many; how many changes that is.
            fn write(conn: &mut SqliteConnection) -> QueryResult<u64> {
                use $table::{dsl, table};
                let _: Self = diesel::insert_into(table)
                    .values(Self::new(1))
                    .broadcast()
                    .get_result(conn)?;
                let many: Vec<_> = (2..=20).map(Self::new).collect();
                let created: Vec<Self> = diesel::insert_into(table)
                    .values(many)
                    .broadcast()
                    .get_results(conn)?;
                let updated = conn.transaction(|conn| {
                    diesel::update(table.find(1))
                        .set(dsl::score.eq(2.5))
                        .broadcast()
                        .execute(conn)?;
                    diesel::update(table)
                        .set(dsl::score.eq(3.5))
                        .broadcast()
                        .execute(conn)
                })?;
                let one = diesel::delete(table.find(1)).broadcast().execute(conn)?;
                let rest = diesel::delete(table).broadcast().execute(conn)?;
                let changes = 1 + created.len() + 1 + updated + one + rest;
                Ok(changes.try_into().unwrap())
            }
        }
    )*};
}

models! {
    Task tasks [stream = "tasks", serialize_data]
    Ping pings [stream = "pings", serialize_data = false]
}

#[derive(MergedSubscription, Default)]
struct Subscription(TaskSubscription, PingSubscription);

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

/// The first word of each statement of any connection of this process.
static STATEMENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn recording() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(|event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let query = query.to_string();
            let first = query.split_whitespace().next().unwrap_or_default();
            STATEMENTS.lock().unwrap().push(first.to_owned());
        }
    }))
}

fn statements() -> Vec<String> {
    std::mem::take(&mut *STATEMENTS.lock().unwrap())
}

fn connect() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    for table in ["tasks", "pings"] {
        conn.batch_execute(&format!(
            "CREATE TABLE {table} (id BIGINT PRIMARY KEY, text TEXT NOT NULL, room INTEGER, \
             score DOUBLE NOT NULL, done BOOLEAN NOT NULL, day DATE NOT NULL, \
             due TIMESTAMP NOT NULL)"
        ))
        .unwrap();
    }
    conn
}

/// A filter of each lookup, all of which every row here satisfies.
const FILTERS: [&str; 33] = [
    "{}",
    "{room: 7}",
    "{room__exact: 7}",
    "{room__in: [6, 7, 8]}",
    "{room__gt: 6}",
    "{room__gte: 7}",
    "{room__lt: 8}",
    "{room__lte: 7}",
    "{room__range: [7, 9]}",
    "{room__isnull: false}",
    "{id__gte: 1, id__lt: 21}",
    "{score__gt: 1}",
    "{done: false}",
    r#"{text__startswith: "urgent"}"#,
    r#"{text__istartswith: "URGENT"}"#,
    r#"{text__contains: "task"}"#,
    r#"{text__icontains: "TASK"}"#,
    r#"{text__regex: "task \\d+$"}"#,
    r#"{text__iregex: "^URGENT"}"#,
    r#"{text__gt: "a", text__lte: "v"}"#,
    r#"{day: "2026-03-04"}"#,
    "{day__year: 2026}",
    "{day__month: 3}",
    "{day__day: 4}",
    "{day__week_day: 4}",
    "{due__hour: 5}",
    "{due__minute: 6}",
    "{due__second: 7}",
    r#"{due__date: "2026-03-04"}"#,
    r#"{due__range: ["2026-03-04T00:00", "2026-03-05T00:00"]}"#,
    r#"{room: 7, text__icontains: "urgent", done: false, due__year: 2026}"#,
    // These two no row satisfies.
    "{room: 8}",
    r#"{text__iendswith: "x"}"#,
];

/// The last of [`FILTERS`].
const UNSATISFIED: usize = 2;

type Write = fn(&mut SqliteConnection) -> QueryResult<u64>;

/// The changes and the statements of a writer to whom nobody listens.
fn alone(write: Write) -> (u64, Vec<String>) {
    let hub = Hub::builder().model::<Task>().model::<Ping>().build();
    let mut conn = connect();
    hub.attach(&mut conn).unwrap();
    statements();
    let changes = write(&mut conn).unwrap();
    (changes, statements())
}

#[tokio::test]
async fn two_hundred_subscribers_cost_no_query() {
    diesel::connection::set_default_instrumentation(recording).unwrap();
    let (tasks, pings) = (alone(Task::write), alone(Ping::write));
    assert!(!tasks.1.is_empty() && !tasks.1.contains(&"SELECT".to_owned()));
    let hub = Hub::builder().model::<Task>().model::<Ping>().build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    let mut desk = Desk::new(hub.clone(), schema);
    let mut subscribers: Vec<(Channel, usize)> = Vec::new();
    for number in 0..200 {
        let (field, filter) = (["task", "ping"][number % 2], number / 2 % FILTERS.len());
        let channel = hub.connect(Identity::anonymous()).unwrap();
        let document = format!(
            "subscription {{ {field}Subscription(channelId: \"{}\", action: ALL_ACTIONS, \
             operation: SUBSCRIBE, filters: {}) {{ ok error }} }}",
            channel.id().as_str(),
            FILTERS[filter]
        );
        let (request, anonymous) = (Request::new(document), Identity::anonymous());
        let answer = desk.ask(&anonymous, request, Data::default()).await;
        let confirmation = &answer["data"][format!("{field}Subscription")];
        assert_eq!(
            confirmation["ok"], true,
            "{} {confirmation}",
            FILTERS[filter]
        );
        subscribers.push((channel, filter));
    }
    let mut conn = connect();
    hub.attach(&mut conn).unwrap();
    statements();

    for (write, alone) in [(Task::write as Write, &tasks), (Ping::write, &pings)] {
        let changes = write(&mut conn).unwrap();
        desk.captured(changes);
        desk.delivered().await;
        assert_eq!((changes, statements()), *alone);
    }

    for (channel, filter) in &mut subscribers {
        let satisfied = *filter < FILTERS.len() - UNSATISFIED;
        let expected = if satisfied { pings.0 } else { 0 };
        assert_eq!(
            frames(channel).len() as u64,
            expected,
            "{}",
            FILTERS[*filter]
        );
    }
    assert_eq!(statements(), [""; 0]);
}
