//! The change log of a server that crashes, and of its standby.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../../change_log/mod.rs"]
mod change_log;
#[path = "../../change_log/dice.rs"]
mod dice;
#[path = "../../change_log/replica.rs"]
mod replica;
#[path = "change_log/server.rs"]
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use change_log::{Feed, Note};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use graphex::__private::{RawLog, RawRead};
use graphex::{ChangeLog, Cursor, LogSchema};

use dice::Dice;
use replica::{Replica, Rows};
use server::Server;

fn installed(server: &Server) {
    let mut conn = server.connect();
    conn.batch_execute("SET client_min_messages = warning; CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL)")
        .unwrap();
    LogSchema::postgres()
        .model::<Note>()
        .install(&mut conn)
        .unwrap();
}

fn log(server: &Server) -> ChangeLog {
    let url = server.url();
    ChangeLog::postgres(move || PgConnection::establish(&url))
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    json: String,
}

fn state(conn: &mut PgConnection) -> Rows {
    let sql = "SELECT id, json_build_object('id', id, 'text', text)::text AS json FROM notes";
    let rows: Vec<Stored> = diesel::sql_query(sql).load(conn).unwrap();
    let keyed = |row: Stored| (("notes".to_owned(), row.id), row.json);
    rows.into_iter().map(keyed).collect()
}

/// Writes until it is stopped, whatever becomes of the server.
fn write(url: &str, seed: u64, asynchronous: bool, stop: &AtomicBool) {
    let mut dice = Dice::new(seed);
    while !stop.load(Ordering::Acquire) {
        let Ok(mut conn) = PgConnection::establish(url) else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let setting = if asynchronous { "off" } else { "on" };
        let mut write = || -> QueryResult<()> {
            conn.batch_execute(&format!("SET synchronous_commit = {setting}"))?;
            while !stop.load(Ordering::Acquire) {
                let id = dice.below(100);
                let text = dice.below(1_000_000);
                let aborts = dice.one_in(5);
                conn.batch_execute(&format!(
                    "BEGIN; INSERT INTO notes VALUES ({id}, '{text}') ON CONFLICT (id) DO UPDATE SET text = excluded.text; \
                     DELETE FROM notes WHERE id = {}; {}",
                    dice.below(100),
                    if aborts { "ROLLBACK" } else { "COMMIT" }
                ))?;
            }
            Ok(())
        };
        let _ = write();
    }
}

/// A client that keeps its cursor, and reads the tables where it is told that changes are missing.
struct Client {
    log: ChangeLog,
    url: String,
    replica: Replica,
    cursor: Cursor,
    resyncs: usize,
}

impl Client {
    /// Reads until it is at the end after `done`, or until the server is gone.
    fn read(&mut self, done: &AtomicBool) -> Result<(), graphex::ChangeLogError> {
        let mut log = match RawLog::open(&self.log, Some(&self.cursor))? {
            Some(log) => log,
            None => self.resync()?,
        };
        loop {
            let done = done.load(Ordering::Acquire);
            match log.read()? {
                RawRead::Page(page) => {
                    for entry in page {
                        self.replica.apply(&entry);
                        self.cursor = entry.cursor;
                    }
                }
                RawRead::Gap => log = self.resync()?,
                RawRead::End if done => return Ok(()),
                RawRead::End => thread::sleep(Duration::from_millis(3)),
            }
        }
    }

    fn resync(&mut self) -> Result<RawLog, graphex::ChangeLogError> {
        self.resyncs += 1;
        let log = RawLog::open(&self.log, None)?.unwrap();
        self.cursor = log.cursor();
        // What is committed after the cursor and read here is told again, and changes nothing.
        let mut conn = PgConnection::establish(&self.url).unwrap();
        self.replica.rows = state(&mut conn);
        Ok(log)
    }
}

fn crashes(name: &str, asynchronous_writers: bool, asynchronous_reader: bool) {
    let server = Server::start(name);
    installed(&server);
    if asynchronous_reader {
        server
            .connect()
            .batch_execute("ALTER SYSTEM SET synchronous_commit = off")
            .unwrap();
        server
            .connect()
            .batch_execute("SELECT pg_reload_conf()")
            .unwrap();
    }
    let log_of_client = log(&server);
    let start = RawLog::open(&log_of_client, None)
        .unwrap()
        .unwrap()
        .cursor();
    let (stop, done) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let writers: Vec<_> = (0..4)
        .map(|number| {
            let (url, stop) = (server.url(), Arc::clone(&stop));
            thread::spawn(move || write(&url, number + 1, asynchronous_writers, &stop))
        })
        .collect();
    let mut client = Client {
        cursor: start,
        log: log_of_client,
        url: server.url(),
        replica: Replica::default(),
        resyncs: 0,
    };
    let reader = {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            while client.read(&done).is_err() {
                thread::sleep(Duration::from_millis(5));
            }
            client
        })
    };
    let mut dice = Dice::new(7);
    for _ in 0..12 {
        thread::sleep(Duration::from_millis(100 + dice.below(300) as u64));
        server.crash();
        server.resume();
    }
    thread::sleep(Duration::from_millis(200));
    stop.store(true, Ordering::Release);
    for writer in writers {
        writer.join().unwrap();
    }
    done.store(true, Ordering::Release);
    let client = reader.join().unwrap();
    assert_eq!(client.replica.rows, state(&mut server.connect()));
    if client.resyncs == 0 {
        // After a resync changes come again, and fit nothing.
        assert_eq!(client.replica.faults, Vec::<String>::new());
    }
    println!(
        "{name}: {} changes, 12 crashes, {} times told to load again",
        client.replica.changes, client.resyncs
    );
}

#[test]
fn after_crashes_the_state_is_right_with_synchronous_commits() {
    crashes("crash-sync", false, false);
}

#[test]
fn after_crashes_the_state_is_right_with_asynchronous_writers() {
    crashes("crash-async", true, false);
}

#[test]
fn after_crashes_the_state_is_right_with_everything_asynchronous() {
    crashes("crash-all-async", true, true);
}

#[test]
fn a_standby_follows_and_goes_on_as_a_primary() {
    let primary = Server::start("primary");
    installed(&primary);
    let standby = primary.standby("standby");
    let mut on_primary = Feed::open(log(&primary)).unwrap();
    let mut on_standby = Feed::open(log(&standby)).unwrap();
    // A snapshot on a standby would not see this transaction as open, and lose it.
    let mut open = primary.connect();
    open.batch_execute("BEGIN; INSERT INTO notes VALUES (1, 'open')")
        .unwrap();
    primary
        .connect()
        .batch_execute("INSERT INTO notes VALUES (2, 'other')")
        .unwrap();
    for feed in [&mut on_primary, &mut on_standby] {
        assert_eq!(feed.told_until("create 2 other"), ["create 2 other"]);
    }
    open.batch_execute("COMMIT").unwrap();
    for feed in [&mut on_primary, &mut on_standby] {
        assert_eq!(feed.told_until("create 1 open"), ["create 1 open"]);
    }
    drop((on_primary, open));
    primary.crash();
    standby.promote();
    standby
        .connect()
        .batch_execute("INSERT INTO notes VALUES (3, 'promoted')")
        .unwrap();
    let started = Instant::now();
    assert_eq!(
        on_standby.told_until("create 3 promoted"),
        ["create 3 promoted"]
    );
    println!("told {:?} after the promotion", started.elapsed());
}
