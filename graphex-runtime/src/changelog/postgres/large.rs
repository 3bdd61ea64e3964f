//! Batches that are larger than a page.

use std::collections::VecDeque;

use super::rows::{array, order};
use super::{INCOMPLETE, PostgresLog};
use crate::changelog::connection::{Bind, Entry, Statement};
use crate::changelog::log::{Batch, Batches, Group, LogError, Mark, Read, Visible};

impl PostgresLog {
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
                Some(group) if group.n + n <= self.page.rows() => {
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

    /// How many of its changes are read at once: of several transactions all, as a page had room for
    /// them when they were put together.
    fn most_of(&self, group: &Group) -> usize {
        match group.xids.len() {
            0 | 1 => group.n.min(self.page.rows()),
            _ => group.n,
        }
    }

    /// Reads a page of a group.
    fn read_group(&mut self, group: &Group) -> Result<Vec<Entry>, LogError> {
        let xids = array(&group.xids);
        let page = i64::try_from(self.most_of(group)).unwrap_or(i64::MAX);
        let values = [Bind::Text(&xids), Bind::Int(group.after), Bind::Int(page)];
        let statement = Statement::new(GROUP, &values);
        let mut entries = self.conn.entries(statement, usize::MAX)?;
        order(&mut entries);
        Ok(entries)
    }

    /// Reads on in a batch that is larger than a page.
    pub(super) fn read_large(&mut self, mark: &mut Mark, batch: &Batch) -> Result<Read, LogError> {
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
    fn read_front(
        &mut self,
        mark: &mut Mark,
        batch: &Batch,
        read: usize,
    ) -> Result<Read, LogError> {
        let Some(group) = mark.batches.groups.front_mut() else {
            return Ok(Read::Gap);
        };
        let entries = self.read_group(group)?;
        let is_whole = entries.len() == self.most_of(group);
        let Some(last) = entries.last().filter(|_| is_whole) else {
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
        self.page.adapt(&page);
        Ok(Read::Page(page))
    }
}

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
