//! Reading the change log of SQLite, where the row number is the position.

use super::connection::{Bind, Entry, LogConnection, Statement, Texts};
use super::log::{Batches, Log, LogError, Mark, PAGE, PAGE_BYTES, Read};
use super::schema::Retention;
use super::snapshot::Moment;
use crate::cursor::Cursor;
use crate::model::TableName;

/// The log on a connection to SQLite.
pub(super) struct SqliteLog {
    conn: Box<dyn LogConnection + Send>,
    log: u64,
    /// SQLite's number for what other connections have written, when there was nothing after this
    /// position.
    exhausted_at: Option<(i64, Cursor)>,
}

impl SqliteLog {
    /// The log on this connection; it is installed.
    pub(super) fn open(mut conn: Box<dyn LogConnection + Send>) -> Result<Self, LogError> {
        conn.run("PRAGMA busy_timeout = 5000")?;
        let mut log = Self {
            conn,
            log: 0,
            exhausted_at: None,
        };
        log.read_id()?;
        Ok(log)
    }

    fn read_id(&mut self) -> Result<(), LogError> {
        let rows = self.texts("SELECT CAST(log AS TEXT) FROM graphex_state", &[])?;
        let log = rows.first().and_then(|row| row.number(0));
        self.log = log.ok_or(INCOMPLETE)?.cast_unsigned();
        Ok(())
    }

    fn texts(&mut self, sql: &str, values: &[Bind<'_>]) -> Result<Vec<Texts>, LogError> {
        Ok(self.conn.texts(Statement::new(sql, values))?)
    }

    fn data_version(&mut self) -> Result<Option<i64>, LogError> {
        let rows = self.texts("PRAGMA data_version", &[])?;
        Ok(rows.first().and_then(|row| row.number(0)))
    }

    fn cursor(&self, entry: &Entry) -> Cursor {
        Cursor {
            log: self.log,
            position: entry.seq.cast_unsigned(),
            token: entry.token.cast_unsigned(),
        }
    }

    /// At most so many entries from this number on, itself included, and no more than make a page.
    fn entries(&mut self, from: i64, most: usize) -> Result<Vec<Entry>, LogError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let values = [Bind::Int(from), Bind::Int(most)];
        let sql = "SELECT 0, seq, token, stream, op, old, new FROM graphex_log WHERE seq >= ? ORDER BY seq LIMIT ?";
        let statement = Statement::new(sql, &values);
        Ok(self.conn.entries(statement, PAGE_BYTES)?)
    }

    /// The highest number that was ever given, and the first in the log from this one on. One statement:
    /// others write between two.
    fn numbers(&mut self, from: i64) -> Result<(i64, Option<i64>), LogError> {
        let sql = "SELECT CAST((SELECT seq FROM sqlite_sequence WHERE name = 'graphex_log') AS TEXT), \
             CAST((SELECT min(seq) FROM graphex_log WHERE seq >= ?) AS TEXT)";
        let rows = self.texts(sql, &[Bind::Int(from)])?;
        let row = rows.first();
        let number = |column| row.and_then(|row| row.number(column));
        Ok((number(0).unwrap_or(0), number(1)))
    }

    /// Whether `cursor` is the end of an empty log, and what follows it is still there.
    fn is_empty_end(&mut self, cursor: &Cursor) -> Result<bool, LogError> {
        if cursor.token != 0 {
            return Ok(false);
        }
        let position = cursor.position.cast_signed();
        let (highest, next) = self.numbers(position)?;
        Ok(next.map_or(highest == position, |next| next == position + 1))
    }
}

impl Log for SqliteLog {
    fn end(&mut self) -> Result<Mark, LogError> {
        self.read_id()?;
        self.exhausted_at = None;
        let sql = "SELECT 0, seq, token, stream, op, NULL, NULL FROM graphex_log ORDER BY seq DESC LIMIT 1";
        let newest = self.conn.entries(Statement::new(sql, &[]), 0)?.pop();
        let cursor = match newest {
            Some(entry) => self.cursor(&entry),
            None => {
                let (highest, next) = self.numbers(0)?;
                // What was written since it was empty comes after the end.
                let position = next.map_or(highest, |next| next - 1);
                Cursor {
                    log: self.log,
                    position: position.cast_unsigned(),
                    token: 0,
                }
            }
        };
        let batches = Batches::default();
        Ok(Mark { cursor, batches })
    }

