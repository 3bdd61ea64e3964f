//! How far the random proofs go.

/// This many steps, times what the variable `GRAPHEX_PROOF` says: 1 where it says nothing,
/// 10 in `./tests/run.sh --long`.
pub(crate) fn steps(short: usize) -> usize {
    let times = std::env::var("GRAPHEX_PROOF").map_or(1, |times| {
        times.parse().expect("`GRAPHEX_PROOF` is a number")
    });
    assert!(times > 0, "`GRAPHEX_PROOF` is at least 1");
    short * times
}
