//! Readers of a log that are killed at random places, and go on at their cursor.

#![allow(dead_code, reason = "each test target uses its part")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use graphex::__private::{RawLog, RawRead};
use graphex::{ChangeLog, Cursor};

use crate::dice::Dice;
use crate::replica::Replica;

/// Cuts a reader's connection, at some time.
pub(crate) type Cut = Arc<dyn Fn(&mut Dice) -> JoinHandle<()> + Send + Sync>;

/// What several readers of one log share.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) log: ChangeLog,
    /// How often a reader is killed at most.
    pub(crate) kills: usize,
    pub(crate) cut: Option<Cut>,
    pub(crate) killed: Arc<AtomicUsize>,
    /// Nobody writes any more.
    pub(crate) done: Arc<AtomicBool>,
    /// Which change is at which position.
    pub(crate) seen: Arc<Mutex<BTreeMap<u64, i64>>>,
}

impl Reading {
    pub(crate) fn new(log: ChangeLog, kills: usize, cut: Option<Cut>) -> Self {
        Self {
            log,
            kills,
            cut,
            killed: Arc::default(),
            done: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// Reads to the end of the log that is reached after `done`.
    pub(crate) fn read(&self, mut dice: Dice, from: Cursor) -> Replica {
        let mut replica = Replica::default();
        let mut cursor = from;
        for life in 0.. {
            let is_mortal = life < self.kills;
            let Ok(opened) = RawLog::open(&self.log, Some(&cursor)) else {
                // Its session was ended while it began.
                continue;
            };
            let mut log = opened.expect("the cursor is gone");
            let cut = self.cut.as_ref().filter(|_| is_mortal && dice.one_in(4));
            let cutting = cut.map(|cut| cut(&mut dice));
            let at_end = self.live(&mut log, &mut replica, &mut cursor, &mut dice, is_mortal);
            if let Some(cutting) = cutting {
                cutting.join().unwrap();
            }
            if at_end {
                break;
            }
        }
        replica
    }

    /// One life of a reader; whether it has read everything.
    fn live(
        &self,
        log: &mut RawLog,
        replica: &mut Replica,
        cursor: &mut Cursor,
        dice: &mut Dice,
        is_mortal: bool,
    ) -> bool {
        let mut left = if is_mortal {
            dice.below(150)
        } else {
            usize::MAX
        };
        loop {
            let done = self.done.load(Ordering::Acquire);
            match log.read() {
                Err(error) => {
                    assert!(self.cut.is_some(), "{error}");
                    self.killed.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
                Ok(RawRead::Gap) => panic!("a gap after {cursor}"),
                Ok(RawRead::End) if done => return true,
                Ok(RawRead::End) => thread::sleep(Duration::from_millis(dice.below(8) as u64)),
                Ok(RawRead::Page(page)) => {
                    for entry in page {
                        if left == 0 {
                            // In the middle of a page.
                            self.killed.fetch_add(1, Ordering::Relaxed);
                            return false;
                        }
                        left -= 1;
                        let position = RawLog::position(&entry.cursor);
                        assert_eq!(position, RawLog::position(cursor) + 1, "not dense");
                        let before = self.seen.lock().unwrap().insert(position, entry.seq);
                        assert!(
                            before.is_none_or(|seq| seq == entry.seq),
                            "two readers disagree about position {position}"
                        );
                        *cursor = entry.cursor;
                        replica.apply(&entry);
                    }
                }
            }
            if is_mortal && dice.one_in(40) {
                // Between two pages.
                self.killed.fetch_add(1, Ordering::Relaxed);
                return false;
            }
        }
    }
}
