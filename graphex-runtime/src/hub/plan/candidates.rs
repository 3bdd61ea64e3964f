//! The plans that a change may concern.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Listed, PlanTable};
use crate::change::Change;
use crate::hub::slab::Block;
use crate::predicate::Condition;
use crate::topic::{Topic, Topics};

/// A plan that each change on its topic is tested against. What most tests need of it stands here, side
/// by side with that of others: a pointer that is followed is a wait for memory.
#[derive(Clone, Debug)]
pub(super) struct Scanned {
    /// The first condition of the predicate, which most rows do not fulfil.
    condition: Option<Condition>,
    pub(super) listed: Arc<Listed>,
}

impl Scanned {
    pub(super) fn new(listed: Arc<Listed>) -> Self {
        let condition = listed.plan.predicate.conditions().first().cloned();
        Self { condition, listed }
    }
}

/// A plan that a change may concern, and what tells whether it does.
pub(crate) struct Candidate<'c> {
    /// Has to hold, if it is known without the predicate.
    pub(crate) condition: Option<&'c Condition>,
    pub(crate) listed: &'c Arc<Listed>,
}

impl<'c> From<&'c Arc<Listed>> for Candidate<'c> {
    fn from(listed: &'c Arc<Listed>) -> Self {
        Self {
            condition: None,
            listed,
        }
    }
}

impl<'c> From<&'c Scanned> for Candidate<'c> {
    fn from(scanned: &'c Scanned) -> Self {
        Self {
            condition: scanned.condition.as_ref(),
            listed: &scanned.listed,
        }
    }
}

/// The plans that a row may match.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    found: SmallVec<[Arc<Listed>; 4]>,
    scanned: Vec<Arc<Block<Scanned>>>,
}

impl Candidates {
    pub(crate) fn iter(&self) -> impl Iterator<Item = Candidate<'_>> {
        let found = self.found.iter().map(Candidate::from);
        let scanned = self.scanned.iter().flat_map(|block| block.iter().flatten());
        found.chain(scanned.map(Candidate::from))
    }
}

impl PlanTable {
    /// The plans on these topics that the change may concern, with their members as of now. A plan
    /// listens on the coarse topic or on narrowed ones, and a row has one of each.
    pub(crate) fn candidates(&self, topics: &[Topic], change: &Change) -> Candidates {
        let mut candidates = Candidates::default();
        let mut places = SmallVec::<[usize; 8]>::new();
        for listeners in topics.iter().filter_map(|topic| self.topics.get(topic)) {
            places.extend(listeners.index.find(&change.row));
            candidates.scanned.extend(listeners.scanned.snapshot());
        }
        if let Some(before) = &change.before {
            // What is scanned listens on the coarse topic, which is the same.
            let topics: Topics = Topic::published_before(change, before).collect();
            for listeners in topics.iter().filter_map(|topic| self.topics.get(topic)) {
                places.extend(listeners.index.find(before));
            }
            places.sort_unstable();
            places.dedup();
        }
        let found = places.into_iter();
        let found = found.filter_map(|place| self.found.get(place).cloned());
        candidates.found.extend(found);
        candidates
    }
}
