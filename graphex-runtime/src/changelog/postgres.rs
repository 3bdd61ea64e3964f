//! Reading the change log of PostgreSQL.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;

use super::connection::{Bind, Entry, LogConnection, Statement, Texts};
use crate::cursor::Cursor;
use super::log::{Batch, Batches, Group, Log, LogError, Mark, PAGE, Read, Visible};
use super::schema::Retention;

/// About how many changes one batch has at most.
const BATCH: i64 = 10_000;

/// The log on a connection to PostgreSQL.
pub(super) struct PostgresLog {
    conn: Box<dyn LogConnection + Send>,
    log: u64,
    /// A standby makes no batches: it lists nothing as in progress, so that a snapshot of it is
    /// wrong. It follows those of the primary.
    is_standby: bool,
}

impl PostgresLog {
    /// The log on this connection; it is installed.
    pub(super) fn open(mut conn: Box<dyn LogConnection + Send>, retention: Retention) -> Result<Self, LogError> {
        // A tick needs a new snapshot for each statement, whatever the server's default is.
        conn.run(
            "SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning",
        )?;
        let mut log = Self {
            conn,
            log: 0,
            is_standby: false,
        };
        log.find_role()?;
        if !log.is_standby {
            log.call("SELECT graphex.arrive(?::interval, ?)::text", retention)?;
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
            let sql = "SELECT b.first::text, b.n::text, b.top::text, CASE WHEN b.first > ? THEN b.unseen::text END, b.token::text \
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
    fn read_run(&mut self, seen: &Visible, run: &[Batch]) -> Result<Option<Vec<Numbered>>, LogError> {
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
        let entries = self.conn.entries(Statement::new(READ, &values))?;
        Ok(number(entries, run, self.log))
    }

    /// Finds the transactions of a batch that is larger than a page, in their order.
    fn find_groups(&mut self, seen: &Visible, batch: &Batch) -> Result<VecDeque<Group>, LogError> {
        let (before, after) = (array(&seen.unseen), array(&batch.visible.unseen));
        let values = [
            Bind::Int(seen.top),
            Bind::Int(batch.visible.top),
            Bind::Text(&before),
            Bind::Text(&after),
        ];
        let rows = self.texts(HEADS, &values)?;
        let mut groups: VecDeque<Group> = VecDeque::new();
        for row in &rows {
            let (Some(xid), Some(n)) = (row.number(0), row.number(1)) else {
                return Err(INCOMPLETE);
            };
            let n = usize::try_from(n).unwrap_or(usize::MAX);
            match groups.back_mut() {
                Some(group) if group.n + n <= PAGE => {
                    group.n += n;
                    group.xids.push(xid);
                }
                _ => groups.push_back(Group {
                    xids: vec![xid],
                    n,
                    after: 0,
                }),
            }
        }
        Ok(groups)
    }

    /// Reads a page of the first group.
    fn read_group(&mut self, group: &Group) -> Result<Vec<Entry>, LogError> {
        let xids = array(&group.xids);
        let page = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let values = [Bind::Text(&xids), Bind::Int(group.after), Bind::Int(page)];
        let mut entries = self.conn.entries(Statement::new(GROUP, &values))?;
        order(&mut entries);
        Ok(entries)
    }

    /// Reads on in a batch that is larger than a page.
    fn read_large(&mut self, mark: &mut Mark, batch: &Batch) -> Result<Read, LogError> {
        let Batches { seen, groups, .. } = &mut mark.batches;
        let read = mark.cursor.position.cast_signed() - batch.first + 1;
        if groups.is_empty() {
            let Some(seen) = seen else {
                return Ok(Read::Gap);
            };
            let mut found = self.find_groups(seen, batch)?;
            let n: usize = found.iter().map(|group| group.n).sum();
            if i64::try_from(n) != Ok(batch.n) {
                return Ok(Read::Gap);
            }
            // Whole groups that were read by whoever kept the cursor.
            let mut read = usize::try_from(read).unwrap_or_default();
            while found.front().is_some_and(|group| group.n <= read) {
                read -= found.pop_front().map_or(0, |group| group.n);
            }
            while read > 0
                && let Some(group) = found.front_mut()
            {
                let mut entries = self.read_group(group)?;
                entries.truncate(read);
                let Some(last) = entries.last() else {
                    return Ok(Read::Gap);
                };
                if group.xids.len() > 1 {
                    // It fits into a page: what was read of it is left out below.
                    break;
                }
                group.after = last.seq;
                group.n -= entries.len();
                read -= entries.len();
            }
            *groups = found;
            if read > 0 {
                return self.read_front(mark, batch, read);
            }
        }
        self.read_front(mark, batch, 0)
    }

    /// Reads the next page of the first group, less what was read of it.
    fn read_front(&mut self, mark: &mut Mark, batch: &Batch, read: usize) -> Result<Read, LogError> {
        let Some(group) = mark.batches.groups.front_mut() else {
            return Ok(Read::Gap);
        };
        let entries = self.read_group(group)?;
        let Some(last) = entries.last().filter(|_| entries.len() == group.n.min(PAGE)) else {
            return Ok(Read::Gap);
        };
        group.n -= entries.len();
        group.after = last.seq;
        if group.n == 0 {
            mark.batches.groups.pop_front();
        }
        let next = mark.cursor.position + 1;
        let entries = entries.into_iter().skip(read).zip(next..);
        let numbered = |(entry, position)| (self.cursor(position, batch.token), entry);
        let page: Vec<_> = entries.map(numbered).collect();
        if let Some((last, _)) = page.last() {
            mark.cursor = *last;
        }
        Ok(Read::Page(page))
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

type Numbered = (Cursor, Entry);

impl Log for PostgresLog {
    fn end(&mut self) -> Result<Mark, LogError> {
        if !self.is_standby {
            let tick = [Bind::Int(BATCH)];
            while self.texts("SELECT graphex.tick(?)::text", &tick)?.first().and_then(|row| row.number(0)) > Some(0) {}
        }
        self.read_id()?;
        let sql = "SELECT b.first::text, b.n::text, b.top::text, b.unseen::text, b.token::text FROM graphex.batch b \
             WHERE b.first >= ? ORDER BY b.first DESC LIMIT 1";
        let batch = self.select_batches(sql, 0)?.pop().ok_or(INCOMPLETE)?;
        Ok(self.mark(batch))
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
        if usize::try_from(current.n).is_ok_and(|n| n > PAGE) {
            return self.read_large(mark, &current);
        }
        let Some(seen) = mark.batches.seen.clone() else {
            return Ok(Read::Gap);
        };
        let mut room = PAGE.saturating_sub(usize::try_from(current.n).unwrap_or(PAGE));
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

/// The transactions of a batch, in their order, and how many changes each has.
const HEADS: &str = "
WITH v AS (SELECT ?::text::xid8 AS seen, ?::text::xid8 AS top, ?::text::xid8[] AS before, ?::text::xid8[] AS after)
SELECT r.xid::text AS transaction, count(*)::text FROM v, LATERAL (
  SELECT l.xid, l.seq FROM graphex.log l WHERE l.xid > v.seen AND l.xid <= v.top
  UNION ALL
  SELECT f.* FROM unnest(v.before) u (x), LATERAL (SELECT l.xid, l.seq FROM graphex.log l WHERE l.xid = u.x OFFSET 0) f
) r WHERE r.xid <> ALL (v.after) GROUP BY r.xid ORDER BY max(r.seq)";

/// The changes of some transactions; of one alone, those after a number.
const GROUP: &str = "
SELECT f.xid::text::bigint, f.seq, 0::bigint, f.stream, f.op::text, f.old::text, f.new::text
FROM unnest(?::text::xid8[]) u (x),
  LATERAL (SELECT l.* FROM graphex.log l WHERE l.xid = u.x AND l.seq > ? ORDER BY l.seq LIMIT ?) f";

/// Whole transactions, in the order of their last changes.
fn order(entries: &mut [Entry]) {
    let mut last: HashMap<i64, i64> = HashMap::new();
    for entry in entries.iter() {
        let last = last.entry(entry.xid).or_insert(entry.seq);
        *last = entry.seq.max(*last);
    }
    entries.sort_unstable_by_key(|entry| (last.get(&entry.xid).copied(), entry.seq));
}

/// Gives each change its position; nothing where a batch has not as many as it had.
fn number(entries: Vec<Entry>, run: &[Batch], log: u64) -> Option<Vec<Numbered>> {
    let mut of_batches: Vec<Vec<Entry>> = vec![Vec::new(); run.len()];
    for entry in entries {
        let batch = run.iter().position(|batch| batch.visible.has(entry.xid))?;
        of_batches[batch].push(entry);
    }
    let mut numbered = Vec::new();
    for (batch, mut entries) in run.iter().zip(of_batches) {
        if i64::try_from(entries.len()) != Ok(batch.n) {
            return None;
        }
        order(&mut entries);
        let token = batch.token.cast_unsigned();
        let cursor = |position| Cursor {
            log,
            position,
            token,
        };
        let positions = (batch.first.cast_unsigned()..).map(cursor);
        numbered.extend(positions.zip(entries));
    }
    Some(numbered)
}

fn batch(row: &Texts) -> Result<Batch, LogError> {
    let batch = || {
        Some(Batch {
            first: row.number(0)?,
            n: row.number(1)?,
            token: row.number(4)?,
            visible: Visible {
                top: row.number(2)?,
                unseen: elements(row.text(3))?,
            },
        })
    };
    batch().ok_or(INCOMPLETE)
}

/// Reads an array of numbers, and sorts it.
fn elements(text: &str) -> Option<Vec<i64>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let elements = inner.split(',').filter(|element| !element.is_empty());
    let mut elements = elements.map(str::parse).collect::<Result<Vec<_>, _>>().ok()?;
    elements.sort_unstable();
    Some(elements)
}

/// Writes an array of numbers.
fn array(elements: &[i64]) -> String {
    let mut text = String::from("{");
    for (position, element) in elements.iter().enumerate() {
        let _ = write!(text, "{}{element}", if position > 0 { "," } else { "" });
    }
    text + "}"
}
