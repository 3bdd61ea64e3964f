//! One row's values, typed, and the traits that bring Rust types to them.

mod builtin;
mod decimal;
mod external;
mod kind;
mod logged;
mod moment;
mod order;
mod parse;
mod part;
mod pinned;
mod size;
mod typed;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use decimal::Decimal;
pub use kind::{Described, EnumType, FieldType, Kind};
pub use logged::{Database, Logged};
pub use moment::{Date, DateTime, Instant, Time};
use order::float_identity;
pub(crate) use part::Part;
pub use pinned::Pinned;
pub use typed::FromValue;

/// The value of one field of a row, independent of the Rust type it came from.
///
/// Equality is the one predicates use, but for [`Value::Null`], which here equals itself:
/// decimals compare as numbers (`1.50` is `1.5`), instants as instants, and floats as on
/// PostgreSQL, where `-0.0` is `0.0` and `NaN` is `NaN`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Value {
    /// SQL `NULL`, a `None`.
    Null,
    /// A boolean.
    Bool(bool),
    /// Any integer, exact.
    Int(i128),
    /// A floating point number. An `f32` is widened through its shortest decimal form, so
    /// that `1.1_f32` is `1.1` on the wire.
    Float(f64),
    /// Text.
    Text(String),
    /// An exact decimal number with its scale.
    Decimal(Decimal),
    /// A UUID, most significant byte first.
    Uuid([u8; 16]),
    /// A calendar date.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A date and time without a zone.
    DateTime(DateTime),
    /// A point in time.
    Instant(Instant),
    /// A list, in order.
    List(Vec<Value>),
    /// Any JSON: `serde_json::Value` and `opaque` fields.
    Json(Arc<serde_json::Value>),
}

impl Value {
    /// Whether this is [`Value::Null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Appends the value as JSON: integers exact, decimals as strings with their scale,
    /// instants as RFC 3339 in UTC, a float that is no number as `null`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => json(out, value),
            Self::Int(value) => json(out, value),
            Self::Float(value) => json(out, value),
            Self::Text(value) => json(out, value),
            Self::Json(value) => json(out, &**value),
            Self::List(items) => {
                out.push(b'[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(b',');
                    }
                    item.write_json(out);
                }
                out.push(b']');
            }
            // The rest is text without a character that JSON escapes.
            plain => {
                let mut text = String::new();
                plain.write_plain(&mut text);
                out.push(b'"');
                out.extend_from_slice(text.as_bytes());
                out.push(b'"');
            }
        }
    }

    /// The canonical text of a value: what topics are named by. Equal values of one kind have
    /// equal text.
    pub(crate) fn canonical(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Decimal(value) => text.push_str(&value.canonical()),
            // Both zeros are one.
            Self::Float(value) => Self::Float(value + 0.0).write_plain(&mut text),
            other => other.write_plain(&mut text),
        }
        text
    }

    fn write_plain(&self, out: &mut String) {
        match self {
            Self::Null => {}
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => out.push_str(&value.to_string()),
            Self::Float(value) => out.push_str(&value.to_string()),
            Self::Text(value) => out.push_str(value),
            Self::Decimal(value) => out.push_str(value.as_str()),
            Self::Uuid(bytes) => {
                for (position, byte) in bytes.iter().enumerate() {
                    if matches!(position, 4 | 6 | 8 | 10) {
                        out.push('-');
                    }
                    out.push_str(&format!("{byte:02x}"));
                }
            }
            Self::Date(value) => value.write(out),
            Self::Time(value) => value.write(out),
            Self::DateTime(value) => value.write(out),
            Self::Instant(value) => value.write(out),
            Self::List(_) | Self::Json(_) => {
                let mut bytes = Vec::new();
                self.write_json(&mut bytes);
                out.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
}

/// Appends text as a JSON string.
pub(crate) fn write_json_text(out: &mut Vec<u8>, text: &str) {
    json(out, text);
}

/// Writing JSON into memory fails only for types that are no JSON (a map with keys that are
/// not strings); numbers, strings and `serde_json::Value` are.
fn json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => float_identity(*a) == float_identity(*b),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::Uuid(a), Self::Uuid(b)) => a == b,
            (Self::Date(a), Self::Date(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::Instant(a), Self::Instant(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Json(a), Self::Json(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Bool(value) => value.hash(state),
            Self::Int(value) => value.hash(state),
            Self::Float(value) => float_identity(*value).hash(state),
            Self::Text(value) => value.hash(state),
            Self::Decimal(value) => value.hash(state),
            Self::Uuid(value) => value.hash(state),
            Self::Date(value) => value.hash(state),
            Self::Time(value) => value.hash(state),
            Self::DateTime(value) => value.hash(state),
            Self::Instant(value) => value.hash(state),
            Self::List(value) => value.hash(state),
            Self::Json(value) => value.hash(state),
        }
    }
}

/// A type that a model's field may have.
///
/// Implemented for the integers up to 64 bits and `i128`, `f32`, `f64`, `bool`, `String`,
/// `serde_json::Value`, `Option<T>` and `Vec<T>`; with the cargo features of these names for
/// the types of `chrono`, `time`, `uuid`, `rust_decimal` (feature `decimal`) and `bigdecimal`.
///
/// A wrapper passes on what it wraps: `#[derive(Field)] struct MessageId(i64);` of `graphex` does so. By hand:
///
/// ```
/// use graphex_runtime::{Equality, Field, FieldType, Key, Value};
///
/// struct MessageId(i64);
///
/// impl Field for MessageId {
///     const TYPE: FieldType = i64::TYPE;
///     fn to_value(&self) -> Value {
///         self.0.to_value()
///     }
/// }
/// impl Equality for MessageId {} // may be a scope or index field
/// impl Key for MessageId {} // may be the primary key
///
/// assert_eq!(MessageId(7).to_value(), Value::Int(7));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a graphex model",
    label = "graphex has no values for this type",
    note = "mark the field `#[graphex(opaque)]` to send it through serde, `#[graphex(skip)]` to keep it on the server, or implement `graphex::Field` for a type of your own",
    note = "types of chrono, time, uuid, rust_decimal and bigdecimal need the graphex features `chrono`, `time`, `uuid`, `decimal` and `bigdecimal`"
)]
pub trait Field {
    /// What values [`Field::to_value`] gives.
    const TYPE: FieldType;

