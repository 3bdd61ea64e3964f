//! From a captured value back to its Rust type.

use super::{Field, Value};

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
    note = "implement `graphex::FromValue` for `{Self}`, or name another field or operand type"
)]
pub trait FromValue: Field + Sized {
    /// The Rust value, or `None` for a value that [`Field::to_value`] does not give.
    fn from_value(value: &Value) -> Option<Self>;
}
