//! What a connection says unasked, sorted without waiting: the node's own probes, control
//! messages, messages to deliver, and signs that something is lost.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::watch;

use super::arrivals::{Arrival, Queue};
use super::connection::Pushes;
use super::fault::Fault;
use super::keys::Keys;
use super::link::{Leaving, Link};
use super::node::Counters;
use crate::layer::Inbox;
use crate::layer::interest::Interest;
use crate::wire::{self, Kind};

/// Hears one connection.
pub(super) struct Ear {
    own_names: Vec<String>,
    keys: Arc<Keys>,
    inbox: Weak<dyn Inbox>,
    interest: Arc<Interest>,
    counters: Arc<Counters>,
    queue: Queue,
    fault: Fault,
    /// The last probe under each name, and the one that came under all.
    probes: Mutex<Vec<u64>>,
    probe: watch::Sender<u64>,
    leaving: Leaving,
}

impl Ear {
    /// With the number of the last probe that came under all of the node's names, and the names
    /// that are being left.
    pub(super) fn new(
        link: &Link,
        queue: Queue,
        fault: Fault,
    ) -> (Self, watch::Receiver<u64>, Leaving) {
        let (probe, heard) = watch::channel(0);
        let leaving = Leaving::default();
        let own_names = link.own_names();
        let ear = Self {
            probes: Mutex::new(vec![0; own_names.len()]),
            own_names,
            keys: Arc::clone(&link.keys),
            inbox: Weak::clone(&link.inbox),
            interest: Arc::clone(&link.interest),
            counters: Arc::clone(&link.counters),
            queue,
            fault,
            probe,
            leaving: Arc::clone(&leaving),
        };
        (ear, heard, leaving)
    }

    pub(super) fn into_pushes(self) -> Pushes {
        Arc::new(move |push| self.hear(push))
    }

    fn hear(&self, push: PushInfo) {
        match push.kind {
            PushKind::Message | PushKind::SMessage => {
                let mut data = push.data.into_iter();
                let (Some(Value::BulkString(name)), Some(Value::BulkString(payload))) =
                    (data.next(), data.next())
                else {
                    return;
                };
                // Names that this node listens to are ASCII.
                let Ok(name) = String::from_utf8(name) else {
                    return;
                };
                match self.own_names.iter().position(|own| *own == name) {
                    Some(place) => self.hear_control(place, payload),
                    None => self.queue.push(Arrival { name, payload }, &self.counters),
                }
            }
            PushKind::Disconnection => self.fault.raise(),
            // A cluster ends a subscription when the topic moves to another server.
            PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                let name = push.data.into_iter().next();
                if let Some(Value::BulkString(name)) = name
                    && let Ok(name) = String::from_utf8(name)
                    && self.is_lost(&name)
                {
                    self.fault.raise();
                }
            }
            _ => {}
        }
    }

    /// Beside the queue of changes: neither is late because the other is long.
    fn hear_control(&self, place: usize, message: Vec<u8>) {
        let probe = wire::open(&message).and_then(|(kind, parts)| match kind {
            Kind::Probe => wire::read_probe(parts).map(Some),
            _ => Ok(None),
        });
        match probe {
            Ok(Some(number)) => self.hear_probe(place, number),
            Ok(None) => {
                if let Some(inbox) = self.inbox.upgrade() {
                    inbox.receive(Bytes::from(message));
                }
            }
            Err(error) => self.counters.unreadable(&error.into()),
        }
    }

    /// A probe counts when each server of a cluster has carried it.
    fn hear_probe(&self, place: usize, number: u64) {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes[place] = number;
        let least = probes.iter().copied().min().unwrap_or(number);
        drop(probes);
        self.probe
            .send_if_modified(|heard| std::mem::replace(heard, least) != least);
    }

    fn is_lost(&self, name: &str) -> bool {
        let leaving = self.leaving.lock().unwrap_or_else(PoisonError::into_inner);
        if leaving.contains(name) {
            return false;
        }
        drop(leaving);
        match self.keys.read_topic(name) {
            Some(topic) => self.interest.wants(&topic),
            None => true,
        }
    }
}
