//! The rows that there are at one moment, with the position of the log from which one goes on.
//!
//! What a subscriber has then is what the log makes of it: the rows that one transaction sees, then
//! what it does not see of the log up to a position, then what follows that position.

mod condition;

use std::sync::Arc;

use condition::{Declared, sql};

use super::decode::{Decoded, Decoder};
use super::log::{Log, LogError, Read};
use super::schema;
use crate::change::{Action, Change, Row};
use crate::cursor::Cursor;
use crate::hub::{NoSnapshot, Snapshot, Wanted};
use crate::model::Model;
use crate::predicate::{Decision, Subject};
use crate::value::Database;

/// Most changes that are looked at between the moment and the position; more are a moment that is
/// badly chosen, and another one is.
const MOST_BETWEEN: usize = 20_000;
/// Times that a moment is chosen.
const ATTEMPTS: u32 = 5;

/// What a transaction sees.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// All of the log up to here.
    pub(super) cursor: Cursor,
    /// Of what follows, the changes of these transactions; none where nothing follows.
    pub(super) seen: Option<Seen>,
}

/// The transactions that a snapshot of PostgreSQL sees, if they have committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) all_before: i64,
    pub(super) none_from: i64,
    /// Of those between them, those that it does not see.
    pub(super) running: Vec<i64>,
}

impl Seen {
    /// `10:20:11,15`, as `pg_current_snapshot` has it.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let mut number = || parts.next()?.parse().ok();
        let (all_before, none_from) = (number()?, number()?);
        let running = parts.next()?.split(',').filter(|xid| !xid.is_empty());
        let running = running.map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self {
            all_before,
            none_from,
            running,
        })
    }

    fn has(&self, xid: i64) -> bool {
        xid < self.all_before || (xid < self.none_from && !self.running.contains(&xid))
    }
}

/// A log with what reads a moment beside it.
pub(super) struct Moments<'m> {
    pub(super) log: &'m mut dyn Log,
    /// On a connection of its own, for the transaction.
    pub(super) rows: &'m mut dyn Log,
    pub(super) decoder: &'m Decoder,
    pub(super) database: Database,
}

impl Moments<'_> {
    pub(super) fn take(&mut self, wanted: &Wanted) -> Result<Snapshot, NoSnapshot> {
        for _ in 0..ATTEMPTS {
            if self.log.lags() {
                return Err(NoSnapshot::Standby);
            }
            let moment = self.rows.begin().map_err(failed)?;
            // After the moment: what that sees of the log is not after this.
            let at = match moment.seen {
                Some(_) => self.log.end().map_err(failed)?.cursor,
                None => moment.cursor,
            };
            let mut rows = Rows::new(wanted, self.database);
            let read = self.read(&mut rows);
            self.rows.finish().map_err(failed)?;
            read?;
            self.log.notified().map_err(failed)?;
            self.rows.notified().map_err(failed)?;
            if let Some(missed) = self.between(wanted.model, &moment, at).map_err(failed)? {
                return Ok(Snapshot {
                    bytes: rows.bytes,
                    rows: rows.kept,
                    missed,
                    at,
                });
            }
        }
        Err(NoSnapshot::Busy)
    }

    fn read(&mut self, rows: &mut Rows<'_>) -> Result<(), NoSnapshot> {
        let Wanted {
            model, predicate, ..
        } = rows.wanted;
        let Some(table) = model.table.map(|table| table.name()) else {
            return Err(NoSnapshot::NoTable);
        };
        let declared = self.rows.columns(&table).map_err(failed)?;
        let declared = declared.into_iter();
        let declared = declared.map(|(column, ty)| Declared { column, ty });
        let declared: Vec<_> = declared.collect();
        let condition = sql(model, predicate, self.database, &declared);
        let columns: Vec<_> = model.logged_columns(self.database, "t").collect();
        let select = match self.database {
            Database::Postgres => schema::postgres::rows(&columns, &table, &condition),
            Database::Sqlite => schema::sqlite::rows(&columns, &table, &condition),
        };
        let mut outcome = Ok(());
        let reading = self.rows.rows(&select, &mut |json| {
            outcome = rows.take(json);
            outcome.is_ok()
        });
        outcome?;
        reading.map_err(failed)
    }

    /// What the log has of a model after a moment and up to a position, that the moment does not see.
    /// None where there is too much of it, or where the log cannot tell.
    fn between(
        &mut self,
        model: &'static Model,
        moment: &Moment,
        at: Cursor,
    ) -> Result<Option<Vec<Arc<Change>>>, LogError> {
        let mut missed = Vec::new();
        let Some(seen) = &moment.seen else {
            return Ok(Some(missed));
        };
        let Some(mut mark) = self.log.find(&moment.cursor)? else {
            return Ok(None);
        };
        let mut looked_at = 0;
        while mark.cursor.position < at.position {
            let Read::Page(page) = self.log.read(&mut mark)? else {
                return Ok(None);
            };
            looked_at += page.len();
            if looked_at > MOST_BETWEEN {
                return Ok(None);
            }
            for (cursor, entry) in &page {
                let is_missed = cursor.position <= at.position && !seen.has(entry.xid);
                if !is_missed || entry.stream != model.stream {
                    continue;
                }
                // Nobody goes on in the middle of a snapshot.
                match self.decoder.decode_or_gap(entry, Cursor::NONE, *cursor) {
                    Decoded::Changes(first, second) => {
                        let changes = [Some(first), second].into_iter().flatten();
                        missed.extend(changes.map(|change| {
                            Arc::new(Change {
                                cursor: Some(Cursor::NONE),
                                position: None,
                                ..change
                            })
                        }));
                    }
                    Decoded::Gap(_) => return Ok(None),
                    Decoded::Foreign => {}
                }
            }
        }
        Ok(Some(missed))
    }
}

