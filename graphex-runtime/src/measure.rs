//! What is measured for the feature `metrics`. Without it these types have no room for anything, and
//! what they are asked to do is nothing.

#[cfg(feature = "metrics")]
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "metrics")]
use std::time::Instant;

/// When something happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    #[cfg(feature = "metrics")]
    at: Instant,
}

impl Stamp {
    pub(crate) fn now() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            at: Instant::now(),
        }
    }
}

/// How often something took how long, in steps of an eighth of a power of two: what is told of a
/// time is at most 6.25 % beside it.
#[cfg_attr(not(feature = "metrics"), derive(Default))]
#[derive(Debug)]
pub(crate) struct Histogram {
    /// By exponent and the three bits below the highest, of nanoseconds.
    #[cfg(feature = "metrics")]
    steps: [AtomicU64; STEPS],
}

/// Up to 2^41 ns, which is 36 minutes.
#[cfg(feature = "metrics")]
const STEPS: usize = 41 * 8;

#[cfg(feature = "metrics")]
impl Default for Histogram {
    fn default() -> Self {
        Self {
            steps: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Histogram {
    /// It took from then until now.
    #[cfg_attr(
        not(feature = "metrics"),
        allow(clippy::unused_self, reason = "it has no room")
    )]
    pub(crate) fn since(&self, #[allow(unused_variables, reason = "see above")] then: Stamp) {
        #[cfg(feature = "metrics")]
        {
            let nanoseconds = u64::try_from(then.at.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.steps[step(nanoseconds)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes out what was counted: seconds, and how often.
    #[cfg(feature = "metrics")]
    pub(crate) fn take(&self) -> impl Iterator<Item = (f64, u64)> {
        self.steps.iter().enumerate().filter_map(|(step, count)| {
            // Most are empty, and stay so without being written.
            let count = match count.load(Ordering::Relaxed) {
                0 => 0,
                _ => count.swap(0, Ordering::Relaxed),
            };
            (count > 0).then(|| (middle(step) / 1e9, count))
        })
    }
}

#[cfg(feature = "metrics")]
fn step(nanoseconds: u64) -> usize {
    // With its lowest three bits there are always three below the highest.
    let value = nanoseconds.max(8);
    let exponent = value.ilog2();
    let below = (value >> (exponent - 3)) & 7;
    // Both are small.
    (exponent as usize * 8 + below as usize).min(STEPS - 1)
}

/// The middle of a step, in nanoseconds.
#[cfg(feature = "metrics")]
fn middle(step: usize) -> f64 {
    let (exponent, below) = (step / 8, step % 8);
    // An exponent is at most 40.
    (8.5 + below as f64) * 2_f64.powi(exponent as i32 - 3)
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    #[cfg(feature = "metrics")]
    count: AtomicU64,
}

impl Tally {
    #[cfg_attr(
        not(feature = "metrics"),
        allow(clippy::unused_self, reason = "it has no room")
    )]
    pub(crate) fn add(&self, #[allow(unused_variables, reason = "see above")] count: usize) {
        // A `usize` has at most 64 bits on every target of Rust's standard library.
        #[cfg(feature = "metrics")]
        self.count.fetch_add(count as u64, Ordering::Relaxed);
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn get(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// What became of one of an application's hooks.
#[derive(Debug, Default)]
pub(crate) struct HookMeasures {
    pub(crate) seconds: Histogram,
    /// It said no.
    pub(crate) denied: Tally,
    /// It failed or panicked.
    pub(crate) failed: Tally,
}

/// Of `authorize` and `scope`.
#[derive(Debug, Default)]
pub(crate) struct HooksMeasures {
    pub(crate) authorize: HookMeasures,
    pub(crate) scope: HookMeasures,
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_time_is_near_it() {
        for nanoseconds in (0..2_000).map(|power| 1.01_f64.powi(power) * 10.0) {
            if nanoseconds > 1e12 {
                break;
            }
            let told = middle(step(nanoseconds as u64));
            let beside = (told - nanoseconds).abs() / nanoseconds;
            assert!(beside <= 0.07, "{told} of {nanoseconds}");
        }
        assert_eq!(step(0), step(8));
        assert_eq!(step(u64::MAX), STEPS - 1);
    }

    #[test]
    fn what_was_counted_is_taken_once() {
        let histogram = Histogram::default();
        let then = Stamp::now();
        histogram.since(then);
        histogram.since(then);
        let taken: u64 = histogram.take().map(|(_, count)| count).sum();
        assert_eq!((taken, histogram.take().count()), (2, 0));
    }
}
