//! Reading the change log of PostgreSQL.

mod large;
mod moment;
mod rows;

use super::connection::{Bind, LogConnection, Statement, Texts};
use rows::{Numbered, array, batch, number};

use super::log::{Batch, Batches, Log, LogError, Mark, PageSize, Read, Visible};
use super::schema::Retention;
use super::snapshot::Moment;
use crate::cursor::Cursor;
use crate::model::TableName;

/// About how many changes one batch has at most.
const BATCH: i64 = 10_000;

/// The log on a connection to PostgreSQL.
pub(super) struct PostgresLog {
    conn: Box<dyn LogConnection + Send>,
    log: u64,
    /// A standby makes no batches: it lists nothing as in progress, so that a snapshot of it is
    /// wrong. It follows those of the primary.
    is_standby: bool,
    page: PageSize,
}

impl PostgresLog {
    /// The log on this connection; it is installed.
    pub(super) fn open(
        mut conn: Box<dyn LogConnection + Send>,
        retention: Retention,
    ) -> Result<Self, LogError> {
        // A tick needs a new snapshot for each statement, whatever the server's default is. And what an
        // open transaction has written looks to the planner as if it were soon found without the index,
        // where statistics have few transactions; but it is not visible, so all is read. What has no index
        // looks costly then, and is not to be compiled for that.
        conn.run(
            "SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning; \
             SET enable_seqscan = off; SET jit = off",
        )?;
        let mut log = Self {
            conn,
            log: 0,
            is_standby: false,
            page: PageSize::default(),
        };
        log.find_role()?;
        if !log.is_standby {
            log.call("SELECT graphex.arrive(?::interval, ?)::text", retention)?;
            // A standby takes no such command. It is not told of anything, either.
            log.conn.run("LISTEN graphex")?;
        }
        log.read_id()?;
        Ok(log)
    }

    fn find_role(&mut self) -> Result<(), LogError> {
        let rows = self.texts("SELECT pg_is_in_recovery()::text", &[])?;
        self.is_standby = rows.first().is_some_and(|row| row.is(0));
        Ok(())
    }

    fn read_id(&mut self) -> Result<(), LogError> {
        let rows = self.texts("SELECT log::text FROM graphex.state", &[])?;
        let log = rows.first().and_then(|row| row.number(0));
        self.log = log.ok_or(INCOMPLETE)?.cast_unsigned();
        Ok(())
    }

    fn call(&mut self, sql: &str, Retention { keep, most }: Retention) -> Result<(), LogError> {
        let keep = format!("{} seconds", keep.as_secs());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.texts(sql, &[Bind::Text(&keep), Bind::Int(most)])?;
        Ok(())
    }

