//! The row that predicates are asked about.

use std::cell::OnceCell;

use crate::change::Row;
use crate::value::Value;

/// A row, and what was worked out from it for one predicate and serves the next.
pub(crate) struct Subject<'r> {
    row: &'r Row,
    /// The texts in upper case, by field.
    upper_case: OnceCell<Box<[OnceCell<String>]>>,
}

impl<'r> Subject<'r> {
    pub(crate) fn new(row: &'r Row) -> Self {
        Self {
            row,
            upper_case: OnceCell::new(),
        }
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
        Some(texts[field].get_or_init(|| text.to_uppercase()))
    }
}
