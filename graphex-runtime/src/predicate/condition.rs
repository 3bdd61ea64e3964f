//! One condition on the value of one field.

use std::cmp::Ordering;
use std::sync::Arc;

use super::operand::{Bounds, Operand};
use super::subject::Subject;
use crate::value::{Date, Part, Value};

/// A condition and the field it is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    /// Position in the model's fields.
    pub(crate) field: usize,
    pub(crate) test: Test,
}

/// What must hold for a value. Null satisfies [`Test::IsNull`] alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// It stands so to the operand.
    Order(Relation, Operand),
    /// It lies between these two, both included.
    Between(Bounds),
    /// The text has this [`Value::Text`] in this place.
    Text(Place, Arc<Value>),
    /// The text in upper case has this, which is in upper case, in this place.
    Folded(Place, Arc<str>),
    /// A part of the date or time equals this.
    Part(Part, i128),
    /// The calendar date equals this.
    Date(Date),
    /// It is null, or is not.
    IsNull(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Relation {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// Where one text stands in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

impl Condition {
    /// What it takes in memory besides its operand, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.test {
            Test::Folded(_, text) => text.len(),
            _ => 0,
        }
    }

    /// Whether it holds for the row.
    pub(crate) fn holds(&self, subject: &Subject<'_>) -> bool {
        let value = subject.value(self.field);
        if let Test::IsNull(expected) = self.test {
            return value.is_null() == expected;
        }
        !value.is_null() && self.holds_for(value, subject)
    }

    fn holds_for(&self, value: &Value, subject: &Subject<'_>) -> bool {
        match &self.test {
            Test::Order(relation, operand) => value
                .compare(operand)
                .is_some_and(|order| relation.includes(order)),
            Test::Between(bounds) => bounds.get().is_some_and(|(low, high)| {
                value.compare(low).is_some_and(Ordering::is_ge)
                    && value.compare(high).is_some_and(Ordering::is_le)
            }),
            Test::Text(place, operand) => match (value, &**operand) {
                (Value::Text(text), Value::Text(operand)) => place.has(text, operand, subject),
                _ => false,
            },
            Test::Folded(place, operand) => subject
                .upper_case(self.field)
                .is_some_and(|text| place.has(text, operand, subject)),
            Test::Part(part, operand) => value
                .part(*part)
                .is_some_and(|part| i128::from(part) == *operand),
            Test::Date(operand) => value.date() == Some(*operand),
            Test::IsNull(expected) => value.is_null() == *expected,
        }
    }
}

impl Relation {
    fn includes(self, order: Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

impl Place {
    fn has(self, text: &str, operand: &str, subject: &Subject<'_>) -> bool {
        if self == Self::Anywhere {
            // A search looks at many bytes at once.
            subject.spend(text.len() / 8);
        }
        match self {
            Self::Whole => text == operand,
            Self::Start => text.starts_with(operand),
            Self::End => text.ends_with(operand),
            Self::Anywhere => text.contains(operand),
        }
    }
}
