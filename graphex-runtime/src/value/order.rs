//! How values of one kind are ordered.

use std::cmp::Ordering;

use super::Value;

impl Value {
    /// Which of two values of one kind is the greater; `None` for others and for null.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}
