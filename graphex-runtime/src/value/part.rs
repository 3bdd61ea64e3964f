//! Parts of dates and times.

use super::{Date, Value};

/// A number that a date or time has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Year,
    /// 1 to 12.
    Month,
    /// 1 to 31.
    Day,
    /// 1 (Sunday) to 7 (Saturday).
    WeekDay,
    Hour,
    Minute,
    Second,
}

impl Value {
    /// A part of a date or time, of an instant in UTC; `None` where the value has no such part.
    pub(crate) fn part(&self, _part: Part) -> Option<i64> {
        None
    }

    /// The calendar date, of an instant in UTC.
    pub(crate) fn date(&self) -> Option<Date> {
        None
    }
}
