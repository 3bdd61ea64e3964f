//! Which rows a subscriber gets.
//!
//! What the scope forces, the `id` and the filters are one [`Predicate`] in one normal form, so
//! that equal demands are equal plans, and a plan is found by every field that it pins.

mod condition;
mod operand;
mod pattern;
mod pin;
mod subject;

pub(crate) use condition::{Condition, Place, Relation, Test};
pub(crate) use operand::{Bounds, Operand};
pub(crate) use pattern::{Pattern, PatternCondition};
pub(crate) use pin::Pin;
pub use pin::Pins;
pub(crate) use pin::sort;
pub(crate) use subject::Subject;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::change::Row;
use crate::filters::{Asked, Filters};
use crate::value::Value;

/// A predicate that pins fields to several values is listed under their combinations where these are
/// not more: on topics, and in the index of plans.
pub(crate) const MOST_COMBINATIONS: usize = 64;

/// Which rows a subscriber gets: everything in it holds. A clone is the same one, whose operands
/// are those of the filters that it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Predicate(Arc<Conjunction>);

/// Where many are tested one after the other, each pointer that is followed is a wait for memory:
/// what most predicates have is in place, and first what each test looks at.
#[derive(Debug, PartialEq, Eq, Hash)]
#[repr(C)]
struct Conjunction {
    /// What a row may not tell cheaply. None where that is nothing.
    costly: Option<Box<Costly>>,
    has_pins: bool,
    has_conditions: bool,
    /// A predicate without pins is one of many that each change is tested against.
    conditions: SmallVec<[Condition; 1]>,
    /// One for each pinned field, in the order of the fields.
    pins: SmallVec<[Pin; 1]>,
}

#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Costly {
    patterns: Box<[PatternCondition]>,
    custom: Box<[Demand]>,
}

/// What a row tells of a predicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Yes,
    No,
    /// It matches but for what is too costly to find out here: patterns, or custom lookups.
    Undecided,
}

/// A custom lookup, by its position in the model, and what it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Demand {
    pub(crate) lookup: usize,
    pub(crate) operand: Arc<Value>,
}

impl Predicate {
    /// What the scope forces, the row that the client named by its key, and its filters.
    pub(crate) fn new(scope: Pins, id: Option<Pin>, filters: &Filters) -> Self {
        let mut pins = scope.into_inner();
        pins.extend(id);
        let (mut conditions, mut patterns, mut custom) =
            (SmallVec::<[Condition; 1]>::new(), Vec::new(), Vec::new());
        for (asked, operand) in filters.asked() {
            match asked {
                Asked::Pin(pin) => pins.push(pin.clone()),
                Asked::Condition(condition) => conditions.push(condition.clone()),
                Asked::Pattern(pattern) => patterns.push(pattern.clone()),
                Asked::Custom(lookup) => custom.push(Demand {
                    lookup: *lookup,
                    operand: Arc::clone(operand),
                }),
            }
        }
        let is_costly = !patterns.is_empty() || !custom.is_empty();
        let costly = is_costly.then(|| {
            let (patterns, custom) = (patterns.into(), custom.into());
            Box::new(Costly { patterns, custom })
        });
        let pins = pin::merged(pins);
        Self(Arc::new(Conjunction {
            costly,
            has_pins: !pins.is_empty(),
            has_conditions: !conditions.is_empty(),
            pins,
            conditions,
        }))
    }

    /// What the row tells. Patterns are tested if they may be and the row has not cost too much
    /// already.
    #[inline]
    pub(crate) fn decide(&self, subject: &Subject<'_>, may_test_patterns: bool) -> Decision {
        let Conjunction {
            pins, conditions, ..
        } = &*self.0;
        let pinned = |pin: &Pin| pin.holds(subject.value(pin.field));
        let holds = (!self.0.has_pins || pins.iter().all(pinned))
            && (!self.0.has_conditions || conditions.iter().all(|one| one.holds(subject)));
        if !holds {
            return Decision::No;
        }
        match &self.0.costly {
            None => Decision::Yes,
            Some(costly) => self.decide_costly(costly, subject, may_test_patterns),
        }
    }

    fn decide_costly(
        &self,
        costly: &Costly,
        subject: &Subject<'_>,
        may_test_patterns: bool,
    ) -> Decision {
        if !costly.patterns.is_empty() {
            let work = self.pattern_work(subject.row());
            if !may_test_patterns || !subject.spend_pattern_work(work) {
                return Decision::Undecided;
            }
            if !self.patterns_hold(subject.row()) {
                return Decision::No;
            }
        }
        if costly.custom.is_empty() {
            Decision::Yes
        } else {
            Decision::Undecided
        }
    }

    /// Whether there is something that a row may not tell cheaply.
    pub(crate) fn is_costly(&self) -> bool {
        self.0.costly.is_some()
    }

    /// The most that testing the patterns can cost: their states × bytes of the texts.
    pub(crate) fn pattern_work(&self, row: &Row) -> u64 {
        let work = self.patterns().iter().map(|pattern| pattern.work(row));
        work.fold(0, u64::saturating_add)
    }

    /// Whether the row matches all patterns, whatever it costs.
    pub(crate) fn patterns_hold(&self, row: &Row) -> bool {
        self.patterns().iter().all(|pattern| pattern.holds(row))
    }

    fn patterns(&self) -> &[PatternCondition] {
        self.0
            .costly
            .as_ref()
            .map_or(&[], |costly| &costly.patterns)
    }

    /// The fields that can have only certain values, each once, in order.
    pub(crate) fn pins(&self) -> &[Pin] {
        &self.0.pins
    }

    /// What is asked of single values besides.
    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.0.conditions
    }

    /// The values that this field can have, if it is pinned.
    pub(crate) fn pinned(&self, field: usize) -> Option<&[Value]> {
        let found = self.0.pins.binary_search_by_key(&field, |pin| pin.field);
        found.ok().map(|position| self.0.pins[position].values())
    }

    /// What is asked of custom lookups.
    pub(crate) fn custom(&self) -> &[Demand] {
        self.0.costly.as_ref().map_or(&[], |costly| &costly.custom)
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

    fn scoped(scope: Pins) -> Predicate {
        Predicate::new(scope, None, &Filters::default())
    }

    fn matches(scope: Pins, row: &Row) -> bool {
        decides(&scoped(scope), row)
    }

    fn decides(predicate: &Predicate, row: &Row) -> bool {
        predicate.decide(&Subject::new(row), true) == Decision::Yes
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
    fn two_pins_of_one_field_must_both_hold() {
        let both = |id| {
            let id = Pin::new(0, vec![Value::Int(id)]);
            Predicate::new(Pins::new().equal(0, &1_i64), Some(id), &Filters::default())
        };
        assert!(decides(&both(1), &row(1, None)));
        assert!(!decides(&both(2), &row(1, None)));
        assert!(!decides(&both(2), &row(2, None)));
        assert_eq!(both(2).pinned(0), Some(&[][..]));
    }

    #[test]
    fn equal_predicates_are_equal_whatever_the_order() {
        let one = scoped(Pins::new().equal(0, &1_i64).equal(1, &2_i64));
        let other = scoped(Pins::new().equal(1, &2_i64).equal(0, &1_i64));
        assert_eq!(one, other);
        let labels = |labels: &[i64]| scoped(Pins::new().any_of(0, labels));
        assert_eq!(labels(&[1, 2]), labels(&[2, 1, 2]));
        assert_eq!(labels(&[1, 1]), scoped(Pins::new().equal(0, &1_i64)));
    }
}