/// The rows that are kept of those that are read.
struct Rows<'w> {
    wanted: &'w Wanted,
    database: Database,
    kept: Vec<Arc<Change>>,
    bytes: usize,
    read: usize,
}

impl<'w> Rows<'w> {
    fn new(wanted: &'w Wanted, database: Database) -> Self {
        Self {
            wanted,
            database,
            kept: Vec::new(),
            bytes: 0,
            read: 0,
        }
    }

    fn take(&mut self, json: &str) -> Result<(), NoSnapshot> {
        let Wanted {
            model,
            predicate,
            limits,
        } = self.wanted;
        self.read += 1;
        if self.read > limits.reads {
            let limit = limits.reads;
            return Err(NoSnapshot::Reads { limit });
        }
        let row: Row = model
            .row_from_log(self.database, json)
            .map_err(|error| NoSnapshot::Failed(error.into()))?;
        if predicate.decide(&Subject::new(&row), false) == Decision::No {
            return Ok(());
        }
        self.bytes += row.bytes();
        if self.kept.len() >= limits.rows {
            let limit = limits.rows;
            return Err(NoSnapshot::Rows { limit });
        }
        if self.bytes > limits.bytes {
            let limit = limits.bytes;
            return Err(NoSnapshot::Bytes { limit });
        }
        self.kept.push(Arc::new(Change {
            cursor: Some(Cursor::NONE),
            ..Change::unlogged(model, Action::Create, row)
        }));
        Ok(())
    }
}

fn failed(error: LogError) -> NoSnapshot {
    NoSnapshot::Failed(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_of_postgresql_sees_what_had_committed() {
        let seen = Seen::read("10:20:11,15").unwrap();
        let all: Vec<_> = (8..22).filter(|xid| seen.has(*xid)).collect();
        assert_eq!(all, [8, 9, 10, 12, 13, 14, 16, 17, 18, 19]);
        let idle = Seen::read("7:7:").unwrap();
        assert!(idle.has(6) && !idle.has(7));
        for text in ["", "1", "1:2", "1:2:x", "a:2:"] {
            assert!(Seen::read(text).is_none(), "{text}");
        }
    }
}
