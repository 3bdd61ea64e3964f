//! The bounded queue of frames between the hub and one channel's writer.

mod aside;
mod bounds;
mod overflow;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

pub(super) use bounds::Bounds;
use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::frame::{Frame, Waiting};
use super::lock;
use super::stats::Counters;
use super::subscriber::{Currency, Member, Subscriber};
use crate::change::Action;
use crate::error::CloseReason;
use crate::measure::Stamp;
use crate::projection::Signal;

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
    /// The subscriber is told of a gap that this is part of, or has had it.
    Covered,
    /// The subscription was given another plan since; what it was to get is lost to it.
    Replaced,
    /// The subscription or the channel has ended; nobody waits for it.
    Ended,
    /// It did not fit. The subscriber will be told of the gap, or the outbox is closed now.
    Overflowed { closed: bool },
}

/// Frames that wait for one channel's writer, limited in number and bytes, and which subscribers
/// are to be told of a gap. What each delivery looks at is together in memory.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    bounds: Arc<Bounds>,
    /// Wakes the one writer.
    wake: Notify,
    /// Whether the writer has something to do besides frames.
    notified: AtomicBool,
    counters: Arc<Counters>,
    /// Wakes those who wait for room.
    freed: Notify,
}

/// What there is for a writer.
pub(crate) struct Taken<F> {
    /// In order, each made when it is asked for.
    pub(crate) frames: F,
    /// When the process received the first one's change, which has waited longest.
    pub(super) received: Option<Stamp>,
    /// Whether it was [notified](Outbox::notify) since it was asked last.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
    pub(crate) notified: bool,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Waiting>,
    bytes: usize,
    /// Whether somebody waits for room.
    awaited: bool,
    closed: Option<CloseReason>,
    /// Why it is closed when what waits is taken: that is the last.
    last: Option<CloseReason>,
    /// Who is to be told of a gap, and from when on. Until the writer takes that, nothing else is
    /// queued for them: what they miss meanwhile is part of the gap.
    behind: Vec<(Instant, Arc<Subscriber>)>,
}

impl State {
    /// Whether nothing is queued any more.
    fn is_full_stop(&self) -> bool {
        self.last.is_some() || self.closed.is_some()
    }
}

