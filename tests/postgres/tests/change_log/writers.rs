//! Writers that do everything a database lets them.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;

use crate::dice::Dice;

/// Keys that all writers share, so that they meet.
const KEYS: usize = 60;

/// How often what happened.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    committed: AtomicUsize,
    rolled_back: AtomicUsize,
    failed: AtomicUsize,
    serializable: AtomicUsize,
    deferred: AtomicUsize,
    prepared: AtomicUsize,
    copies: AtomicUsize,
    deep: AtomicUsize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        write!(
            f,
            "{} commits, {} rollbacks, {} failures ({} serializable, {} deferred at COMMIT), {} two-phase, {} COPY, {} beyond 64 savepoints",
            of(&self.committed),
            of(&self.rolled_back),
            of(&self.failed),
            of(&self.serializable),
            of(&self.deferred),
            of(&self.prepared),
            of(&self.copies),
            of(&self.deep),
        )
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Writes until it is stopped.
pub(crate) fn write(url: &str, number: u64, stop: &AtomicBool, tally: &Tally) {
    let mut conn = PgConnection::establish(url).unwrap();
    // A writer's own settings change nothing.
    conn.batch_execute(
        "SET client_min_messages = error; SET deadlock_timeout = '50ms'; SET DateStyle = 'SQL, DMY'; \
         SET search_path = public, pg_temp",
    )
    .unwrap();
    let mut dice = Dice::new(number + 1);
    let mut turn = 0_u64;
    while !stop.load(Ordering::Acquire) {
        turn += 1;
        let transaction = Transaction {
            dice: &mut dice,
            conn: &mut conn,
            tally,
            name: format!("w{number}_{turn}"),
            number: number * 1_000_000 + turn,
        };
        transaction.run();
    }
}

struct Transaction<'w> {
    dice: &'w mut Dice,
    conn: &'w mut PgConnection,
    tally: &'w Tally,
    name: String,
    number: u64,
}

