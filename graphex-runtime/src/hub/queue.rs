//! The bounded queue of frames between the hub and one channel's writer.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::Notify;

use super::lock;
use crate::limits::Limits;

/// Why the hub closed a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// Its outbox was full: the client reads slower than its subscriptions deliver.
    #[error("the client reads slower than its subscriptions deliver")]
    SlowReader,
}

/// What became of a pushed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits for the writer.
    Queued,
    /// The subscription or the channel has ended; nobody waits for it.
    Ended,
    /// It did not fit; the outbox is closed now and what waited is dropped.
    Overflowed,
}

/// Frames that wait for one channel's writer, limited in number and bytes.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Wakes the one writer.
    wake: Notify,
    max_frames: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    closed: Option<CloseReason>,
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            max_frames: limits.outbox_frames,
            max_bytes: limits.outbox_bytes,
        }
    }

    /// Queues a frame of the subscription that `live` speaks for.
    pub(crate) fn push(&self, live: &AtomicBool, frame: Bytes) -> Pushed {
        let mut state = lock(&self.state);
        // Read under the lock that `retire` takes: after `retire` returned nothing is queued.
        if state.closed.is_some() || !live.load(Ordering::Relaxed) {
            return Pushed::Ended;
        }
        let bytes = state.bytes + frame.len();
        let pushed = if state.frames.len() >= self.max_frames || bytes > self.max_bytes {
            state.frames = VecDeque::new();
            state.bytes = 0;
            state.closed = Some(CloseReason::SlowReader);
            Pushed::Overflowed
        } else {
            state.bytes = bytes;
            state.frames.push_back(frame);
            Pushed::Queued
        };
        drop(state);
        self.wake.notify_one();
        pushed
    }

    /// Ends the subscription that `live` speaks for: no frame of it is queued afterwards.
    pub(crate) fn retire(&self, live: &AtomicBool) {
        let _state = lock(&self.state);
        live.store(false, Ordering::Relaxed);
    }

    /// Waits for frames and takes all that are there. Only the channel's writer calls this.
    pub(crate) async fn take(&self) -> Result<VecDeque<Bytes>, CloseReason> {
        loop {
            if let Some(taken) = self.try_take() {
                return taken;
            }
            self.wake.notified().await;
        }
    }

    /// Waits until the outbox is closed.
    pub(crate) async fn closed(&self) -> CloseReason {
        loop {
            if let Some(reason) = lock(&self.state).closed {
                return reason;
            }
            self.wake.notified().await;
        }
    }

    fn try_take(&self) -> Option<Result<VecDeque<Bytes>, CloseReason>> {
        let mut state = lock(&self.state);
        if let Some(reason) = state.closed {
            return Some(Err(reason));
        }
        if state.frames.is_empty() {
            return None;
        }
        state.bytes = 0;
        Some(Ok(std::mem::take(&mut state.frames)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(frames: usize, bytes: usize) -> Outbox {
        Outbox::new(&Limits {
            outbox_frames: frames,
            outbox_bytes: bytes,
            ..Limits::default()
        })
    }

    #[tokio::test]
    async fn frames_come_out_in_order_all_at_once() {
        let (outbox, live) = (outbox(10, 100), AtomicBool::new(true));
        for frame in ["a", "b", "c"] {
            assert_eq!(outbox.push(&live, frame.into()), Pushed::Queued);
        }
        assert_eq!(outbox.take().await.unwrap(), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn one_frame_too_many_closes() {
        let (outbox, live) = (outbox(2, 100), AtomicBool::new(true));
        outbox.push(&live, "a".into());
        outbox.push(&live, "b".into());
        assert_eq!(outbox.push(&live, "c".into()), Pushed::Overflowed);
        assert_eq!(outbox.push(&live, "d".into()), Pushed::Ended);
        assert_eq!(outbox.take().await, Err(CloseReason::SlowReader));
    }

    #[tokio::test]
    async fn one_byte_too_many_closes_and_a_drained_outbox_has_room_again() {
        let (outbox, live) = (outbox(100, 4), AtomicBool::new(true));
        assert_eq!(outbox.push(&live, "abcd".into()), Pushed::Queued);
        outbox.take().await.unwrap();
        assert_eq!(outbox.push(&live, "abcd".into()), Pushed::Queued);
        assert_eq!(outbox.push(&live, "e".into()), Pushed::Overflowed);
        assert_eq!(outbox.closed().await, CloseReason::SlowReader);
    }

    #[tokio::test]
    async fn nothing_is_queued_for_a_retired_subscription() {
        let (outbox, live) = (outbox(10, 100), AtomicBool::new(true));
        outbox.retire(&live);
        assert_eq!(outbox.push(&live, "a".into()), Pushed::Ended);
        assert!(outbox.try_take().is_none());
    }
}
