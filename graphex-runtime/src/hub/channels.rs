//! Channels: open connections and what each is subscribed to.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::channel::Subscription;
use super::explain::Terms;
use super::holdings::{Held, Holdings, Quota};
use super::identity::Identity;
use super::lock;
use super::outbox::Outbox;
use super::owner::Owner;
use super::plan::Seat;
use super::rate::Rate;
use super::subscriber::Subscriber;
use crate::change::Action;
use crate::filters::Filters;
use crate::model::Model;
use crate::node::NodeId;
use crate::value::Value;

/// A channel's id, `channel_id` on the wire: opaque hexadecimal digits, 160 bits of them random.
///
/// The first digits say which process has the channel, so that requests find it from another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(Arc<str>);

impl ChannelId {
    /// A new id for a channel of this node.
    pub(crate) fn random(node: NodeId) -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{node}{}", secret()?).into()))
    }

    /// The id as clients send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 160 random bits as hexadecimal digits: nobody guesses them.
pub(crate) fn secret() -> Result<String, getrandom::Error> {
    let mut bits = [0; 20];
    getrandom::fill(&mut bits)?;
    Ok(bits.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl std::borrow::Borrow<str> for ChannelId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Some of the digits only: who reads a log must not be able to drive the channel.
impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}…",
            self.0
                .get(NodeId::DIGITS..NodeId::DIGITS + 8)
                .unwrap_or_default()
        )
    }
}

/// Whose a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A client's.
    Client,
    /// A client's too, beside its own one, with which it ends.
    Branch,
    /// The process's own.
    Listener,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct ChannelState {
    pub(crate) id: ChannelId,
    pub(crate) identity: Identity,
    pub(crate) owner: Owner,
    pub(super) quota: Quota,
    /// The streams its endpoint serves; all of the hub's without a list.
    pub(super) served: Option<Arc<HashSet<String>>>,
    pub(crate) outbox: Arc<Outbox>,
    /// When the right of its identity ends; a later end can be brought.
    pub(super) expires_at: Mutex<Option<Instant>>,
    pub(super) role: Role,
    /// What its protocol is called in the metrics.
    pub(super) transport: &'static str,
    /// Of its subscribing.
    pub(super) rate: Arc<Rate>,
    /// Locked before the plans of a stream, never after.
    pub(super) subscriptions: Mutex<Subscriptions>,
}

/// What a channel is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Set once; nothing joins afterwards.
    pub(super) closed: bool,
    pub(super) held: HashMap<SubscriptionKey, Joined>,
}

/// What tells the subscriptions of a channel apart, together with the action.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SubscriptionKey {
    pub(super) stream: &'static str,
    name: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// In the two-channel protocol: what was asked. Those that are told where they are have numbers of
    /// their own.
    Asked {
        id: Option<Value>,
        filters: Filters,
        number: u64,
    },
    /// In the standard protocols: the operation, however alike two of them are.
    Operation(u64),
}

impl SubscriptionKey {
    pub(super) fn asked(model: &Model, subscription: &Subscription, number: u64) -> Self {
        let (id, filters) = (subscription.id.clone(), subscription.filters.clone());
        let name = Name::Asked {
            id,
            filters,
            number,
        };
        let stream = model.stream;
        Self { stream, name }
    }

    /// Whether a client calls both the same.
    pub(super) fn is_called_as(&self, other: &Self) -> bool {
        match (&self.name, &other.name) {
            (
                Name::Asked { id, filters, .. },
                Name::Asked {
                    id: other_id,
                    filters: other_filters,
                    ..
                },
            ) => self.stream == other.stream && id == other_id && filters == other_filters,
            _ => self == other,
        }
    }

    pub(super) fn of_operation(model: &Model, number: u64) -> Self {
        Self {
            stream: model.stream,
            name: Name::Operation(number),
        }
    }
}

/// A subscription with what it has joined.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) subscriber: Arc<Subscriber>,
    /// What its plans make one predicate of.
    pub(super) terms: Terms,
    /// The seat for each action, by `action as usize`.
    pub(super) seats: [Option<Seat>; Action::ALL.len()],
}

impl Joined {
    /// Whether it is told of an action that is none of these.
    pub(super) fn has_other_than(&self, actions: &[Action]) -> bool {
        let mut seats = self.seats.iter().flatten();
        seats.any(|seat| !actions.contains(&seat.plan().action))
    }
}

impl ChannelState {
    pub(super) fn new(
        id: ChannelId,
        identity: Identity,
        served: Option<Arc<HashSet<String>>>,
        outbox: Arc<Outbox>,
        holdings: &Arc<Holdings>,
        transport: &'static str,
    ) -> Self {
        let owner = Owner::of(&identity, &id);
        let quota = holdings.quota(&identity, &id);
        Self {
            id,
            owner,
            quota,
            served,
            outbox,
            expires_at: Mutex::new(identity.expires_at()),
            identity,
            role: Role::Client,
            transport,
            rate: Arc::default(),
            subscriptions: Mutex::default(),
        }
    }

    /// The same for another identity, before anything has joined.
    #[cfg(feature = "axum")]
    pub(super) fn of(&self, identity: Identity, holdings: &Arc<Holdings>) -> Self {
        let (served, outbox) = (self.served.clone(), Arc::clone(&self.outbox));
        let id = self.id.clone();
        Self::new(id, identity, served, outbox, holdings, self.transport)
    }

    /// One of the process itself: who listens there is no client, and is not counted on any.
    pub(super) fn of_process(id: ChannelId, outbox: Arc<Outbox>, holdings: &Arc<Holdings>) -> Self {
        let identity = Identity::anonymous();
        Self {
            quota: holdings.no_quota(),
            role: Role::Listener,
            ..Self::new(id, identity, None, outbox, holdings, "process")
        }
    }

    /// All subscribers, or those of one stream.
    pub(super) fn subscribers(&self, stream: Option<&str>) -> Vec<Arc<Subscriber>> {
        let subscriptions = lock(&self.subscriptions);
        let held = subscriptions.held.iter();
        let of_stream = held.filter(|(key, _)| stream.is_none_or(|stream| stream == key.stream));
        of_stream
            .map(|(_, held)| Arc::clone(&held.subscriber))
            .collect()
    }

    pub(super) fn serves(&self, stream: &str) -> bool {
        self.served
            .as_ref()
            .is_none_or(|served| served.contains(stream))
    }
}

/// The open channels, each with its place among all that may be open.
#[derive(Debug, Default)]
pub(super) struct Channels(HashMap<ChannelId, (Arc<ChannelState>, Held)>);

impl Channels {
    pub(super) fn get(&self, id: &str) -> Option<&Arc<ChannelState>> {
        self.0.get(id).map(|(channel, _)| channel)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<ChannelState>> {
        self.0.values().map(|(channel, _)| channel)
    }

    /// Those that are clients of their own.
    pub(super) fn clients(&self) -> impl Iterator<Item = &Arc<ChannelState>> {
        self.iter().filter(|channel| channel.role == Role::Client)
    }

    /// Those of clients, and those beside them.
    pub(super) fn of_clients(&self) -> impl Iterator<Item = &Arc<ChannelState>> {
        self.iter().filter(|channel| channel.role != Role::Listener)
    }

    pub(super) fn insert(&mut self, channel: Arc<ChannelState>, place: Held) {
        self.0.insert(channel.id.clone(), (channel, place));
    }

    pub(super) fn remove(&mut self, channel: &ChannelState) -> Option<Held> {
        self.0.remove(&channel.id).map(|(_, place)| place)
    }
}
