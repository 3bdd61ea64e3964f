//! How values of one kind are ordered, and which floats are one.

use std::cmp::Ordering;

use super::Value;

impl Value {
    /// Which of two values of one kind is the greater; `None` for others, for null and for
    /// kinds without an order.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => Some(compare_floats(*a, *b)),
            // By code points: UTF-8 keeps their order.
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Decimal(a), Self::Decimal(b)) => Some(a.cmp(b)),
            (Self::Uuid(a), Self::Uuid(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Time(a), Self::Time(b)) => Some(a.cmp(b)),
            (Self::DateTime(a), Self::DateTime(b)) => Some(a.cmp(b)),
            (Self::Instant(a), Self::Instant(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// PostgreSQL's order: `NaN` is greater than all numbers.
fn compare_floats(a: f64, b: f64) -> Ordering {
    let nan_last = || a.is_nan().cmp(&b.is_nan());
    a.partial_cmp(&b).unwrap_or_else(nan_last)
}

/// The same bits for floats that PostgreSQL has equal: both zeros, every `NaN`.
pub(super) fn float_identity(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        // Adding zero makes the negative zero a positive one.
        (value + 0.0).to_bits()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn floats() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>(),
            Just(0.0),
            Just(-0.0),
            Just(f64::NAN),
            Just(-f64::NAN),
            Just(f64::INFINITY)
        ]
    }

    proptest! {
        #[test]
        fn floats_have_one_order_that_agrees_with_equality(a in floats(), b in floats(), c in floats()) {
            let compare = |a: f64, b: f64| Value::Float(a).compare(&Value::Float(b)).unwrap();
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b).is_eq(), Value::Float(a) == Value::Float(b));
            if compare(a, b).is_le() && compare(b, c).is_le() {
                prop_assert!(compare(a, c).is_le());
            }
        }
    }

    #[test]
    fn null_and_other_kinds_have_no_order() {
        assert_eq!(Value::Null.compare(&Value::Null), None);
        assert_eq!(Value::Int(1).compare(&Value::Float(1.0)), None);
        assert_eq!(Value::Bool(true).compare(&Value::Bool(false)), None);
    }
}
