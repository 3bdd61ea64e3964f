//! What a lookup compares with, and how clients write it.

use chrono::{Datelike as _, FixedOffset, Timelike as _};
use graphex::Lookup;
use serde_json::{Value as Json, json};

use super::datum::{Datum, Sort};
use super::model::Column;
use super::pattern::pattern;
use super::pool;
use super::random::Random;

/// What a lookup compares with.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    One(Datum),
    List(Vec<Datum>),
    Bounds(Datum, Datum),
}

/// An operand for this lookup of a column, of which `present` is a value that rows have, so that
/// some of them match.
pub(super) fn operand(
    column: &Column,
    lookup: Lookup,
    present: &Datum,
    random: &mut Random,
) -> Operand {
    let mut one = || one(column.sort, present, random);
    match lookup {
        Lookup::In => {
            let mut all = vec![one(), one(), one(), one()];
            all.truncate(random.below(5));
            Operand::List(all)
        }
        Lookup::Range => Operand::Bounds(one(), one()),
        Lookup::IsNull => Operand::One(Datum::Bool(random.chance(50))),
        Lookup::Year
        | Lookup::Month
        | Lookup::Day
        | Lookup::WeekDay
        | Lookup::Hour
        | Lookup::Minute
        | Lookup::Second => {
            let part = part(lookup, &one());
            Operand::One(Datum::Int(match random.below(10) {
                0 => part + 1,
                1 => random.small(70),
                _ => part,
            }))
        }
        Lookup::Date => Operand::One(Datum::Date(match one() {
            Datum::DateTime(value) => value.date(),
            Datum::Instant(value) => value.date_naive(),
            other => panic!("{other:?} has no date"),
        })),
        _ => match one() {
            Datum::Text(text) => Operand::One(Datum::Text(text_operand(lookup, &text, random))),
            datum => Operand::One(datum),
        },
    }
}

/// The value that is there, one near it, or any.
fn one(sort: Sort, present: &Datum, random: &mut Random) -> Datum {
    loop {
        let any = pool::value(sort.of_operands(), random);
        let datum = match random.below(10) {
            0..7 => present.clone(),
            7 => pool::near(present, random).unwrap_or(any),
            _ => any,
        };
        let can_be_sent = match (&datum, sort) {
            (Datum::Null, _) => false,
            (Datum::Float(value), _) => value.is_finite(),
            (Datum::Int(value), Sort::Int { min, max }) => (min..=max).contains(value),
            _ => true,
        };
        if can_be_sent {
            return datum;
        }
    }
}

fn part(lookup: Lookup, datum: &Datum) -> i64 {
    let (date, time) = match datum {
        Datum::Date(date) => (Some(*date), None),
        Datum::Time(time) => (None, Some(*time)),
        Datum::DateTime(value) => (Some(value.date()), Some(value.time())),
        Datum::Instant(value) => (Some(value.date_naive()), Some(value.time())),
        other => panic!("{other:?} has no {}", lookup.name()),
    };
    match lookup {
        Lookup::Year => date.unwrap().year().into(),
        Lookup::Month => date.unwrap().month().into(),
        Lookup::Day => date.unwrap().day().into(),
        Lookup::WeekDay => date.unwrap().weekday().number_from_sunday().into(),
        Lookup::Hour => time.unwrap().hour().into(),
        Lookup::Minute => time.unwrap().minute().into(),
        _ => time.unwrap().second().into(),
    }
}

fn text_operand(lookup: Lookup, text: &str, random: &mut Random) -> String {
    let chars: Vec<_> = text.chars().collect();
    let start = random.below(chars.len() + 1);
    let end = start + random.below(chars.len() - start + 1);
    let piece = match lookup {
        Lookup::Contains | Lookup::IContains => &chars[start..end],
        Lookup::StartsWith | Lookup::IStartsWith => &chars[..end],
        Lookup::EndsWith | Lookup::IEndsWith => &chars[start..],
        _ => &chars[..],
    };
    let piece: String = piece.iter().collect();
    match lookup {
        Lookup::Regex => pattern(text, false, random),
        Lookup::IRegex => pattern(text, true, random),
        Lookup::IExact | Lookup::IContains | Lookup::IStartsWith | Lookup::IEndsWith => {
            match random.below(4) {
                0 => piece.to_uppercase(),
                1 => piece.to_lowercase(),
                _ => piece,
            }
        }
        _ => piece,
    }
}

/// The operand as a client may write it.
pub(super) fn sent(operand: &Operand, random: &mut Random) -> Json {
    match operand {
        Operand::One(datum) => sent_datum(datum, random),
        // A single value is a list of one.
        Operand::List(all) if all.len() == 1 && random.chance(50) => sent_datum(&all[0], random),
        Operand::List(all) => all.iter().map(|datum| sent_datum(datum, random)).collect(),
        Operand::Bounds(low, high) => json!([sent_datum(low, random), sent_datum(high, random)]),
    }
}

/// One value, in one of the forms that it has.
pub(super) fn sent_datum(datum: &Datum, random: &mut Random) -> Json {
    match datum {
        Datum::Bool(value) => json!(value),
        Datum::Int(value) => json!(value),
        Datum::Float(value) if value.abs() < 1e6 && value.fract() == 0.0 && random.chance(50) => {
            json!(*value as i64)
        }
        Datum::Float(value) => json!(value),
        Datum::Text(text) => json!(text),
        Datum::Decimal(text) => sent_decimal(text, random),
        Datum::Uuid(uuid) => json!(match random.below(3) {
            0 => uuid.hyphenated().to_string(),
            1 => uuid.hyphenated().to_string().to_uppercase(),
            _ => uuid.simple().to_string(),
        }),
        Datum::Date(date) => json!(date.to_string()),
        Datum::Time(time) => json!(clock(
            time.second() == 0 && time.nanosecond() == 0,
            random,
            |form| { time.format(form).to_string() }
        )),
        Datum::DateTime(value) => {
            let whole = value.second() == 0 && value.nanosecond() == 0;
            let time = clock(whole, random, |form| value.format(form).to_string());
            let between = random.pick(&["T", " ", "t"]);
            json!(format!("{}{between}{time}", value.date()))
        }
        Datum::Instant(value) => {
            let minutes = *random.pick(&[0, 0, 60, 120, 150, 345, -30, -300, -720, 840]);
            let local = value.with_timezone(&FixedOffset::east_opt(minutes * 60).unwrap());
            let zone = match minutes {
                0 => random.pick(&["Z", "z", "%:z"]),
                _ => "%:z",
            };
            json!(
                local
                    .format(&format!("%Y-%m-%dT%H:%M:%S%.f{zone}"))
                    .to_string()
            )
        }
        other => panic!("nothing is compared with {other:?}"),
    }
}

fn clock(whole_minute: bool, random: &mut Random, format: impl Fn(&str) -> String) -> String {
    match random.below(3) {
        0 if whole_minute => format("%H:%M"),
        1 => format("%H:%M:%S%.6f"),
        _ => format("%H:%M:%S%.f"),
    }
}

fn sent_decimal(text: &str, random: &mut Random) -> Json {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    match (random.below(4), text.parse::<i64>()) {
        (0 | 1, Ok(number)) => json!(number),
        (1, _) if text.contains('.') => json!(format!("{text}00")),
        (2, _) => json!(format!("{sign}00{digits}")),
        _ => json!(text),
    }
}
