//! What `.broadcast()` costs a writer on diesel-async and PostgreSQL, when somebody subscribes: the time of
//! inserts with it and of the same without, in turns, as medians and ratios of one run.
//!
//! The subscriber's part, which takes the same processors, is in both where the row that is returned is
//! published by hand; what is left is capture. A statement alone takes a transaction with `.broadcast()`,
//! and so three round trips for one: only before a `COMMIT` can it get its place in the order of commits.
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
use graphex::{Action, BroadcastDsl as _, Hub};

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
async fn time(conn: &mut Conn, feed: &mut Listener, around: Around, how: Insert) -> f64 {
    conn.batch_execute("TRUNCATE notes").await.unwrap();
    let started = Instant::now();
    insert_all(conn, &feed.hub, around, how).await.unwrap();
    let took = started.elapsed().as_secs_f64() * 1_000_000.0 / ROWS as f64;
    // All of it is received, and nothing is left to do when others are timed.
    let received = feed.told().await.len();
    let told = if matches!(how, Insert::Published | Insert::Broadcast) {
        ROWS
    } else {
        0
    };
    assert_eq!(i64::try_from(received).unwrap(), told);
    took
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(name: &str, conn: &mut Conn, feed: &mut Listener, around: Around) {
    let mut times = [const { Vec::new() }; INSERTS.len()];
    for round in 0..proof::steps(21) {
        // Each begins a round as often as it ends one.
        let mut order: [_; INSERTS.len()] = std::array::from_fn(|one| one);
        order.rotate_left(round % INSERTS.len());
        for one in order {
            let took = time(conn, feed, around, INSERTS[one]).await;
            times[one].push(took);
        }
    }
    let [plain, returning, published, broadcast] = &times;
    let ratio = |to: &[f64]| median(broadcast.iter().zip(to).map(|(a, b)| a / b).collect());
    let ratios = [plain, returning, published].map(|to| format!("{:.3}", ratio(to)));
    let medians = times.map(|times| format!("{:.0}", median(times)));
    println!(
        "| {name} | {} | {} |",
        medians.join(" | "),
        ratios.join(" | ")
    );
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    fsync: String,
}

#[tokio::main]
async fn main() {
    let mut feed = Listener::new().await;
    let mut conn = awaited::connect("bench_broadcast").await;
    feed.hub.attach(&mut conn).await.unwrap();
    let fsync = RunQueryDsl::get_result::<Setting>(diesel::sql_query("SHOW fsync"), &mut conn);
    println!(
        "µs for an inserted row on diesel-async, with fsync {}",
        fsync.await.unwrap().fsync
    );
    println!(
        "| | plain | returning the row | and publishing it | `.broadcast()` | to plain | to returning | to publishing |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    measure("a statement alone", &mut conn, &mut feed, None).await;
    measure("one row in a transaction", &mut conn, &mut feed, Some(1)).await;
    measure("ten rows in a transaction", &mut conn, &mut feed, Some(10)).await;
}
