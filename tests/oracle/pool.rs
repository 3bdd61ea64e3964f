//! Where values come from: few enough that rows and operands meet, and with the edges of each
//! type among them.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use uuid::Uuid;

use super::datum::{Datum, Sort, Years};
use super::random::Random;

/// Texts that are near each other: in case, in normal form, in order by code points and by
/// UTF-16, to `LIKE`, to quoting. Case is mapped here as both Unicode's full mappings have it.
pub(super) const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "ab",
    "AB",
    "abc",
    "aBc",
    "b",
    "ba",
    "12",
    "7",
    "٣",
    "a1",
    "x.y",
    "x+y",
    "Straße",
    "STRASSE",
    "strasse",
    "ß",
    "ẞ",
    "ss",
    "SS",
    "ſ",
    "s",
    "S",
    "K",
    "\u{212a}",
    "k",
    "İstanbul",
    "istanbul",
    "ISTANBUL",
    "i\u{307}stanbul",
    "ıstanbul",
    "I\u{307}",
    "é",
    "É",
    "e\u{301}",
    "E\u{301}",
    "ﬁn",
    "fin",
    "FIN",
    "ŉ",
    "ʼN",
    "ΐ",
    "Ϊ\u{301}",
    "Σίσυφος",
    "ΣΊΣΥΦΟΣ",
    "σίσυφοσ",
    "ǆ",
    "ǅ",
    "Ǆ",
    "ᾳ",
    "ΑΙ",
    "𐐨",
    "𐐀",
    "ж",
    "Ж",
    "100%",
    "100",
    "a_b",
    "a%b",
    "axb",
    "a\\b",
    "a\\%b",
    "\\",
    "%",
    "_",
    "'",
    "''",
    "\"",
    "$1",
    "\n",
    "a\n",
    "\na",
    "a\nb",
    "a\r\nb",
    "\t",
    "\u{1}",
    "\u{85}",
    "\u{2028}",
    "😀",
    "a😀b",
    "👩\u{200d}👧",
    "\u{e000}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{feff}a",
];

const INTS: &[i64] = &[
    0,
    1,
    2,
    3,
    7,
    -1,
    -7,
    255,
    256,
    i16::MAX as i64,
    i16::MIN as i64,
    i16::MIN as i64 + 1,
    65_536,
    i32::MAX as i64,
    i32::MAX as i64 - 1,
    i32::MIN as i64,
    1 << 53,
    (1 << 53) + 1,
    -(1 << 53) - 1,
    i64::MAX,
    i64::MAX - 1,
    i64::MIN,
    i64::MIN + 1,
];

const DOUBLES: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.5,
    3.0,
    0.1,
    0.2,
    0.3,
    0.1 + 0.2,
    1.1,
    1e15,
    9_007_199_254_740_993.0,
    0.1f32 as f64,
    1.1f32 as f64,
    f32::MAX as f64,
    1e300,
    -1e300,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

/// What an `f32` column holds, each as its shortest decimal form.
const REALS: &[f32] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.5,
    3.0,
    0.1,
    0.2,
    0.3,
    1.1,
    16_777_216.0,
    16_777_218.0,
    1e10,
    1e-10,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1e-45,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
];

const DECIMALS: &[&str] = &[
    "0",
    "1",
    "1.0",
    "1.000",
    "1.5",
    "1.50",
    "-1.5",
    "2",
    "10",
    "100",
    "0.1",
    "0.10",
    "0.01",
    "-0.01",
    "9.99",
    "10.01",
    "0.3",
    "0.30000000000000000001",
    "12345678901234567890.12345",
    "12345678901234567890.12346",
    "0.0000000000000000000000000001",
    "-79228162514264337593543950335",
    "79228162514264337593543950335",
    "79228162514264337593543950334",
];

/// What 96 bits do not hold.
const LARGE_DECIMALS: &[&str] = &[
    "79228162514264337593543950336",
    "1000000000000000000000000000000000000000000000000",
    "0.00000000000000000000000000000000000000000000000001",
    "-3.14159265358979323846264338327950288419716939937510",
    "-3.14159265358979323846264338327950288419716939937511",
];

const DATES: &[(i32, u32, u32)] = &[
    (2024, 2, 28),
    (2024, 2, 29),
    (2024, 3, 1),
    (2025, 12, 31),
    (2026, 1, 1),
    (2026, 3, 4),
    (1970, 1, 1),
    (1969, 12, 31),
    (1900, 2, 28),
    (1900, 3, 1),
    (2000, 2, 29),
    (1, 1, 1),
    (9999, 12, 31),
];

/// Years of five digits, and those before the first.
const FAR_DATES: &[(i32, u32, u32)] = &[(10_000, 1, 1), (12_026, 5, 5), (0, 6, 15), (-43, 3, 15)];

/// Seconds and microseconds of a day.
const TIMES: &[(u32, u32)] = &[
    (0, 0),
    (0, 1),
    (18_367, 0),
    (18_367, 890_000),
    (18_367, 999_999),
    (18_368, 0),
    (43_200, 0),
    (86_399, 0),
    (86_399, 500_000),
    (86_399, 999_999),
    (3_600, 1_000),
    (60, 10),
];