    // Generated code describes a field by this.
    #[doc(hidden)]
    const DESCRIBED: Described = Described {
        ty: Self::TYPE,
        from_log: Self::from_log,
        is_plain: Self::IS_PLAIN,
    };

    // Whether each value is the column's own, so that SQL compares them alike.
    #[doc(hidden)]
    const IS_PLAIN: bool = false;

    /// The value as it is captured.
    fn to_value(&self) -> Value;

    /// The value of a column in a change log: the one that [`to_value`](Self::to_value) gives of
    /// the same row. `None` where the column holds none.
    ///
    /// A type whose value is the column's own needs no code for that. One that makes another
    /// value of it says so here too:
    ///
    /// ```
    /// use graphex_runtime::{Field, FieldType, Logged, Value};
    ///
    /// /// An integer column, for clients a text.
    /// enum Status { Draft, Sent }
    ///
    /// impl Field for Status {
    ///     const TYPE: FieldType = String::TYPE;
    ///     fn to_value(&self) -> Value {
    ///         match self {
    ///             Self::Draft => Value::Text("draft".into()),
    ///             Self::Sent => Value::Text("sent".into()),
    ///         }
    ///     }
    ///     fn from_log(column: &Logged<'_>) -> Option<Value> {
    ///         // SQLite writes the number as a text: `TYPE` is one.
    ///         match column.json().trim_matches('"') {
    ///             "0" => Some(Self::Draft.to_value()),
    ///             "1" => Some(Self::Sent.to_value()),
    ///             _ => None,
    ///         }
    ///     }
    /// }
    /// ```
    fn from_log(column: &Logged<'_>) -> Option<Value> {
        column.value(Self::TYPE)
    }
}

/// A [`Field`] whose values are equal or not without doubt, so that a scope may pin it.
///
/// Floats, lists and JSON are not: pin an integer, a text, a UUID, a decimal or a date.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a scope field: its values have no exact equality",
    label = "a scope compares this field by equality",
    note = "scope and index fields are integers, `bool`, `String`, UUIDs, decimals, dates and times, or an `Option` of one",
    note = "a type of your own is one when it implements `graphex::Equality`"
)]
pub trait Equality: Field {
    // Generated code goes through these, so that a type without the trait is reported at the field
    // and nowhere else.
    #[doc(hidden)]
    fn exact(&self) -> &Self {
        self
    }

    #[doc(hidden)]
    const MAY_BE_NULL: bool = Self::TYPE.nullable;

    #[doc(hidden)]
    fn exact_if_any(value: &Option<Self>) -> &Option<Self>
    where
        Self: Sized,
    {
        value
    }

    #[doc(hidden)]
    fn exact_pinned(value: &Pinned<Self>) -> &Pinned<Self>
    where
        Self: Sized,
    {
        value
    }

    #[doc(hidden)]
    fn all_exact(values: &[Self]) -> &[Self]
    where
        Self: Sized,
    {
        values
    }
}

/// A [`Field`] that may be a primary key: it can be read from the `id` a client sends.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the primary key of a graphex model",
    label = "clients name a row by this field",
    note = "a primary key is an integer, a `String` or a UUID, and never null",
    note = "a type of your own is one when it implements `graphex::Key`"
)]
pub trait Key: Equality {
    // Generated code goes through these two, so that a type that is not even a `Field` is
    // reported once, as a bad key.
    #[doc(hidden)]
    const KEY: Described = Self::DESCRIBED;

    #[doc(hidden)]
    fn key_value(&self) -> Value {
        self.to_value()
    }
}
