//! Fields that can have only certain values: what plans and topics are found by.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use super::operand::Operand;
use crate::model::Model;
use crate::value::{Field, Pinned, Value};

/// A field that must be one of these values.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    /// Position in the model's fields.
    pub(crate) field: usize,
    values: Values,
}

/// Shared with the filter that asks for them.
#[derive(Clone, Debug)]
enum Values {
    One(Operand),
    /// A [`Value::List`]: [sorted](sort), so without doubles and without null, which equals
    /// nothing.
    Any(Arc<Value>),
}

/// Brings the values of a pin into one order without doubles and null, so that equal demands are
/// equal predicates.
pub(crate) fn sort(values: &mut Vec<Value>) {
    values.retain(|value| !value.is_null());
    values.sort_by_cached_key(Value::canonical);
    values.dedup();
    values.shrink_to_fit();
}

impl Pin {
    pub(crate) fn new(field: usize, mut values: Vec<Value>) -> Self {
        sort(&mut values);
        Self::sorted(field, Arc::new(Value::List(values)))
    }

    /// One value; null, which equals nothing, is no value.
    pub(crate) fn one(field: usize, value: &Arc<Value>) -> Self {
        if value.is_null() {
            return Self::new(field, Vec::new());
        }
        let values = Values::One(Operand::new(value));
        Self { field, values }
    }

    /// The values of a [`Value::List`] that was [sorted](sort).
    pub(crate) fn sorted(field: usize, list: Arc<Value>) -> Self {
        let values = Values::Any(list);
        Self { field, values }
    }

    pub(crate) fn values(&self) -> &[Value] {
        match &self.values {
            Values::One(value) => std::slice::from_ref(value),
            Values::Any(list) => match &**list {
                Value::List(values) => values,
                _ => &[],
            },
        }
    }

    pub(super) fn holds(&self, value: &Value) -> bool {
        self.values().contains(value)
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        (self.field, self.values()) == (other.field, other.values())
    }
}

impl Eq for Pin {}

impl Hash for Pin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.field, self.values()).hash(state);
    }
}

/// One pin for each field, in their order: several of one field must all hold.
pub(super) fn merged(mut pins: Vec<Pin>) -> SmallVec<[Pin; 1]> {
    // A stable order: which of two comes first does not matter.
    pins.sort_by_key(|pin| pin.field);
    let mut merged = SmallVec::<[Pin; 1]>::new();
    for pin in pins {
        match merged.last_mut().filter(|last| last.field == pin.field) {
            Some(last) => {
                let both = last.values().iter().filter(|value| pin.holds(value));
                *last = Pin::new(pin.field, both.cloned().collect());
            }
            None => merged.push(pin),
        }
    }
    merged
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
    pub fn equal<T: Field>(self, field: usize, value: &T) -> Self {
        self.with(Pin::one(field, &Arc::new(value.to_value())))
    }

    /// `scope(optional(field))`: equals the value, if there is one.
    #[must_use]
    pub fn optional<T: Field>(self, field: usize, value: &Option<T>) -> Self {
        match value {
            Some(value) => self.equal(field, value),
            None => self,
        }
    }

    /// `scope(optional(field))` of a field that may be null.
    #[must_use]
    pub fn pinned<T: Field>(self, field: usize, value: &Pinned<T>) -> Self {
        match value {
            Pinned::Anything => self,
            Pinned::Only(value) => self.equal(field, value),
            Pinned::Nothing => self.any_of::<T>(field, &[]),
        }
    }

    /// `scope(any_of(field))`: equals one of the values; no value, no row.
    #[must_use]
    pub fn any_of<T: Field>(self, field: usize, values: &[T]) -> Self {
        self.with(Pin::new(field, values.iter().map(T::to_value).collect()))
    }

    fn with(mut self, pin: Pin) -> Self {
        self.0.push(pin);
        self
    }

    /// What tells these from others, the same in every process and build: 0 where there are none.
    pub(crate) fn mark(&self, model: &Model) -> u64 {
        let of = |pin: &Pin| {
            let values = pin.values().iter().map(Value::canonical);
            (model.fields[pin.field].name, values.collect::<Vec<_>>())
        };
        let mut pins: Vec<_> = self.0.iter().map(of).collect();
        if pins.is_empty() {
            return 0;
        }
        pins.sort();
        // FNV-1a. Each text with its length, so that none runs into the next.
        let add = |hash: u64, text: &str| {
            let length = text.len().to_le_bytes();
            let bytes = length.into_iter().chain(text.bytes());
            bytes.fold(hash, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            })
        };
        let mut hash = 0xcbf2_9ce4_8422_2325;
        for (name, values) in &pins {
            hash = add(add(hash, name), &values.len().to_string());
            hash = values.iter().fold(hash, |hash, value| add(hash, value));
        }
        hash.max(1)
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
