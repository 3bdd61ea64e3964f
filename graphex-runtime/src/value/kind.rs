//! What values a field holds, as data.

use super::{Logged, Value};

/// Longest text key that a client can subscribe to: the hub keeps it for each subscription.
const KEY_BYTES: usize = 1024;

/// What values a field holds: its [`Kind`] and whether it may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldType {
    /// The kind of value.
    pub kind: Kind,
    /// Whether the field may be null.
    pub nullable: bool,
}

impl FieldType {
    /// Whether the value is one of this type.
    pub(crate) fn holds(self, value: &Value) -> bool {
        if value.is_null() {
            self.nullable
        } else {
            self.kind.holds(value)
        }
    }

    /// A field of this kind that is never null.
    #[must_use]
    pub const fn required(kind: Kind) -> Self {
        Self {
            kind,
            nullable: false,
        }
    }
}

/// A GraphQL enum, of a field whose type derives `Field`.
#[derive(Debug, PartialEq, Eq)]
pub struct EnumType {
    /// Its name.
    pub name: &'static str,
    /// Its values.
    pub values: &'static [&'static str],
    /// The Rust type, by which it is one with async-graphql's enum of that type.
    #[doc(hidden)]
    pub rust_name: &'static str,
}

impl EnumType {
    /// Whether this is the name of a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values.contains(&name)
    }
}

/// What a descriptor takes from the type of a field.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// What values it has.
    pub ty: FieldType,
    /// [`Field::from_log`](super::Field::from_log).
    pub from_log: fn(&Logged<'_>) -> Option<Value>,
    /// [`Field::IS_PLAIN`](super::Field::IS_PLAIN).
    pub is_plain: bool,
}

/// The kinds of [`Value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Int`] within the bounds of the Rust type.
    Int {
        /// Smallest value.
        min: i128,
        /// Largest value.
        max: i128,
    },
    /// [`Value::Float`].
    Float,
    /// [`Value::Text`].
    Text,
    /// [`Value::Text`], the name of one of the values of a GraphQL enum.
    Enum(&'static EnumType),
    /// [`Value::Decimal`].
    Decimal,
    /// [`Value::Uuid`].
    Uuid,
    /// [`Value::Date`].
    Date,
    /// [`Value::Time`].
    Time,
    /// [`Value::DateTime`].
    DateTime,
    /// [`Value::Instant`].
    Instant,
    /// [`Value::Json`].
    Json,
    /// [`Value::List`] of this.
    List(&'static FieldType),
}

impl Kind {
    /// Whether the value is one of this kind.
    pub(crate) fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Int { min, max }, Value::Int(value)) => (min..=max).contains(value),
            (Self::Enum(ty), Value::Text(name)) => ty.has(name),
            (Self::List(item), Value::List(values)) => values.iter().all(|value| item.holds(value)),
            (Self::Bool, Value::Bool(_))
            | (Self::Float, Value::Float(_))
            | (Self::Text, Value::Text(_))
            | (Self::Decimal, Value::Decimal(_))
            | (Self::Uuid, Value::Uuid(_))
            | (Self::Date, Value::Date(_))
            | (Self::Time, Value::Time(_))
            | (Self::DateTime, Value::DateTime(_))
            | (Self::Instant, Value::Instant(_))
            | (Self::Json, Value::Json(_)) => true,
            _ => false,
        }
    }

    /// Reads a primary key as a client sends it in `id`.
    ///
    /// # Errors
    ///
    /// What a valid id looks like, for the sentence "`id` must be …".
    pub fn parse_key(self, text: &str) -> Result<Value, &'static str> {
        match self {
            Self::Int { .. } => self
                .parse_text(text)
                .ok_or("an integer that the key can hold"),
            Self::Uuid => self.parse_text(text).ok_or("a UUID"),
            Self::Text if (1..=KEY_BYTES).contains(&text.len()) => Ok(Value::Text(text.to_owned())),
            Self::Text => Err("a string of 1 to 1,024 bytes"),
            _ => Err("left out: rows of this stream have no key that can be written as an id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Field as _;

    #[test]
    fn keys_are_read_by_their_type_and_nothing_else() {
        assert_eq!(i32::TYPE.kind.parse_key("-5"), Ok(Value::Int(-5)));
        for text in ["", " 5", "5.0", "5x", "2147483648", "null"] {
            assert!(i32::TYPE.kind.parse_key(text).is_err(), "{text:?}");
        }
        assert!(u8::TYPE.kind.parse_key("-1").is_err());
        let max = u64::MAX.to_string();
        assert_eq!(u64::TYPE.kind.parse_key(&max), Ok(u64::MAX.to_value()));
        assert_eq!(
            String::TYPE.kind.parse_key("5"),
            Ok(Value::Text("5".into()))
        );
        assert!(String::TYPE.kind.parse_key("").is_err());
        assert!(String::TYPE.kind.parse_key(&"x".repeat(1025)).is_err());
        assert!(f64::TYPE.kind.parse_key("5").is_err());
    }
}
