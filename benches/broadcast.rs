//! What `.broadcast()` costs a writer on diesel-async and PostgreSQL, when somebody subscribes: the time of
//! inserts with it and of the same without, in turns, as medians and ratios of one run.
//!
//! The subscriber's part, which takes the same processors, is in both where the row that is returned is
//! published by hand; what is left is capture. A statement alone takes a transaction with `.broadcast()`,
//! and so three round trips for one: only before a `COMMIT` can it get its place in the order of commits.
//!
//! With a change log, which has that order itself and tells of whatever is written, the subscriber's part is in
//! all of them.
//!
//! Needs a server at `GRAPHEX_POSTGRES_URL`. `GRAPHEX_PROOF=10` takes longer.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../tests/postgres/awaited.rs"]
mod awaited;
#[path = "../tests/capture/mod.rs"]
mod capture;
#[path = "../tests/proof/mod.rs"]
mod proof;

use std::time::Instant;

use awaited::Conn;
use capture::{Listener, Note, notes};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;
use diesel_async::{AsyncConnection as _, RunQueryDsl, SimpleAsyncConnection as _};
use graphex::{Action, BroadcastDsl as _, ChangeLog, Hub, LogSchema};
use graphex_postgres_tests::OwnDatabase;

/// How many rows are inserted between two looks at the clock.
const ROWS: i64 = 200;
/// A row of some hundred bytes.
const TEXT: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";

/// What an insert returns, and whom it tells.
#[derive(Clone, Copy)]
enum Insert {
    Plain,
    Returning,
    Published,
    Broadcast,
}

const INSERTS: [Insert; 4] = [
    Insert::Plain,
    Insert::Returning,
    Insert::Published,
    Insert::Broadcast,
];

/// A connection that is attached, and who is told of what it writes.
struct Feed {
    conn: Conn,
    listener: Listener,
    is_logged: bool,
}

impl Feed {
    /// `.broadcast()` tells.
    async fn captured() -> Self {
        let (mut conn, listener) = (
            awaited::connect("bench_broadcast").await,
            Listener::new().await,
        );
        listener.hub.attach(&mut conn).await.unwrap();
        Self {
            conn,
            listener,
            is_logged: false,
        }
    }

    /// The change log of this database tells.
    async fn logged(database: &OwnDatabase) -> Self {
        let url = database.url();
        let mut setup = PgConnection::establish(&url).unwrap();
        graphex_postgres_tests::enter(&mut setup, "public").unwrap();
        let schema = LogSchema::postgres().model::<Note>();
        schema.install(&mut setup).unwrap();
        let mut conn = Conn::establish(&url).await.unwrap();
        let log = ChangeLog::postgres(move || PgConnection::establish(&url));
        let listener = Listener::of_log(log).await;
        listener.hub.attach(&mut conn).await.unwrap();
        Self {
            conn,
            listener,
            is_logged: true,
        }
    }

    /// How many changes were told since the last call.
    async fn told(&mut self) -> usize {
        self.listener.flushed().await.len()
    }

    /// Whether this is to be compared: with a log, what is published by hand would be told twice.
    fn compares(&self, how: Insert) -> bool {
        !(self.is_logged && matches!(how, Insert::Published))
    }
}

async fn insert(conn: &mut Conn, hub: &Hub, id: i64, how: Insert) -> QueryResult<()> {
    let insert = diesel::insert_into(notes::table).values((notes::id.eq(id), notes::text.eq(TEXT)));
    match how {
        Insert::Plain => {
            RunQueryDsl::execute(insert, conn).await?;
        }
        Insert::Returning | Insert::Published => {
            let insert = insert.returning(Note::as_returning());
            let note = RunQueryDsl::get_result::<Note>(insert, conn).await?;
            if matches!(how, Insert::Published) {
                hub.publish(Action::Create, &note);
            }
        }
        Insert::Broadcast => {
            insert.broadcast().get_result::<Note>(conn).await?;
        }
    }
    Ok(())
}

/// How many rows a transaction inserts; `None` without one around a statement.
type Around = Option<i64>;

async fn insert_all(conn: &mut Conn, hub: &Hub, around: Around, how: Insert) -> QueryResult<()> {
    let Some(rows) = around else {
        for id in 0..ROWS {
            insert(conn, hub, id, how).await?;
        }
        return Ok(());
    };
    for first in (0..ROWS).step_by(usize::try_from(rows).unwrap()) {
        conn.transaction::<_, Error, _>(async |conn| {
            for id in first..first + rows {
                insert(conn, hub, id, how).await?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// µs for a row.
async fn time(feed: &mut Feed, around: Around, how: Insert) -> f64 {
    feed.conn.batch_execute("TRUNCATE notes").await.unwrap();
    // A log tells of that.
    feed.told().await;
    let hub = feed.listener.hub.clone();
    let started = Instant::now();
    insert_all(&mut feed.conn, &hub, around, how).await.unwrap();
    let took = started.elapsed().as_secs_f64() * 1_000_000.0 / ROWS as f64;
    // All of it is received, and nothing is left to do when others are timed.
    let received = feed.told().await;
    let is_told = feed.is_logged || matches!(how, Insert::Published | Insert::Broadcast);
    let told = if is_told { ROWS } else { 0 };
    assert_eq!(i64::try_from(received).unwrap(), told);
    took
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(name: &str, feed: &mut Feed, around: Around) {
    let compared: Vec<_> = (0..INSERTS.len())
        .filter(|one| feed.compares(INSERTS[*one]))
        .collect();
    let mut times = [const { Vec::new() }; INSERTS.len()];
    for round in 0..proof::steps(21) {
        // Each begins a round as often as it ends one.
        let mut order = compared.clone();
        order.rotate_left(round % compared.len());
        for one in order {
            times[one].push(time(feed, around, INSERTS[one]).await);
        }
    }
    let [others @ .., broadcast] = &times;
    let ratio = |to: &Vec<f64>| broadcast.iter().zip(to).map(|(a, b)| a / b).collect();
    let medians = times.iter().map(|times| cell(times.clone(), 0));
    let ratios = others.iter().map(|to| cell(ratio(to), 3));
    let cells: Vec<_> = medians.chain(ratios).collect();
    println!("| {name} | {} |", cells.join(" | "));
}

/// The median with so many digits, if there are values.
fn cell(values: Vec<f64>, digits: usize) -> String {
    if values.is_empty() {
        return String::new();
    }
    format!("{:.digits$}", median(values))
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    fsync: String,
}

#[tokio::main]
async fn main() {
    let mut captured = Feed::captured().await;
    let database = OwnDatabase::create("bench_broadcast");
    let mut logged = Feed::logged(&database).await;
    let fsync = diesel::sql_query("SHOW fsync");
    let fsync: Setting = RunQueryDsl::get_result(fsync, &mut captured.conn)
        .await
        .unwrap();
    println!(
        "µs for an inserted row on diesel-async, with fsync {}",
        fsync.fsync
    );
    println!(
        "| | plain | returning the row | and publishing it | `.broadcast()` | to plain | to returning | to publishing |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (told_by, feed) in [("", &mut captured), (", with a log", &mut logged)] {
        measure(&format!("a statement alone{told_by}"), feed, None).await;
        measure(&format!("one row in a transaction{told_by}"), feed, Some(1)).await;
        measure(
            &format!("ten rows in a transaction{told_by}"),
            feed,
            Some(10),
        )
        .await;
    }
}
