//! From a captured value back to its Rust type.

use super::{Described, Field, Value};

/// A [`Field`] whose Rust value can be had back from the captured one: what custom lookups take.
///
/// Implemented for every built-in field type. A wrapper passes on what it wraps:
///
/// ```
/// use graphex_runtime::{Field, FieldType, FromValue, Value};
///
/// # #[derive(Debug, PartialEq)]
/// struct UserId(i64);
///
/// impl Field for UserId {
///     const TYPE: FieldType = i64::TYPE;
///     fn to_value(&self) -> Value {
///         self.0.to_value()
///     }
/// }
/// impl FromValue for UserId {
///     fn from_value(value: &Value) -> Option<Self> {
///         i64::from_value(value).map(Self)
///     }
/// }
///
/// assert_eq!(UserId::from_value(&Value::Int(7)), Some(UserId(7)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to a custom lookup",
    label = "graphex cannot make this type from a captured value",
    note = "implement `graphex::Field` and `graphex::FromValue` for a type of your own, or name another field or operand type",
    note = "types of chrono, time, uuid, rust_decimal and bigdecimal need the graphex features `chrono`, `time`, `uuid`, `decimal` and `bigdecimal`"
)]
pub trait FromValue: Field + Sized {
    // Generated code goes through these two, so that a type that is not even a `Field` is
    // reported once, as one that no lookup can have.
    #[doc(hidden)]
    const TYPED: Described = Self::DESCRIBED;

    #[doc(hidden)]
    fn typed_value(&self) -> Value {
        self.to_value()
    }

    #[doc(hidden)]
    fn typed(value: &Value) -> async_graphql::Result<Self> {
        Self::from_value(value).ok_or_else(|| {
            let name = std::any::type_name::<Self>();
            async_graphql::Error::new(format!(
                "`{name}::from_value` does not take back what `to_value` gave"
            ))
        })
    }

    /// The Rust value, or `None` for a value that [`Field::to_value`] does not give.
    fn from_value(value: &Value) -> Option<Self>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What `from_value` makes of what `to_value` gave.
    fn back<T: FromValue>(value: &T) -> Option<T> {
        T::from_value(&value.to_value())
    }

    macro_rules! are_had_back {
        ($($name:ident: $ty:ty),* $(,)?) => {
            proptest! {$(
                #[test]
                fn $name(value in any::<$ty>()) {
                    prop_assert_eq!(back(&value), Some(value));
                }
            )*}
        };
    }

    are_had_back! {
        i8s: i8, i16s: i16, i32s: i32, i64s: i64, i128s: i128, isizes: isize,
        u8s: u8, u16s: u16, u32s: u32, u64s: u64, usizes: usize,
        bools: bool, strings: String,
        options: Option<i64>, lists: Vec<String>, lists_with_nulls: Vec<Option<bool>>,
        lists_of_lists: Option<Vec<Vec<u8>>>,
    }

    proptest! {
        #[test]
        fn floats_are_had_back_to_the_last_bit(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assert_eq!(back(&value).map(f64::to_bits), Some(bits));
        }

        #[test]
        fn short_floats_are_had_back_to_the_last_bit(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            let found = back(&value).unwrap();
            // Not a number is written `NaN`, whatever its bits are.
            prop_assert!(found.to_bits() == bits || (found.is_nan() && value.is_nan()));
        }

        #[test]
        fn json_is_had_back(number in any::<i64>(), text in any::<String>()) {
            let value = json!({ "list": [number, null, true], &text: { "text": text } });
            prop_assert_eq!(back(&value), Some(value));
        }
    }

    #[test]
    fn what_a_type_does_not_give_it_does_not_take() {
        assert_eq!(u8::from_value(&Value::Int(256)), None);
        assert_eq!(u8::from_value(&Value::Null), None);
        assert_eq!(f32::from_value(&Value::Float(1e300)), None);
        assert_eq!(f64::from_value(&Value::Int(1)), None);
        assert_eq!(String::from_value(&Value::Bool(true)), None);
        let mixed = Value::List(vec![Value::Int(1), Value::Null]);
        assert_eq!(Vec::<i32>::from_value(&mixed), None);
        assert_eq!(Vec::from_value(&mixed), Some(vec![Some(1), None]));
    }
}
