//! Dates, times and instants, and their ISO 8601 and RFC 3339 text.
//!
//! The calendar is the proleptic Gregorian one. Fractions of a second have 0, 3, 6 or 9
//! digits, as few as keep the stored precision.

use std::fmt::Write as _;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A calendar date, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Date {
    /// Days since 1970-01-01; negative before.
    pub days: i64,
}

/// A time of day, as nanoseconds since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time {
    /// Nanoseconds since midnight.
    pub nanos: u64,
}

/// A date and time without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime {
    /// The date.
    pub date: Date,
    /// The time of that day.
    pub time: Time,
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant {
    /// Seconds since 1970-01-01T00:00:00Z, without leap seconds; negative before.
    pub seconds: i64,
    /// Nanoseconds after that second.
    pub nanos: u32,
}

impl Date {
    /// Year, month (1 to 12) and day (1 to 31). After H. Hinnant's `civil_from_days`:
    /// years are counted from March, so that the leap day comes last.
    fn civil(self) -> (i64, i64, i64) {
        let days = self.days + 719_468; // since 0000-03-01
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        (era * 400 + year_of_era + i64::from(month <= 2), month, day)
    }

    pub(super) fn write(self, out: &mut String) {
        let (year, month, day) = self.civil();
        let sign = match year {
            ..0 => "-",
            10_000.. => "+",
            _ => "",
        };
        let year = year.unsigned_abs();
        // Writing to a `String` cannot fail.
        let _ = write!(out, "{sign}{year:04}-{month:02}-{day:02}");
    }
}

impl Time {
    pub(super) fn write(self, out: &mut String) {
        let seconds = self.nanos / NANOS_PER_SECOND;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let _ = write!(out, "{hour:02}:{minute:02}:{second:02}");
        let nanos = self.nanos % NANOS_PER_SECOND;
        let _ = if nanos == 0 {
            Ok(())
        } else if nanos.is_multiple_of(1_000_000) {
            write!(out, ".{:03}", nanos / 1_000_000)
        } else if nanos.is_multiple_of(1_000) {
            write!(out, ".{:06}", nanos / 1_000)
        } else {
            write!(out, ".{nanos:09}")
        };
    }
}

impl DateTime {
    pub(super) fn write(self, out: &mut String) {
        self.date.write(out);
        out.push('T');
        self.time.write(out);
    }
}

impl Instant {
    pub(super) fn write(self, out: &mut String) {
        let second_of_day = self.seconds.rem_euclid(SECONDS_PER_DAY).unsigned_abs();
        DateTime {
            date: Date {
                days: self.seconds.div_euclid(SECONDS_PER_DAY),
            },
            time: Time {
                nanos: second_of_day * NANOS_PER_SECOND + u64::from(self.nanos),
            },
        }
        .write(out);
        out.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(seconds: i64, nanos: u32) -> String {
        let mut out = String::new();
        Instant { seconds, nanos }.write(&mut out);
        out
    }

    #[test]
    fn fractions_keep_the_precision_and_no_more() {
        assert_eq!(instant(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(
            instant(1_772_600_767, 891_000_000),
            "2026-03-04T05:06:07.891Z"
        );
        assert_eq!(instant(-1, 1_000), "1969-12-31T23:59:59.000001Z");
        assert_eq!(instant(0, 1), "1970-01-01T00:00:00.000000001Z");
    }

    #[test]
    fn years_beyond_four_digits_have_a_sign() {
        let mut out = String::new();
        Date { days: 4_000_000 }.write(&mut out);
        assert_eq!(out, "+12921-08-18");
    }
}
