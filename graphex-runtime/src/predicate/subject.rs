//! The row that predicates are asked about.

use std::cell::{Cell, OnceCell};

use crate::change::Row;
use crate::value::Value;

/// A row, and what was worked out from it for one predicate and serves the next.
pub(crate) struct Subject<'r> {
    row: &'r Row,
    /// The texts in upper case, by field.
    upper_case: OnceCell<Box<[OnceCell<String>]>>,
    /// What testing it has cost since it was asked, in bytes looked at.
    cost: Cell<usize>,
    /// Work on patterns that it may still cost.
    pattern_work: Cell<u64>,
}

/// Work on patterns that one row may cost the task that tests it. What costs more is decided
/// elsewhere.
const PATTERN_WORK: u64 = 64 * 1024;

impl<'r> Subject<'r> {
    pub(crate) fn new(row: &'r Row) -> Self {
        Self {
            row,
            upper_case: OnceCell::new(),
            cost: Cell::new(0),
            pattern_work: Cell::new(PATTERN_WORK),
        }
    }

    /// What testing it has cost since this was asked last, in bytes looked at.
    pub(crate) fn take_cost(&self) -> usize {
        self.cost.take()
    }

    pub(super) fn spend(&self, bytes: usize) {
        self.cost.set(self.cost.get().saturating_add(bytes));
    }

    /// Whether patterns may be tested that need this much work; then it is spent.
    pub(super) fn spend_pattern_work(&self, work: u64) -> bool {
        let left = self.pattern_work.get().checked_sub(work);
        if let Some(left) = left {
            self.pattern_work.set(left);
            // It is less than `PATTERN_WORK`.
            self.spend(usize::try_from(work).unwrap_or(usize::MAX));
        }
        left.is_some()
    }

    pub(super) fn row(&self) -> &'r Row {
        self.row
    }

    pub(super) fn value(&self, field: usize) -> &'r Value {
        self.row.value(field)
    }

    /// The text of a field in upper case.
    pub(super) fn upper_case(&self, field: usize) -> Option<&str> {
        let Value::Text(text) = self.value(field) else {
            return None;
        };
        let texts = self
            .upper_case
            .get_or_init(|| (0..self.row.len()).map(|_| OnceCell::new()).collect());
        Some(texts[field].get_or_init(|| {
            self.spend(text.len() * 2);
            text.to_uppercase()
        }))
    }
}