    fn texts(&mut self, sql: &str, values: &[Bind<'_>]) -> Result<Vec<Texts>, LogError> {
        Ok(self.conn.texts(Statement::new(sql, values))?)
    }

    /// The batch that begins at this position, without what is visible after it, and those that
    /// follow it. What is committed and in no batch is put into one.
    fn batches(&mut self, first: i64) -> Result<Vec<Texts>, LogError> {
        if self.is_standby {
            let sql = "SELECT b.first::text, b.n::text, b.top::text, CASE WHEN b.first > ? THEN b.unseen::text END, b.token::text, pg_is_in_recovery()::text \
                 FROM graphex.batch b WHERE b.first >= ? ORDER BY b.first LIMIT 65";
            self.texts(sql, &[Bind::Int(first), Bind::Int(first)])
        } else {
            let sql = "SELECT first, n, top, unseen, token FROM graphex.next(?, ?)";
            self.texts(sql, &[Bind::Int(first), Bind::Int(BATCH)])
        }
    }

    /// Fills `ahead`; whether the current batch is still there.
    fn look_ahead(&mut self, batches: &mut Batches) -> Result<bool, LogError> {
        let Some(current) = &batches.current else {
            return Ok(false);
        };
        let rows = self.batches(current.first)?;
        // A standby tells with each row whether it still is one.
        self.is_standby &= rows.first().is_none_or(|row| row.is(5));
        let mut rows = rows.iter();
        let same = |row: &Texts| {
            row.number(0) == Some(current.first) && row.number(4) == Some(current.token)
        };
        if !rows.next().is_some_and(same) {
            return Ok(false);
        }
        batches.ahead = rows.map(batch).collect::<Result<_, _>>()?;
        Ok(true)
    }

    /// Reads batches that make no more than a page together.
    fn read_run(
        &mut self,
        seen: &Visible,
        run: &[Batch],
    ) -> Result<Option<Vec<Numbered>>, LogError> {
        let Some(last) = run.last() else {
            return Ok(Some(Vec::new()));
        };
        let (before, after) = (array(&seen.unseen), array(&last.visible.unseen));
        let values = [
            Bind::Int(seen.top),
            Bind::Int(last.visible.top),
            Bind::Text(&before),
            Bind::Text(&after),
        ];
        let entries = self
            .conn
            .entries(Statement::new(READ, &values), usize::MAX)?;
        Ok(number(entries, run, self.log))
    }

    fn cursor(&self, position: u64, token: i64) -> Cursor {
        Cursor {
            log: self.log,
            position,
            token: token.cast_unsigned(),
        }
    }

    fn mark(&self, batch: Batch) -> Mark {
        Mark {
            cursor: self.cursor(batch.last().cast_unsigned(), batch.token),
            batches: Batches {
                current: Some(batch),
                ..Batches::default()
            },
        }
    }

    /// `ORDER BY` in these queries names the table: an output column of the name is text.
    fn select_batches(&mut self, sql: &str, position: i64) -> Result<Vec<Batch>, LogError> {
        let rows = self.texts(sql, &[Bind::Int(position)])?;
        rows.iter().map(batch).collect()
    }
}

impl Log for PostgresLog {
    fn end(&mut self) -> Result<Mark, LogError> {
        if !self.is_standby {
            // A full batch may have left some; what is committed from now on is not waited for.
            let mut made = BATCH;
            while made >= BATCH {
                let rows = self.texts("SELECT graphex.tick(?)::text", &[Bind::Int(BATCH)])?;
                made = rows.first().and_then(|row| row.number(0)).unwrap_or(0);
            }
        }
        self.read_id()?;
        let sql = "SELECT b.first::text, b.n::text, b.top::text, b.unseen::text, b.token::text FROM graphex.batch b \
             WHERE b.first >= ? ORDER BY b.first DESC LIMIT 1";
        let batch = self.select_batches(sql, 0)?.pop().ok_or(INCOMPLETE)?;
        Ok(self.mark(batch))
    }

    fn lags(&self) -> bool {
        self.is_standby
    }

    fn find(&mut self, cursor: &Cursor) -> Result<Option<Mark>, LogError> {
        self.read_id()?;
        let Ok(position) = i64::try_from(cursor.position) else {
            return Ok(None);
        };
        let sql = "SELECT b.first::text, b.n::text, b.top::text, b.unseen::text, b.token::text FROM graphex.batch b \
             WHERE b.first <= ? ORDER BY b.first DESC LIMIT 2";
        let mut found = self.select_batches(sql, position)?.into_iter();
        let (Some(batch), before) = (found.next(), found.next()) else {
            return Ok(None);
        };
        let is_there = cursor.log == self.log
            && position <= batch.last()
            && batch.token.cast_unsigned() == cursor.token;
        // In the middle of a batch one goes on only by the one before it.
        if !is_there || (position < batch.last() && before.is_none()) {
            return Ok(None);
        }
        let mut mark = self.mark(batch);
        mark.cursor = *cursor;
        mark.batches.seen = before.map(|before| before.visible);
        Ok(Some(mark))
    }

