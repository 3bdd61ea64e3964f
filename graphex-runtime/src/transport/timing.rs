//! Limits in time, as clocks take them.

use std::time::Duration;

use crate::limits::Limits;

/// A time that no session lasts; longer ones do not fit into every clock.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A limit of [`Limits`](crate::Limits) as a period: zero turns it off, which is far enough
/// away.
pub(super) fn period(limit: Duration) -> Duration {
    if limit.is_zero() { FAR } else { limit.min(FAR) }
}

/// The time in which a client that lives takes something.
pub(super) fn write_timeout(limits: &Limits) -> Duration {
    let pings = limits.missed_pings.saturating_add(1);
    period(limits.ping_interval).saturating_mul(pings).min(FAR)
}
