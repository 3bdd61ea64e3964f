//! Values from the texts that clients send.

use super::{Date, DateTime, Decimal, Instant, Kind, Time, Value};

impl Kind {
    /// Reads the text form of a value of this kind: `None` for what is not one, and for kinds
    /// that have no text form of their own.
    pub(crate) fn parse_text(self, text: &str) -> Option<Value> {
        Some(match self {
            Self::Int { min, max } => Value::Int(integer(text, min, max)?),
            Self::Text => Value::Text(text.to_owned()),
            Self::Enum(ty) if ty.has(text) => Value::Text(text.to_owned()),
            Self::Decimal => Value::Decimal(Decimal::new(text)?),
            Self::Uuid => Value::Uuid(uuid(text)?),
            Self::Date => Value::Date(date(text)?),
            Self::Time => Value::Time(time(text)?),
            Self::DateTime => Value::DateTime(date_time(text)?),
            Self::Instant => Value::Instant(instant(text)?),
            Self::Bool | Self::Float | Self::Json | Self::List(_) | Self::Enum(_) => return None,
        })
    }
}

fn integer(text: &str, min: i128, max: i128) -> Option<i128> {
    let value = text.parse().ok().filter(|_| !text.starts_with('+'))?;
    (min..=max).contains(&value).then_some(value)
}

/// With its hyphens in place, or with none.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let hyphenated = text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| (byte == b'-') == matches!(at, 8 | 13 | 18 | 23));
    if !hyphenated && (text.len() != 32 || text.contains('-')) {
        return None;
    }
    let mut digits = text
        .chars()
        .filter(|digit| *digit != '-')
        .map(|digit| digit.to_digit(16));
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(bytes)
}

/// `2026-03-04`; a year of more than four digits has a sign.
fn date(text: &str) -> Option<Date> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (rest, day) = digits.rsplit_once('-')?;
    let (year, month) = rest.rsplit_once('-')?;
    let signed = digits.len() < text.len();
    if year.len() < 4 || (year.len() > 4 && !signed) {
        return None;
    }
    Date::from_civil(
        sign * number(year, year.len())?,
        number(month, 2)?,
        number(day, 2)?,
    )
}

/// `05:06`, `05:06:07` or `05:06:07.891`, with up to nine digits behind the point.
fn time(text: &str) -> Option<Time> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "00"));
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let digits = fraction.len();
    if digits > 9 {
        return None;
    }
    // At most nine digits: the exponent is one of a `u32`.
    let nanos = number(fraction, digits)? * 10_i64.pow(9 - u32::try_from(digits).ok()?);
    Time::from_parts(
        number(hour, 2)?,
        number(minute, 2)?,
        number(second, 2)?,
        nanos,
    )
}

/// A date and a time with `T` or a space between.
fn date_time(text: &str) -> Option<DateTime> {
    let (day, of_day) = text.split_once(['T', 't', ' '])?;
    Some(DateTime {
        date: date(day)?,
        time: time(of_day)?,
    })
}

/// RFC 3339, section 5.6: with `Z` or an offset from UTC.
fn instant(text: &str) -> Option<Instant> {
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return Some(date_time(utc)?.at_offset(0));
    }
    // The offset is the last six bytes; a date may hold a `-` too.
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some(date_time(local)?.at_offset(sign * (hours * 3_600 + minutes * 60)))
}

/// Exactly so many decimal digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::Field as _;

    fn text_of(value: &Value) -> String {
        let mut out = Vec::new();
        value.write_json(&mut out);
        let text: serde_json::Value = serde_json::from_slice(&out).unwrap();
        text.as_str().unwrap().to_owned()
    }

    fn days() -> impl Strategy<Value = i64> {
        prop_oneof![-1_000_000..5_000_000_i64, -800_000_000..800_000_000_i64]
    }

    fn nanos() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..86_400_000_000_000_u64,
            (0..86_400_u64).prop_map(|s| s * 1_000_000_000)
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(days in days(), nanos in nanos()) {
            let (date, time) = (Date { days }, Time { nanos });
            let seconds = days * 86_400 + i64::try_from(nanos / 1_000_000_000).unwrap();
            let instant = Instant { seconds, nanos: u32::try_from(nanos % 1_000_000_000).unwrap() };
            for (kind, value) in [
                (Kind::Date, Value::Date(date)),
                (Kind::Time, Value::Time(time)),
                (Kind::DateTime, Value::DateTime(DateTime { date, time })),
                (Kind::Instant, Value::Instant(instant)),
            ] {
                prop_assert_eq!(kind.parse_text(&text_of(&value)), Some(value));
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,12}|[0-9:TZ+. -]{0,30}") {
            for kind in [Kind::Date, Kind::Time, Kind::DateTime, Kind::Instant, Kind::Uuid, Kind::Decimal, i8::TYPE.kind] {
                let _ = kind.parse_text(&text);
            }
        }
    }

    #[test]
    fn instants_are_the_same_in_every_offset() {
        let read = |text| Kind::Instant.parse_text(text);
        let expected = read("2026-03-04T05:06:07.89Z");
        assert!(expected.is_some());
        for text in [
            "2026-03-04T07:36:07.890+02:30",
            "2026-03-03t23:06:07.89-06:00",
            "2026-03-04 05:06:07.89z",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_or_time_is_refused() {
        for (kind, texts) in [
            (
                Kind::Date,
                &[
                    "",
                    "2026-02-29",
                    "2026-00-01",
                    "2026-13-01",
                    "2026-1-1",
                    "12026-01-01",
                    "2026-03-04T00:00:00",
                ][..],
            ),
            (
                Kind::Time,
                &[
                    "",
                    "5:06",
                    "24:00",
                    "05:60",
                    "05:06:60",
                    "05:06:07.",
                    "05:06:07.1234567890",
                ],
            ),
            (Kind::DateTime, &["2026-03-04", "2026-03-04T05:06:07Z"]),
            (
                Kind::Instant,
                &[
                    "2026-03-04T05:06:07",
                    "2026-03-04T05:06:07+2",
                    "2026-03-04T05:06:07+24:00",
                    "+00:00",
                    "Z",
                ],
            ),
            (Kind::Decimal, &["1e3", "NaN", ".5"]),
            (i32::TYPE.kind, &["3.0", "+3", "2147483648", ""]),
        ] {
            for text in texts {
                assert_eq!(kind.parse_text(text), None, "{kind:?} {text:?}");
            }
        }
        assert!(Kind::Date.parse_text("2024-02-29").is_some());
    }

    #[test]
    fn a_uuid_has_its_hyphens_in_place_or_none() {
        let right = "00112233-4455-6677-8899-aabbccddeeff";
        let value = Kind::Uuid.parse_text(right);
        assert!(value.is_some());
        assert_eq!(Kind::Uuid.parse_text(&right.to_uppercase()), value);
        assert_eq!(Kind::Uuid.parse_text(&right.replace('-', "")), value);
        for text in [
            "",
            "00112233-4455-6677-8899-aabbccddeef",
            "001122334455-6677-8899-aabbccdd-eeff",
            "g0112233-4455-6677-8899-aabbccddeeff",
            "{00112233-4455-6677-8899-aabbccddeeff}",
        ] {
            assert_eq!(Kind::Uuid.parse_text(text), None, "{text:?}");
        }
    }
}
