//! Channels: open connections and what each is subscribed to.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use super::connection::Subscription;
use super::lock;
use super::outbox::Outbox;
use super::owner::Owner;
use super::plan::Seat;
use super::stats::Counters;
use super::subscriber::Subscriber;
use crate::change::Action;
use crate::error::Refusal;
use crate::filters::Filters;
use crate::limits::Limits;
use crate::model::Model;
use crate::node::NodeId;
use crate::value::Value;

/// Who opened a channel or asks something of it.
///
/// The application reads it from the request; a channel obeys only requests of the identity
/// that opened it. Two requests are of one identity when their texts are equal.
///
/// ```
/// use graphex_runtime::Identity;
///
/// assert_eq!(Identity::new("user:1"), Identity::new(String::from("user:1")));
/// assert_ne!(Identity::new("user:1"), Identity::anonymous());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity(Option<Arc<str>>);

impl Identity {
    /// A named identity, for example a user's or a session's id.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(Some(name.into()))
    }

    /// Everybody who has no name. Channels of anonymous clients are guarded by their
    /// unguessable ids alone.
    #[must_use]
    pub fn anonymous() -> Self {
        Self(None)
    }

    /// The name, if it has one.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    pub(super) fn shared_name(&self) -> Option<&Arc<str>> {
        self.0.as_ref()
    }

    /// Whether this is [`Identity::anonymous`].
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.0.is_none()
    }
}

/// A channel's id, `channel_id` on the wire: opaque hexadecimal digits, 160 bits of them random.
///
/// The first digits say which process has the channel, so that requests find it from another.
#[derive(Clone, PartialEq, Eq, Hash)]
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

/// One open connection.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: ChannelId,
    pub(crate) identity: Identity,
    pub(crate) owner: Owner,
    /// The streams its endpoint serves; all of the hub's without a list.
    served: Option<Arc<HashSet<String>>>,
    pub(crate) outbox: Outbox,
    /// Locked before the plans of a stream, never after.
    pub(super) subscriptions: Mutex<Subscriptions>,
}

/// What a channel is subscribed to.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Set once; nothing joins afterwards.
    pub(super) closed: bool,
    pub(super) held: HashMap<SubscriptionKey, Held>,
}

impl Subscriptions {
    /// Whether a subscription may join, or be replaced.
    pub(super) fn has_room(&self, key: &SubscriptionKey, limits: &Limits) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::UnknownChannel);
        }
        let limit = limits.subscriptions_per_channel;
        if self.held.len() >= limit && !self.held.contains_key(key) {
            return Err(Refusal::TooManySubscriptions { limit });
        }
        Ok(())
    }
}

/// What tells the subscriptions of a channel apart, together with the action.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SubscriptionKey {
    pub(super) stream: &'static str,
    name: Name,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    /// In the two-channel protocol: what was asked.
    Asked { id: Option<Value>, filters: Filters },
    /// In the standard protocols: the operation, however alike two of them are.
    Operation(u64),
}

impl SubscriptionKey {
    pub(super) fn asked(model: &Model, subscription: &Subscription) -> Self {
        let (id, filters) = (subscription.id.clone(), subscription.filters.clone());
        Self {
            stream: model.stream,
            name: Name::Asked { id, filters },
        }
    }

    /// Whether it is of the two-channel protocol.
    pub(super) fn is_asked(&self) -> bool {
        matches!(self.name, Name::Asked { .. })
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
pub(super) struct Held {
    pub(super) subscriber: Arc<Subscriber>,
    /// The seat for each action, by `action as usize`.
    pub(super) seats: [Option<Seat>; Action::ALL.len()],
}

impl Channel {
    pub(super) fn new(
        id: ChannelId,
        identity: Identity,
        served: Option<Arc<HashSet<String>>>,
        limits: &Limits,
        counters: &Arc<Counters>,
    ) -> Self {
        let owner = Owner::of(&identity, &id);
        Self {
            id,
            identity,
            owner,
            served,
            outbox: Outbox::new(limits, Arc::clone(counters)),
            subscriptions: Mutex::default(),
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

/// The open channels and how many each named identity has.
#[derive(Debug, Default)]
pub(super) struct Channels {
    by_id: HashMap<ChannelId, Arc<Channel>>,
    per_identity: HashMap<Identity, usize>,
}

impl Channels {
    pub(super) fn get(&self, id: &str) -> Option<&Arc<Channel>> {
        self.by_id.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Channel>> {
        self.by_id.values()
    }

    /// How many channels the identity has; none for the anonymous one, which has no limit.
    pub(super) fn count(&self, identity: &Identity) -> usize {
        self.per_identity.get(identity).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, channel: Arc<Channel>) {
        if !channel.identity.is_anonymous() {
            *self
                .per_identity
                .entry(channel.identity.clone())
                .or_default() += 1;
        }
        self.by_id.insert(channel.id.clone(), channel);
    }

    pub(super) fn remove(&mut self, channel: &Channel) {
        if self.by_id.remove(&channel.id).is_none() {
            return;
        }
        if let Some(count) = self.per_identity.get_mut(&channel.identity) {
            *count -= 1;
            if *count == 0 {
                self.per_identity.remove(&channel.identity);
            }
        }
    }
}
