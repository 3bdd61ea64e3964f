//! How often each lookup of each type was put to the test.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::proof;

/// Comparisons of a lookup of a type.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: usize,
    /// Those that matched.
    matched: usize,
    /// Those that would have matched without this filter.
    decided: usize,
}

/// Comparisons by type, then by lookup.
#[derive(Debug, Default)]
pub(super) struct Counts {
    by_type: BTreeMap<String, BTreeMap<&'static str, Count>>,
    predicates: usize,
    changes: usize,
    comparisons: usize,
    told: usize,
}

/// How a predicate went for a row.
pub(super) struct Outcome<'a> {
    /// The type and lookup of each filter, and whether SQL finds it true.
    pub(super) filters: Vec<(&'a str, &'static str, bool)>,
    /// Whether SQL finds all of it true.
    pub(super) matched: bool,
    /// Whether SQL finds all but the filters true.
    pub(super) rest: bool,
}

impl Counts {
    pub(super) fn expect(&mut self, ty: &str, lookup: &'static str) {
        let lookups = self.by_type.entry(ty.to_owned()).or_default();
        lookups.entry(lookup).or_default();
    }

    pub(super) fn predicates(&mut self, count: usize) {
        self.predicates += count;
    }

    pub(super) fn change(&mut self) {
        self.changes += 1;
    }

    pub(super) fn add(&mut self, outcome: &Outcome<'_>) {
        self.comparisons += 1;
        self.told += usize::from(outcome.matched);
        let failed = outcome.filters.iter().filter(|(.., holds)| !holds).count();
        for (ty, lookup, holds) in &outcome.filters {
            let lookups = self.by_type.get_mut(*ty).unwrap();
            let count = lookups.get_mut(lookup).unwrap();
            count.all += 1;
            count.matched += usize::from(outcome.matched);
            count.decided += usize::from(outcome.rest && failed == 1 && !holds);
        }
    }

    /// A line for each type: comparisons, matches, and non-matches that the lookup decided.
    pub(super) fn table(&self) -> String {
        let mut table = String::from("type: lookup comparisons/matches/decided non-matches\n");
        for (ty, lookups) in &self.by_type {
            let _ = write!(table, "{ty}:");
            for (lookup, count) in lookups {
                let Count {
                    all,
                    matched,
                    decided,
                } = count;
                let _ = write!(table, " {lookup} {all}/{matched}/{decided}");
            }
            table.push('\n');
        }
        let Self {
            predicates,
            changes,
            comparisons,
            told,
            ..
        } = self;
        let _ = writeln!(
            table,
            "{comparisons} comparisons of {changes} changes with {predicates} predicates, {told} matches"
        );
        table
    }

    /// Panics where something was not tested enough.
    pub(super) fn check(&self, comparisons: usize) {
        assert!(self.comparisons >= comparisons, "too few comparisons");
        let least = proof::steps(20);
        for (ty, lookups) in &self.by_type {
            for (lookup, count) in lookups {
                let enough = count.all >= least && count.matched > 0 && count.decided > 0;
                assert!(
                    enough,
                    "`{lookup}` of {ty} was not tested enough: {count:?}"
                );
            }
        }
    }
}
