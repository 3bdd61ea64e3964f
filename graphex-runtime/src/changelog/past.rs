//! A change log as the source of a hub: what is committed from now on, and what was before.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Entry;
use super::decode::{Decoded, Decoder};
use super::log::{Log, LogError, Mark, Read};
use super::reader::{Open, Reader};
use super::snapshot::Moments;
use crate::change::Change;
use crate::cursor::Cursor;
use crate::hub::{Flushing, NoSnapshot, OpenError, Page, Past, Snapshot, Source, Then, Wanted};
use crate::value::Database;

/// The log behind a hub.
pub(super) struct LogSource {
    pub(super) reader: Reader,
    pub(super) open: Open,
    pub(super) decoder: Arc<Decoder>,
    pub(super) database: Database,
}

impl Source for LogSource {
    fn wake(&self) {
        self.reader.wake();
    }

    fn flush(&self, flushing: Flushing) {
        self.reader.flush(flushing);
    }

    fn is_ready(&self) -> bool {
        self.reader.is_ready()
    }

    fn lag(&self) -> Duration {
        self.reader.lag()
    }

    fn past(&self) -> Result<Box<dyn Past>, OpenError> {
        Ok(Box::new(LogPast {
            log: (self.open)()?,
            rows: None,
            open: Arc::clone(&self.open),
            database: self.database,
            decoder: Arc::clone(&self.decoder),
            marks: HashMap::new(),
        }))
    }
}

/// Reads a log from any position on.
struct LogPast {
    log: Box<dyn Log>,
    /// For the rows of snapshots, on a connection of its own.
    rows: Option<Box<dyn Log>>,
    open: Open,
    database: Database,
    decoder: Arc<Decoder>,
    /// Where the last pages have ended: whoever reads on there need not look for the position.
    marks: HashMap<Cursor, Mark>,
}

/// Most marks that are kept.
const MARKS: usize = 128;
/// Most bytes of a page, if it is not one change alone: each client that goes on holds one while it
/// does not read, as far as it may hold so much.
const PAGE_BYTES: usize = 1024 * 1024;

/// How many of these make a page.
fn within_bytes(entries: &[(Cursor, Entry)]) -> usize {
    let mut bytes = 0;
    let fits = |(_, entry): &&(Cursor, Entry)| {
        bytes += entry.bytes();
        bytes <= PAGE_BYTES
    };
    entries.iter().take_while(fits).count().max(1)
}

impl Past for LogPast {
    fn snapshot(&mut self, wanted: &Wanted) -> Result<Snapshot, NoSnapshot> {
        let failed = |error: LogError| NoSnapshot::Failed(error.into());
        // One that fails is made anew.
        let rows = self.rows.take().map_or_else(|| (self.open)(), Ok);
        let mut rows = rows.map_err(failed)?;
        let taken = Moments {
            log: &mut *self.log,
            rows: &mut *rows,
            decoder: &self.decoder,
            database: self.database,
        }
        .take(wanted);
        if !matches!(taken, Err(NoSnapshot::Failed(_))) {
            self.rows = Some(rows);
        }
        taken
    }

    fn end(&mut self) -> Result<Option<Cursor>, OpenError> {
        let end = self.log.end()?;
        self.log.notified()?;
        Ok((!self.log.lags()).then_some(end.cursor))
    }

    fn read(&mut self, stream: &str, after: Cursor) -> Result<Page, OpenError> {
        let empty = |then| Page {
            changes: Vec::new(),
            then,
        };
        let found = match self.marks.remove(&after) {
            Some(mark) => Some(mark),
            None => self.log.find(&after)?,
        };
        let Some(mut mark) = found else {
            return Ok(empty(Then::Gap));
        };
        let read = self.log.read(&mut mark)?;
        // Notifications that nobody asks for would wait in memory.
        self.log.notified()?;
        let mut entries = match read {
            Read::Page(entries) => entries,
            Read::End => return Ok(empty(Then::End)),
            Read::Gap => return Ok(empty(Then::Gap)),
        };
        let taken = within_bytes(&entries);
        if taken < entries.len() {
            // The rest is read again: nobody holds it while a slow client takes this.
            entries.truncate(taken);
        } else {
            if self.marks.len() >= MARKS {
                self.marks.clear();
            }
            self.marks.insert(mark.cursor, mark);
        }
        let upto = entries.last().map_or(after, |(cursor, _)| *cursor);
        let mut changes: Vec<Arc<Change>> = Vec::new();
        let mut before = after;
        for (cursor, entry) in &entries {
            if entry.stream == stream {
                match self.decoder.decode_or_gap(entry, before, *cursor) {
                    Decoded::Changes(first, second) => {
                        changes.push(Arc::new(first));
                        changes.extend(second.map(Arc::new));
                    }
                    Decoded::Gap(_) => {
                        let then = Then::Gap;
                        return Ok(Page { changes, then });
                    }
                    Decoded::Foreign => {}
                }
            }
            before = *cursor;
        }
        let then = Then::More(upto);
        Ok(Page { changes, then })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(lengths: &[usize]) -> Vec<(Cursor, Entry)> {
        let entry = |(length, seq): (&usize, i64)| {
            let position = seq.cast_unsigned();
            let (log, token) = (1, 1);
            let cursor = Cursor {
                log,
                position,
                token,
            };
            (cursor, Entry::sample(seq, *length))
        };
        lengths.iter().zip(1..).map(entry).collect()
    }

    #[test]
    fn a_page_has_so_many_bytes_or_one_change() {
        let half = PAGE_BYTES / 2;
        for (lengths, taken) in [
            (vec![10; 1_000], 1_000),
            (vec![half, half, 1], 2),
            (vec![half, half + 1, 1], 1),
            (vec![4 * PAGE_BYTES, 1], 1),
            (vec![1, 4 * PAGE_BYTES, 1], 1),
        ] {
            assert_eq!(within_bytes(&entries(&lengths)), taken);
        }
    }
}