    fn read(&mut self, mark: &mut Mark) -> Result<Read, LogError> {
        let Some(mut current) = mark.batches.current.clone() else {
            return Ok(Read::Gap);
        };
        let mut read = mark.cursor.position.cast_signed() - current.first + 1;
        if read == current.n {
            if mark.batches.ahead.is_empty() && !self.look_ahead(&mut mark.batches)? {
                return Ok(Read::Gap);
            }
            let Some(next) = mark.batches.ahead.pop_front() else {
                return Ok(Read::End);
            };
            if next.first != current.first + current.n {
                return Ok(Read::Gap);
            }
            mark.batches.seen = Some(current.visible);
            mark.batches.groups.clear();
            mark.cursor = self.cursor((next.first - 1).cast_unsigned(), current.token);
            mark.batches.current = Some(next.clone());
            (current, read) = (next, 0);
        }
        if usize::try_from(current.n).is_ok_and(|n| n > self.page.rows()) {
            return self.read_large(mark, &current);
        }
        let Some(seen) = mark.batches.seen.clone() else {
            return Ok(Read::Gap);
        };
        let rows = self.page.rows();
        let mut room = rows.saturating_sub(usize::try_from(current.n).unwrap_or(rows));
        let mut next = current.first + current.n;
        let mut run = vec![current];
        for ahead in &mark.batches.ahead {
            let n = usize::try_from(ahead.n).unwrap_or(usize::MAX);
            if n > room || ahead.first != next {
                break;
            }
            room -= n;
            next += ahead.n;
            run.push(ahead.clone());
        }
        let Some(mut page) = self.read_run(&seen, &run)? else {
            return Ok(Read::Gap);
        };
        self.page.adapt(&page);
        // Only now, so that an error before leaves the mark as it was.
        mark.batches.ahead.drain(..run.len() - 1);
        page.drain(..usize::try_from(read).unwrap_or_default().min(page.len()));
        if let (Some(last), Some((cursor, _))) = (run.pop(), page.last()) {
            mark.cursor = *cursor;
            mark.batches.seen = run.pop().map_or(Some(seen), |before| Some(before.visible));
            mark.batches.current = Some(last);
        }
        Ok(Read::Page(page))
    }

    fn begin(&mut self) -> Result<Moment, LogError> {
        self.begin_moment()
    }

    fn rows(&mut self, select: &str, take: &mut dyn FnMut(&str) -> bool) -> Result<(), LogError> {
        self.rows_of_moment(select, take)
    }

    fn columns(&mut self, table: &TableName) -> Result<Vec<(String, String)>, LogError> {
        self.column_types(table)
    }

    fn finish(&mut self) -> Result<(), LogError> {
        Ok(self.conn.run("ROLLBACK")?)
    }

    fn notified(&mut self) -> Result<Option<bool>, LogError> {
        Ok(self.conn.notified()?)
    }

    fn tend(&mut self, retention: Retention) -> Result<(), LogError> {
        self.find_role()?;
        if !self.is_standby {
            self.call("SELECT graphex.prune(?::interval, ?)::text", retention)?;
        }
        Ok(())
    }
}

const INCOMPLETE: LogError =
    LogError::Answer("the tables of the change log are incomplete: install it again");

/// The changes that became visible between two batches.
const READ: &str = "
WITH v AS (SELECT ?::text::xid8 AS seen, ?::text::xid8 AS top, ?::text::xid8[] AS before, ?::text::xid8[] AS after)
SELECT r.xid::text::bigint, r.seq, 0::bigint, r.stream, r.op::text, r.old::text, r.new::text FROM v, LATERAL (
  SELECT l.* FROM graphex.log l WHERE l.xid > v.seen AND l.xid <= v.top
  UNION ALL
  SELECT f.* FROM unnest(v.before) u (x), LATERAL (SELECT l.* FROM graphex.log l WHERE l.xid = u.x OFFSET 0) f
) r WHERE r.xid <> ALL (v.after)";
