//! A change log as a sequence of pages, whichever database it is in.

use std::collections::VecDeque;

use diesel::result::{ConnectionError, Error};

use super::connection::Entry;
use super::schema::Retention;
use super::snapshot::Moment;
use crate::cursor::Cursor;
use crate::model::TableName;

/// Most changes that are read at once. One transaction of one batch may be read in several pages.
pub(super) const PAGE: usize = 1_000;

/// About how many bytes of rows are read at once, if it is not one change alone.
pub(super) const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// How many changes are read at once where a page cannot be ended by its bytes: fewer where rows are
/// large. It begins small and grows, so that the first large rows are few.
#[derive(Debug)]
pub(super) struct PageSize(usize);

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE / 8)
    }
}

impl PageSize {
    pub(super) fn rows(&self) -> usize {
        self.0
    }

    /// What follows is taken to be like this page.
    pub(super) fn adapt(&mut self, page: &[(Cursor, Entry)]) {
        let bytes: usize = page.iter().map(|(_, entry)| entry.bytes()).sum();
        if bytes > PAGE_BYTES {
            self.0 = (page.len() * PAGE_BYTES / bytes).max(1);
        } else if bytes < PAGE_BYTES / 4 {
            self.0 = (2 * self.0).min(PAGE);
        }
    }
}

/// A change log on a connection of its own.
pub(super) trait Log: Send {
    /// Where the log ends now.
    fn end(&mut self) -> Result<Mark, LogError>;

    /// Whether its end may be before what is committed: a standby follows the primary.
    fn lags(&self) -> bool {
        false
    }

    /// Where this cursor is; nothing if it is not good any more.
    fn find(&mut self, cursor: &Cursor) -> Result<Option<Mark>, LogError>;

    /// Reads what follows, and moves the mark behind it.
    fn read(&mut self, mark: &mut Mark) -> Result<Read, LogError>;

    /// Begins a transaction that sees the database as it is at one moment.
    fn begin(&mut self) -> Result<Moment, LogError>;

    /// Hands the one text of each row over, in that transaction, until no more is taken.
    fn rows(&mut self, select: &str, take: &mut dyn FnMut(&str) -> bool) -> Result<(), LogError>;

    /// The columns of a table, and their types in SQL.
    fn columns(&mut self, table: &TableName) -> Result<Vec<(String, String)>, LogError>;

    /// Ends the transaction.
    fn finish(&mut self) -> Result<(), LogError>;

    /// Whether another process has said that there is something to read, found out without asking
    /// the server; nothing where that cannot be found out.
    fn notified(&mut self) -> Result<Option<bool>, LogError>;

    /// What has to be done now and then: the log is kept within its bounds.
    fn tend(&mut self, retention: Retention) -> Result<(), LogError>;
}

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    /// Changes in their final order, each with its position.
    Page(Vec<(Cursor, Entry)>),
    /// The log ends here.
    End,
    /// What follows is not there any more, or the mark never was in this log.
    Gap,
}

/// Where in a log one reads.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// The last change that was read.
    pub(super) cursor: Cursor,
    /// What PostgreSQL has to know beside it.
    pub(super) batches: Batches,
}

/// The batches around a mark, on PostgreSQL.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    /// What the batch before `current` had made visible; needed while `current` is read.
    pub(super) seen: Option<Visible>,
    /// The batch of the last change that was read.
    pub(super) current: Option<Batch>,
    /// Those that follow it, as far as they are known.
    pub(super) ahead: VecDeque<Batch>,
    /// The transactions of a `current` that is larger than a page, which are not read yet.
    pub(super) groups: VecDeque<Group>,
}

/// What is visible after a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Visible {
    pub(super) top: i64,
    /// Ascending.
    pub(super) unseen: Vec<i64>,
}

impl Visible {
    pub(super) fn has(&self, xid: i64) -> bool {
        xid <= self.top && self.unseen.binary_search(&xid).is_err()
    }
}

/// A row of `graphex.batch`.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) first: i64,
    pub(super) n: i64,
    pub(super) token: i64,
    pub(super) visible: Visible,
}

impl Batch {
    /// The position of its last change.
    pub(super) fn last(&self) -> i64 {
        self.first + self.n - 1
    }
}

/// Transactions that are read together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) xids: Vec<i64>,
    pub(super) n: usize,
    /// Of a transaction that is larger than a page, the last change that was read.
    pub(super) after: i64,
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error("no connection to the database of the change log: {0}")]
    Connection(#[from] ConnectionError),
    #[error("the change log could not be read: {0}")]
    Query(#[from] Error),
    #[error("{0}")]
    Answer(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_fewer_rows_where_they_are_large() {
        let page = |rows: usize, bytes: usize| {
            let cursor = Cursor {
                log: 1,
                position: 1,
                token: 1,
            };
            vec![(cursor, Entry::sample(1, bytes)); rows]
        };
        let mut size = PageSize::default();
        for (read, rows) in [
            (page(PAGE / 8, 100), PAGE / 4),
            (page(PAGE / 4, 100), PAGE / 2),
            (page(PAGE / 2, 100), PAGE),
            (page(PAGE, 100), PAGE),
            (page(100, PAGE_BYTES / 10), 10),
            // As large as it is to be.
            (page(10, PAGE_BYTES / 10), 10),
            (page(1, 3 * PAGE_BYTES), 1),
            (page(1, 100), 2),
        ] {
            size.adapt(&read);
            assert_eq!(size.rows(), rows);
        }
    }
}
