//! What a layer hands to a hub.

use std::sync::Arc;

use bytes::Bytes;

use super::delivery::COST_OF_A_FRAME;
use super::engine::Engine;
use super::lane::Budget;
use super::lock;
use crate::change::Change;
use crate::layer::{BoxFuture, Inbox};
use crate::model::Model;
use crate::topic::Topic;
use crate::wire;

impl Inbox for Engine {
    fn flush(&self, stream: &str) {
        if let Some(lane) = self.lanes.get(stream) {
            lane.flush();
        }
    }

    fn model(&self, stream: &str) -> Option<&'static Model> {
        self.lanes.get(stream).map(|lane| lane.model)
    }

    fn missed<'a>(&'a self, stream: Option<&'a str>) -> BoxFuture<'a> {
        Box::pin(async move {
            let mut spent = Budget::default();
            let channels: Vec<_> = lock(&self.channels).iter().cloned().collect();
            for channel in channels {
                let subscribers = channel.subscribers(stream);
                for subscriber in &subscribers {
                    channel.outbox.gap(subscriber);
                }
                spent.spend(COST_OF_A_FRAME * (1 + subscribers.len())).await;
            }
        })
    }

    fn receive(&self, message: Bytes) {
        let received = match wire::open(&message) {
            Ok((wire::Kind::Revocation, parts)) => {
                wire::Revocation::read(parts).map(|revocation| self.apply_revocation(&revocation))
            }
            Ok((wire::Kind::Rescoping, parts)) => {
                wire::Rescoping::read(parts).map(|rescoping| self.apply_rescoping(&rescoping))
            }
            _ => {
                if !self.remote.receive(&message, &self.counters) {
                    self.counters.messages_dropped.add(1);
                }
                return;
            }
        };
        if received.is_err() {
            self.counters.messages_unreadable.add(1);
        }
    }

    fn deliver<'a>(&'a self, topics: &'a [Topic], change: &'a Arc<Change>) -> BoxFuture<'a> {
        Box::pin(async move {
            if self.comes_from_log(change) && change.cursor.is_none() && !change.published {
                // A process of a version that had no log has captured it.
                return;
            }
            if let Some(lane) = self.lanes.get(change.model.stream) {
                self.deliver_on(lane, topics, change).await;
            }
        })
    }
}
