//! What is queued beside the deliveries of a lane.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::{Outbox, State, lock};
use crate::cursor::Cursor;
use crate::hub::frame::{Frame, Waiting};
use crate::hub::subscriber::Subscriber;
use crate::projection::Signal;

impl Outbox {
    /// Queues a signal for a subscriber, whatever waits: there are few. Whoever has it goes on at
    /// the cursor.
    pub(in crate::hub) fn signal(
        &self,
        subscriber: &Arc<Subscriber>,
        signal: Signal,
        cursor: Option<Cursor>,
    ) {
        let mut state = lock(&self.state);
        if state.is_full_stop() || !subscriber.is_live() {
            return;
        }
        if cursor.is_some() {
            subscriber.set_placed();
        }
        state.bytes += subscriber.envelope.len();
        state.frames.push_back(Waiting {
            subscriber: Arc::clone(subscriber),
            action: None,
            frame: Arc::new(Frame::Signal(signal, cursor)),
        });
        drop(state);
        self.wake();
    }

    /// Waits until there may be something: when it is woken, or when it is time.
    pub(in crate::hub) async fn woken(self: Arc<Self>, due: Option<Instant>) {
        let woken = self.wake.notified();
        match due {
            Some(due) => drop(timeout_at(due, woken).await),
            None => woken.await,
        }
    }

    /// Whether nothing waits and nobody is to be told of a gap.
    pub(in crate::hub) fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.frames.is_empty() && state.behind.is_empty() && !state.is_full_stop()
    }

    /// Waits until a subscriber has been told of a gap, or nobody waits for what would follow.
    pub(in crate::hub) async fn told(&self, subscriber: &Subscriber) {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = lock(&self.state);
                if !subscriber.is_behind() || state.is_full_stop() || !subscriber.is_live() {
                    return;
                }
                state.awaited = true;
            }
            freed.await;
        }
    }

    /// Whether anything is queued for the subscriber any more.
    pub(in crate::hub) fn serves(&self, subscriber: &Subscriber) -> bool {
        !lock(&self.state).is_full_stop() && subscriber.is_live()
    }

    /// Whether half of the room is free.
    pub(in crate::hub) fn has_room(&self) -> bool {
        self.is_half_free(&lock(&self.state))
    }

    fn is_half_free(&self, state: &State) -> bool {
        let bounds = &*self.bounds;
        state.frames.len() <= bounds.max_frames / 2 && state.bytes <= bounds.max_bytes / 2
    }

    /// Waits until half of the room is free, or nobody waits for what would take it.
    pub(in crate::hub) async fn room(&self, subscriber: &Subscriber) {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = lock(&self.state);
                if self.is_half_free(&state) || state.is_full_stop() || !subscriber.is_live() {
                    return;
                }
                state.awaited = true;
            }
            freed.await;
        }
    }
}
