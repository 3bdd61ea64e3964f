//! Times between two signs of life.

use std::time::Duration;

/// A time that no session lasts; longer ones do not fit into every clock.
pub(super) const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A limit of [`Limits`](crate::Limits) as a period: zero turns it off, which is far enough
/// away.
pub(super) fn period(limit: Duration) -> Duration {
    if limit.is_zero() { FAR } else { limit.min(FAR) }
}
