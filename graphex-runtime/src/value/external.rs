//! [`Field`] for the types of other crates, each behind the cargo feature of its name.

#[cfg(any(
    feature = "chrono",
    feature = "time",
    feature = "uuid",
    feature = "decimal",
    feature = "bigdecimal"
))]
macro_rules! field {
    (
        $ty:ty, $kind:ident, |$it:ident| $value:expr, |$found:ident| $back:expr
        $(, from_log: |$column:ident| $logged:expr)?
    ) => {
        #[diagnostic::do_not_recommend]
        impl crate::value::Field for $ty {
            const TYPE: crate::value::FieldType =
                crate::value::FieldType::required(crate::value::Kind::$kind);

            fn to_value(&self) -> crate::value::Value {
                let $it = self;
                $value
            }

            $(fn from_log($column: &crate::value::Logged<'_>) -> Option<crate::value::Value> {
                if $column.is_null() {
                    return Some(crate::value::Value::Null);
                }
                let value: Option<$ty> = $logged;
                value.map(|value| crate::value::Field::to_value(&value))
            })?
        }
        #[diagnostic::do_not_recommend]
        impl crate::value::Equality for $ty {}
        #[diagnostic::do_not_recommend]
        impl crate::value::FromValue for $ty {
            fn from_value(value: &crate::value::Value) -> Option<Self> {
                match value {
                    crate::value::Value::$kind($found) => $back,
                    _ => None,
                }
            }
        }
    };
}

#[cfg(feature = "chrono")]
mod with_chrono {
    use chrono::{
        Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike as _, Utc,
    };

    use crate::value::{
        Date, DateTime, Equality, Field, FieldType, FromValue, Instant, Kind, Time, Value,
    };

    /// Days from 0001-01-01, which chrono counts as day 1, to 1970-01-01.
    const EPOCH_FROM_CE: i64 = 719_163;

    fn date(value: NaiveDate) -> Date {
        Date {
            days: i64::from(value.num_days_from_ce()) - EPOCH_FROM_CE,
        }
    }

    fn from_date(value: Date) -> Option<NaiveDate> {
        let days = value.days.checked_add(EPOCH_FROM_CE)?;
        NaiveDate::from_num_days_from_ce_opt(days.try_into().ok()?)
    }

    fn time(value: NaiveTime) -> Time {
        // chrono writes a leap second as second 59 with more than 10^9 nanoseconds.
        let nanos = value.nanosecond().min(999_999_999);
        Time {
            nanos: u64::from(value.num_seconds_from_midnight()) * 1_000_000_000 + u64::from(nanos),
        }
    }

    fn from_time(value: Time) -> Option<NaiveTime> {
        let seconds = u32::try_from(value.nanos / 1_000_000_000).ok()?;
        let nanos = u32::try_from(value.nanos % 1_000_000_000).ok()?;
        NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)
    }

    field!(
        NaiveDate,
        Date,
        |value| Value::Date(date(*value)),
        |found| from_date(*found)
    );
    field!(
        NaiveTime,
        Time,
        |value| Value::Time(time(*value)),
        |found| from_time(*found)
    );
    field!(
        NaiveDateTime,
        DateTime,
        |value| Value::DateTime(DateTime {
            date: date(value.date()),
            time: time(value.time()),
        }),
        |found| Some(from_date(found.date)?.and_time(from_time(found.time)?))
    );

    #[diagnostic::do_not_recommend]
    impl<Tz: TimeZone> Field for chrono::DateTime<Tz> {
        const TYPE: FieldType = FieldType::required(Kind::Instant);

        fn to_value(&self) -> Value {
            Value::Instant(Instant {
                seconds: self.timestamp(),
                nanos: self.timestamp_subsec_nanos().min(999_999_999),
            })
        }
    }
    #[diagnostic::do_not_recommend]
    impl<Tz: TimeZone> Equality for chrono::DateTime<Tz> {}
    /// The same instant; its offset is not captured.
    #[diagnostic::do_not_recommend]
    impl<Tz: TimeZone> FromValue for chrono::DateTime<Tz>
    where
        Self: From<chrono::DateTime<Utc>>,
    {
        fn from_value(value: &Value) -> Option<Self> {
            match value {
                Value::Instant(Instant { seconds, nanos }) => {
                    chrono::DateTime::from_timestamp(*seconds, *nanos).map(Self::from)
                }
                _ => None,
            }
        }
    }
}

