//! What is held takes so much memory, in bytes: what was measured, or a little more.

use super::channel::Subscription;
use super::plan::Plan;
use crate::projection::Projection;
use crate::topic::Topic;
use crate::value::Value;

/// A channel with its connection and the tasks of it.
pub(super) const CHANNEL: usize = 16 * 1024;
/// An operation with its state in a transport.
pub(super) const OPERATION: usize = 1024;

/// A subscription besides its filters, and for each of its actions and topics.
const SUBSCRIPTION: usize = 512;
const ACTION: usize = 1024;
const TOPIC: usize = 128;

/// A subscription, as if nobody shared its plans.
pub(super) fn subscription(
    subscription: &Subscription,
    projection: &Projection,
    joins: &[(Vec<Topic>, Plan)],
) -> usize {
    let id = subscription.id.as_ref().map_or(0, Value::bytes);
    let topics = joins.iter().flat_map(|(topics, _)| topics);
    let topics: usize = topics.map(|topic| TOPIC + topic.name().len()).sum();
    let own = id + subscription.filters.bytes() + projection.bytes();
    SUBSCRIPTION + own + joins.len() * ACTION + topics
}
