//! Layers carry changes from the process that wrote them to the processes that listen.
//!
//! # Contract
//!
//! * **Order.** Changes that one process hands over arrive at every listener in the order of
//!   the hand-over. A layer neither reorders nor merges them.
//! * **Topics.** A change is published to its coarse topic and, where all its index fields
//!   have a value, to its narrowed one. A plan listens on the coarse topic or on narrowed ones,
//!   so it sees each change at most once.
//! * **Failure.** Publishing never fails towards the writer. What a layer cannot carry it
//!   counts and reports.

mod memory;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

pub(crate) use memory::MemoryLayer;

use crate::change::Change;
use crate::topic::Topic;

pub(crate) type BoxFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Carries changes between processes; see the [contract](self).
pub(crate) trait Layer: Send + Sync + 'static {
    /// Publishes the changes in order. It takes each from the front when it begins with it,
    /// so that what is left when it is dropped or panics was not published.
    fn publish<'a>(&'a self, changes: &'a mut VecDeque<Arc<Change>>) -> BoxFuture<'a>;
}

/// Where a layer hands over what it carried to this process.
pub(crate) trait Inbox: Send + Sync + 'static {
    /// Delivers a change to the plans that listen on one of these topics, as of one moment. It may
    /// be held back until [`Inbox::flush`].
    fn deliver<'a>(&'a self, topics: &'a [Topic], change: &'a Arc<Change>) -> BoxFuture<'a>;

    /// Hands out what was held back. A layer calls it when it has no more to deliver for now.
    fn flush(&self);
}
