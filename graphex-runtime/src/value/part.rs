//! Parts of dates and times.

use super::{Date, DateTime, Time, Value};

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
    pub(crate) fn part(&self, part: Part) -> Option<i64> {
        let (date, time) = match *self {
            Self::Date(date) => (Some(date), None),
            Self::Time(time) => (None, Some(time)),
            Self::DateTime(DateTime { date, time }) => (Some(date), Some(time)),
            Self::Instant(instant) => {
                let DateTime { date, time } = instant.utc();
                (Some(date), Some(time))
            }
            _ => (None, None),
        };
        match part {
            Part::Year | Part::Month | Part::Day | Part::WeekDay => Some(part_of_date(date?, part)),
            Part::Hour | Part::Minute | Part::Second => Some(part_of_time(time?, part)),
        }
    }

    /// The calendar date, of an instant in UTC.
    pub(crate) fn date(&self) -> Option<Date> {
        match self {
            Self::Date(date) => Some(*date),
            Self::DateTime(value) => Some(value.date),
            Self::Instant(value) => Some(value.utc().date),
            _ => None,
        }
    }
}

fn part_of_date(date: Date, part: Part) -> i64 {
    let (year, month, day) = date.civil();
    match part {
        Part::Year => year,
        Part::Month => month,
        Part::Day => day,
        _ => date.week_day(),
    }
}

fn part_of_time(time: Time, part: Part) -> i64 {
    let (hour, minute, second) = time.clock();
    match part {
        Part::Hour => hour,
        Part::Minute => minute,
        _ => second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Kind;

    #[test]
    fn parts_of_an_instant_are_those_in_utc() {
        let value = Kind::Instant.parse_text("2026-03-01T00:30:45.9+02:00");
        let value = value.unwrap();
        let parts = [
            (Part::Year, 2026),
            (Part::Month, 2),
            (Part::Day, 28),
            (Part::WeekDay, 7),
            (Part::Hour, 22),
            (Part::Minute, 30),
            (Part::Second, 45),
        ];
        for (part, expected) in parts {
            assert_eq!(value.part(part), Some(expected), "{part:?}");
        }
        let date = Kind::Date.parse_text("2026-02-28").unwrap();
        assert_eq!(value.date(), date.date());
        assert_eq!(date.part(Part::Hour), None);
        assert_eq!(Value::Int(1).part(Part::Year), None);
    }
}
