//! [`Field`] for the types of the standard library and `serde_json`.
//!
//! Impls for single types are `do_not_recommend`: the notes of the traits say better than rustc's
//! list, which changes with the cargo features, what to do about a type without them.

use std::sync::Arc;

use super::{Database, Equality, Field, FieldType, FromValue, Key, Kind, Logged, Value};

macro_rules! integers {
    ($($ty:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Field for $ty {
            // Every listed type fits an `i128`.
            const TYPE: FieldType = FieldType::required(Kind::Int {
                min: <$ty>::MIN as i128,
                max: <$ty>::MAX as i128,
            });
            const IS_PLAIN: bool = true;

            fn to_value(&self) -> Value {
                Value::Int(*self as i128)
            }
        }
        #[diagnostic::do_not_recommend]
        impl Equality for $ty {}
        #[diagnostic::do_not_recommend]
        impl Key for $ty {}
        #[diagnostic::do_not_recommend]
        impl FromValue for $ty {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Int(value) => Self::try_from(*value).ok(),
                    _ => None,
                }
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, usize);

#[diagnostic::do_not_recommend]
impl Field for bool {
    const TYPE: FieldType = FieldType::required(Kind::Bool);
    const IS_PLAIN: bool = true;

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}
#[diagnostic::do_not_recommend]
impl Equality for bool {}
#[diagnostic::do_not_recommend]
impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }
}

#[diagnostic::do_not_recommend]
impl Field for f64 {
    const TYPE: FieldType = FieldType::required(Kind::Float);

    fn to_value(&self) -> Value {
        Value::Float(*self)
    }
}
#[diagnostic::do_not_recommend]
impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }
}

#[diagnostic::do_not_recommend]
impl Field for f32 {
    const TYPE: FieldType = FieldType::required(Kind::Float);

    fn to_value(&self) -> Value {
        // As JSON and PostgreSQL have it: of two shortest forms that are equally near, the one
        // with the even last digit. `Display` takes the other.
        let shortest = serde_json::to_string(self).ok();
        let shortest = shortest.and_then(|text| text.parse().ok());
        Value::Float(shortest.unwrap_or_else(|| f64::from(*self)))
    }

    fn from_log(column: &Logged<'_>) -> Option<Value> {
        if column.is_null() {
            return Some(Value::Null);
        }
        let text = column.text()?;
        let value: Self = match column.database() {
            Database::Postgres => text.parse().ok()?,
            // A column of SQLite holds an `f64`, which Diesel rounds.
            Database::Sqlite => text.parse::<f64>().ok()? as Self,
        };
        Some(value.to_value())
    }
}
#[diagnostic::do_not_recommend]
impl FromValue for f32 {
    fn from_value(value: &Value) -> Option<Self> {
        let value = f64::from_value(value)?;
        // Through the decimal form, as it came. What an `f32` cannot hold would be infinite.
        let narrow: Self = value.to_string().parse().ok()?;
        (narrow.is_infinite() == value.is_infinite()).then_some(narrow)
    }
}

#[diagnostic::do_not_recommend]
impl Field for &str {
    const TYPE: FieldType = FieldType::required(Kind::Text);

    fn to_value(&self) -> Value {
        Value::Text((*self).to_owned())
    }
}

#[diagnostic::do_not_recommend]
impl Field for String {
    const TYPE: FieldType = FieldType::required(Kind::Text);
    const IS_PLAIN: bool = true;

    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}
#[diagnostic::do_not_recommend]
impl Equality for String {}
#[diagnostic::do_not_recommend]
impl Key for String {}
#[diagnostic::do_not_recommend]
impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(value) => Some(value.clone()),
            _ => None,
        }
    }
}

#[diagnostic::do_not_recommend]
impl Field for serde_json::Value {
    const TYPE: FieldType = FieldType::required(Kind::Json);

    fn to_value(&self) -> Value {
        Value::Json(Arc::new(self.clone()))
    }
}
#[diagnostic::do_not_recommend]
impl FromValue for serde_json::Value {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Json(value) => Some((**value).clone()),
            _ => None,
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Field> Field for Option<T> {
    const TYPE: FieldType = FieldType {
        kind: T::TYPE.kind,
        nullable: true,
    };
    const IS_PLAIN: bool = T::IS_PLAIN;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }

    fn from_log(column: &Logged<'_>) -> Option<Value> {
        if column.is_null() {
            return Some(Value::Null);
        }
        T::from_log(column)
    }
}
#[diagnostic::do_not_recommend]
impl<T: Equality> Equality for Option<T> {}
#[diagnostic::do_not_recommend]
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<T: Field> Field for Vec<T> {
    const TYPE: FieldType = FieldType::required(Kind::List(&T::TYPE));

    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }

    fn from_log(column: &Logged<'_>) -> Option<Value> {
        match column.items() {
            Some(items) => {
                let items = items.iter().map(T::from_log);
                items.collect::<Option<_>>().map(Value::List)
            }
            None => column.value(Self::TYPE),
        }
    }
}
#[diagnostic::do_not_recommend]
impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(items) => items.iter().map(T::from_value).collect(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Field) -> String {
        let mut out = Vec::new();
        value.to_value().write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_exact() {
        assert_eq!(json(&i64::MIN), "-9223372036854775808");
        assert_eq!(json(&u64::MAX), "18446744073709551615");
        assert_eq!(json(&1.1_f32), "1.1");
        assert_eq!(json(&(8_388_609.0_f32 / 4.0)), "2097152.2");
        assert_eq!(json(&0.1_f64), "0.1");
        assert_eq!(json(&f64::NAN), "null");
        assert_eq!(json(&f32::INFINITY), "null");
    }

    #[test]
    fn the_rest_is_itself() {
        assert_eq!(json(&"a\"b\u{1}é".to_owned()), "\"a\\\"b\\u0001é\"");
        assert_eq!(json(&Some(true)), "true");
        assert_eq!(json(&None::<bool>), "null");
        assert_eq!(json(&vec![Some(1), None]), "[1,null]");
        assert_eq!(json(&serde_json::json!({"a": [1]})), r#"{"a":[1]}"#);
    }

    #[test]
    fn an_option_is_nullable() {
        let nullable = [i32::TYPE, Option::<i32>::TYPE].map(|ty| ty.nullable);
        assert_eq!(nullable, [false, true]);
    }
}
