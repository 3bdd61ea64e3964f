//! Finds plans by the values they pin.
//!
//! Plans that pin the same fields form a group; in a group a plan is found by one hash of
//! the row's values of those fields. A plan that pins a field to several values is listed under
//! each. A change costs one look-up per group and what matches, not one test per plan.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher, RandomState};

use smallvec::SmallVec;

use crate::change::Row;
use crate::predicate::{MOST_COMBINATIONS, Predicate};
use crate::value::Value;

/// Entries by the pins of their predicates. It may find too many (two values with one
/// hash), never too few; the caller tests the whole predicate.
#[derive(Debug)]
pub(crate) struct EqualityIndex<T> {
    groups: Vec<Group<T>>,
    /// Seeded per process, so that clients cannot aim at one bucket.
    hasher: RandomState,
}

/// Most hashes have one entry, which then is found without following a pointer.
type Entries<T> = SmallVec<[T; 2]>;

#[derive(Debug)]
struct Group<T> {
    /// Pinned fields, ascending.
    fields: Box<[usize]>,
    by_hash: HashMap<u64, Entries<T>>,
}

impl<T> Default for EqualityIndex<T> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            hasher: RandomState::new(),
        }
    }
}

/// Where a predicate is listed: under each combination of its pinned values.
struct Places {
    fields: Box<[usize]>,
    hashes: Vec<u64>,
}

impl<T: Copy + PartialEq> EqualityIndex<T> {
    /// Whether entries of this predicate are found by a value; others would be found by every row.
    pub(crate) fn finds(predicate: &Predicate) -> bool {
        let mut pins = predicate.pins().iter();
        pins.any(|pin| pin.values().len() <= MOST_COMBINATIONS)
    }

    pub(crate) fn insert(&mut self, predicate: &Predicate, entry: T) {
        let Places { fields, hashes } = self.places(predicate);
        if hashes.is_empty() {
            // A field that can have no value: nothing matches.
            return;
        }
        let group = match self.groups.iter().position(|group| group.fields == fields) {
            Some(position) => &mut self.groups[position],
            None => {
                let by_hash = HashMap::new();
                self.groups.push(Group { fields, by_hash });
                // Just pushed.
                let last = self.groups.len() - 1;
                &mut self.groups[last]
            }
        };
        for hash in hashes {
            group.by_hash.entry(hash).or_default().push(entry);
        }
    }

    pub(crate) fn remove(&mut self, predicate: &Predicate, entry: T) {
        let Places { fields, hashes } = self.places(predicate);
        let Some(position) = self.groups.iter().position(|group| group.fields == fields) else {
            return;
        };
        let group = &mut self.groups[position];
        for hash in hashes {
            if let Some(entries) = group.by_hash.get_mut(&hash) {
                entries.retain(|candidate| *candidate != entry);
                if entries.is_empty() {
                    group.by_hash.remove(&hash);
                }
            }
        }
        if group.by_hash.is_empty() {
            self.groups.swap_remove(position);
        }
    }

    /// The entries whose pins may hold for the row, each once.
    pub(crate) fn find(&self, row: &Row) -> impl Iterator<Item = T> {
        self.groups.iter().flat_map(move |group| {
            let hash = self.hash(group.fields.iter().map(|field| row.value(*field)));
            group.by_hash.get(&hash).into_iter().flatten().copied()
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Takes the pins with the fewest values for as long as their combinations are not too
    /// many; the predicate is tested as a whole in any case.
    fn places(&self, predicate: &Predicate) -> Places {
        let mut pins: Vec<_> = predicate.pins().iter().collect();
        pins.sort_by_key(|pin| pin.values().len());
        let mut combinations = 1;
        let taken = pins.iter().take_while(|pin| {
            combinations *= pin.values().len();
            combinations <= MOST_COMBINATIONS
        });
        let taken = taken.count();
        pins.truncate(taken);
        pins.sort_by_key(|pin| pin.field);
        let hashers = pins
            .iter()
            .fold(vec![self.hasher.build_hasher()], |begun, pin| {
                let with_each = |hasher: &DefaultHasher| {
                    let hasher = hasher.clone();
                    pin.values().iter().map(move |value| {
                        let mut hasher = hasher.clone();
                        value.hash(&mut hasher);
                        hasher
                    })
                };
                begun.iter().flat_map(with_each).collect()
            });
        let mut hashes: Vec<_> = hashers.iter().map(Hasher::finish).collect();
        // Two combinations with one hash are one place, or an entry would be found twice.
        hashes.sort_unstable();
        hashes.dedup();
        Places {
            fields: pins.iter().map(|pin| pin.field).collect(),
            hashes,
        }
    }

    fn hash<'v>(&self, values: impl Iterator<Item = &'v Value>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        values.for_each(|value| value.hash(&mut hasher));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::filters::Filters;
    use crate::predicate::{Decision, Pins, Subject};

    /// What each of two fields is pinned to, if at all.
    type Pinned = (Option<Vec<i64>>, Option<Vec<i64>>);

    fn predicate((first, second): &Pinned) -> Predicate {
        let pins = [first, second].into_iter().enumerate();
        let pins = pins.fold(Pins::new(), |pins, (field, values)| match values {
            Some(values) => pins.any_of(field, values),
            None => pins,
        });
        Predicate::new(pins, None, &Filters::default())
    }

    fn pinned() -> impl Strategy<Value = Pinned> {
        // Ten times ten combinations are more than there are places.
        let values = || proptest::option::of(vec(0..12_i64, 0..11));
        (values(), values())
    }

    proptest! {
        #[test]
        fn finds_exactly_what_a_scan_finds(
            kept in vec(pinned(), 0..20),
            removed in vec(pinned(), 0..20),
            row in (0..12_i64, 0..12_i64),
        ) {
            let mut index = EqualityIndex::default();
            for (entry, pinned) in kept.iter().chain(&removed).enumerate() {
                index.insert(&predicate(pinned), entry);
            }
            for (position, pinned) in removed.iter().enumerate() {
                index.remove(&predicate(pinned), kept.len() + position);
            }
            let row = Row::from([Value::Int(row.0.into()), Value::Int(row.1.into())]);
            let matches = |entry: &usize| predicate(&kept[*entry]).decide(&Subject::new(&row), true) == Decision::Yes;
            let mut found: Vec<_> = index.find(&row).collect();
            found.sort_unstable();
            prop_assert!(found.windows(2).all(|two| two[0] != two[1]), "found twice");
            // What has too many combinations is found by some of its pins.
            found.retain(matches);
            let scanned: Vec<_> = (0..kept.len()).filter(matches).collect();
            prop_assert_eq!(found, scanned);
        }
    }

    #[test]
    fn an_emptied_index_keeps_nothing() {
        let mut index = EqualityIndex::default();
        let pinned = (Some(vec![1, 2]), None);
        index.insert(&predicate(&pinned), 1);
        index.remove(&predicate(&pinned), 1);
        assert!(index.is_empty());
    }
}
