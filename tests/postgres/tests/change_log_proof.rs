//! Every change that many writers commit comes out of the change log once, in order, whatever
//! becomes of those who read it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "change_log/dice.rs"]
mod dice;
#[path = "change_log/model.rs"]
mod model;
#[path = "change_log/replica.rs"]
mod replica;
#[path = "change_log/writers.rs"]
mod writers;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::__private::{RawLog, RawRead};
use graphex::{ChangeLog, Cursor};

use dice::Dice;
use model::Database;
use replica::Replica;

/// How much is done: `GRAPHEX_PROOF=full` does what is promised, without it a part.
fn scale(full: usize, part: usize) -> usize {
    match std::env::var("GRAPHEX_PROOF").as_deref() {
        Ok("full") => full,
        _ => part,
    }
}

/// What all readers have seen: which change is at which position.
type Seen = Arc<Mutex<BTreeMap<u64, i64>>>;

struct Reading {
    log: ChangeLog,
    url: String,
    kills: usize,
    killed: Arc<AtomicUsize>,
    done: Arc<AtomicBool>,
    seen: Seen,
}

impl Reading {
    /// Reads to the end of the log that is reached after `done`. Its lives end at random places,
    /// and each goes on at the cursor of the last one.
    fn read(&self, dice: &mut Dice, from: Cursor) -> Replica {
        let mut replica = Replica::default();
        let mut cursor = from;
        let mut lives = 0;
        loop {
            lives += 1;
            let mut life = (lives <= self.kills).then(|| dice.below(150));
            let Ok(opened) = RawLog::open(&self.log, Some(&cursor)) else {
                continue;
            };
            let mut log = opened.expect("the cursor is gone");
            let terminator = (life.is_some() && dice.one_in(4)).then(|| self.terminate_some_backend(dice));
            'life: loop {
                let done = self.done.load(Ordering::Acquire);
                let read = match log.read() {
                    Ok(read) => read,
                    Err(error) => {
                        assert!(terminator.is_some() || self.kills > 0, "{error}");
                        break 'life;
                    }
                };
                match read {
                    RawRead::Gap => panic!("a gap after {cursor}"),
                    RawRead::End if done => {
                        if let Some(terminator) = terminator {
                            terminator.join().unwrap();
                        }
                        return replica;
                    }
                    RawRead::End => thread::sleep(Duration::from_millis(dice.below(8) as u64)),
                    RawRead::Page(page) => {
                        for entry in page {
                            if let Some(left) = &mut life {
                                if *left == 0 {
                                    // Killed in the middle of a page.
                                    self.killed.fetch_add(1, Ordering::Relaxed);
                                    break 'life;
                                }
                                *left -= 1;
                            }
                            let position = RawLog::position(&entry.cursor);
                            assert_eq!(position, RawLog::position(&cursor) + 1, "not dense");
                            let before = self.seen.lock().unwrap().insert(position, entry.seq);
                            assert!(
                                before.is_none_or(|seq| seq == entry.seq),
                                "two readers disagree about position {position}"
                            );
                            cursor = entry.cursor;
                            replica.apply(&entry);
                        }
                    }
                }
                if life.is_some() && dice.one_in(40) {
                    // Between two reads.
                    self.killed.fetch_add(1, Ordering::Relaxed);
                    break 'life;
                }
            }
            if let Some(terminator) = terminator {
                terminator.join().unwrap();
            }
        }
    }

    /// Ends the session of some reader at some time, perhaps while it makes a batch.
    fn terminate_some_backend(&self, dice: &mut Dice) -> thread::JoinHandle<()> {
        let (url, after) = (self.url.clone(), dice.below(20) as u64);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(after));
            let mut conn = PgConnection::establish(&url).unwrap();
            conn.batch_execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE query LIKE 'SELECT first, n, top%' AND datname = current_database() \
                   AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1",
            )
            .unwrap();
        })
    }
}

#[test]
fn three_readers_that_are_killed_miss_nothing_and_agree() {
    let (wanted, kills) = (scale(10_000, 1_500), scale(210, 24));
    let database = Database::create("proof");
    let schema = model::schema();
    schema.install(&mut database.connect()).unwrap();
    assert_eq!(schema.check(&mut database.connect()).unwrap(), []);
    let url = database.url();
    let connect = url.clone();
    let log = ChangeLog::postgres(move || PgConnection::establish(&connect))
        .keep(Duration::from_secs(3_600), 1 << 30);
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();

    let done = Arc::new(AtomicBool::new(false));
    let killed = Arc::new(AtomicUsize::new(0));
    let seen = Seen::default();
    let readers: Vec<_> = (0..3)
        .map(|number| {
            let reading = Reading {
                log: log.clone(),
                url: url.clone(),
                kills: kills / 3 + 1,
                killed: Arc::clone(&killed),
                done: Arc::clone(&done),
                seen: Arc::clone(&seen),
            };
            thread::spawn(move || reading.read(&mut Dice::new(100 + number), start))
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
        let changes = seen.lock().unwrap().len();
        if changes >= wanted && killed.load(Ordering::Relaxed) >= kills {
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
    done.store(true, Ordering::Release);
    let replicas: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();

    let tables = model::state(&mut database.connect());
    for replica in &replicas {
        assert_eq!(replica.faults, Vec::<String>::new());
        assert_eq!(replica.rows, tables);
    }
    let total = database.count("graphex.log");
    let positions = seen.lock().unwrap().len();
    assert_eq!(positions, usize::try_from(total).unwrap(), "each change has one position");
    println!(
        "{positions} changes, {} kills, {} in {:?}",
        killed.load(Ordering::Relaxed),
        tally,
        started.elapsed()
    );
}
