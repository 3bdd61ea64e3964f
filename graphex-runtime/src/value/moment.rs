//! Dates, times and instants, and their ISO 8601 and RFC 3339 text.
//!
//! The calendar is the proleptic Gregorian one. Fractions of a second have 0, 3, 6 or 9
//! digits, as few as keep the stored precision.

use std::fmt::Write as _;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Years that are read, on either side of 0: more than any database or library has.
const MOST_YEARS: i64 = 10_000_000;

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
    pub(super) fn civil(self) -> (i64, i64, i64) {
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

    /// The date of a year, month and day; `None` if there is none. After H. Hinnant's
    /// `days_from_civil`.
    pub(super) fn from_civil(year: i64, month: i64, day: i64) -> Option<Self> {
        if !(1..=12).contains(&month) || year.abs() > MOST_YEARS {
            return None;
        }
        let shifted_year = year - i64::from(month <= 2);
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let date = Self {
            days: era * 146_097 + day_of_era - 719_468,
        };
        // A day that the month does not have has become one of the next.
        (date.civil() == (year, month, day)).then_some(date)
    }

    /// 1 (Sunday) to 7 (Saturday). 1970-01-01 was a Thursday.
    pub(super) fn week_day(self) -> i64 {
        (self.days + 4).rem_euclid(7) + 1
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
    /// The time of an hour, minute, second and nanosecond; `None` if there is none.
    pub(super) fn from_parts(hour: i64, minute: i64, second: i64, nanos: i64) -> Option<Self> {
        let legal =
            (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        let seconds = u64::try_from(hour * 3_600 + minute * 60 + second).ok()?;
        let nanos = u64::try_from(nanos).ok()?;
        (legal && nanos < NANOS_PER_SECOND).then_some(Self {
            nanos: seconds * NANOS_PER_SECOND + nanos,
        })
    }

    /// Hour, minute and second.
    pub(super) fn clock(self) -> (i64, i64, i64) {
        // A day has fewer seconds than an `i64` holds.
        let seconds = i64::try_from(self.nanos / NANOS_PER_SECOND).unwrap_or_default();
        (seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }

    pub(super) fn write(self, out: &mut String) {
        let (hour, minute, second) = self.clock();
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
    /// The instant at which clocks so many seconds ahead of UTC show this.
    pub(super) fn at_offset(self, seconds: i64) -> Instant {
        let of_day = self.time.nanos / NANOS_PER_SECOND;
        // Both fit: a day has 86,400 seconds, a second 10^9 nanoseconds.
        let of_day = i64::try_from(of_day).unwrap_or_default();
        let nanos = u32::try_from(self.time.nanos % NANOS_PER_SECOND).unwrap_or_default();
        Instant {
            seconds: self.date.days * SECONDS_PER_DAY + of_day - seconds,
            nanos,
        }
    }

    pub(super) fn write(self, out: &mut String) {
        self.date.write(out);
        out.push('T');
        self.time.write(out);
    }
}

impl Instant {
    /// What clocks in UTC show.
    pub(super) fn utc(self) -> DateTime {
        let second_of_day = self.seconds.rem_euclid(SECONDS_PER_DAY).unsigned_abs();
        DateTime {
            date: Date {
                days: self.seconds.div_euclid(SECONDS_PER_DAY),
            },
            time: Time {
                nanos: second_of_day * NANOS_PER_SECOND + u64::from(self.nanos),
            },
        }
    }

    pub(super) fn write(self, out: &mut String) {
        self.utc().write(out);
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