impl Outbox {
    pub(super) fn new(bounds: Arc<Bounds>, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::default(),
            bounds,
            wake: Notify::new(),
            notified: AtomicBool::new(false),
            counters,
            freed: Notify::new(),
        }
    }

    /// Queues the frame of a change, by its number in the lane, for a member of the channel. The
    /// writer sleeps on: who has delivered what there is calls [`Outbox::wake`], so that one write
    /// has it all.
    pub(crate) fn push(
        &self,
        member: &Member,
        action: Action,
        change: u64,
        frame: Arc<Frame>,
    ) -> Pushed {
        let state = lock(&self.state);
        if state.is_full_stop() {
            return Pushed::Ended;
        }
        // Read under the lock that `seat` and `retire` take: after they returned nothing is queued.
        match member.currency(action) {
            Currency::Current => {}
            Currency::Replaced => return Pushed::Replaced,
            Currency::Ended => return Pushed::Ended,
        }
        self.enqueue(state, &member.subscriber, Some(action), change, frame)
    }

    /// Queues a row of a snapshot, which is of all the actions that the subscriber has.
    pub(super) fn push_row(
        &self,
        subscriber: &Arc<Subscriber>,
        change: u64,
        frame: Arc<Frame>,
    ) -> Pushed {
        let state = lock(&self.state);
        if state.is_full_stop() || !subscriber.is_live() {
            return Pushed::Ended;
        }
        self.enqueue(state, subscriber, None, change, frame)
    }

    fn enqueue(
        &self,
        mut state: MutexGuard<'_, State>,
        subscriber: &Arc<Subscriber>,
        action: Option<Action>,
        change: u64,
        frame: Arc<Frame>,
    ) -> Pushed {
        if subscriber.is_covered(change) || subscriber.has_had(frame.position()) {
            return Pushed::Covered;
        }
        let length = subscriber.envelope.len() + frame.len();
        let (frames, bytes) = (state.frames.len() + 1, state.bytes + length);
        let bounds = &*self.bounds;
        // One alone has room, however large it is.
        if frames > 1 && (frames > bounds.max_frames || bytes > bounds.max_bytes) {
            return self.overflow(state, subscriber, &frame);
        }
        if frame.position().is_some() {
            subscriber.set_placed();
        }
        let is_due = frames.is_multiple_of(bounds.due_frames)
            || bytes / bounds.due_bytes != state.bytes / bounds.due_bytes;
        state.bytes = bytes;
        state.frames.push_back(Waiting {
            subscriber: Arc::clone(subscriber),
            action,
            frame,
        });
        let is_first = frames == 1;
        Pushed::Queued { is_first, is_due }
    }

    /// There is room again, or none is needed.
    fn freed(&self, state: &mut State) {
        if std::mem::take(&mut state.awaited) {
            self.freed.notify_waiters();
        }
    }

    /// Wakes the writer.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Gives a subscriber its plan for an action; the one that it had gets nothing more. What is
    /// queued stays.
    pub(crate) fn seat(&self, subscriber: &Arc<Subscriber>, action: Action) -> Member {
        let _state = lock(&self.state);
        subscriber.seat(action)
    }

    /// Ends a subscription to an action: its frames are neither queued nor handed out afterwards.
    pub(crate) fn retire(&self, subscriber: &Arc<Subscriber>, action: Action) {
        let mut state = lock(&self.state);
        subscriber.unseat(action);
        let is_live = subscriber.is_live();
        let mut freed = 0;
        state.frames.retain(|frame| {
            let is_its_own = Arc::ptr_eq(&frame.subscriber, subscriber);
            let is_of_action = frame.action.is_none_or(|other| other == action);
            // Signals and the rows of a snapshot are of all its actions.
            let is_ended = is_of_action && (frame.action.is_some() || !is_live);
            let kept = !is_its_own || !is_ended;
            freed += if kept { 0 } else { frame.len() };
            kept
        });
        state.bytes -= freed;
        if !is_live {
            let is_other = |(_, behind): &(_, Arc<_>)| !Arc::ptr_eq(behind, subscriber);
            state.behind.retain(is_other);
        }
        self.freed(&mut state);
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
            let (taken, due) = self.try_take()?;
            let notified = self.notified.load(Ordering::Relaxed)
                && self.notified.swap(false, Ordering::Acquire);
            if !taken.is_empty() || notified {
                let sizes = taken.iter().map(Waiting::enveloped);
                let mut buffer = BytesMut::with_capacity(sizes.sum());
                let received = taken.front().and_then(|waiting| waiting.frame.received());
                let frames = taken.into_iter();
                let frames = frames.map(move |waiting| waiting.written(&mut buffer));
                return Ok(Taken {
                    frames,
                    received,
                    notified,
                });
            }
            let woken = self.wake.notified();
            match due {
                // Either way there may be something now.
                Some(due) => drop(timeout_at(due, woken).await),
                None => woken.await,
            }
        }
    }

    /// Takes nothing any more. What waits is handed out first, unless the right to it has ended.
    pub(super) fn close(&self, reason: CloseReason) {
        let mut state = lock(&self.state);
        let ends_right = reason.is_end_of_right();
        if ends_right {
            state.frames.clear();
        }
        if state.closed.is_none() || ends_right {
            state.closed = Some(reason);
            state.behind.clear();
            self.freed(&mut state);
        }
        drop(state);
        self.wake();
    }

    /// Waits until the outbox is closed.
    pub(crate) async fn closed(&self) -> CloseReason {
        loop {
            if let Some(reason) = lock(&self.state).closed.clone() {
                return reason;
            }
            self.wake.notified().await;
        }
    }

    /// Why it is closed, if it is.
    pub(super) fn reason(&self) -> Option<CloseReason> {
        lock(&self.state).closed.clone()
    }

    /// Frames and bytes that wait.
    #[cfg(feature = "metrics")]
    pub(super) fn waiting(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.frames.len(), state.bytes)
    }

    /// What is there, and when there may be more by itself.
    pub(super) fn try_take(&self) -> Result<(VecDeque<Waiting>, Option<Instant>), CloseReason> {
        let mut state = lock(&self.state);
        if let Some(reason) = state.closed.as_ref().filter(|_| state.frames.is_empty()) {
            return Err(reason.clone());
        }
        if state.frames.is_empty() && state.behind.is_empty() {
            if let Some(reason) = state.last.take() {
                state.closed = Some(reason.clone());
                return Err(reason);
            }
            return Ok((VecDeque::new(), None));
        }
        state.bytes = 0;
        self.freed(&mut state);
        // As many will soon wait again, most often.
        let room = VecDeque::with_capacity(state.frames.len());
        let mut taken = std::mem::replace(&mut state.frames, room);
        if state.behind.is_empty() {
            return Ok((taken, None));
        }
        // After what is queued, which is older than the gap.
        let now = Instant::now();
        let is_last = state.last.is_some();
        let is_due = |(due, _): &mut (Instant, _)| is_last || *due <= now;
        for (_, subscriber) in state.behind.extract_if(.., is_due) {
            let cursor = subscriber.place(subscriber.catch_up().cursor);
            subscriber.set_placed();
            *lock(&subscriber.told) = Some(now);
            self.counters.resyncs.add(1);
            taken.push_back(Waiting {
                subscriber,
                action: None,
                frame: Arc::new(Frame::Signal(Signal::Resync, cursor)),
            });
        }
        let next = state.behind.iter().map(|(due, _)| *due).min();
        Ok((taken, next))
    }
}

#[cfg(test)]
mod tests;
