//! The layer of a single process.

use std::pin::Pin;
use std::sync::{Arc, Weak};

use super::{Inbox, Layer};
use crate::change::Change;
use crate::topic::Topic;

/// Frames queued without a break for other tasks of the runtime.
const FRAMES_PER_TURN: usize = 1024;

/// Delivers to this process alone.
pub(crate) struct MemoryLayer {
    /// Weak: the inbox owns the layer.
    inbox: Weak<dyn Inbox>,
}

impl MemoryLayer {
    pub(crate) fn new(inbox: Weak<dyn Inbox>) -> Self {
        Self { inbox }
    }
}

impl Layer for MemoryLayer {
    fn publish(&self, changes: Vec<Arc<Change>>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut queued = 0;
            for change in changes {
                let Some(inbox) = self.inbox.upgrade() else {
                    return;
                };
                for topic in Topic::published(&change) {
                    queued += inbox.deliver(&topic, &change);
                }
                if queued >= FRAMES_PER_TURN {
                    queued = 0;
                    tokio::task::yield_now().await;
                }
            }
        })
    }
}
