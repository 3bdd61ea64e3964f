//! The layer of a single process.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::{BoxFuture, Inbox, Layer, LayerCounts, Listening, NoSuchNode, Unavailable};
use crate::change::Change;
use crate::node::NodeId;
use crate::topic::{Topic, Topics};

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

/// Flushes a stream when dropped, however delivery has ended.
struct Flush<'l> {
    inbox: &'l Weak<dyn Inbox>,
    stream: &'static str,
}

impl Drop for Flush<'_> {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.upgrade() {
            inbox.flush(self.stream);
        }
    }
}

impl Layer for MemoryLayer {
    fn publish<'a>(&'a self, changes: &'a mut VecDeque<Arc<Change>>) -> BoxFuture<'a> {
        Box::pin(async move {
            let Some(stream) = changes.front().map(|change| change.model.stream) else {
                return;
            };
            let inbox = &self.inbox;
            let _flushed = Flush { inbox, stream };
            while let Some(change) = changes.pop_front() {
                let Some(inbox) = self.inbox.upgrade() else {
                    return;
                };
                let topics: Topics = Topic::published(&change).collect();
                inbox.deliver(&topics, &change).await;
            }
        })
    }

    fn announce_loss(&self, stream: &'static str) -> BoxFuture<'_> {
        Box::pin(async move {
            if let Some(inbox) = self.inbox.upgrade() {
                inbox.missed(Some(stream)).await;
            }
        })
    }

    fn listen(&self, _topics: Vec<Topic>) -> BoxFuture<'_, Result<Listening, Unavailable>> {
        Box::pin(async { Ok(Listening::default()) })
    }

    fn send(&self, _node: NodeId, _message: Vec<u8>) -> BoxFuture<'_, Result<(), NoSuchNode>> {
        Box::pin(async { Err(NoSuchNode) })
    }

    fn send_all(&self, _message: Vec<u8>) -> BoxFuture<'_> {
        Box::pin(async {})
    }

    fn tasks(self: Arc<Self>) -> Vec<BoxFuture<'static>> {
        Vec::new()
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn counts(&self) -> LayerCounts {
        LayerCounts::default()
    }
}
