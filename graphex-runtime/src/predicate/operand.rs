//! What values are compared with.

use std::ops::Deref;
use std::sync::Arc;

use crate::value::Value;

/// A value to compare with. A small one stands in place, since a change is compared with many one after
/// the other and each pointer that is followed is a wait for memory; others are shared with the filter
/// that asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    Small(Value),
    Shared(Arc<Value>),
}

impl Operand {
    pub(crate) fn new(value: &Arc<Value>) -> Self {
        if is_small(value) {
            Self::Small((**value).clone())
        } else {
            Self::Shared(Arc::clone(value))
        }
    }
}

impl Deref for Operand {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Self::Small(value) => value,
            Self::Shared(value) => value,
        }
    }
}

/// The two values that one lies between, both included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bounds {
    Small([Value; 2]),
    /// A [`Value::List`] of two.
    Shared(Arc<Value>),
}

impl Bounds {
    /// Of a [`Value::List`] of two.
    pub(crate) fn new(list: &Arc<Value>) -> Self {
        match &**list {
            Value::List(bounds) if bounds.iter().all(is_small) => match bounds.as_slice() {
                [low, high] => Self::Small([low.clone(), high.clone()]),
                _ => Self::Shared(Arc::clone(list)),
            },
            _ => Self::Shared(Arc::clone(list)),
        }
    }

    /// The lower one and the upper one.
    pub(crate) fn get(&self) -> Option<(&Value, &Value)> {
        match self {
            Self::Small([low, high]) => Some((low, high)),
            Self::Shared(list) => match &**list {
                Value::List(bounds) => match bounds.as_slice() {
                    [low, high] => Some((low, high)),
                    _ => None,
                },
                _ => None,
            },
        }
    }
}

/// Whether it has no memory of its own.
fn is_small(value: &Value) -> bool {
    match value {
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Uuid(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::DateTime(_)
        | Value::Instant(_) => true,
        Value::Text(_) | Value::Decimal(_) | Value::List(_) | Value::Json(_) => false,
    }
}
