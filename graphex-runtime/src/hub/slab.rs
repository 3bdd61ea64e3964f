//! Entries that deliveries share while the table they are of goes on changing.

use std::sync::Arc;

/// So many entries are copied when a slab changes that a delivery is reading.
const BLOCK: usize = 128;

/// Entries and vacant places.
pub(super) type Block<T> = Vec<Option<T>>;

/// Entries that stay in their places, in blocks. A snapshot costs as much as there are blocks, and
/// who changes the slab meanwhile copies one of them.
#[derive(Debug)]
pub(super) struct Slab<T> {
    blocks: Vec<Arc<Block<T>>>,
    vacant: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            vacant: Vec::new(),
        }
    }
}

impl<T: Clone> Slab<T> {
    /// Puts an entry into a vacant place, and says which.
    pub(super) fn put(&mut self, entry: T) -> usize {
        let place = self.vacant.pop().unwrap_or_else(|| {
            let first = self.blocks.len() * BLOCK;
            self.blocks.push(Arc::new(vec![None; BLOCK]));
            self.vacant.extend((first + 1..first + BLOCK).rev());
            first
        });
        Arc::make_mut(&mut self.blocks[place / BLOCK])[place % BLOCK] = Some(entry);
        place
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.blocks.get(place / BLOCK)?[place % BLOCK].as_ref()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let block = self.blocks.get_mut(place / BLOCK)?;
        Arc::make_mut(block)[place % BLOCK].as_mut()
    }

    pub(super) fn take(&mut self, place: usize) -> Option<T> {
        let block = self.blocks.get_mut(place / BLOCK)?;
        let entry = Arc::make_mut(block)[place % BLOCK].take()?;
        self.vacant.push(place);
        if self.vacant.len() == self.blocks.len() * BLOCK {
            *self = Self::default();
        }
        Some(entry)
    }

    /// What is in the slab as of now.
    pub(super) fn snapshot(&self) -> Vec<Arc<Block<T>>> {
        self.blocks.clone()
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len() * BLOCK - self.vacant.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(snapshot: &[Arc<Block<usize>>]) -> Vec<usize> {
        let entries = snapshot.iter().flat_map(|block| block.iter().flatten());
        entries.copied().collect()
    }

    #[test]
    fn entries_keep_their_places_and_places_are_used_again() {
        let mut slab = Slab::default();
        let places: Vec<_> = (0..3 * BLOCK).map(|entry| slab.put(entry)).collect();
        assert_eq!(slab.take(places[BLOCK]), Some(BLOCK));
        assert_eq!(slab.take(places[BLOCK]), None);
        assert_eq!(slab.get(places[BLOCK]), None);
        assert_eq!(slab.get(places[BLOCK + 1]), Some(&(BLOCK + 1)));
        assert_eq!(slab.put(7), places[BLOCK]);
        assert_eq!(slab.len(), 3 * BLOCK);
        assert_eq!(slab.snapshot().len(), 3);
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let mut slab = Slab::default();
        let places: Vec<_> = (0..BLOCK + 1).map(|entry| slab.put(entry)).collect();
        let before = slab.snapshot();
        slab.take(places[0]);
        *slab.get_mut(places[1]).unwrap() = 1_000;
        assert_eq!(entries(&before), (0..=BLOCK).collect::<Vec<_>>());
        let after = slab.snapshot();
        assert_eq!(entries(&after)[0], 1_000);
        // The other block is the same one.
        assert!(Arc::ptr_eq(&before[1], &after[1]));
    }

    #[test]
    fn an_emptied_slab_keeps_nothing() {
        let mut slab = Slab::default();
        let places: Vec<_> = (0..BLOCK + 1).map(|entry| slab.put(entry)).collect();
        for place in places {
            slab.take(place);
        }
        assert_eq!(slab.len(), 0);
        assert!(slab.snapshot().is_empty());
    }
}
