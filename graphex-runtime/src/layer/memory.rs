//! The layer of a single process.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::{BoxFuture, Inbox, Layer};
use crate::change::Change;
use crate::topic::Topic;

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

/// Flushes when dropped, however delivery has ended.
struct Flush<'l>(&'l Weak<dyn Inbox>);

impl Drop for Flush<'_> {
    fn drop(&mut self) {
        if let Some(inbox) = self.0.upgrade() {
            inbox.flush();
        }
    }
}

impl Layer for MemoryLayer {
    fn publish<'a>(&'a self, changes: &'a mut VecDeque<Arc<Change>>) -> BoxFuture<'a> {
        Box::pin(async move {
            let _flushed = Flush(&self.inbox);
            while let Some(change) = changes.pop_front() {
                let Some(inbox) = self.inbox.upgrade() else {
                    return;
                };
                let topics: Vec<_> = Topic::published(&change).collect();
                inbox.deliver(&topics, &change).await;
            }
        })
    }
}
