//! A change log as it is, for tests and benches.

use super::log::{Log, Mark, Read};
use super::{ChangeLog, ChangeLogError, Cursor};

/// A log that is read from a cursor on.
#[allow(missing_debug_implementations, reason = "not for people")]
pub struct RawLog {
    log: Box<dyn Log>,
    mark: Mark,
}

/// What was read.
#[derive(Debug)]
pub enum RawRead {
    /// Changes in their order.
    Page(Vec<RawEntry>),
    /// There are no more.
    End,
    /// What follows is gone.
    Gap,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEntry {
    /// Its position.
    pub cursor: Cursor,
    /// Its transaction, on PostgreSQL.
    pub xid: i64,
    /// Its number in the log.
    pub seq: i64,
    /// Its stream.
    pub stream: String,
    /// `c`, `u`, `d` or `t`.
    pub op: char,
    /// The old row, as JSON.
    pub old: Option<String>,
    /// The new row, as JSON.
    pub new: Option<String>,
}

impl RawLog {
    /// Connects, and goes on after the cursor, or at the end; nothing where the cursor is gone.
    pub fn open(log: &ChangeLog, after: Option<&Cursor>) -> Result<Option<Self>, ChangeLogError> {
        let mut log = (log.open)(log.retention).map_err(ChangeLogError::from)?;
        let mark = match after {
            None => Some(log.end().map_err(ChangeLogError::from)?),
            Some(cursor) => log.find(cursor).map_err(ChangeLogError::from)?,
        };
        Ok(mark.map(|mark| Self { log, mark }))
    }

    /// Where one goes on.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        self.mark.cursor
    }

    /// The position of a cursor.
    #[must_use]
    pub fn position(cursor: &Cursor) -> u64 {
        cursor.position
    }

    /// Reads what follows.
    pub fn read(&mut self) -> Result<RawRead, ChangeLogError> {
        Ok(match self.log.read(&mut self.mark)? {
            Read::End => RawRead::End,
            Read::Gap => RawRead::Gap,
            Read::Page(page) => RawRead::Page(
                page.into_iter()
                    .map(|(cursor, entry)| RawEntry {
                        cursor,
                        xid: entry.xid,
                        seq: entry.seq,
                        stream: entry.stream,
                        op: char::from(entry.op),
                        old: entry.old,
                        new: entry.new,
                    })
                    .collect(),
            ),
        })
    }

    /// Whether another reader has made a batch since this was last asked; nothing where that is
    /// not told.
    pub fn notified(&mut self) -> Result<Option<bool>, ChangeLogError> {
        Ok(self.log.notified()?)
    }

    /// Prunes.
    pub fn tend(&mut self, log: &ChangeLog) -> Result<(), ChangeLogError> {
        Ok(self.log.tend(log.retention)?)
    }
}
