//! Fields that can have only certain values: what plans and topics are found by.

use crate::value::{Equality, Value};

/// A field that must be one of these values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pin {
    /// Position in the model's fields.
    pub(crate) field: usize,
    /// Sorted, without doubles and without null, which equals nothing.
    values: Box<[Value]>,
}

impl Pin {
    pub(crate) fn new(field: usize, mut values: Vec<Value>) -> Self {
        values.retain(|value| !value.is_null());
        // One order without doubles, so that equal demands are equal predicates.
        values.sort_by_cached_key(Value::canonical);
        values.dedup();
        let values = values.into();
        Self { field, values }
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(super) fn holds(&self, value: &Value) -> bool {
        self.values.contains(value)
    }
}

/// One pin for each field, in their order: several of one field must all hold.
pub(super) fn merged(mut pins: Vec<Pin>) -> Box<[Pin]> {
    // A stable order: which of two comes first does not matter.
    pins.sort_by_key(|pin| pin.field);
    let mut merged: Vec<Pin> = Vec::with_capacity(pins.len());
    for pin in pins {
        match merged.last_mut().filter(|last| last.field == pin.field) {
            Some(last) => {
                let both = last.values.iter().filter(|value| pin.holds(value));
                last.values = both.cloned().collect();
            }
            None => merged.push(pin),
        }
    }
    merged.into()
}

/// The pins of a scope. Generated code collects them.
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
        self.with(field, vec![value.to_value()])
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
        self.with(field, values.iter().map(T::to_value).collect())
    }

    fn with(mut self, field: usize, values: Vec<Value>) -> Self {
        self.0.push(Pin::new(field, values));
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pin> {
        self.0.iter()
    }

    pub(super) fn into_inner(self) -> Vec<Pin> {
        self.0
    }
}

impl FromIterator<Pin> for Pins {
    fn from_iter<I: IntoIterator<Item = Pin>>(pins: I) -> Self {
        Self(pins.into_iter().collect())
    }
}
