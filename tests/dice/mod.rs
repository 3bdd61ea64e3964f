//! Random choices that can be had again.

#![allow(dead_code, reason = "each test target uses its part")]

/// Which choices are made, where the environment says nothing else.
const SEED: u64 = 2_026;

pub(crate) struct Dice(u64);

impl Dice {
    /// With the seed from the variable `GRAPHEX_SEED`; it is printed, for when the test fails.
    pub(crate) fn new() -> Self {
        let given = std::env::var("GRAPHEX_SEED").ok();
        let seed = given.map_or(SEED, |seed| {
            seed.parse().expect("`GRAPHEX_SEED` is a number")
        });
        eprintln!("GRAPHEX_SEED={seed}");
        Self(seed)
    }

    /// Another one, for who makes choices at a time of its own.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `sides`.
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % sides as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Up to `most` of them, some perhaps twice.
    pub(crate) fn some<T: Clone>(&mut self, from: &[T], most: usize) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| self.pick(from)).collect()
    }
}
