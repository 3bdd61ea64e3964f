//! What is queued beside the deliveries of a lane.

use std::sync::Arc;

use super::{Outbox, lock};
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
        if state.closed.is_some() || !subscriber.is_live() {
            return;
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

    /// Waits until half of the room is free, or nobody waits for what would take it.
    pub(in crate::hub) async fn room(&self, subscriber: &Subscriber) {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = lock(&self.state);
                let bounds = &*self.bounds;
                let has_room = state.frames.len() <= bounds.max_frames / 2
                    && state.bytes <= bounds.max_bytes / 2;
                if has_room || state.closed.is_some() || !subscriber.is_live() {
                    return;
                }
                state.awaited = true;
            }
            freed.await;
        }
    }
}
