//! The types of columns that only PostgreSQL has as they are.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Utc};
use rust_decimal::Decimal;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use crate::oracle::{Datum, Sort, Years, stored};

stored! {
    f32, "f32", "real", Sort::Real, Datum::Float(value) => *value as f32;
    Uuid, "uuid::Uuid", "uuid", Sort::Uuid, Datum::Uuid(value) => *value;
    Decimal, "rust_decimal::Decimal", "numeric", Sort::Decimal { any_size: false },
        Datum::Decimal(text) => Self::from_str_exact(text).unwrap();
    BigDecimal, "bigdecimal::BigDecimal", "numeric", Sort::Decimal { any_size: true },
        Datum::Decimal(text) => text.parse().unwrap();
    serde_json::Value, "serde_json::Value", "jsonb", Sort::Json, Datum::Json(value) => value.clone();
    Vec<i32>, "Vec<i32>", "integer[]", Sort::List, Datum::List(items) => items.clone();

    NaiveDate, "chrono::NaiveDate", "date", Sort::Date(Years::More), Datum::Date(value) => *value;
    NaiveTime, "chrono::NaiveTime", "time", Sort::Time, Datum::Time(value) => *value;
    NaiveDateTime, "chrono::NaiveDateTime", "timestamp", Sort::DateTime(Years::More),
        Datum::DateTime(value) => *value;
    DateTime<Utc>, "chrono::DateTime<Utc>", "timestamptz", Sort::Instant(Years::More),
        Datum::Instant(value) => *value;

    time::Date, "time::Date", "date", Sort::Date(Years::Four), Datum::Date(value) => date(*value);
    time::Time, "time::Time", "time", Sort::Time, Datum::Time(value) => time(*value);
    PrimitiveDateTime, "time::PrimitiveDateTime", "timestamp", Sort::DateTime(Years::Four),
        Datum::DateTime(value) => date_time(*value);
    OffsetDateTime, "time::OffsetDateTime", "timestamptz", Sort::Instant(Years::Four),
        Datum::Instant(value) => date_time(value.naive_utc()).assume_utc();
}

fn date(value: NaiveDate) -> time::Date {
    let month = u8::try_from(value.month()).unwrap().try_into().unwrap();
    time::Date::from_calendar_date(value.year(), month, u8::try_from(value.day()).unwrap()).unwrap()
}

fn time(value: NaiveTime) -> time::Time {
    let [hour, minute, second] =
        [value.hour(), value.minute(), value.second()].map(|part| u8::try_from(part).unwrap());
    time::Time::from_hms_nano(hour, minute, second, value.nanosecond()).unwrap()
}

fn date_time(value: NaiveDateTime) -> PrimitiveDateTime {
    PrimitiveDateTime::new(date(value.date()), time(value.time()))
}
