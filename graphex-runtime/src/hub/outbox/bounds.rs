//! What the outboxes of a hub have in common.

use std::time::Duration;

use crate::limits::{Limits, SlowReader};

/// Who is never told of a gap would never get anything again.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The writer is due long before the outbox is full, in this many steps, so that a client that
/// reads loses nothing to a bulk statement.
const STEPS: usize = 8;

/// How much an outbox holds, and what happens to more.
#[derive(Debug)]
pub(in crate::hub) struct Bounds {
    pub(super) max_frames: usize,
    pub(super) max_bytes: usize,
    /// The writer is due whenever so many more wait.
    pub(super) due_frames: usize,
    pub(super) due_bytes: usize,
    pub(super) slow_reader: SlowReader,
    pub(super) tells_gaps: bool,
    pub(super) resync_interval: Duration,
}

impl Bounds {
    pub(in crate::hub) fn new(limits: &Limits) -> Self {
        Self {
            max_frames: limits.outbox_frames,
            max_bytes: limits.outbox_bytes,
            due_frames: (limits.outbox_frames / STEPS).max(1),
            due_bytes: (limits.outbox_bytes / STEPS).max(1),
            // A gap that is not told would be a loss without a word.
            slow_reader: if limits.resync {
                limits.slow_reader
            } else {
                SlowReader::Close
            },
            tells_gaps: limits.resync,
            resync_interval: limits.resync_interval.min(LONGEST_INTERVAL),
        }
    }

    /// Of who listens in the process: it is told of each gap, whatever clients are told.
    pub(in crate::hub) fn of_listener(limits: &Limits) -> Self {
        Self {
            slow_reader: SlowReader::Resync,
            tells_gaps: true,
            resync_interval: Duration::ZERO,
            ..Self::new(limits)
        }
    }
}