#[cfg(feature = "time")]
mod with_time {
    use time::{OffsetDateTime, PrimitiveDateTime};

    use crate::value::{Date, DateTime, Instant, Time, Value};

    /// The Julian day of 1970-01-01.
    const EPOCH_JULIAN_DAY: i64 = 2_440_588;

    fn date(value: time::Date) -> Date {
        Date {
            days: i64::from(value.to_julian_day()) - EPOCH_JULIAN_DAY,
        }
    }

    fn from_date(value: Date) -> Option<time::Date> {
        let day = value.days.checked_add(EPOCH_JULIAN_DAY)?;
        time::Date::from_julian_day(day.try_into().ok()?).ok()
    }

    fn time(value: time::Time) -> Time {
        let (hour, minute, second, nanos) = value.as_hms_nano();
        let seconds = u64::from(hour) * 3_600 + u64::from(minute) * 60 + u64::from(second);
        Time {
            nanos: seconds * 1_000_000_000 + u64::from(nanos),
        }
    }

    fn from_time(value: Time) -> Option<time::Time> {
        let (seconds, nanos) = (value.nanos / 1_000_000_000, value.nanos % 1_000_000_000);
        let hour = u8::try_from(seconds / 3_600).ok()?;
        let [minute, second] = [seconds / 60 % 60, seconds % 60].map(u8::try_from);
        time::Time::from_hms_nano(hour, minute.ok()?, second.ok()?, nanos.try_into().ok()?).ok()
    }

    field!(
        time::Date,
        Date,
        |value| Value::Date(date(*value)),
        |found| from_date(*found)
    );
    field!(
        time::Time,
        Time,
        |value| Value::Time(time(*value)),
        |found| from_time(*found)
    );
    field!(
        PrimitiveDateTime,
        DateTime,
        |value| Value::DateTime(DateTime {
            date: date(value.date()),
            time: time(value.time()),
        }),
        |found| Some(PrimitiveDateTime::new(
            from_date(found.date)?,
            from_time(found.time)?
        ))
    );
    field!(
        OffsetDateTime,
        Instant,
        |value| Value::Instant(Instant {
            seconds: value.unix_timestamp(),
            nanos: value.nanosecond(),
        }),
        |found| {
            let second = OffsetDateTime::from_unix_timestamp(found.seconds).ok()?;
            second.replace_nanosecond(found.nanos).ok()
        }
    );
}

#[cfg(feature = "uuid")]
mod with_uuid {
    use crate::value::{Key, Value};

    field!(
        uuid::Uuid,
        Uuid,
        |value| Value::Uuid(*value.as_bytes()),
        |found| Some(uuid::Uuid::from_bytes(*found))
    );
    #[diagnostic::do_not_recommend]
    impl Key for uuid::Uuid {}
}

#[cfg(feature = "decimal")]
mod with_decimal {
    use crate::value::{Decimal, Value};

    field!(
        rust_decimal::Decimal,
        Decimal,
        // `rust_decimal` displays in plain notation.
        |value| Decimal::new(value.to_string()).map_or(Value::Null, Value::Decimal),
        // A number with more digits than the type has is refused, not rounded.
        |found| rust_decimal::Decimal::from_str_exact(found.as_str()).ok(),
        // As its own reading of a column: digits beyond the 28th behind the point are rounded.
        from_log: |column| column.text()?.parse().ok()
    );
}

#[cfg(feature = "bigdecimal")]
mod with_bigdecimal {
    use bigdecimal::FromPrimitive as _;

    use crate::value::{Database, Decimal, Value};

    field!(
        bigdecimal::BigDecimal,
        Decimal,
        // `to_plain_string` is plain notation by its name.
        |value| Decimal::new(value.to_plain_string()).map_or(Value::Null, Value::Decimal),
        |found| found.as_str().parse().ok(),
        from_log: |column| {
            let text = column.text()?;
            match column.database() {
                Database::Postgres => text.parse().ok(),
                // Diesel reads it through an `f64` there.
                Database::Sqlite => bigdecimal::BigDecimal::from_f64(text.parse().ok()?),
            }
        }
    );
}

#[cfg(all(
    test,
    feature = "chrono",
    feature = "time",
    feature = "uuid",
    feature = "decimal",
    feature = "bigdecimal"
))]
mod tests;
