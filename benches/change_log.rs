//! What the change log costs on PostgreSQL, as ratios of one run: writers with and without the
//! triggers in turns, the read rate of a process, and the time from a commit to a subscriber.
//!
//! Needs a server at `GRAPHEX_POSTGRES_URL` on this machine, and its superuser: it turns `fsync` on
//! and off. `GRAPHEX_PROOF=10` takes longer.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../tests/change_log/mod.rs"]
mod change_log;
#[path = "../tests/proof/mod.rs"]
mod proof;

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use change_log::{Feed, Note, note, notes};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use graphex::__private::{RawLog, RawRead};
use graphex::{BroadcastDsl as _, ChangeLog, LogSchema, ModelType as _};

/// The first where there is time for it.
fn scale(long: u32, short: u32) -> u32 {
    if proof::steps(1) >= 10 { long } else { short }
}

fn server() -> String {
    std::env::var("GRAPHEX_POSTGRES_URL").expect("GRAPHEX_POSTGRES_URL is not set")
}

/// A database of its own, dropped at the end.
struct Database(String);

impl Database {
    fn create(name: &str) -> Self {
        let name = format!("graphex_bench_{name}_{}", std::process::id());
        let mut conn = PgConnection::establish(&server()).unwrap();
        conn.batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        let database = Self(name);
        let table = "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL)";
        database.connect().batch_execute(table).unwrap();
        database
    }

    fn logged(name: &str) -> Self {
        let database = Self::create(name);
        schema().install(&mut database.connect()).unwrap();
        database
    }

    fn url(&self) -> String {
        let server = server();
        format!("{}/{}", server.rsplit_once('/').unwrap().0, self.0)
    }

    fn connect(&self) -> PgConnection {
        let mut conn = PgConnection::establish(&self.url()).unwrap();
        conn.batch_execute("SET client_min_messages = warning")
            .unwrap();
        conn
    }

    fn log(&self) -> ChangeLog {
        let url = self.url();
        ChangeLog::postgres(move || PgConnection::establish(&url))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut conn = PgConnection::establish(&server()).unwrap();
        let _ = conn.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.0));
    }
}

fn schema() -> LogSchema {
    LogSchema::postgres().model::<Note>()
}

