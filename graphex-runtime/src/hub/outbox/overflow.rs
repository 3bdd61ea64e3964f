//! What becomes of a subscriber for whom there is no room, or who misses changes otherwise.

use std::sync::{Arc, MutexGuard};

use tokio::time::Instant;

use super::{Outbox, Pushed, State, lock};
use crate::cursor::Cursor;
use crate::error::CloseReason;
use crate::hub::frame::{Frame, Waiting};
use crate::hub::subscriber::Subscriber;
use crate::limits::SlowReader;
use crate::projection::Signal;

impl Outbox {
    /// A frame did not fit.
    pub(super) fn overflow(
        &self,
        mut state: MutexGuard<'_, State>,
        subscriber: &Arc<Subscriber>,
        frame: &Frame,
    ) -> Pushed {
        let goes_on = frame.position().is_some() && subscriber.goes_on();
        let closed = goes_on || self.bounds.slow_reader == SlowReader::Close;
        if goes_on {
            // What follows comes to it on its next connection.
            state.last = Some(CloseReason::SlowReader);
            self.freed(&mut state);
        } else if closed {
            self.freed(&mut state);
            *state = State {
                closed: Some(CloseReason::SlowReader),
                ..State::default()
            };
        } else {
            self.fall_behind(&mut state, subscriber);
        }
        drop(state);
        self.wake();
        Pushed::Overflowed { closed }
    }

    /// Sends nothing of what waits, but a `RESYNC` to each of these, which go on at no position; then
    /// it is closed.
    pub(in crate::hub) fn close_anew(&self, subscribers: &[Arc<Subscriber>], reason: CloseReason) {
        let mut state = lock(&self.state);
        if state.closed.is_some() {
            return;
        }
        state.frames.clear();
        state.behind.clear();
        if self.bounds.tells_gaps {
            let resyncs = subscribers.iter().map(|subscriber| Waiting {
                subscriber: Arc::clone(subscriber),
                action: None,
                frame: Arc::new(Frame::Signal(Signal::Resync, Some(Cursor::NONE))),
            });
            state.frames.extend(resyncs);
        }
        // Whoever only waits for the end takes nothing.
        if state.frames.is_empty() {
            state.closed = Some(reason);
        } else {
            state.last = Some(reason);
        }
        self.freed(&mut state);
        drop(state);
        self.wake();
    }

    /// Tells the subscriber that it may have missed changes: at once, or as soon after it was
    /// told before as it may be told again. What is queued for it is older and comes first; what
    /// comes until it is told is part of the gap. Nothing happens where the hub does not tell.
    pub(crate) fn gap(&self, subscriber: &Arc<Subscriber>) {
        if !self.bounds.tells_gaps {
            return;
        }
        let mut state = lock(&self.state);
        if state.closed.is_none() && self.fall_behind(&mut state, subscriber) {
            drop(state);
            self.wake();
        }
    }

    /// Whether this is news.
    fn fall_behind(&self, state: &mut State, subscriber: &Arc<Subscriber>) -> bool {
        if subscriber.is_behind() {
            return false;
        }
        subscriber.fall_behind();
        let told = *lock(&subscriber.told);
        let due = told.map_or_else(Instant::now, |told| told + self.bounds.resync_interval);
        state.behind.push((due, Arc::clone(subscriber)));
        true
    }
}
