//! The bounded queue of frames between the hub and one channel's writer.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::Notify;

use super::lock;
use super::plan::Member;
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
    frames: VecDeque<Waiting>,
    bytes: usize,
    closed: Option<CloseReason>,
}

/// A payload and whose it is.
#[derive(Debug)]
struct Waiting {
    member: Arc<Member>,
    payload: Bytes,
}

impl Waiting {
    fn len(&self) -> usize {
        self.member.envelope.len() + self.payload.len()
    }
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

    /// Queues a payload for a member of the channel.
    pub(crate) fn push(&self, member: &Arc<Member>, payload: Bytes) -> Pushed {
        let mut state = lock(&self.state);
        // Read under the lock that `retire` takes: after `retire` returned nothing is queued.
        if state.closed.is_some() || !member.live.load(Ordering::Relaxed) {
            return Pushed::Ended;
        }
        let member = Arc::clone(member);
        let frame = Waiting { member, payload };
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

    /// Ends a member's subscription: its frames are neither queued nor handed out afterwards.
    pub(crate) fn retire(&self, member: &Member) {
        let mut state = lock(&self.state);
        member.live.store(false, Ordering::Relaxed);
        let mut freed = 0;
        state.frames.retain(|frame| {
            let kept = !std::ptr::eq(&*frame.member, member);
            freed += if kept { 0 } else { frame.len() };
            kept
        });
        state.bytes -= freed;
    }

    /// Waits for frames and takes all that are there. Only the channel's writer calls this.
    pub(crate) async fn take(&self) -> Result<VecDeque<Bytes>, CloseReason> {
        loop {
            if let Some(taken) = self.try_take() {
                let whole = |frame: Waiting| frame.member.envelope.around(frame.payload);
                return Ok(taken?.into_iter().map(whole).collect());
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

    fn try_take(&self) -> Option<Result<VecDeque<Waiting>, CloseReason>> {
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
    use crate::hub::Identity;
    use crate::hub::channel::{Channel, ChannelId};
    use crate::hub::operation::Envelope;

    fn outbox(frames: usize, bytes: usize) -> Outbox {
        Outbox::new(&Limits {
            outbox_frames: frames,
            outbox_bytes: bytes,
            ..Limits::default()
        })
    }

    fn member(envelope: Envelope) -> Arc<Member> {
        let id = ChannelId::random().unwrap();
        let channel = Channel::new(id, Identity::anonymous(), None, &Limits::default());
        Member::new(Arc::new(channel), envelope)
    }

    fn plain() -> Arc<Member> {
        member(Envelope::default())
    }

    #[tokio::test]
    async fn frames_come_out_in_order_all_at_once() {
        let (outbox, member) = (outbox(10, 100), plain());
        for frame in ["a", "b", "c"] {
            assert_eq!(outbox.push(&member, frame.into()), Pushed::Queued);
        }
        assert_eq!(outbox.take().await.unwrap(), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn one_frame_too_many_closes() {
        let (outbox, member) = (outbox(2, 100), plain());
        outbox.push(&member, "a".into());
        outbox.push(&member, "b".into());
        assert_eq!(outbox.push(&member, "c".into()), Pushed::Overflowed);
        assert_eq!(outbox.push(&member, "d".into()), Pushed::Ended);
        assert_eq!(outbox.take().await, Err(CloseReason::SlowReader));
    }

    #[tokio::test]
    async fn one_byte_too_many_closes_and_a_drained_outbox_has_room_again() {
        let (outbox, member) = (outbox(100, 4), member(Envelope::new("<", ">")));
        assert_eq!(outbox.push(&member, "ab".into()), Pushed::Queued);
        outbox.take().await.unwrap();
        assert_eq!(outbox.push(&member, "ab".into()), Pushed::Queued);
        assert_eq!(outbox.push(&member, "".into()), Pushed::Overflowed);
        assert_eq!(outbox.closed().await, CloseReason::SlowReader);
    }

    #[tokio::test]
    async fn each_member_has_its_envelope_around_the_same_payload() {
        let outbox = outbox(10, 100);
        let members = ["1:", "2:"].map(|head| member(Envelope::new(head, ";")));
        for member in members.iter().chain([&plain()]) {
            outbox.push(member, "a".into());
        }
        assert_eq!(outbox.take().await.unwrap(), ["1:a;", "2:a;", "a"]);
    }

    #[tokio::test]
    async fn nothing_of_a_retired_member_is_queued_or_left() {
        let (outbox, ended, other) = (outbox(10, 4), plain(), plain());
        outbox.push(&ended, "aa".into());
        outbox.push(&other, "b".into());
        outbox.retire(&ended);
        assert_eq!(outbox.push(&ended, "c".into()), Pushed::Ended);
        // The room that it took is free again.
        assert_eq!(outbox.push(&other, "ddd".into()), Pushed::Queued);
        assert_eq!(outbox.take().await.unwrap(), ["b", "ddd"]);
    }
}
