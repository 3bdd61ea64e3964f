//! Exact decimal numbers, kept as text: no limit of digits, no float in between.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// An exact decimal number in plain notation (`-12.50`), with its scale.
///
/// Two decimals are equal when they are the same number, whatever their scales.
#[derive(Clone, Debug)]
pub struct Decimal(String);

impl Decimal {
    /// Takes a number in plain notation: an optional `-`, digits, and optionally a point
    /// followed by digits. `None` for anything else.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        (plain(whole) && plain(fraction)).then_some(Self(text))
    }

    /// The number as it was written, with its scale.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one text of this number: no superfluous zero, no `-0`.
    pub(crate) fn canonical(&self) -> Cow<'_, str> {
        let (sign, digits) = match self.0.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", self.0.as_str()),
        };
        let digits = digits.trim_start_matches('0');
        let digits = if digits.contains('.') {
            digits.trim_end_matches('0').trim_end_matches('.')
        } else {
            digits
        };
        match digits {
            "" => Cow::Borrowed("0"),
            fraction if fraction.starts_with('.') => Cow::Owned(format!("{sign}0{fraction}")),
            whole => Cow::Owned(format!("{sign}{whole}")),
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By number, whatever the scales.
impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.canonical(), other.canonical());
        match (one.strip_prefix('-'), two.strip_prefix('-')) {
            (None, None) => compare_digits(&one, &two),
            (Some(one), Some(two)) => compare_digits(two, one),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
        }
    }
}

/// Compares canonical numbers without a sign: a longer whole part is greater, and behind the
/// point a further digit is.
fn compare_digits(one: &str, two: &str) -> Ordering {
    let parts = |text| str::split_once(text, '.').unwrap_or((text, ""));
    let ((whole, fraction), (other_whole, other_fraction)) = (parts(one), parts(two));
    let lengths = whole.len().cmp(&other_whole.len());
    lengths
        .then_with(|| whole.cmp(other_whole))
        .then_with(|| fraction.cmp(other_fraction))
}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Decimal;

    proptest! {
        #[test]
        fn order_is_that_of_the_numbers(a in -2_000..2_000_i64, b in -2_000..2_000_i64, scale in 1..4_usize) {
            // The same number of digits behind the point, then with zeros added to one of them.
            let text = |number: i64, zeros: &str| {
                let digits = format!("{:0width$}", number.abs(), width = scale + 1);
                let (whole, fraction) = digits.split_at(digits.len() - scale);
                let sign = if number < 0 { "-" } else { "" };
                Decimal::new(format!("{sign}{whole}.{fraction}{zeros}")).unwrap()
            };
            prop_assert_eq!(text(a, "00").cmp(&text(b, "")), a.cmp(&b));
            prop_assert_eq!(text(a, "") == text(b, "0"), a == b);
        }
    }

    #[test]
    fn plain_notation_only() {
        for text in [
            "0",
            "-1",
            "1.50",
            "-0.00",
            "123456789012345678901234567890.1",
        ] {
            assert!(Decimal::new(text).is_some(), "{text}");
        }
        for text in ["", "-", ".5", "5.", "1e3", "+1", "1.2.3", "٣"] {
            assert!(Decimal::new(text).is_none(), "{text}");
        }
    }

    #[test]
    fn canonical_text() {
        for (text, canonical) in [
            ("1.50", "1.5"),
            ("100", "100"),
            ("100.00", "100"),
            ("-0.0", "0"),
            ("000.10", "0.1"),
            ("-00.10", "-0.1"),
            ("0", "0"),
        ] {
            assert_eq!(Decimal::new(text).unwrap().canonical(), canonical);
        }
    }
}
