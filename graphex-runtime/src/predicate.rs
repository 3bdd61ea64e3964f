//! Which rows a subscriber gets.

use crate::change::Row;
use crate::value::{Equality, Value};

/// One condition on one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Condition {
    /// The field equals this value.
    Equal(Value),
    /// The field equals one of these values.
    AnyOf(Box<[Value]>),
}

/// A condition and the field it is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pin {
    /// Position in the model's fields.
    field: usize,
    condition: Condition,
}

/// The conditions of a scope. Generated code collects them.
#[derive(Clone, Debug, Default)]
pub struct Pins(Vec<Pin>);

impl Pins {
    /// No condition: every row.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `scope(field)`: equals `value`.
    #[must_use]
    pub fn equal<T: Equality>(self, field: usize, value: &T) -> Self {
        self.with(field, Condition::Equal(value.to_value()))
    }

    /// `scope(optional(field))`: equals the value, if there is one.
    #[must_use]
    pub fn optional<T: Equality>(self, field: usize, value: &Option<T>) -> Self {
        match value {
            Some(value) => self.equal(field, value),
            None => self,
        }
    }

    /// `scope(any_of(field))`: equals one of the values; no value, no row.
    #[must_use]
    pub fn any_of<T: Equality>(self, field: usize, values: &[T]) -> Self {
        let mut values: Vec<_> = values.iter().map(T::to_value).collect();
        // One order without doubles, so that equal scopes are equal predicates.
        values.sort_by_cached_key(|value| {
            let mut text = String::new();
            value.write_canonical(&mut text);
            text
        });
        values.dedup();
        match values.len() {
            1 => self.with(field, Condition::Equal(values.remove(0))),
            _ => self.with(field, Condition::AnyOf(values.into())),
        }
    }

    fn with(mut self, field: usize, condition: Condition) -> Self {
        self.0.push(Pin { field, condition });
        self
    }
}

/// Which rows a subscriber gets: all conditions hold.
///
/// `NULL` equals nothing, not even `NULL`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Predicate(Box<[Pin]>);

impl Predicate {
    /// The scope's conditions and, where the client named one row, its key.
    pub(crate) fn new(scope: Pins, id: Option<(usize, Value)>) -> Self {
        let mut pins = scope.0;
        pins.extend(id.map(|(field, value)| Pin {
            field,
            condition: Condition::Equal(value),
        }));
        // One order, so that equal predicates are equal keys of a plan.
        pins.sort_by_key(|pin| pin.field);
        pins.dedup();
        Self(pins.into())
    }

    /// Whether the row satisfies every condition.
    pub(crate) fn matches(&self, row: &Row) -> bool {
        self.0.iter().all(|pin| {
            let value = row.value(pin.field);
            !value.is_null()
                && match &pin.condition {
                    Condition::Equal(expected) => expected == value,
                    Condition::AnyOf(expected) => expected.contains(value),
                }
        })
    }

    /// The fields that can only have one value, each once, with that value.
    pub(crate) fn equalities(&self) -> impl Iterator<Item = (usize, &Value)> {
        let mut last = None;
        self.0.iter().filter_map(move |pin| match &pin.condition {
            Condition::Equal(value) if last != Some(pin.field) => {
                last = Some(pin.field);
                Some((pin.field, value))
            }
            _ => None,
        })
    }

    /// The one value that this field must have, if there is one.
    pub(crate) fn equality(&self, field: usize) -> Option<&Value> {
        self.equalities()
            .find_map(|(pinned, value)| (pinned == field).then_some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tenant: i64, room: Option<i64>) -> Row {
        Row::from([
            Value::Int(tenant.into()),
            room.map_or(Value::Null, |room| Value::Int(room.into())),
        ])
    }

    fn matches(scope: Pins, row: &Row) -> bool {
        Predicate::new(scope, None).matches(row)
    }

    #[test]
    fn no_condition_matches_every_row() {
        assert!(matches(Pins::new(), &row(1, None)));
    }

    #[test]
    fn null_equals_nothing() {
        assert!(!matches(Pins::new().equal(1, &None::<i64>), &row(1, None)));
        assert!(!matches(Pins::new().equal(1, &Some(2_i64)), &row(1, None)));
        assert!(!matches(
            Pins::new().any_of(1, &[None, Some(2_i64)]),
            &row(1, None)
        ));
        assert!(matches(
            Pins::new().any_of(1, &[None, Some(2_i64)]),
            &row(1, Some(2))
        ));
    }

    #[test]
    fn an_absent_optional_does_not_restrict_and_an_empty_list_matches_nothing() {
        assert!(matches(
            Pins::new().optional(1, &None::<i64>),
            &row(1, Some(2))
        ));
        assert!(!matches(
            Pins::new().any_of::<i64>(0, &[]),
            &row(1, Some(2))
        ));
    }

    #[test]
    fn two_conditions_on_one_field_must_both_hold() {
        let both = |id| Predicate::new(Pins::new().equal(0, &1_i64), Some((0, Value::Int(id))));
        assert!(both(1).matches(&row(1, None)));
        assert!(!both(2).matches(&row(1, None)));
        assert!(!both(2).matches(&row(2, None)));
        assert_eq!(both(2).equalities().count(), 1);
    }

    #[test]
    fn equal_predicates_are_equal_whatever_the_order() {
        let one = Predicate::new(Pins::new().equal(0, &1_i64).equal(1, &2_i64), None);
        let other = Predicate::new(Pins::new().equal(1, &2_i64).equal(0, &1_i64), None);
        assert_eq!(one, other);
        let labels = |labels: &[i64]| Predicate::new(Pins::new().any_of(0, labels), None);
        assert_eq!(labels(&[1, 2]), labels(&[2, 1, 2]));
        assert_eq!(
            labels(&[1, 1]),
            Predicate::new(Pins::new().equal(0, &1_i64), None)
        );
    }
}
