//! Finds plans by the values they pin.
//!
//! Plans that pin the same fields form a group; in a group a plan is found by one hash of
//! the row's values of those fields. A change costs one look-up per group and what matches,
//! not one test per plan. Plans that pin nothing form the group of no fields.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash as _, Hasher as _, RandomState};

use crate::change::Row;
use crate::predicate::Predicate;
use crate::value::Value;

/// Entries by the equalities of their predicates. It may find too many (two values with one
/// hash), never too few; the caller tests the whole predicate.
#[derive(Debug)]
pub(crate) struct EqualityIndex<T> {
    groups: Vec<Group<T>>,
    /// Seeded per process, so that clients cannot aim at one bucket.
    hasher: RandomState,
}

#[derive(Debug)]
struct Group<T> {
    /// Pinned fields, ascending.
    fields: Box<[usize]>,
    by_hash: HashMap<u64, Vec<T>>,
}

impl<T> Default for EqualityIndex<T> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            hasher: RandomState::new(),
        }
    }
}

impl<T: Copy + PartialEq> EqualityIndex<T> {
    pub(crate) fn insert(&mut self, predicate: &Predicate, entry: T) {
        let fields: Box<[usize]> = predicate.equalities().map(|(field, _)| field).collect();
        let hash = self.hash(predicate.equalities().map(|(_, value)| value));
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
        group.by_hash.entry(hash).or_default().push(entry);
    }

    pub(crate) fn remove(&mut self, predicate: &Predicate, entry: T) {
        let hash = self.hash(predicate.equalities().map(|(_, value)| value));
        let Some(position) = self.groups.iter().position(|group| {
            let pinned = predicate.equalities().map(|(field, _)| field);
            group.fields.iter().copied().eq(pinned)
        }) else {
            return;
        };
        let group = &mut self.groups[position];
        if let Some(entries) = group.by_hash.get_mut(&hash) {
            entries.retain(|candidate| *candidate != entry);
            if entries.is_empty() {
                group.by_hash.remove(&hash);
            }
        }
        if group.by_hash.is_empty() {
            self.groups.swap_remove(position);
        }
    }

    /// The entries whose equalities may hold for the row.
    pub(crate) fn find(&self, row: &Row) -> impl Iterator<Item = T> {
        self.groups.iter().flat_map(move |group| {
            let hash = self.hash(group.fields.iter().map(|field| row.value(*field)));
            group.by_hash.get(&hash).into_iter().flatten().copied()
        })
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
    use crate::predicate::Pins;

    /// What each of two fields is pinned to, if at all.
    type Pinned = (Option<i64>, Option<i64>);

    fn predicate((first, second): Pinned) -> Predicate {
        Predicate::new(Pins::new().optional(0, &first).optional(1, &second), None)
    }

    fn pinned() -> impl Strategy<Value = Pinned> {
        (
            proptest::option::of(0..3_i64),
            proptest::option::of(0..3_i64),
        )
    }

    proptest! {
        #[test]
        fn finds_exactly_what_a_scan_finds(
            kept in vec(pinned(), 0..20),
            removed in vec(pinned(), 0..20),
            row in (0..3_i64, 0..3_i64),
        ) {
            let mut index = EqualityIndex::default();
            for (entry, pinned) in kept.iter().chain(&removed).enumerate() {
                index.insert(&predicate(*pinned), entry);
            }
            for (position, pinned) in removed.iter().enumerate() {
                index.remove(&predicate(*pinned), kept.len() + position);
            }
            let row = Row::from([Value::Int(row.0.into()), Value::Int(row.1.into())]);
            let mut found: Vec<_> = index.find(&row).collect();
            found.sort_unstable();
            let scanned: Vec<_> = (0..kept.len())
                .filter(|entry| predicate(kept[*entry]).matches(&row))
                .collect();
            prop_assert_eq!(found, scanned);
        }
    }

    #[test]
    fn an_emptied_index_keeps_nothing() {
        let mut index = EqualityIndex::default();
        index.insert(&predicate((Some(1), None)), 1);
        index.remove(&predicate((Some(1), None)), 1);
        assert!(index.groups.is_empty());
    }
}
