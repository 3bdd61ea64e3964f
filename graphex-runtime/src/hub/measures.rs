//! What a hub measures for the feature `metrics`.

#[cfg(feature = "metrics")]
use std::collections::BTreeSet;
#[cfg(feature = "metrics")]
use std::sync::Mutex;

use super::channels::{ChannelState, Role};
use crate::error::CloseReason;
use crate::measure::{Histogram, HooksMeasures, Tally};

/// Of a lane.
#[derive(Debug, Default)]
pub(super) struct LaneMeasures {
    /// Changes whose delivery began.
    pub(super) changes: Tally,
    /// Frames queued to channels, and their payloads' bytes.
    pub(super) frames: Tally,
    pub(super) bytes: Tally,
    /// From the commit of the first change of a batch until the layer has taken the batch.
    pub(super) published: Histogram,
}

/// Of all of a hub.
#[derive(Debug, Default)]
pub(super) struct Measures {
    /// From the commit of a change until its frame is sent; of a write, the frame that waited
    /// longest.
    #[cfg_attr(
        not(feature = "axum"),
        allow(dead_code, reason = "for the transports of graphex")
    )]
    pub(super) delivered: Histogram,
    pub(super) hooks: HooksMeasures,
    pub(super) closes: Closes,
    /// What gauges were ever told of.
    #[cfg(feature = "metrics")]
    pub(super) labels: Mutex<Labels>,
}

/// The labels that gauges were told with.
#[cfg(feature = "metrics")]
#[derive(Debug, Default)]
pub(super) struct Labels {
    pub(super) transports: BTreeSet<&'static str>,
    pub(super) subscriptions: BTreeSet<(&'static str, &'static str)>,
}

/// Channels that are closed, by who closed them and why.
#[derive(Debug, Default)]
pub(super) struct Closes {
    pub(super) by_client: Tally,
    pub(super) slow_reader: Tally,
    pub(super) going_away: Tally,
    pub(super) revoked: Tally,
    pub(super) rescoped: Tally,
    pub(super) expired: Tally,
}

impl Measures {
    /// A channel is gone.
    pub(super) fn closed(&self, channel: &ChannelState) {
        if channel.role != Role::Client {
            return;
        }
        let closes = &self.closes;
        let tally = match channel.outbox.reason() {
            None => &closes.by_client,
            Some(CloseReason::SlowReader) => &closes.slow_reader,
            Some(CloseReason::GoingAway) => &closes.going_away,
            Some(CloseReason::Revoked(_)) => &closes.revoked,
            Some(CloseReason::Rescoped) => &closes.rescoped,
            Some(CloseReason::Expired) => &closes.expired,
        };
        tally.add(1);
    }
}
