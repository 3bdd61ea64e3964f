//! What `.broadcast()` costs a writer on diesel-async and PostgreSQL, when somebody hears it: the time of
//! inserts with it and of the same without, in turns, as medians and ratios of one run.
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
use graphex::BroadcastDsl as _;

/// How many rows are inserted between two looks at the clock.
const ROWS: i64 = 200;
/// A row of some hundred bytes.
const TEXT: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";

/// What an insert returns, and whom it tells.
#[derive(Clone, Copy)]
enum Insert {
    Plain,
    Returning,
    Broadcast,
}

const INSERTS: [Insert; 3] = [Insert::Plain, Insert::Returning, Insert::Broadcast];

async fn insert(conn: &mut Conn, id: i64, how: Insert) -> QueryResult<()> {
    let insert = diesel::insert_into(notes::table).values((notes::id.eq(id), notes::text.eq(TEXT)));
    match how {
        Insert::Plain => {
            RunQueryDsl::execute(insert, conn).await?;
        }
        Insert::Returning => {
            let insert = insert.returning(Note::as_returning());
            RunQueryDsl::get_result::<Note>(insert, conn).await?;
        }
        Insert::Broadcast => {
            insert.broadcast().get_result::<Note>(conn).await?;
        }
    }
    Ok(())
}

/// How many rows a transaction inserts; `None` without one around a statement.
type Around = Option<i64>;

async fn insert_all(conn: &mut Conn, around: Around, how: Insert) -> QueryResult<()> {
    let Some(rows) = around else {
        for id in 0..ROWS {
            insert(conn, id, how).await?;
        }
        return Ok(());
    };
    for first in (0..ROWS).step_by(usize::try_from(rows).unwrap()) {
        conn.transaction::<_, Error, _>(async |conn| {
            for id in first..first + rows {
                insert(conn, id, how).await?;
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
    insert_all(conn, around, how).await.unwrap();
    let took = started.elapsed().as_secs_f64() * 1_000_000.0 / ROWS as f64;
    // All of it is heard, and nothing is left to do when others are timed.
    let heard = feed.told().await.len();
    let told = if matches!(how, Insert::Broadcast) {
        ROWS
    } else {
        0
    };
    assert_eq!(i64::try_from(heard).unwrap(), told);
    took
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn measure(name: &str, conn: &mut Conn, feed: &mut Listener, around: Around) {
    let mut times = [vec![], vec![], vec![]];
    for round in 0..proof::steps(21) {
        // Each begins a round as often as it ends one.
        let mut order = [0, 1, 2];
        order.rotate_left(round % INSERTS.len());
        for one in order {
            let took = time(conn, feed, around, INSERTS[one]).await;
            times[one].push(took);
        }
    }
    let [plain, returning, broadcast] = &times;
    let ratio = |to: &[f64]| median(broadcast.iter().zip(to).map(|(a, b)| a / b).collect());
    let (to_plain, to_returning) = (ratio(plain), ratio(returning));
    let [plain, returning, broadcast] = times.map(median);
    println!(
        "| {name} | {plain:.0} | {returning:.0} | {broadcast:.0} | {to_plain:.3} | {to_returning:.3} |"
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
    println!("| | plain | returning the row | `.broadcast()` | to plain | to returning |");
    println!("|---|---|---|---|---|---|");
    measure("a statement alone", &mut conn, &mut feed, None).await;
    measure("one row in a transaction", &mut conn, &mut feed, Some(1)).await;
    measure("ten rows in a transaction", &mut conn, &mut feed, Some(10)).await;
}
