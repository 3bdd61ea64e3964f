//! What a hub holds and what it did.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Hub;
#[cfg(feature = "axum")]
use crate::log_limit::LogLimits;
use crate::measure::HooksMeasures;

/// A hub's state and counters at one moment, from [`Hub::stats`](crate::Hub::stats).
///
/// The first seven tell what is there now and return to zero when every client has left and nobody writes; the
/// others only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Open channels.
    pub channels: usize,
    /// Subscriptions of all channels; `ALL_ACTIONS` on one `id` is one.
    pub subscriptions: usize,
    /// Those of them whose events are encoded for each one, because an extension of the schema has a
    /// stream of its own around theirs.
    pub unshared: usize,
    /// Distinct plans that the subscriptions share.
    pub plans: usize,
    /// Topics that the plans listen on.
    pub topics: usize,
    /// Committed changes that wait for the layer.
    pub changes_waiting: usize,
    /// Changes that wait for a custom lookup or a regular expression, counted for each plan that
    /// waits.
    pub decisions_waiting: usize,
    /// Changes handed to the layer.
    pub changes_published: u64,
    /// Changes dropped because
    /// [`Limits::publisher_queue`](crate::Limits::publisher_queue) was full, because it is not known
    /// whether they were committed, or because they could not be read. Every subscription of
    /// the stream, in every process, is told that it may have missed changes.
    pub changes_lost: u64,
    /// Changes dropped because their model was not registered with the hub.
    pub changes_unregistered: u64,
    /// Frames encoded: one per plan and change.
    pub frames_encoded: u64,
    /// Frames queued to channels.
    pub frames_queued: u64,
    /// Custom lookups that failed, panicked or took too long; their subscribers were told that
    /// they may have missed a change.
    pub lookups_failed: u64,
    /// Changes dropped for one plan because too many waited for its owner's custom lookups and
    /// regular expressions ([`Limits::decision_queue`](crate::Limits::decision_queue)); its
    /// subscribers were told.
    pub decisions_dropped: u64,
    /// Changes not tested for one plan because its owner had spent
    /// [`Limits::pattern_work`](crate::Limits::pattern_work); its subscribers were told.
    pub budgets_spent: u64,
    /// Frames not encoded because their subscription repeats a large value too often; its
    /// subscribers were told.
    pub frames_too_large: u64,
    /// Times in which a subscription lost frames because its client read too slowly, and was told.
    pub overflows: u64,
    /// Channels closed because their client read too slowly.
    pub slow_readers_closed: u64,
    /// Channels closed because the right of their identity had ended: it was revoked, denied by
    /// the recheck, or its time was over.
    pub rights_ended: u64,
    /// Revoked identities that may connect again because more than
    /// [`Limits::revocations`](crate::Limits::revocations) were revoked at once.
    pub revocations_forgotten: u64,
    /// Times in which the [recheck](crate::HubBuilder::recheck) of an identity failed, panicked or
    /// took too long; its channels stay.
    pub rechecks_failed: u64,
    /// Requests whose document was not executed, because it goes beyond what
    /// [`Limits`](crate::Limits) says of documents or could not be parsed safely.
    pub documents_refused: u64,
    /// Subscriptions that were told that they may have missed changes, each time they were.
    pub resyncs: u64,
    /// Snapshots read from the database; equal ones that are wanted at once are read once.
    pub snapshots_read: u64,
    /// Times in which the hub received nothing from its layer.
    pub layer_outages: u64,
    /// Messages of other processes that could not be read: garbage, an unknown version or
    /// stream.
    pub messages_unreadable: u64,
    /// Messages that came again after an outage, and were dropped.
    pub messages_repeated: u64,
    /// Messages of other processes dropped because
    /// [`Limits::layer_queue_bytes`](crate::Limits::layer_queue_bytes) of their stream were
    /// waiting, or their delivery panicked, or too many requests for channels of this process were
    /// waiting. The subscriptions of the stream are told.
    pub messages_dropped: u64,
    /// Messages that the layer's server took neither at first nor again, and that were dropped: a
    /// row is larger than the server or a proxy allows, or the user may not publish there. The log
    /// has what it answered. The subscriptions of the stream are told, in every process.
    pub messages_refused: u64,
}

impl Hub {
    /// Counts a document that is not executed.
    pub(crate) fn count_refused_document(&self) {
        self.engine.counters.documents_refused.add(1);
    }

    /// What is measured of the application's hooks.
    pub(crate) fn hook_measures(&self) -> &HooksMeasures {
        &self.engine.measures.hooks
    }

    /// The limits of its log.
    #[cfg(feature = "axum")]
    pub(crate) fn log_limits(&self) -> &LogLimits {
        &self.engine.log_limits
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) changes_published: Counter,
    pub(crate) changes_lost: Counter,
    pub(crate) changes_unregistered: Counter,
    pub(crate) frames_encoded: Counter,
    pub(crate) frames_queued: Counter,
    pub(crate) lookups_failed: Counter,
    pub(crate) decisions_dropped: Counter,
    pub(crate) budgets_spent: Counter,
    pub(crate) frames_too_large: Counter,
    pub(crate) overflows: Counter,
    pub(crate) slow_readers_closed: Counter,
    pub(crate) rights_ended: Counter,
    pub(crate) revocations_forgotten: Counter,
    pub(crate) rechecks_failed: Counter,
    pub(crate) documents_refused: Counter,
    pub(crate) resyncs: Counter,
    pub(crate) snapshots_read: Counter,
    pub(crate) messages_unreadable: Counter,
    pub(crate) messages_dropped: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        // A `usize` has at most 64 bits on every target of Rust's standard library.
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
