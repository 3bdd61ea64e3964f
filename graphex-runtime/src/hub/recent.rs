//! The last changes of a lane, for who was away for a moment.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::change::Change;
use crate::cursor::Cursor;

/// Most changes that are kept, and most bytes of their rows.
const CHANGES: usize = 1_024;
const BYTES: usize = 1024 * 1024;

/// A change as it was delivered, with its number in the lane.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    pub(super) change: Arc<Change>,
    pub(super) number: u64,
}

/// The last logged changes that a lane has delivered, without a gap between them.
#[derive(Debug, Default)]
pub(super) struct Recent {
    changes: VecDeque<Delivered>,
    bytes: usize,
    /// All changes of the stream after this position are here; unknown at first.
    base: Option<Cursor>,
}

/// Where a subscriber has read to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) cursor: Cursor,
    /// Whether the log itself has this position; a client may say anything.
    pub(super) is_known: bool,
}

impl Recent {
    /// Keeps a change. `before` is where the lane was.
    pub(super) fn push(&mut self, before: Option<Cursor>, delivered: Delivered) {
        if self.changes.is_empty() {
            self.base = before;
        }
        self.bytes += delivered.change.row.bytes();
        self.changes.push_back(delivered);
        while self.changes.len() > CHANGES || (self.bytes > BYTES && self.changes.len() > 1) {
            let Some(Delivered { change, .. }) = self.changes.pop_front() else {
                return;
            };
            self.bytes -= change.row.bytes();
            // Of the two changes of a changed key the second has its position as cursor.
            let next = self.changes.front().map(|next| &next.change);
            let second = next.filter(|next| next.position == change.position);
            self.base = second.unwrap_or(&change).cursor;
        }
    }

    /// Changes are missing here.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The changes after this position, in order; none if some of them may not be here. `lane` is
    /// where the lane is.
    pub(super) fn after(&self, reached: Reached, lane: Option<Cursor>) -> Option<Vec<Delivered>> {
        let cursor = reached.cursor;
        let is_here = |one: &Delivered| one.change.cursor == Some(cursor);
        let base = if self.changes.is_empty() {
            lane
        } else {
            self.base
        };
        let covers = |base: Cursor| base.log == cursor.log && base.position <= cursor.position;
        let has_all = if reached.is_known {
            base.is_some_and(covers)
        } else {
            // What is here itself was read from the log.
            self.changes.iter().any(is_here)
        };
        has_all.then(|| {
            let first = self
                .changes
                .partition_point(|one| one.change.position <= Some(cursor.position));
            self.changes.range(first..).cloned().collect()
        })
    }
}

#[cfg(test)]
mod tests;
