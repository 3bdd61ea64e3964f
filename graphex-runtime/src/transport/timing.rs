//! Limits in time, as clocks take them.

use std::time::Duration;

use crate::deadline::FAR;
use crate::limits::Limits;

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
