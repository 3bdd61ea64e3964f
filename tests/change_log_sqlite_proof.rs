//! Every change that two processes commit to one SQLite file comes out of its log once, in order,
//! whatever becomes of those who read it.

#![cfg(feature = "diesel")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "change_log/dice.rs"]
mod dice;
mod proof;
#[path = "change_log/reading.rs"]
mod reading;
#[path = "change_log/replica.rs"]
mod replica;

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use graphex::__private::RawLog;
use graphex::{ChangeLog, LogSchema, ModelType};

use dice::Dice;
use proof::steps;
use reading::Reading;
use replica::Rows;

diesel::table! { accounts (id) { id -> BigInt, room -> BigInt, body -> Text, score -> Double, file -> Nullable<Binary>, version -> Integer, } }
diesel::table! { children (id) { id -> BigInt, account -> BigInt, note -> Text, } }

/// A row that is written in all ways.
#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = accounts)]
#[graphex(stream = "accounts")]
struct Account {
    id: i64,
    room: i64,
    body: String,
    score: f64,
    file: Option<Vec<u8>>,
    version: i32,
}

/// A row that goes with its account.
#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = children)]
#[graphex(stream = "children")]
struct Below {
    id: i64,
    account: i64,
    note: String,
}

const TABLES: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY, room INTEGER NOT NULL, body TEXT NOT NULL,
  score REAL NOT NULL DEFAULT (random() / 1e10), file BLOB DEFAULT (randomblob(9)), version INTEGER NOT NULL DEFAULT 0);
CREATE TABLE children (
  id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE ON UPDATE CASCADE,
  note TEXT NOT NULL);
CREATE TRIGGER write_again AFTER UPDATE OF room ON accounts WHEN NEW.room = 7 BEGIN
  UPDATE accounts SET room = 8, version = version + 1 WHERE id = NEW.id; END;";

const SETTINGS: &str = "PRAGMA busy_timeout = 60000; PRAGMA synchronous = OFF; \
     PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = ON";

fn connect(path: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(path).unwrap();
    conn.batch_execute(SETTINGS).unwrap();
    conn
}

const WRITER: &str = "GRAPHEX_SQLITE_WRITER";

/// Not a test: what the processes that write do, until they are killed.
#[test]
fn writer() {
    let Ok(path) = std::env::var(WRITER) else {
        return;
    };
    let mut conn = connect(&path);
    let mut dice = Dice::new(u64::from(std::process::id()));
    loop {
        // Whoever reads first and then writes is refused where another wrote meanwhile.
        conn.batch_execute("BEGIN IMMEDIATE").unwrap();
        for _ in 0..=dice.below(6) {
            let (id, other, room) = (dice.below(50), dice.below(50), dice.below(9));
            conn.batch_execute("SAVEPOINT s").unwrap();
            let sql = match dice.below(9) {
                0 | 1 => format!(
                    "INSERT INTO accounts (id, room, body) VALUES ({id}, {room}, 'a') \
                     ON CONFLICT (id) DO UPDATE SET room = excluded.room, body = body || 'b'"
                ),
                2 => format!("REPLACE INTO accounts (id, room, body) VALUES ({id}, {room}, 'r')"),
                3 => {
                    format!("UPDATE accounts SET room = {room}, score = score / 3 WHERE id < {id}")
                }
                4 => format!("UPDATE accounts SET id = {other} WHERE id = {id}"),
                5 => format!("DELETE FROM accounts WHERE id = {id}"),
                6 | 7 => format!(
                    "INSERT OR IGNORE INTO children VALUES (abs(random() % 300), {id}, 'é\"\\')"
                ),
                _ => format!("UPDATE OR REPLACE children SET id = id + 1 WHERE account = {id}"),
            };
            let back = conn.batch_execute(&sql).is_err() || dice.one_in(6);
            conn.batch_execute(if back { "ROLLBACK TO s" } else { "RELEASE s" })
                .unwrap();
        }
        let end = if dice.one_in(6) { "ROLLBACK" } else { "COMMIT" };
        if conn.batch_execute(end).is_err() {
            conn.batch_execute("ROLLBACK").unwrap();
        }
    }
}

/// A process that writes; killed when it is dropped.
struct Writer(Child);

impl Writer {
    fn start(path: &str) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer"])
            .env(WRITER, path)
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    stream: String,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    json: String,
}

fn state(conn: &mut SqliteConnection) -> Rows {
    let sql = "
        SELECT 'accounts' AS stream, id, json_object('id', id, 'room', room, 'body', body,
          'score', printf('%!.20g', score), 'file', hex(file), 'version', version) AS json FROM accounts
        UNION ALL SELECT 'children', id, json_object('id', id, 'account', account, 'note', note) FROM children";
    let rows: Vec<Stored> = diesel::sql_query(sql).load(conn).unwrap();
    rows.into_iter()
        .map(|row| ((row.stream, row.id), row.json))
        .collect()
}

#[test]
fn two_readers_that_are_killed_miss_nothing_of_two_processes_that_are_too() {
    let (wanted, kills) = (steps(1_000), steps(21));
    let file = format!("graphex-proof-{}.sqlite", std::process::id());
    let path = std::env::temp_dir().join(file).to_str().unwrap().to_owned();
    let mut conn = connect(&path);
    conn.batch_execute(TABLES).unwrap();
    let schema = LogSchema::sqlite().model::<Account>().model::<Below>();
    schema.install(&mut conn).unwrap();
    assert_eq!(schema.check(&mut conn).unwrap(), []);
    let connect_to = path.clone();
    let log = ChangeLog::sqlite(move || SqliteConnection::establish(&connect_to));
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();

    let reading = Reading::new(log, kills / 2 + 10, None);
    let readers: Vec<_> = (0..2)
        .map(|number| {
            let reading = reading.clone();
            thread::spawn(move || reading.read(Dice::new(100 + number), start))
        })
        .collect();
    let mut writers = vec![Writer::start(&path), Writer::start(&path)];
    let started = Instant::now();
    let mut crashes = 0;
    loop {
        thread::sleep(Duration::from_millis(200));
        let changes = reading.seen.lock().unwrap().len();
        if changes >= wanted && reading.killed.load(Ordering::Relaxed) >= kills {
            break;
        }
        // A writer dies where it stands, and another begins.
        writers[crashes % 2] = Writer::start(&path);
        crashes += 1;
        for reader in &readers {
            assert!(!reader.is_finished(), "a reader has failed");
        }
        assert!(
            started.elapsed() < Duration::from_secs(900),
            "{changes} changes"
        );
    }
    drop(writers);
    reading.done.store(true, Ordering::Release);
    let replicas: Vec<_> = readers
        .into_iter()
        .map(|reader| reader.join().unwrap())
        .collect();
    let tables = state(&mut conn);
    for replica in &replicas {
        assert_eq!(replica.faults, Vec::<String>::new());
        assert_eq!(replica.rows, tables);
    }
    println!(
        "{} changes, {} kills of readers and {crashes} of writers in {:?}",
        reading.seen.lock().unwrap().len(),
        reading.killed.load(Ordering::Relaxed),
        started.elapsed()
    );
    drop(conn);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{path}{end}"));
    }
}