impl Transaction<'_> {
    fn run(mut self) {
        let is_serializable = self.dice.one_in(7);
        let begin = if is_serializable {
            "BEGIN ISOLATION LEVEL SERIALIZABLE"
        } else {
            "BEGIN"
        };
        self.conn.batch_execute(begin).unwrap();
        match self.write() {
            Ok(()) => self.end(),
            Err(_) => {
                if is_serializable {
                    count(&self.tally.serializable);
                }
                count(&self.tally.failed);
                self.conn.batch_execute("ROLLBACK").unwrap();
            }
        }
    }

    fn write(&mut self) -> QueryResult<()> {
        let number = self.number;
        self.sql(&format!("INSERT INTO commits (number) VALUES ({number})"))?;
        for _ in 0..=self.dice.below(5) {
            self.statement()?;
        }
        if self.dice.one_in(25) {
            // More than a session keeps in shared memory.
            count(&self.tally.deep);
            for depth in 0..70 {
                self.sql(&format!("SAVEPOINT s{depth}"))?;
                if depth % 10 == 0 {
                    self.statement()?;
                }
            }
            let back = self.dice.below(70);
            self.sql(&format!("ROLLBACK TO SAVEPOINT s{back}"))?;
        }
        Ok(())
    }

    fn sql(&mut self, sql: &str) -> QueryResult<()> {
        self.conn.batch_execute(sql)
    }

    /// Within a savepoint, so that a statement that fails costs no transaction.
    fn statement(&mut self) -> QueryResult<()> {
        let rolls_back = self.dice.one_in(6);
        self.sql("SAVEPOINT statement")?;
        match self.bare_statement() {
            Ok(()) if !rolls_back => self.sql("RELEASE SAVEPOINT statement"),
            Err(diesel::result::Error::DatabaseError(
                diesel::result::DatabaseErrorKind::SerializationFailure,
                error,
            )) => Err(diesel::result::Error::DatabaseError(
                diesel::result::DatabaseErrorKind::SerializationFailure,
                error,
            )),
            _ => self.sql("ROLLBACK TO SAVEPOINT statement"),
        }
    }

    fn bare_statement(&mut self) -> QueryResult<()> {
        let (id, other) = (self.dice.below(KEYS), self.dice.below(KEYS));
        let room = self.dice.below(9);
        let name = self.name.clone();
        match self.dice.below(12) {
            0 | 1 => self.sql(&format!(
                "INSERT INTO accounts (id, room, body) VALUES ({id}, {room}, '{name}') \
                 ON CONFLICT (id) DO UPDATE SET room = excluded.room, body = excluded.body"
            )),
            2 => self.sql(&format!(
                "INSERT INTO accounts (id, room, body) SELECT x, {room}, '{name}' \
                 FROM generate_series({id}, {id} + 4) x ON CONFLICT DO NOTHING"
            )),
            3 | 4 => self.sql(&format!(
                "UPDATE accounts SET room = {room}, body = '{name} \"\\' || chr(233) || E'\\n\\t', score = score / 3 WHERE id = {id}"
            )),
            5 => self.sql(&format!(
                "UPDATE accounts SET body = body || 'x' WHERE id BETWEEN {id} AND {id} + 5"
            )),
            6 => self.sql(&format!("UPDATE accounts SET id = {other} WHERE id = {id}")),
            7 => self.sql(&format!("DELETE FROM accounts WHERE id = {id}")),
            8 => self.sql(&format!(
                "INSERT INTO children (id, account, note) VALUES ({other} * 1000 + {room}, {id}, '{name}') \
                 ON CONFLICT (id) DO UPDATE SET account = excluded.account, note = excluded.note"
            )),
            9 => {
                // Fails at COMMIT, unless somebody makes the account.
                if self.dice.one_in(3) {
                    self.sql(&format!(
                        "SET CONSTRAINTS ALL DEFERRED; INSERT INTO children (id, account, note) \
                         VALUES ({other} * 1000 + 999, 99999, '{name}') ON CONFLICT DO NOTHING"
                    ))
                } else {
                    Ok(())
                }
            }
            10 => self.copy(id),
            _ => self.sql(&format!(
                "UPDATE children SET note = '{name}' WHERE account = {id}; \
                 DELETE FROM children WHERE account = {other}"
            )),
        }
    }

    fn copy(&mut self, id: usize) -> QueryResult<()> {
        use crate::model::accounts::dsl::{accounts, id as key, room, text};
        count(&self.tally.copies);
        let base = i64::try_from(1_000 + id * 10).unwrap();
        let rows: Vec<_> = (base..base + 3)
            .map(|number| (key.eq(number), room.eq(7_i64), text.eq(self.name.clone())))
            .collect();
        diesel::delete(accounts.filter(key.between(base, base + 9))).execute(self.conn)?;
        diesel::copy_from(accounts)
            .from_insertable(rows)
            .execute(self.conn)?;
        Ok(())
    }

    fn end(mut self) {
        let name = self.name.clone();
        let sql = match self.dice.below(10) {
            0 | 1 => {
                count(&self.tally.rolled_back);
                "ROLLBACK".to_owned()
            }
            2 => return self.end_in_two_phases(),
            _ => {
                count(&self.tally.committed);
                "COMMIT".to_owned()
            }
        };
        if self.sql(&sql).is_err() {
            count(&self.tally.deferred);
            let _ = self.sql("ROLLBACK");
        }
        drop(name);
    }

    fn end_in_two_phases(&mut self) {
        let name = self.name.clone();
        if self.sql(&format!("PREPARE TRANSACTION '{name}'")).is_err() {
            count(&self.tally.deferred);
            let _ = self.sql("ROLLBACK");
            return;
        }
        count(&self.tally.prepared);
        // Another transaction meanwhile.
        let _ = self.sql(&format!(
            "SET lock_timeout = '20ms'; INSERT INTO accounts (id, room, body) VALUES ({}, 1, '{name}'); RESET lock_timeout",
            100_000 + self.number
        ));
        let _ = self.sql("RESET lock_timeout");
        let how = if self.dice.one_in(2) {
            "COMMIT"
        } else {
            "ROLLBACK"
        };
        self.sql(&format!("{how} PREPARED '{name}'")).unwrap();
    }
}
