//! The plans that a change may concern.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Listed, PlanTable};
use crate::change::Change;
use crate::hub::slab::{BLOCK, Block};
use crate::topic::Topic;

/// The plans that a row may match.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    found: Block<Listed>,
    scanned: Vec<Arc<Block<Listed>>>,
}

impl Candidates {
    /// In portions of bounded size.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &[Option<Listed>]> {
        let scanned = self.scanned.iter().map(|block| block.as_slice());
        self.found.chunks(BLOCK).chain(scanned)
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
            let topics: Vec<_> = Topic::published_before(change, before).collect();
            for listeners in topics.iter().filter_map(|topic| self.topics.get(topic)) {
                places.extend(listeners.index.find(before));
            }
            places.sort_unstable();
            places.dedup();
        }
        let found = places.into_iter();
        candidates
            .found
            .extend(found.map(|place| self.found.get(place).cloned()));
        candidates
    }
}
