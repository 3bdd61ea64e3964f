//! Layers carry changes from the process that wrote them to the processes that listen.
//!
//! # Contract
//!
//! * **Order.** Changes that one process hands over arrive at every listener in the order of
//!   the hand-over. A layer neither reorders nor merges them.
//! * **Topics.** A change is published to its coarse topic and, where all its index fields
//!   have a value, to its narrowed one. A plan listens on exactly one topic, so it sees each
//!   change at most once.
//! * **Failure.** Publishing never fails towards the writer. What a layer cannot carry it
//!   counts and reports.

mod memory;

use std::pin::Pin;
use std::sync::Arc;

pub(crate) use memory::MemoryLayer;

use crate::change::Change;
use crate::topic::Topic;

/// Carries changes between processes; see the [contract](self).
pub(crate) trait Layer: Send + Sync + 'static {
    /// Publishes the changes in order.
    fn publish(&self, changes: Vec<Arc<Change>>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Where a layer hands over what it carried to this process.
pub(crate) trait Inbox: Send + Sync + 'static {
    /// Delivers a change to the plans that listen on this topic; returns how many frames
    /// were queued.
    fn deliver(&self, topic: &Topic, change: &Change) -> usize;
}