/// A value of a sort.
pub(super) fn value(sort: Sort, random: &mut Random) -> Datum {
    match sort {
        Sort::Bool => Datum::Bool(random.chance(50)),
        Sort::Int { min, max } => Datum::Int(int(min, max, random)),
        Sort::Real => Datum::Float(shortest(real(random))),
        Sort::Double => Datum::Float(match random.chance(85) {
            true => *random.pick(DOUBLES),
            false => f64::from_bits(random.next()),
        }),
        Sort::Text => Datum::Text(text(random)),
        Sort::Decimal { any_size } => Datum::Decimal(decimal(any_size, random)),
        Sort::Uuid => Datum::Uuid(uuid(random)),
        Sort::Date(years) => Datum::Date(date(years, random)),
        Sort::Time => Datum::Time(time(random)),
        Sort::DateTime(years) => Datum::DateTime(date_time(years, random)),
        Sort::Instant(years) => Datum::Instant(instant(years, random)),
        Sort::Json => Datum::Json(match random.below(3) {
            0 => serde_json::Value::Null,
            1 => serde_json::json!({"a": [1, null]}),
            _ => serde_json::json!("text"),
        }),
        Sort::List => Datum::List((0..random.small(4)).map(|n| n as i32).collect()),
    }
}

fn int(min: i64, max: i64, random: &mut Random) -> i64 {
    loop {
        let value = match random.below(10) {
            0..5 => random.small(6) - 1,
            5..9 => *random.pick(INTS),
            _ => i64::from_ne_bytes(random.next().to_ne_bytes()),
        };
        if (min..=max).contains(&value) {
            return value;
        }
    }
}

fn real(random: &mut Random) -> f32 {
    match random.chance(85) {
        true => *random.pick(REALS),
        false => loop {
            let value = f32::from_bits(random.next() as u32);
            if !is_halfway(value) {
                return value;
            }
        },
    }
}

/// Whether the shortest decimal form lies halfway to the next float. PostgreSQL writes a digit more
/// then.
fn is_halfway(value: f32) -> bool {
    let neighbours = [value.next_up(), value.next_down()];
    let between = |other| (f64::from(value) + f64::from(other)) / 2.0;
    neighbours
        .into_iter()
        .any(|other| between(other) == shortest(value))
}

/// The shortest decimal form of an `f32`, read as an `f64`.
pub(super) fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap()
}

fn text(random: &mut Random) -> String {
    let text = *random.pick(TEXTS);
    match random.below(10) {
        0..7 => text.to_owned(),
        7 => format!("{text}{}", random.pick(TEXTS)),
        8 => format!("{}{text}", random.pick(TEXTS)),
        _ => format!("{text} {} {}", random.pick(TEXTS), random.pick(TEXTS)),
    }
}

fn decimal(any_size: bool, random: &mut Random) -> String {
    match random.below(10) {
        0 | 1 => {
            let scale = random.below(4);
            let number = format!("{:0width$}", random.small(3_000), width = scale + 1);
            let (whole, fraction) = number.split_at(number.len() - scale);
            let point = if scale == 0 { "" } else { "." };
            let sign = if random.chance(30) { "-" } else { "" };
            format!("{sign}{whole}{point}{fraction}")
        }
        2 if any_size => (*random.pick(LARGE_DECIMALS)).to_owned(),
        _ => (*random.pick(DECIMALS)).to_owned(),
    }
}

fn uuid(random: &mut Random) -> Uuid {
    let mut bytes = [0; 16];
    match random.below(4) {
        0 => bytes[15] = random.next().to_ne_bytes()[0] % 4,
        1 => bytes[0] = [0x7f, 0x80, 0xff][random.below(3)],
        2 => bytes = [0xab; 16],
        _ => {
            bytes = [0x5a; 16];
            bytes[random.below(16)] = 0xc0;
        }
    }
    Uuid::from_bytes(bytes)
}

fn date(years: Years, random: &mut Random) -> NaiveDate {
    let (year, month, day) = match random.below(10) {
        0 if years == Years::More => *random.pick(FAR_DATES),
        0 | 1 => {
            let start = NaiveDate::from_ymd_opt(2024, 1, 1).unwrap();
            return start + Days::new(random.next() % 1_000);
        }
        _ => *random.pick(DATES),
    };
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

fn time(random: &mut Random) -> NaiveTime {
    let (seconds, micros) = match random.below(10) {
        0 => (random.below(86_400) as u32, random.below(1_000_000) as u32),
        _ => *random.pick(TIMES),
    };
    NaiveTime::from_num_seconds_from_midnight_opt(seconds, micros * 1_000).unwrap()
}

fn date_time(years: Years, random: &mut Random) -> NaiveDateTime {
    date(years, random).and_time(time(random))
}

fn instant(years: Years, random: &mut Random) -> DateTime<Utc> {
    date_time(years, random).and_utc()
}

/// A value near another, often just on its other side.
pub(super) fn near(value: &Datum, random: &mut Random) -> Option<Datum> {
    let up = random.chance(50);
    let step: i64 = if up { 1 } else { -1 };
    Some(match value {
        Datum::Int(value) => Datum::Int(value.checked_add(step)?),
        Datum::Float(value) if value.is_finite() => {
            let near = if up {
                value.next_up()
            } else {
                value.next_down()
            };
            Datum::Float(near)
        }
        Datum::Text(text) => {
            let mut text = text.clone();
            if up {
                text.push_str(random.pick::<&str>(TEXTS));
            } else {
                text.pop()?;
            }
            Datum::Text(text)
        }
        Datum::Decimal(text) if text.contains('.') => Datum::Decimal(format!("{text}1")),
        Datum::Date(date) => Datum::Date(*date + TimeDelta::days(step)),
        Datum::Time(time) => {
            Datum::Time(time.overflowing_add_signed(TimeDelta::microseconds(step)).0)
        }
        Datum::DateTime(value) => Datum::DateTime(*value + TimeDelta::microseconds(step)),
        Datum::Instant(value) => Datum::Instant(*value + TimeDelta::microseconds(step)),
        Datum::Uuid(value) => Datum::Uuid(Uuid::from_u128(
            value.as_u128().wrapping_add(u128::from(up)),
        )),
        _ => return None,
    })
}
