//! [`Field`] for the types of other crates, each behind the cargo feature of its name.

#[cfg(any(
    feature = "chrono",
    feature = "time",
    feature = "uuid",
    feature = "decimal",
    feature = "bigdecimal"
))]
macro_rules! field {
    ($ty:ty, $kind:ident, |$it:ident| $value:expr) => {
        #[diagnostic::do_not_recommend]
        impl crate::value::Field for $ty {
            const TYPE: crate::value::FieldType =
                crate::value::FieldType::required(crate::value::Kind::$kind);

            fn to_value(&self) -> crate::value::Value {
                let $it = self;
                $value
            }
        }
        #[diagnostic::do_not_recommend]
        impl crate::value::Equality for $ty {}
    };
}

#[cfg(feature = "chrono")]
mod with_chrono {
    use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike as _};

    use crate::value::{Date, DateTime, Equality, Field, FieldType, Instant, Kind, Time, Value};

    /// Days from 0001-01-01, which chrono counts as day 1, to 1970-01-01.
    const EPOCH_FROM_CE: i64 = 719_163;

    fn date(value: NaiveDate) -> Date {
        Date {
            days: i64::from(value.num_days_from_ce()) - EPOCH_FROM_CE,
        }
    }

    fn time(value: NaiveTime) -> Time {
        // chrono writes a leap second as second 59 with more than 10^9 nanoseconds.
        let nanos = value.nanosecond().min(999_999_999);
        Time {
            nanos: u64::from(value.num_seconds_from_midnight()) * 1_000_000_000 + u64::from(nanos),
        }
    }

    field!(NaiveDate, Date, |value| Value::Date(date(*value)));
    field!(NaiveTime, Time, |value| Value::Time(time(*value)));
    field!(NaiveDateTime, DateTime, |value| Value::DateTime(DateTime {
        date: date(value.date()),
        time: time(value.time()),
    }));

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

    fn time(value: time::Time) -> Time {
        let (hour, minute, second, nanos) = value.as_hms_nano();
        let seconds = u64::from(hour) * 3_600 + u64::from(minute) * 60 + u64::from(second);
        Time {
            nanos: seconds * 1_000_000_000 + u64::from(nanos),
        }
    }

    field!(time::Date, Date, |value| Value::Date(date(*value)));
    field!(time::Time, Time, |value| Value::Time(time(*value)));
    field!(PrimitiveDateTime, DateTime, |value| Value::DateTime(
        DateTime {
            date: date(value.date()),
            time: time(value.time()),
        }
    ));
    field!(OffsetDateTime, Instant, |value| Value::Instant(Instant {
        seconds: value.unix_timestamp(),
        nanos: value.nanosecond(),
    }));
}

#[cfg(feature = "uuid")]
mod with_uuid {
    use crate::value::{Key, Value};

    field!(uuid::Uuid, Uuid, |value| Value::Uuid(*value.as_bytes()));
    #[diagnostic::do_not_recommend]
    impl Key for uuid::Uuid {}
}

#[cfg(feature = "decimal")]
mod with_decimal {
    use crate::value::{Decimal, Value};

    field!(rust_decimal::Decimal, Decimal, |value| {
        // `rust_decimal` displays in plain notation.
        Decimal::new(value.to_string()).map_or(Value::Null, Value::Decimal)
    });
}

#[cfg(feature = "bigdecimal")]
mod with_bigdecimal {
    use crate::value::{Decimal, Value};

    field!(bigdecimal::BigDecimal, Decimal, |value| {
        // `to_plain_string` is plain notation by its name.
        Decimal::new(value.to_plain_string()).map_or(Value::Null, Value::Decimal)
    });
}

#[cfg(all(
    test,
    feature = "chrono",
    feature = "time",
    feature = "uuid",
    feature = "decimal",
    feature = "bigdecimal"
))]
mod tests {
    use proptest::prelude::*;

    use crate::value::Field;

    fn json(value: &impl Field) -> String {
        let mut out = Vec::new();
        value.to_value().write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn quoted(text: impl std::fmt::Display) -> String {
        format!("\"{text}\"")
    }

    proptest! {
        #[test]
        fn instants_are_rfc_3339_as_chrono_writes_it(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_u32) {
            let instant = chrono::DateTime::from_timestamp(seconds, nanos).unwrap();
            let text = instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
            prop_assert_eq!(json(&instant), quoted(&text));
            let offset = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap()
                .replace_nanosecond(nanos).unwrap()
                .to_offset(time::UtcOffset::from_hms(2, 30, 0).unwrap());
            prop_assert_eq!(json(&offset), quoted(&text));
        }

        #[test]
        fn zoneless_times_agree_between_chrono_and_time(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_u32) {
            let naive = chrono::DateTime::from_timestamp(seconds, nanos).unwrap().naive_utc();
            let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap().replace_nanosecond(nanos).unwrap();
            let primitive = time::PrimitiveDateTime::new(at.date(), at.time());
            prop_assert_eq!(json(&naive), json(&primitive));
            prop_assert_eq!(json(&naive.date()), quoted(naive.date()));
            prop_assert_eq!(json(&naive.time()), json(&at.time()));
        }

        #[test]
        fn decimals_keep_their_scale_and_compare_as_numbers(mantissa in any::<i64>(), scale in 0_u32..18) {
            let small = rust_decimal::Decimal::new(mantissa, scale);
            let big = bigdecimal::BigDecimal::new(mantissa.into(), scale.into());
            prop_assert_eq!(json(&small), quoted(small));
            prop_assert_eq!(small.to_value(), big.to_value());
            prop_assert_eq!(small.to_value(), small.normalize().to_value());
        }

        #[test]
        fn a_uuid_is_read_back_as_a_key(bytes in any::<[u8; 16]>()) {
            let id = uuid::Uuid::from_bytes(bytes);
            prop_assert_eq!(json(&id), quoted(id));
            let kind = uuid::Uuid::TYPE.kind;
            prop_assert_eq!(kind.parse_key(&id.to_string()), Ok(id.to_value()));
            prop_assert_eq!(kind.parse_key(&id.simple().to_string()), Ok(id.to_value()));
        }
    }
}
