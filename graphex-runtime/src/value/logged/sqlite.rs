//! SQLite: `json_object` of these expressions. Any column may hold any type, and a BLOB makes
//! `json_object` fail, and the user's statement with it; so each column is cast to what Diesel
//! reads of it. Floats are text, since releases before 3.42 write 15 digits of them.

use std::sync::Arc;

use super::{Logged, is_bytes, jsonb, plain, unhex};
use crate::value::{Date, DateTime, Instant, Kind, Time, Value};

/// What marks a BLOB of SQLite's own form of JSON. No JSON text begins so.
const JSONB: char = 'x';

pub(super) fn expression(kind: Kind, column: &str) -> String {
    // Of null, `printf` makes 0.0 and `hex` an empty text.
    let unless_null = |made: &str| format!("CASE WHEN {column} IS NULL THEN NULL ELSE {made} END");
    match kind {
        Kind::Bool | Kind::Int { .. } => format!("CAST({column} AS INTEGER)"),
        Kind::Float => unless_null(&format!("printf('%!.20g', CAST({column} AS REAL))")),
        Kind::Decimal => format!(
            "CASE typeof({column}) WHEN 'real' THEN printf('%!.20g', {column}) ELSE CAST({column} AS TEXT) END"
        ),
        Kind::Uuid => format!(
            "CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE CAST({column} AS TEXT) END"
        ),
        Kind::Json => format!(
            "CASE typeof({column}) WHEN 'blob' THEN '{JSONB}' || hex({column}) ELSE CAST({column} AS TEXT) END"
        ),
        _ if is_bytes(kind) => unless_null(&format!("hex({column})")),
        _ => format!("CAST({column} AS TEXT)"),
    }
}

/// Numbers as numbers, but infinite ones as null, as serde writes them; a BLOB in hexadecimal.
pub(super) fn opaque_expression(column: &str) -> String {
    format!(
        "CASE typeof({column}) WHEN 'blob' THEN hex({column}) \
         WHEN 'real' THEN json(CASE WHEN abs({column}) <= {max:e} THEN printf('%!.20g', {column}) ELSE 'null' END) \
         ELSE {column} END",
        max = f64::MAX
    )
}

pub(super) fn read(kind: Kind, logged: Logged<'_>) -> Option<Value> {
    match kind {
        Kind::Bool => Some(Value::Bool(logged.json().parse::<i64>().ok()? != 0)),
        Kind::Date => Some(Value::Date(date(&logged.text()?)?)),
        Kind::Time => Some(Value::Time(time(&logged.text()?)?)),
        Kind::DateTime => {
            let text = logged.text()?;
            Some(Value::DateTime(date_time(&text).or_else(|| julian(&text))?))
        }
        Kind::Instant => {
            let text = logged.text()?;
            let found = instant(&text).or_else(|| Some(julian(&text)?.at_offset(0)));
            Some(Value::Instant(found?))
        }
        Kind::Json => match logged.text()?.strip_prefix(JSONB) {
            Some(hex) => Some(Value::Json(Arc::new(jsonb::read(&unhex(hex)?)?))),
            None => plain(kind, logged),
        },
        kind => plain(kind, logged),
    }
}

/// What Diesel writes, and SQLite's own `date`: `2026-03-04`, years beyond 9999 with a sign.
fn date(text: &str) -> Option<Date> {
    let signed = text.starts_with(['+', '-']);
    let (sign, digits) = if signed { text.split_at(1) } else { ("", text) };
    let (rest, day) = digits.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    let year = number(year, 9)?;
    let year = if sign == "-" { -year } else { year };
    Date::from_civil(year, number(month, 2)?, number(day, 2)?)
}

/// `05:06`, `05:06:07` or `05:06:07.891`, and an offset, which Diesel ignores in a time without
/// a zone.
fn time(text: &str) -> Option<Time> {
    let (local, _) = split_offset(text)?;
    local_time(local)
}

fn local_time(text: &str) -> Option<Time> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "0"));
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    // Nine digits are nanoseconds; Diesel reads no more of them.
    let fraction = fraction.get(..9).unwrap_or(fraction);
    let scale = 10_i64.pow(9_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?);
    Time::from_parts(
        number(hour, 2)?,
        number(minute, 2)?,
        number(second, 2)?,
        number(fraction, 9)? * scale,
    )
}

fn date_time(text: &str) -> Option<DateTime> {
    local_and_offset(text).map(|(local, _)| local)
}

/// In UTC where there is no offset.
fn instant(text: &str) -> Option<Instant> {
    local_and_offset(text).map(|(local, offset)| local.at_offset(offset))
}

fn local_and_offset(text: &str) -> Option<(DateTime, i64)> {
    let (day, of_day) = text.split_once([' ', 'T'])?;
    let (of_day, offset) = split_offset(of_day)?;
    let local = DateTime {
        date: date(day)?,
        time: local_time(of_day)?,
    };
    Some((local, offset))
}

/// A time of day, and the seconds of the offset behind it.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(utc) = text.strip_suffix('Z') {
        return Some((utc, 0));
    }
    let Some(start) = text.find(['+', '-']) else {
        return Some((text, 0));
    };
    let (local, offset) = text.split_at(start);
    let (hours, minutes) = offset[1..].split_once(':')?;
    let seconds = number(hours, 2)? * 3_600 + number(minutes, 2)? * 60;
    let seconds = if offset.starts_with('-') {
        -seconds
    } else {
        seconds
    };
    Some((local, seconds))
}

/// A number in a column of dates counts Julian days, as SQLite's `julianday` does.
fn julian(text: &str) -> Option<DateTime> {
    /// 1970-01-01T00:00:00Z.
    const EPOCH: f64 = 2_440_587.5;
    /// More than any type of dates holds.
    const MOST_SECONDS: f64 = 1e13;
    let seconds = (text.parse::<f64>().ok()? - EPOCH) * 86_400.0;
    if !seconds.is_finite() || seconds.abs() > MOST_SECONDS {
        return None;
    }
    // Truncated, both, as Diesel has it; before the epoch no fraction is left.
    let instant = Instant {
        seconds: seconds.trunc() as i64,
        nanos: (seconds.fract() * 1e9) as u32,
    };
    Some(instant.utc())
}

/// One to so many decimal digits.
fn number(text: &str, most: usize) -> Option<i64> {
    let plain = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}
