//! What a client asks of the rows it wants to receive.

mod asked;
mod key;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub(crate) use asked::Asked;
pub(crate) use key::{Key, Target, keys};

use crate::limits::Limits;
use crate::lookup::Lookup;
use crate::model::Model;
use crate::predicate::sort;
use crate::value::Value;

/// The `filters` of a subscription, checked and typed: all of them hold for each row it gets.
/// A clone shares their operands.
///
/// Hooks read them to deny or to count; the boundary is the scope.
///
/// ```
/// # use graphex_runtime::{Filters, Value};
/// fn asks_for_room(filters: &Filters, room: i64) -> bool {
///     filters.get("room") == Some(&Value::Int(room.into()))
/// }
/// # assert!(!asks_for_room(&Filters::default(), 7));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Filters(Arc<[Filter]>);

/// One key of the filters.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// As the client writes it, but `room` for `room__exact`.
    pub(crate) key: String,
    pub(crate) operand: Arc<Value>,
    pub(crate) asked: Asked,
}

impl Filter {
    /// The filter, its lookup made ready for rows.
    ///
    /// # Errors
    ///
    /// What is wrong with the operand.
    pub(crate) fn new(
        model: &Model,
        key: &Key,
        mut operand: Value,
        limits: &Limits,
    ) -> Result<Self, String> {
        let Key { name, target, .. } = key;
        // A set: its pin shares it.
        if let (Target::Field(_, Lookup::In), Value::List(values)) = (target, &mut operand) {
            sort(values);
        }
        let operand = Arc::new(operand);
        let asked = match *target {
            Target::Field(field, lookup) => Asked::new(field, lookup, &operand, limits)
                .map_err(|reason| format!("the filter `{name}` {reason}"))?,
            Target::Custom(lookup) => Asked::Custom(lookup),
        };
        let key = match *target {
            Target::Field(field, Lookup::Exact) => model.fields[field].name.to_owned(),
            _ => name.clone(),
        };
        Ok(Self {
            key,
            operand,
            asked,
        })
    }
}

/// The key and the operand tell filters of one model apart.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        (&self.key, &self.operand) == (&other.key, &other.operand)
    }
}

impl Eq for Filter {}

impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.key, &self.operand).hash(state);
    }
}

impl Filters {
    /// One order, so that equal filters are equal however they were written.
    pub(crate) fn new(mut filters: Vec<Filter>) -> Self {
        // By the operand too: `room` and `room__exact` are one key, and both may be given.
        filters.sort_by_cached_key(|filter| (filter.key.clone(), filter.operand.canonical()));
        Self(filters.into())
    }

    /// Whether the client asks for every row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operand of a key, as `room` or `text__icontains`: a [`Value::List`] where the lookup
    /// takes several, for `in` sorted and without doubles. `room__exact` is found as `room`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter()
            .find_map(|(found, operand)| (found == key).then_some(operand))
    }

    /// The keys with their operands, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0
            .iter()
            .map(|filter| (filter.key.as_str(), &*filter.operand))
    }
}

impl Filters {
    /// The filters of which another process sent the keys and operands; none where this version
    /// of the model does not have them.
    pub(crate) fn carried(
        model: &'static Model,
        entries: Vec<(String, Value)>,
        limits: &Limits,
    ) -> Option<Self> {
        let filter = |(name, operand)| {
            let key = keys(model).find(|key| key.name == name)?;
            Filter::new(model, &key, operand, limits).ok()
        };
        let filters = entries.into_iter().map(filter);
        filters.collect::<Option<_>>().map(Self::new)
    }

    /// Each alone, with its key and operand.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &Value, Self)> {
        self.0.iter().map(|filter| {
            let alone = Self(Arc::from([filter.clone()]));
            (filter.key.as_str(), &*filter.operand, alone)
        })
    }

    /// What they ask, with their operands.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (&Asked, &Arc<Value>)> {
        self.0.iter().map(|filter| (&filter.asked, &filter.operand))
    }
}

impl Filters {
    /// About what they take in memory, in bytes, with what is made of them for testing rows.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(Filter::bytes).sum()
    }
}

impl Filter {
    fn bytes(&self) -> usize {
        let ready = match &self.asked {
            Asked::Condition(condition) => condition.bytes(),
            Asked::Pattern(pattern) => pattern.pattern.bytes(),
            Asked::Pin(_) | Asked::Custom(_) => 0,
        };
        size_of::<Self>() + self.key.len() + self.operand.bytes() + ready
    }
}

impl fmt::Debug for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
