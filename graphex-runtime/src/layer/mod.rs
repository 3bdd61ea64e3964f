//! Layers carry changes and control messages between the processes of a service. Each process
//! that has a hub is a *node*.
//!
//! # Contract
//!
//! * **Order.** The changes of one stream that one node hands over arrive at every listener in
//!   the order of the hand-over, so those of one row in the order of their commits. Between
//!   streams, and between nodes, there is no order.
//! * **Streams.** Each stream is on its own: what publishing or delivering on one waits for, or
//!   loses, neither delays another nor is told to its subscribers.
//! * **Topics.** A change is published to its coarse topic and, where all its index fields
//!   have a value, to its narrowed one. A plan listens on the coarse topic or on narrowed ones. A
//!   node receives only topics that it listens to, and delivers a change once, to the plans on all
//!   its topics, under whichever of them it came.
//! * **Delivery.** A listener gets each change at most once. It gets all of them, or
//!   [`Inbox::missed`] says between what it got before and after that it may not have: after every
//!   time in which the node did not receive from the layer, and after any node has lost what it
//!   wanted to publish. Who is told so and loads again what it has missed is not given older
//!   changes afterwards. What was handed over but not taken over by the layer is handed over
//!   again, and the listener knows it again; so an outage that the layer's listeners did not notice
//!   costs nothing. Only what a node had not handed over when it was killed is lost without a word.
//! * **Join and leave.** [`Layer::listen`] returns when every change that is handed over from
//!   now on, anywhere, arrives. A node leaves a topic some time after its last listener has, and
//!   looks again before it does.
//! * **Failure.** Publishing never fails towards the writer: it waits until the layer takes the
//!   changes over, and what overflows the publisher's queue meanwhile is counted, logged and told
//!   to all nodes by [`Layer::announce_loss`]. What a layer that takes other messages refuses
//!   twice is dropped, counted, logged and told in the same way. Listening fails when the layer
//!   refuses it or does not confirm in time. What arrives and cannot be read, or has no room to
//!   wait, is counted and logged.
//! * **Control.** [`Layer::send`] brings a message to one node, at most once, and fails when
//!   there is no such node; [`Layer::send_all`] brings it to all that receive. Nothing is stored anywhere: a node that is gone leaves no trace.

#[cfg(feature = "testing")]
mod faults;
#[cfg(any(feature = "redis", test))]
mod interest;
mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use bytes::Bytes;

#[cfg(feature = "testing")]
pub use faults::Faults;

use crate::change::Change;
use crate::limits::Limits;
use crate::model::Model;
use crate::node::NodeId;
use crate::topic::Topic;
use memory::MemoryLayer;

pub(crate) type BoxFuture<'a, T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries changes between processes; see the [contract](self).
pub(crate) trait Layer: Send + Sync + 'static {
    /// Publishes the changes, which are of one stream, in order. It takes each from the front when
    /// it begins with it, so that what is left when it is dropped or panics was not published.
    ///
    /// One task calls it for a stream, at the same time as others do for other streams.
    fn publish<'a>(&'a self, changes: &'a mut VecDeque<Arc<Change>>) -> BoxFuture<'a>;

    /// Tells all nodes, this one too, that changes of this stream were lost.
    fn announce_loss(&self, stream: &'static str) -> BoxFuture<'_>;

    /// Listens to these topics for as long as the handle is held.
    fn listen(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Listening, Unavailable>>;

    /// Brings a control message to a node.
    fn send(&self, node: NodeId, message: Vec<u8>) -> BoxFuture<'_, Result<(), NoSuchNode>>;

    /// Brings a control message to all nodes. Those that do not receive at the moment miss it.
    fn send_all(&self, message: Vec<u8>) -> BoxFuture<'_>;

    /// What has to run for as long as there is a runtime.
    fn tasks(self: Arc<Self>) -> Vec<BoxFuture<'static>>;

    /// Whether this node receives what it sends to itself.
    fn is_ready(&self) -> bool;

    /// Whether other processes may listen, or have a channel.
    fn is_shared(&self) -> bool;

    /// What it counted.
    fn counts(&self) -> LayerCounts;
}

/// Where a layer hands over what it carried to this process.
pub(crate) trait Inbox: Send + Sync + 'static {
    /// The model of this stream, if this process has it.
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    fn model(&self, stream: &str) -> Option<&'static Model>;

    /// Delivers a change to the plans that listen on one of these topics, as of one moment. It may
    /// be held back until [`Inbox::flush`].
    ///
    /// A layer delivers the changes of one stream one after the other, those of different streams
    /// at the same time.
    fn deliver<'a>(&'a self, topics: &'a [Topic], change: &'a Arc<Change>) -> BoxFuture<'a>;

    /// Hands out what was held back of this stream. A layer calls it when it has no more to deliver
    /// on it for now.
    fn flush(&self, stream: &str);

    /// Tells the subscriptions of this stream, or without one of all, that they may have missed
    /// changes.
    fn missed<'a>(&'a self, stream: Option<&'a str>) -> BoxFuture<'a>;

    /// Takes a control message, without waiting.
    #[cfg_attr(not(feature = "redis"), allow(dead_code))]
    fn receive(&self, message: Bytes);
}

/// Listens for as long as it is held. Without a table every change arrives anyway.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    #[cfg(any(feature = "redis", test))]
    _held: Option<interest::Held>,
}

/// The layer did not confirm in time, or refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable;

/// No node of this id receives from the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoSuchNode;

/// What a layer counted since it was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LayerCounts {
    pub(crate) outages: u64,
    pub(crate) messages_unreadable: u64,
    pub(crate) messages_repeated: u64,
    pub(crate) messages_dropped: u64,
    pub(crate) messages_refused: u64,
}

/// Which layer a hub gets.
#[derive(Debug, Default)]
pub(crate) enum Setup {
    #[default]
    Memory,
    #[cfg(feature = "redis")]
    Redis(Box<redis::RedisLayer>),
    #[cfg(feature = "testing")]
    Faulty(Faults),
}

impl Setup {
    #[cfg_attr(not(feature = "redis"), allow(unused_variables))]
    pub(crate) fn open(
        self,
        node: NodeId,
        inbox: Weak<dyn Inbox>,
        streams: &[&'static str],
        limits: &Limits,
    ) -> Arc<dyn Layer> {
        match self {
            Self::Memory => Arc::new(MemoryLayer::new(inbox)),
            #[cfg(feature = "redis")]
            Self::Redis(layer) => Arc::new(layer.open(node, inbox, streams, limits)),
            #[cfg(feature = "testing")]
            Self::Faulty(faults) => Arc::new(faults::FaultyLayer::new(inbox, faults)),
        }
    }
}
