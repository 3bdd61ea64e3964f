//! The plans that a change may concern.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Listed, PlanTable};
use crate::change::Change;
use crate::hub::slab::Block;
use crate::predicate::Predicate;
use crate::topic::{Topic, Topics};

/// A plan that each change on its topic is tested against.
#[derive(Clone, Debug)]
pub(super) struct Scanned {
    /// The plan's: most tests need no more of it.
    pub(super) predicate: Predicate,
    pub(super) listed: Arc<Listed>,
}

/// The plans that a row may match.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    found: SmallVec<[Arc<Listed>; 4]>,
    scanned: Vec<Arc<Block<Scanned>>>,
}

impl Candidates {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Predicate, &Arc<Listed>)> {
        let found = self.found.iter();
        let found = found.map(|listed| (&listed.plan.predicate, listed));
        let scanned = self.scanned.iter().flat_map(|block| block.iter().flatten());
        found.chain(scanned.map(|scanned| (&scanned.predicate, &scanned.listed)))
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
