//! Every change that many writers commit comes out of the change log once, in order, whatever
//! becomes of those who read it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../../change_log/dice.rs"]
mod dice;
#[path = "change_log/model.rs"]
mod model;
#[path = "../../proof/mod.rs"]
mod proof;
#[path = "../../change_log/reading.rs"]
mod reading;
#[path = "../../change_log/replica.rs"]
mod replica;
#[path = "change_log/writers.rs"]
mod writers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::__private::RawLog;
use graphex::ChangeLog;

use dice::Dice;
use model::Database;
use proof::steps;
use reading::Reading;

/// Ends the session of some reader, perhaps while it makes a batch.
fn terminate(url: &str, dice: &mut Dice) -> JoinHandle<()> {
    let (url, after) = (url.to_owned(), dice.below(20) as u64);
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(after));
        let mut conn = PgConnection::establish(&url).unwrap();
        conn.batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE query LIKE 'SELECT first, n, top%' AND datname = current_database() \
             ORDER BY random() LIMIT 1",
        )
        .unwrap();
    })
}

#[test]
fn three_readers_that_are_killed_miss_nothing_and_agree() {
    let (wanted, kills) = (steps(1_000), steps(21));
    let database = Database::create("proof");
    let schema = model::schema();
    schema.install(&mut database.connect()).unwrap();
    assert_eq!(schema.check(&mut database.connect()).unwrap(), []);
    let url = database.url();
    let connect = url.clone();
    let log = ChangeLog::postgres(move || PgConnection::establish(&connect))
        .keep(Duration::from_secs(3_600), 1 << 30);
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();

    let cut = {
        let url = url.clone();
        Arc::new(move |dice: &mut Dice| terminate(&url, dice))
    };
    let reading = Reading::new(log, kills / 3 + 10, Some(cut));
    let readers: Vec<_> = (0..3)
        .map(|number| {
            let reading = reading.clone();
            thread::spawn(move || reading.read(Dice::new(100 + number), start))
        })
        .collect();

    // Open all the time, with a change of its own.
    let mut open = database.connect();
    open.batch_execute("BEGIN; INSERT INTO accounts (id, room, body) VALUES (-1, 0, 'open')")
        .unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let tally = Arc::new(writers::Tally::default());
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let (url, stop, tally) = (url.clone(), Arc::clone(&stop), Arc::clone(&tally));
            thread::spawn(move || writers::write(&url, number, &stop, &tally))
        })
        .collect();
    let started = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(100));
        let changes = reading.seen.lock().unwrap().len();
        if changes >= wanted && reading.killed.load(Ordering::Relaxed) >= kills {
            break;
        }
        for reader in &readers {
            assert!(!reader.is_finished(), "a reader has failed");
        }
        let limit = Duration::from_secs(900);
        assert!(started.elapsed() < limit, "{changes} changes in {limit:?}");
    }
    stop.store(true, Ordering::Release);
    for writer in writers {
        writer.join().unwrap();
    }
    open.batch_execute("COMMIT").unwrap();
    reading.done.store(true, Ordering::Release);
    let replicas: Vec<_> = readers
        .into_iter()
        .map(|reader| reader.join().unwrap())
        .collect();

    let tables = model::state(&mut database.connect());
    for replica in &replicas {
        assert_eq!(replica.faults, Vec::<String>::new());
        assert_eq!(replica.rows, tables);
    }
    let total = usize::try_from(database.count("graphex.log")).unwrap();
    let positions = reading.seen.lock().unwrap().len();
    assert_eq!(positions, total, "each change has one position");
    println!(
        "{positions} changes, {} kills, {tally} in {:?}",
        reading.killed.load(Ordering::Relaxed),
        started.elapsed()
    );
}
