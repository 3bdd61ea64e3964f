//! The bounded queue of frames between the hub and one channel's writer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
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
    /// It waits for the writer, who has to be woken.
    Queued {
        /// Whether nothing waited before.
        is_first: bool,
        /// Whether it is time to wake the writer, whatever may follow.
        is_due: bool,
    },
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
    /// Whether the writer has something to do besides frames.
    notified: AtomicBool,
    max_frames: usize,
    max_bytes: usize,
    /// The writer is due whenever so many more wait.
    due_frames: usize,
    due_bytes: usize,
}

/// What there is for a writer.
pub(crate) struct Taken<F> {
    /// In order, each made when it is asked for.
    pub(crate) frames: F,
    /// Whether it was [notified](Outbox::notify) since it was asked last.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
    pub(crate) notified: bool,
}

/// The writer is due long before the outbox is full, in this many steps, so that a client that
/// reads does not lose its connection to a bulk statement.
const STEPS: usize = 8;

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

    /// Its length if it has to be written anew, for an envelope.
    fn enveloped(&self) -> usize {
        let has_envelope = self.member.envelope.len() > 0;
        if has_envelope { self.len() } else { 0 }
    }
}

impl Outbox {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            wake: Notify::new(),
            notified: AtomicBool::new(false),
            max_frames: limits.outbox_frames,
            max_bytes: limits.outbox_bytes,
            due_frames: (limits.outbox_frames / STEPS).max(1),
            due_bytes: (limits.outbox_bytes / STEPS).max(1),
        }
    }

    /// Queues a payload for a member of the channel. The writer sleeps on: who has delivered
    /// what there is calls [`Outbox::wake`], so that one write has it all.
    pub(crate) fn push(&self, member: &Arc<Member>, payload: Bytes) -> Pushed {
        let mut state = lock(&self.state);
        // Read under the lock that `retire` takes: after `retire` returned nothing is queued.
        if state.closed.is_some() || !member.live.load(Ordering::Relaxed) {
            return Pushed::Ended;
        }
        let member = Arc::clone(member);
        let frame = Waiting { member, payload };
        let (frames, bytes) = (state.frames.len() + 1, state.bytes + frame.len());
        if frames > self.max_frames || bytes > self.max_bytes {
            state.frames = VecDeque::new();
            state.bytes = 0;
            state.closed = Some(CloseReason::SlowReader);
            drop(state);
            self.wake();
            return Pushed::Overflowed;
        }
        let is_due = frames.is_multiple_of(self.due_frames)
            || bytes / self.due_bytes != state.bytes / self.due_bytes;
        state.bytes = bytes;
        state.frames.push_back(frame);
        let is_first = frames == 1;
        Pushed::Queued { is_first, is_due }
    }

    /// Wakes the writer.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
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

    /// Gives the writer something to do besides frames.
    #[cfg(any(feature = "axum", test))]
    pub(crate) fn notify(&self) {
        self.notified.store(true, Ordering::Release);
        self.wake();
    }

    /// Waits for frames, or to be notified, and takes all that is there. Only the channel's writer
    /// calls this. It is all that a writer has to wait for: polling a second source for each frame
    /// would cost as much as the rest of its work.
    pub(crate) async fn take(
        &self,
    ) -> Result<Taken<impl Iterator<Item = Bytes> + use<>>, CloseReason> {
        loop {
            let taken = self.try_take()?;
            let notified = self.notified.load(Ordering::Relaxed)
                && self.notified.swap(false, Ordering::Acquire);
            if !taken.is_empty() || notified {
                let sizes = taken.iter().map(Waiting::enveloped);
                let mut buffer = BytesMut::with_capacity(sizes.sum());
                let whole = move |Waiting { member, payload }: Waiting| {
                    member.envelope.around(payload, &mut buffer)
                };
                let frames = taken.into_iter().map(whole);
                return Ok(Taken { frames, notified });
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

    fn try_take(&self) -> Result<VecDeque<Waiting>, CloseReason> {
        let mut state = lock(&self.state);
        if let Some(reason) = state.closed {
            return Err(reason);
        }
        if state.frames.is_empty() {
            return Ok(VecDeque::new());
        }
        state.bytes = 0;
        // As many will soon wait again, most often.
        let room = VecDeque::with_capacity(state.frames.len());
        Ok(std::mem::replace(&mut state.frames, room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Identity;
    use crate::hub::channel::{Channel, ChannelId};
    use crate::hub::holdings::Holdings;
    use crate::hub::operation::Envelope;
    use crate::node::NodeId;

    fn outbox(frames: usize, bytes: usize) -> Outbox {
        Outbox::new(&Limits {
            outbox_frames: frames,
            outbox_bytes: bytes,
            ..Limits::default()
        })
    }

    fn member(envelope: Envelope) -> Arc<Member> {
        let id = ChannelId::random(NodeId(1)).unwrap();
        let limits = Limits::default();
        let holdings = Holdings::new(&limits);
        let channel = Channel::new(id, Identity::anonymous(), None, &holdings, &limits);
        Member::new(Arc::new(channel), envelope)
    }

    fn plain() -> Arc<Member> {
        member(Envelope::default())
    }

    async fn taken(outbox: &Outbox) -> Vec<Bytes> {
        outbox.take().await.unwrap().frames.collect()
    }

    fn is_queued(pushed: Pushed) -> bool {
        matches!(pushed, Pushed::Queued { .. })
    }

    #[test]
    fn the_writer_is_due_in_steps_of_frames_and_of_bytes() {
        let due = |outbox: &Outbox, payload: &'static str| {
            let member = plain();
            let due = |(number, pushed)| match pushed {
                Pushed::Queued { is_first, is_due } => {
                    assert_eq!(is_first, number == 1);
                    is_due.then_some(number)
                }
                _ => None,
            };
            let pushed = (1..=64).map(|number| (number, outbox.push(&member, payload.into())));
            pushed.filter_map(due).collect::<Vec<_>>()
        };
        assert_eq!(due(&outbox(80, 10_000), "a"), [10, 20, 30, 40, 50, 60]);
        assert_eq!(
            due(&outbox(10_000, 160), "aaaaa"),
            [4, 8, 12, 16, 20, 24, 28, 32]
        );
        assert_eq!(due(&outbox(2, 2), "a"), [1, 2]);
    }

    #[tokio::test]
    async fn frames_come_out_in_order_all_at_once() {
        let (outbox, member) = (outbox(10, 100), plain());
        for frame in ["a", "b", "c"] {
            assert!(is_queued(outbox.push(&member, frame.into())));
        }
        assert_eq!(taken(&outbox).await, ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn a_notified_writer_has_what_is_there_and_is_told_once() {
        let (outbox, member) = (outbox(10, 100), plain());
        outbox.notify();
        outbox.push(&member, "a".into());
        let taken = outbox.take().await.unwrap();
        assert!(taken.notified);
        assert_eq!(taken.frames.count(), 1);
        outbox.notify();
        outbox.notify();
        let taken = outbox.take().await.unwrap();
        assert!(taken.notified);
        assert_eq!(taken.frames.count(), 0);
        outbox.push(&member, "b".into());
        assert!(!outbox.take().await.unwrap().notified);
    }

    #[tokio::test]
    async fn one_frame_too_many_closes() {
        let (outbox, member) = (outbox(2, 100), plain());
        outbox.push(&member, "a".into());
        outbox.push(&member, "b".into());
        assert_eq!(outbox.push(&member, "c".into()), Pushed::Overflowed);
        assert_eq!(outbox.push(&member, "d".into()), Pushed::Ended);
        assert_eq!(outbox.take().await.err(), Some(CloseReason::SlowReader));
    }

    #[tokio::test]
    async fn one_byte_too_many_closes_and_a_drained_outbox_has_room_again() {
        let (outbox, member) = (outbox(100, 4), member(Envelope::new("<", ">")));
        assert!(is_queued(outbox.push(&member, "ab".into())));
        taken(&outbox).await;
        assert!(is_queued(outbox.push(&member, "ab".into())));
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
        assert_eq!(taken(&outbox).await, ["1:a;", "2:a;", "a"]);
    }

    #[tokio::test]
    async fn nothing_of_a_retired_member_is_queued_or_left() {
        let (outbox, ended, other) = (outbox(10, 4), plain(), plain());
        outbox.push(&ended, "aa".into());
        outbox.push(&other, "b".into());
        outbox.retire(&ended);
        assert_eq!(outbox.push(&ended, "c".into()), Pushed::Ended);
        // The room that it took is free again.
        assert!(is_queued(outbox.push(&other, "ddd".into())));
        assert_eq!(taken(&outbox).await, ["b", "ddd"]);
    }
}