/// Turns `fsync` on or off; whether that is how it is now. An option of the server's command line
/// is stronger.
fn set_fsync(value: &str) -> bool {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        setting: String,
    }
    let mut conn = PgConnection::establish(&server()).unwrap();
    conn.batch_execute(&format!("ALTER SYSTEM SET fsync = {value}"))
        .unwrap();
    conn.batch_execute("SELECT pg_reload_conf()").unwrap();
    thread::sleep(Duration::from_millis(200));
    let mut conn = PgConnection::establish(&server()).unwrap();
    let setting = "SELECT setting FROM pg_settings WHERE name = 'fsync'";
    let setting = diesel::sql_query(setting).get_result::<Setting>(&mut conn);
    setting.unwrap().setting == value
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Commits a second of so many writers, each updating rows of its own.
fn commits(database: &Database, writers: i64, time: Duration) -> f64 {
    let barrier = Barrier::new(usize::try_from(writers).unwrap());
    let counts = thread::scope(|scope| {
        let write = |writer: i64| {
            let barrier = &barrier;
            move || {
                let mut conn = database.connect();
                barrier.wait();
                let started = Instant::now();
                let mut count = 0_u32;
                while started.elapsed() < time {
                    let id = writer * 100 + i64::from(count % 100);
                    diesel::update(notes::table.find(id))
                        .set(notes::text.eq(format!("{count:0100}")))
                        .execute(&mut conn)
                        .unwrap();
                    count += 1;
                }
                f64::from(count) / started.elapsed().as_secs_f64()
            }
        };
        let threads: Vec<_> = (0..writers)
            .map(|writer| scope.spawn(write(writer)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    counts.iter().sum()
}

fn commit_rates() {
    let (plain, logged) = (Database::create("plain"), Database::logged("logged"));
    for database in [&plain, &logged] {
        let rows = "INSERT INTO notes SELECT x, repeat('x', 100) FROM generate_series(0, 799) x";
        database.connect().batch_execute(rows).unwrap();
    }
    println!("commits a second of one-row updates (100 bytes), without and with the triggers");
    println!("| fsync | writers | without | with | ratio |\n|---|---|---|---|---|");
    for fsync in ["on", "off"] {
        if !set_fsync(fsync) {
            println!("| {fsync} | | the server was started with another `-c fsync` | | |");
            continue;
        }
        for writers in [1, 8] {
            let time = Duration::from_millis(u64::from(scale(3_000, 500)));
            let rounds = scale(7, 3);
            let pairs: Vec<_> = (0..rounds)
                .map(|_| {
                    (
                        commits(&plain, writers, time),
                        commits(&logged, writers, time),
                    )
                })
                .collect();
            let without = median(pairs.iter().map(|pair| pair.0).collect());
            let with = median(pairs.iter().map(|pair| pair.1).collect());
            let ratio = median(pairs.iter().map(|pair| pair.1 / pair.0).collect());
            println!("| {fsync} | {writers} | {without:.0} | {with:.0} | {ratio:.2} |");
        }
    }
}

/// The processor time of a session's server process, in µs.
fn cpu(conn: &mut PgConnection) -> f64 {
    #[derive(QueryableByName)]
    struct Pid {
        #[diesel(sql_type = BigInt)]
        pid: i64,
    }
    let pid = diesel::sql_query("SELECT pg_backend_pid()::bigint AS pid");
    let pid = pid.get_result::<Pid>(conn).unwrap().pid;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("a local server");
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1_000.0
}

fn bulk() {
    println!("\nµs of the server's processor for a row, in statements of 10,000 rows");
    println!("| | without | with | more |\n|---|---|---|---|");
    let (plain, logged) = (
        Database::create("bulkplain"),
        Database::logged("bulklogged"),
    );
    let statements = [
        (
            "insert",
            "INSERT INTO notes SELECT x, repeat('x', 100) FROM generate_series(1, 10000) x",
        ),
        ("update", "UPDATE notes SET text = text || 'y'"),
        ("delete", "DELETE FROM notes"),
    ];
    let mut conns = [plain.connect(), logged.connect()];
    let mut costs = [[vec![], vec![]], [vec![], vec![]], [vec![], vec![]]];
    for _ in 0..scale(9, 5) {
        for ((_, sql), costs) in statements.iter().zip(&mut costs) {
            for (conn, costs) in conns.iter_mut().zip(costs) {
                let before = cpu(conn);
                conn.batch_execute(sql).unwrap();
                costs.push((cpu(conn) - before) / 10_000.0);
            }
        }
    }
    for ((name, _), [without, with]) in statements.iter().zip(costs) {
        let (without, with) = (median(without), median(with));
        println!(
            "| {name} | {without:.1} | {with:.1} | {:.1} |",
            with - without
        );
    }
}

fn read_rate() {
    let database = Database::logged("read");
    let log = database.log();
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();
    let changes = scale(400_000, 100_000);
    let mut conn = database.connect();
    for batch in 0..changes / 2_000 {
        conn.batch_execute(&format!(
            "INSERT INTO notes SELECT x, repeat('x', 100) FROM generate_series({batch} * 2000, {batch} * 2000 + 1999) x"
        ))
        .unwrap();
    }
    // The batches are there: this is what a process does that catches up.
    while !matches!(
        RawLog::open(&log, None).unwrap().unwrap().read().unwrap(),
        RawRead::End
    ) {}
    let mut raw = RawLog::open(&log, Some(&start)).unwrap().unwrap();
    let (started, mut read) = (Instant::now(), 0_u32);
    while let RawRead::Page(page) = raw.read().unwrap() {
        for entry in &page {
            let json = entry.new.as_deref().unwrap();
            Note::MODEL
                .row_from_log(graphex::Database::Postgres, json)
                .unwrap();
            read += 1;
        }
    }
    assert_eq!(read, changes);
    let rate = f64::from(read) / started.elapsed().as_secs_f64();
    println!("\nchanges a second that one process reads and decodes: {rate:.0}");
}

fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[(part * (values.len() - 1) as f64) as usize]
}

/// The time from a commit to the subscriber, one change at a time.
fn latencies() {
    println!("\nms from the end of a commit to the subscriber's frame, one change at a time");
    println!("| writer | p50 | p99 |\n|---|---|---|");
    for (writer, of) in [
        ("this process", Some(0)),
        ("another process of the service", Some(1)),
        ("another program", None),
    ] {
        let database = Database::logged("latency");
        let mut feeds: Vec<_> = (0..2)
            .map(|_| Feed::open(database.log()).unwrap())
            .collect();
        let mut conn = database.connect();
        if let Some(process) = of {
            feeds[process].hub.attach(&mut conn).unwrap();
        }
        let mut times = Vec::new();
        for id in 0..i64::from(scale(1_000, 300)) {
            // As commits come, at any time after the last look.
            thread::sleep(Duration::from_micros(
                5_000 + (id.unsigned_abs() * 7_919) % 30_000,
            ));
            let insert = diesel::insert_into(notes::table).values(note(id, "x"));
            if of.is_some() {
                insert.broadcast().execute(&mut conn).unwrap();
            } else {
                insert.execute(&mut conn).unwrap();
            }
            let committed = Instant::now();
            let told = format!("create {id} x");
            feeds[0].told_until(&told);
            times.push(committed.elapsed().as_secs_f64() * 1_000.0);
            // Its hub does nothing unless it is asked, and a reader waits for its hub.
            feeds[1].told_until(&told);
        }
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        println!("| {writer} | {p50:.1} | {p99:.1} |");
    }
}

/// The same while a transaction is open, and while none is.
fn open_transaction() {
    let database = Database::logged("open");
    let mut feed = Feed::open(database.log()).unwrap();
    let mut conn = database.connect();
    let mut id = 0;
    let mut measure = |feed: &mut Feed, time: Duration| {
        let (started, mut times) = (Instant::now(), Vec::new());
        while started.elapsed() < time {
            id += 1;
            thread::sleep(Duration::from_millis(5));
            diesel::insert_into(notes::table)
                .values(note(id, "x"))
                .execute(&mut conn)
                .unwrap();
            let committed = Instant::now();
            feed.told_until(&format!("create {id} x"));
            times.push(committed.elapsed().as_secs_f64() * 1_000.0);
        }
        percentile(&mut times, 0.99)
    };
    let time = Duration::from_secs(u64::from(scale(60, 5)));
    let without = measure(&mut feed, time);
    let mut open = database.connect();
    open.batch_execute("BEGIN; INSERT INTO notes VALUES (-1, 'open')")
        .unwrap();
    let with = measure(&mut feed, time);
    open.batch_execute("COMMIT").unwrap();
    println!(
        "\np99 of others without and with a transaction that is open for {time:?}: {without:.1} and {with:.1} ms, {:.2} times",
        with / without
    );
}

fn main() {
    bulk();
    read_rate();
    latencies();
    open_transaction();
    commit_rates();
}
