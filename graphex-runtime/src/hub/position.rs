//! Where a subscription stands, for a client that is sent nothing.

use std::sync::Arc;

use super::channels::{ChannelState, SubscriptionKey};
use super::{Hub, lock};
use crate::cursor::ScopedCursor;

impl Hub {
    /// The position up to which the subscription of this key has all that concerns it, once what its
    /// connection has taken is sent. None where that cannot be told without waiting: it catches up,
    /// something is queued, or is being delivered or decided.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
    pub(super) fn cursor_of(
        &self,
        channel: &ChannelState,
        key: &SubscriptionKey,
    ) -> Option<ScopedCursor> {
        let lane = self.engine.lanes.get(key.stream)?;
        // No change of the lane is half delivered while this is held.
        let _delivering = lane.delivering.try_lock().ok()?;
        let subscriber = {
            let subscriptions = lock(&channel.subscriptions);
            let joined = subscriptions.held.get(key)?;
            let mut seats = joined.seats.iter().flatten();
            if !seats.all(|seat| seat.is_listed() && !seat.plan().predicate.is_costly()) {
                return None;
            }
            Arc::clone(&joined.subscriber)
        };
        let at = lane
            .clock
            .now()
            .cursor
            .filter(|_| channel.outbox.is_idle())?;
        // Where it has had more than the lane has delivered, the lane's place is behind it.
        let is_behind = subscriber.has_had(Some(at.position + 1));
        (!is_behind).then(|| subscriber.projection.scoped(at))
    }
}
