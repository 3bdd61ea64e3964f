//! What a connection says unasked, sorted without waiting: the node's own probes, control
//! messages, messages to deliver, and signs that something is lost.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::watch;

use super::arrivals::{Arrival, Queues};
use super::connection::Pushes;
use super::delivery::Unread;
use super::fault::Fault;
use super::joining::Leaving;
use super::keys::Keys;
use super::link::{Link, Received};
use super::node::Counters;
use crate::layer::Inbox;
use crate::layer::interest::Interest;
use crate::wire::{self, Kind, Unreadable};

/// Receives what comes on one connection.
pub(super) struct Inbound {
    own_names: Vec<String>,
    keys: Arc<Keys>,
    inbox: Weak<dyn Inbox>,
    interest: Arc<Interest>,
    counters: Arc<Counters>,
    queues: Arc<Queues>,
    fault: Fault,
    /// The last probe under each name, and the one that came under all.
    probes: Mutex<Vec<u64>>,
    probe: watch::Sender<u64>,
    leaving: Leaving,
}

impl Inbound {
    pub(super) fn new(link: &Link, queues: Queues, fault: Fault) -> (Self, Received) {
        let (probe, received) = watch::channel(0);
        let (leaving, queues) = (Leaving::default(), Arc::new(queues));
        let own_names = link.own_names();
        let inbound = Self {
            probes: Mutex::new(vec![0; own_names.len()]),
            own_names,
            keys: Arc::clone(&link.keys),
            inbox: Weak::clone(&link.inbox),
            interest: Arc::clone(&link.interest),
            counters: Arc::clone(&link.counters),
            queues: Arc::clone(&queues),
            fault,
            probe,
            leaving: Arc::clone(&leaving),
        };
        let received = Received {
            probe: received,
            leaving,
            queues,
        };
        (inbound, received)
    }

    pub(super) fn into_pushes(self) -> Pushes {
        Arc::new(move |push| self.receive(push))
    }

    fn receive(&self, push: PushInfo) {
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
                if let Err(error) = self.receive_message(name, payload) {
                    self.counters.unreadable(&error);
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

    fn receive_message(&self, name: String, payload: Vec<u8>) -> Result<(), Unread> {
        if let Some(place) = self.own_names.iter().position(|own| *own == name) {
            return self.receive_control(place, payload);
        }
        if let Some(stream) = self.keys.read_everyone(&name) {
            return match wire::open(&payload)? {
                (Kind::Loss, parts) => {
                    self.lose(wire::read_loss(parts)?.or(stream));
                    Ok(())
                }
                (Kind::Revocation | Kind::Rescoping, _) => {
                    if let Some(inbox) = self.inbox.upgrade() {
                        inbox.receive(Bytes::from(payload));
                    }
                    Ok(())
                }
                _ => Err(Unreadable::Garbage.into()),
            };
        }
        let (stream, _) = self.keys.split_topic(&name).ok_or(Unreadable::Garbage)?;
        let queue = self.queues.of(stream);
        let queue = queue.ok_or_else(|| Unread::Stream(stream.to_owned()))?;
        queue.push(Arrival::Message { name, payload }, &self.counters);
        Ok(())
    }

    /// Changes of this stream were lost, or of any. A stream that this node does not have does not
    /// concern it.
    fn lose(&self, stream: Option<&str>) {
        let concerned = self
            .queues
            .all()
            .filter(|queue| stream.is_none_or(|of| of == queue.stream));
        concerned.for_each(|queue| queue.push(Arrival::Loss, &self.counters));
    }

    /// Beside the queues of changes: neither is late because the other is long.
    fn receive_control(&self, place: usize, message: Vec<u8>) -> Result<(), Unread> {
        match wire::open(&message)? {
            (Kind::Probe, parts) => self.receive_probe(place, wire::read_probe(parts)?),
            // The node tells itself what it could not tell all.
            (Kind::Loss, parts) => self.lose(wire::read_loss(parts)?),
            _ => {
                if let Some(inbox) = self.inbox.upgrade() {
                    inbox.receive(Bytes::from(message));
                }
            }
        }
        Ok(())
    }

    /// A probe counts when each server of a cluster has carried it.
    fn receive_probe(&self, place: usize, number: u64) {
        let mut probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes[place] = number;
        let least = probes.iter().copied().min().unwrap_or(number);
        drop(probes);
        self.probe
            .send_if_modified(|received| std::mem::replace(received, least) != least);
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
