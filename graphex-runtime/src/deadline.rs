//! Moments in the future, whatever the limit is that says how far.

use std::time::Duration;

use tokio::time::Instant;

/// A time that nobody waits for; longer ones do not fit into every clock.
pub(crate) const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The moment after this time, or [`FAR`] away. A limit may be `Duration::MAX`, for which
/// `Instant::now() + limit` panics: no other place makes that sum.
pub(crate) fn deadline(after: Duration) -> Instant {
    Instant::now() + after.min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_as_far_as_asked_or_far_away() {
        let now = Instant::now();
        assert_eq!(deadline(Duration::ZERO), now);
        assert_eq!(
            deadline(Duration::from_secs(5)) - now,
            Duration::from_secs(5)
        );
        for longest in [FAR, FAR + Duration::from_nanos(1), Duration::MAX] {
            assert_eq!(deadline(longest) - now, FAR);
        }
    }
}