    fn find(&mut self, cursor: &Cursor) -> Result<Option<Mark>, LogError> {
        self.read_id()?;
        let Ok(position) = i64::try_from(cursor.position) else {
            return Ok(None);
        };
        let entries = self.entries(position, 1)?;
        let there = entries.first().filter(|entry| entry.seq == position);
        let is_good = match there {
            Some(entry) => self.cursor(entry) == *cursor,
            None => cursor.log == self.log && self.is_empty_end(cursor)?,
        };
        let batches = Batches::default();
        let cursor = *cursor;
        Ok(is_good.then_some(Mark { cursor, batches }))
    }

    fn read(&mut self, mark: &mut Mark) -> Result<Read, LogError> {
        let version = self.data_version()?;
        let exhausted_at = version.map(|version| (version, mark.cursor));
        if exhausted_at.is_some() && exhausted_at == self.exhausted_at {
            return Ok(Read::End);
        }
        let position = mark.cursor.position.cast_signed();
        let mut entries = self.entries(position, PAGE + 1)?;
        match entries.first() {
            Some(entry) if entry.seq == position => {
                if self.cursor(entry) != mark.cursor {
                    return Ok(Read::Gap);
                }
                entries.remove(0);
            }
            _ => {
                if !self.is_empty_end(&mark.cursor)? {
                    return Ok(Read::Gap);
                }
            }
        }
        // Numbers have no holes. Where rows are missing, what follows is a page of its own.
        let contiguous = entries.iter().zip(position + 1..);
        let contiguous = contiguous.take_while(|(entry, seq)| entry.seq == *seq);
        let contiguous = contiguous.count();
        if contiguous == 0 && !entries.is_empty() {
            return Ok(Read::Gap);
        }
        let page: Vec<_> = entries
            .into_iter()
            .take(contiguous)
            .map(|entry| (self.cursor(&entry), entry))
            .collect();
        let Some((last, _)) = page.last() else {
            // Read before the entries, so that what was written meanwhile is seen next time.
            self.exhausted_at = exhausted_at;
            return Ok(Read::End);
        };
        mark.cursor = *last;
        Ok(Read::Page(page))
    }

    fn begin(&mut self) -> Result<Moment, LogError> {
        self.conn.run("BEGIN")?;
        // The first statement that reads chooses the moment.
        let cursor = self.end()?.cursor;
        let seen = None;
        Ok(Moment { cursor, seen })
    }

    fn rows(&mut self, select: &str, take: &mut dyn FnMut(&str) -> bool) -> Result<(), LogError> {
        Ok(self.conn.each(Statement::verbatim(select), take)?)
    }

    fn columns(&mut self, table: &TableName) -> Result<Vec<(String, String)>, LogError> {
        let sql = "SELECT name, type FROM pragma_table_info(?)";
        let rows = self.texts(sql, &[Bind::Text(&table.name)])?;
        let pair = |row: &Texts| (row.text(0).to_owned(), row.text(1).to_owned());
        Ok(rows.iter().map(pair).collect())
    }

    fn finish(&mut self) -> Result<(), LogError> {
        Ok(self.conn.run("ROLLBACK")?)
    }

    fn notified(&mut self) -> Result<Option<bool>, LogError> {
        Ok(None)
    }

    fn tend(&mut self, _: Retention) -> Result<(), LogError> {
        // The log prunes itself. Its id may have been made anew by the user.
        let before = self.log;
        self.read_id()?;
        if self.log != before {
            self.exhausted_at = None;
        }
        Ok(())
    }
}

const INCOMPLETE: LogError =
    LogError::Answer("the tables of the change log are incomplete: install it again");
