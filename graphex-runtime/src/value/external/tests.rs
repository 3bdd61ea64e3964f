//! All of them, against the crates themselves.

use proptest::prelude::*;

use crate::value::{Date, Field, FromValue, Instant, Time, Value};

/// What `from_value` makes of what `to_value` gave.
fn back<T: FromValue>(value: &T) -> Option<T> {
    T::from_value(&value.to_value())
}

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

    #[test]
    fn instants_and_dates_are_had_back(seconds in -60_000_000_000_i64..250_000_000_000, nanos in 0..1_000_000_000_u32) {
        let utc = chrono::DateTime::from_timestamp(seconds, nanos).unwrap();
        let east = chrono::FixedOffset::east_opt(9_000).unwrap();
        let naive = utc.naive_utc();
        prop_assert_eq!(back(&utc), Some(utc));
        prop_assert_eq!(back(&utc.with_timezone(&east)), Some(utc.into()));
        prop_assert_eq!(back(&naive), Some(naive));
        prop_assert_eq!(back(&naive.date()), Some(naive.date()));
        prop_assert_eq!(back(&naive.time()), Some(naive.time()));
        let offset = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap()
            .replace_nanosecond(nanos).unwrap();
        let primitive = time::PrimitiveDateTime::new(offset.date(), offset.time());
        prop_assert_eq!(back(&offset), Some(offset));
        prop_assert_eq!(back(&primitive), Some(primitive));
        prop_assert_eq!(back(&primitive.date()), Some(primitive.date()));
        prop_assert_eq!(back(&primitive.time()), Some(primitive.time()));
    }

    #[test]
    fn decimals_and_uuids_are_had_back(mantissa in any::<i64>(), scale in 0_u32..18, bytes in any::<[u8; 16]>()) {
        let small = rust_decimal::Decimal::new(mantissa, scale);
        let big = bigdecimal::BigDecimal::new(mantissa.into(), scale.into());
        let huge = bigdecimal::BigDecimal::new(mantissa.into(), -i64::from(scale));
        prop_assert_eq!(back(&small).map(|found| (found, found.scale())), Some((small, scale)));
        prop_assert_eq!(back(&big), Some(big));
        prop_assert_eq!(back(&huge), Some(huge));
        let id = uuid::Uuid::from_bytes(bytes);
        prop_assert_eq!(back(&id), Some(id));
    }
}

#[test]
fn the_ends_of_the_calendars_are_had_back() {
    for date in [chrono::NaiveDate::MIN, chrono::NaiveDate::MAX] {
        assert_eq!(back(&date), Some(date));
    }
    for instant in [
        chrono::DateTime::<chrono::Utc>::MIN_UTC,
        chrono::DateTime::<chrono::Utc>::MAX_UTC,
    ] {
        assert_eq!(back(&instant), Some(instant));
    }
    for date in [time::Date::MIN, time::Date::MAX] {
        assert_eq!(back(&date), Some(date));
    }
}

#[test]
fn what_a_type_cannot_hold_it_does_not_take() {
    let nanos = 24 * 3_600 * 1_000_000_000;
    for value in [
        Value::Date(Date { days: i64::MAX }),
        Value::Date(Date { days: i64::MIN }),
        Value::Time(Time { nanos }),
        Value::Time(Time { nanos: u64::MAX }),
        Value::Instant(Instant {
            seconds: i64::MAX,
            nanos: 0,
        }),
        Value::Null,
    ] {
        assert_eq!(chrono::NaiveDate::from_value(&value), None);
        assert_eq!(chrono::NaiveTime::from_value(&value), None);
        assert_eq!(chrono::DateTime::<chrono::Utc>::from_value(&value), None);
        assert_eq!(time::Date::from_value(&value), None);
        assert_eq!(time::Time::from_value(&value), None);
        assert_eq!(time::OffsetDateTime::from_value(&value), None);
    }
    let digits = crate::value::Decimal::new(format!("0.{}", "7".repeat(40)));
    let digits = Value::Decimal(digits.unwrap());
    assert_eq!(rust_decimal::Decimal::from_value(&digits), None);
    assert!(bigdecimal::BigDecimal::from_value(&digits).is_some());
}
