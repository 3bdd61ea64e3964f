//! PostgreSQL: `json_build_object` of these expressions. What it writes by itself follows ISO
//! 8601 whatever `DateStyle` is; numbers are cast, since JSON has no `NaN` and readers of JSON no
//! number of 400 digits.

use super::{Logged, is_bytes, plain};
use crate::value::{Date, DateTime, Instant, Kind, Time, Value};

pub(super) fn expression(kind: Kind, column: &str) -> String {
    match kind {
        _ if is_bytes(kind) => format!("pg_catalog.encode({column}, 'hex')"),
        Kind::Float | Kind::Decimal | Kind::Json => format!("{column}::pg_catalog.text"),
        Kind::List(item) if matches!(item.kind, Kind::Float | Kind::Decimal | Kind::Json) => {
            format!("{column}::pg_catalog.text[]")
        }
        _ => column.to_owned(),
    }
}

pub(super) fn read(kind: Kind, logged: Logged<'_>) -> Option<Value> {
    match kind {
        Kind::Bool => match logged.json() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Date => Some(Value::Date(date(&logged.text()?)?)),
        Kind::Time => Some(Value::Time(time(&logged.text()?)?)),
        Kind::DateTime => Some(Value::DateTime(date_time(&logged.text()?)?)),
        Kind::Instant => Some(Value::Instant(instant(&logged.text()?)?)),
        Kind::List(item) if !is_bytes(kind) => {
            let items = logged.items()?.into_iter();
            let items: Option<Vec<_>> = items.map(|element| element.value(*item)).collect();
            items.map(Value::List)
        }
        kind => plain(kind, logged),
    }
}

/// What is written of these follows the settings of who writes, or makes the trigger fail.
pub(super) fn obstacle(kind: Kind, declared: &str) -> Option<&'static str> {
    let (element, is_array) = match declared.strip_suffix("[]") {
        Some(element) => (element, true),
        None => (declared, false),
    };
    let element = element.split(['(', ' ']).next().unwrap_or_default();
    let is_bytea = declared == "bytea";
    match element {
        "interval" => Some("the text of an `interval` depends on the writer's `IntervalStyle`"),
        "money" => Some("the text of a `money` depends on the writer's `lc_monetary`"),
        "bytea" if is_array => {
            Some("the text of a `bytea` in an array depends on the writer's `bytea_output`")
        }
        "daterange" | "tsrange" | "tstzrange" | "datemultirange" | "tsmultirange"
        | "tstzmultirange" => Some("the text of a range depends on the writer's `DateStyle`"),
        _ if is_bytes(kind) && !is_bytea => Some("the field is a `Vec<u8>`, which is a `bytea`"),
        _ if is_bytea && !is_bytes(kind) => Some("a `bytea` is read into a `Vec<u8>`"),
        _ => None,
    }
}

/// `2026-03-04`, `12026-03-04` without a sign, `0044-03-15 BC`. Not `infinity`, which no type of
/// Rust holds.
fn date(text: &str) -> Option<Date> {
    let (text, before_christ) = era(text);
    let (rest, day) = text.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    let year: i64 = digits(year)?;
    // There is no year 0: the one before 1 is 1 BC.
    let year = if before_christ { 1 - year } else { year };
    Date::from_civil(year, digits(month)?, digits(day)?)
}

fn era(text: &str) -> (&str, bool) {
    match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

/// `05:06:07.891`. The end of a day, `24:00:00`, is where the next one begins, as Diesel reads it.
fn time(text: &str) -> Option<Time> {
    if text == "24:00:00" {
        return Some(Time { nanos: 0 });
    }
    match Kind::Time.parse_text(text)? {
        Value::Time(time) => Some(time),
        _ => None,
    }
}

fn date_time(text: &str) -> Option<DateTime> {
    let (text, before_christ) = era(text);
    let (day, of_day) = text.split_once('T')?;
    let day = if before_christ {
        date(&format!("{day} BC"))?
    } else {
        date(day)?
    };
    Some(DateTime {
        date: day,
        time: time(of_day)?,
    })
}

/// With the offset of the writer's time zone, which before the days of zones has seconds:
/// `1880-01-01T00:00:00+00:53:28`.
fn instant(text: &str) -> Option<Instant> {
    let (text, before_christ) = era(text);
    let start = text.rfind(['+', '-'])?;
    let (local, offset) = text.split_at(start);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let mut seconds = 0;
    for (part, unit) in offset[1..].split(':').zip([3_600, 60, 1]) {
        seconds += digits(part)? * unit;
    }
    let local = if before_christ {
        date_time(&format!("{local} BC"))?
    } else {
        date_time(local)?
    };
    Some(local.at_offset(sign * seconds))
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}
