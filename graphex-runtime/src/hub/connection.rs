//! Opening and closing channels, joining and leaving streams.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::channel::{Channel, ChannelId, Held, Identity, SubscriptionKey};
use super::operation::Envelope;
use super::outbox::{CloseReason, Taken};
use super::plan::Plan;
use super::subscriber::Subscriber;
use super::{Hub, lock};
use crate::change::Action;
use crate::error::{ConnectError, Refusal};
use crate::filters::Filters;
use crate::hooks::Permit;
use crate::layer::Unavailable;
use crate::model::Model;
use crate::predicate::{Pin, Predicate};
use crate::projection::Projection;
use crate::topic::Topic;
use crate::value::Value;

/// An open channel, for transports: send its id to the client, then what [`Connection::take`]
/// gives. Dropped, the channel has left everything and its id is refused.
///
/// The WebSocket endpoint of the `axum` feature is one user of it; this is another:
///
/// ```
/// use graphex_runtime::{Hub, Identity};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::builder().build();
/// let connection = hub.connect(Identity::new("user:1"))?;
/// assert_eq!(connection.id().as_str().len(), 56);
/// drop(connection);
/// assert_eq!(hub.stats().channels, 0);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Connection {
    pub(super) hub: Hub,
    pub(super) channel: Arc<Channel>,
}

impl Connection {
    /// The channel's id: what the client sends as `channelId`.
    #[must_use]
    pub fn id(&self) -> &ChannelId {
        &self.channel.id
    }

    /// Waits for notifications and takes all that are there, in order, each a JSON text.
    ///
    /// # Errors
    ///
    /// Why the hub closed the channel; what waited is dropped, and it stays closed.
    pub async fn take(&mut self) -> Result<VecDeque<Bytes>, CloseReason> {
        loop {
            let frames: VecDeque<_> = self.taken().await?.frames.collect();
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }

    /// The same, or no frames where a [`Notifier`] asks for the connection's attention.
    pub(crate) async fn taken(
        &mut self,
    ) -> Result<Taken<impl Iterator<Item = Bytes> + use<>>, CloseReason> {
        self.channel.outbox.take().await
    }

    /// For who has something for the connection's writer to do.
    #[cfg(feature = "axum")]
    pub(crate) fn notifier(&self) -> Notifier {
        Notifier(Arc::clone(&self.channel))
    }

    /// Waits until the hub closes the channel.
    pub async fn closed(&mut self) -> CloseReason {
        self.channel.outbox.closed().await
    }
}

/// Wakes the writer of a connection, as a frame does.
#[cfg(feature = "axum")]
#[derive(Debug)]
pub(crate) struct Notifier(Arc<Channel>);

#[cfg(feature = "axum")]
impl Notifier {
    pub(crate) fn notify(&self) {
        self.0.outbox.notify();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.hub.close(&self.channel);
    }
}

/// What a client subscribes to, or ends.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) actions: Vec<Action>,
    pub(crate) id: Option<Value>,
    pub(crate) filters: Filters,
}

impl Hub {
    /// Opens a channel for this identity, on which it can subscribe to all streams of the hub.
    ///
    /// # Errors
    ///
    /// When the identity has [`Limits::channels_per_identity`](crate::Limits) channels, or
    /// the operating system has no random bits.
    pub fn connect(&self, identity: Identity) -> Result<Connection, ConnectError> {
        self.open(identity, None)
    }

    /// Opens a channel for this identity, on which it can subscribe to these streams alone.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub fn connect_to(
        &self,
        identity: Identity,
        streams: Arc<HashSet<String>>,
    ) -> Result<Connection, ConnectError> {
        self.open(identity, Some(streams))
    }

    fn open(
        &self,
        identity: Identity,
        served: Option<Arc<HashSet<String>>>,
    ) -> Result<Connection, ConnectError> {
        self.engine.start();
        let id = ChannelId::random(self.engine.node).map_err(|error| {
            tracing::error!(%error, "no random bits for a channel id");
            ConnectError::NoRandomness
        })?;
        let limits = &self.engine.limits;
        let mut channels = lock(&self.engine.channels);
        let limit = limits.channels_per_identity;
        if channels.count(&identity) >= limit && !identity.is_anonymous() {
            return Err(ConnectError::TooManyChannels { limit });
        }
        let channel = Arc::new(Channel::new(
            id,
            identity,
            served,
            limits,
            &self.engine.counters,
        ));
        channels.insert(Arc::clone(&channel));
        drop(channels);
        Ok(Connection {
            hub: self.clone(),
            channel,
        })
    }

    /// The open channel with this id, if this identity opened it and it serves the model.
    pub(crate) fn channel(
        &self,
        id: &str,
        identity: &Identity,
        model: &Model,
    ) -> Result<Arc<Channel>, Refusal> {
        let channel = self.find(id, identity)?;
        self.check_served(&channel, model)?;
        Ok(channel)
    }

    /// The open channel with this id, if this identity opened it.
    pub(super) fn find(&self, id: &str, identity: &Identity) -> Result<Arc<Channel>, Refusal> {
        let channels = lock(&self.engine.channels);
        let channel = channels.get(id);
        channel
            .filter(|channel| channel.identity == *identity)
            .cloned()
            .ok_or(Refusal::UnknownChannel)
    }

    /// Whether the channel may have the model's stream.
    pub(super) fn check_served(&self, channel: &Channel, model: &Model) -> Result<(), Refusal> {
        self.check_known(model)?;
        if !channel.serves(model.stream) {
            let stream = model.stream;
            return Err(Refusal::NotServed { stream });
        }
        Ok(())
    }

    /// Whether the hub has the model.
    pub(super) fn check_known(&self, model: &Model) -> Result<(), Refusal> {
        if self.has_model(model) {
            return Ok(());
        }
        let (stream, model) = (model.stream, model.name);
        tracing::error!(
            model,
            "a client asks for a model that the hub does not know; add `.model::<{model}>()` \
             to `Hub::builder()`"
        );
        Err(Refusal::NotServed { stream })
    }

    /// Joins the permitted stream for a subscription of the two-channel protocol. One that is
    /// there already keeps its place and takes the new predicate and projection.
    pub(crate) async fn subscribe(
        &self,
        channel: &Arc<Channel>,
        permit: Permit,
        subscription: &Subscription,
        projection: &Projection,
    ) -> Result<(), Refusal> {
        let key = SubscriptionKey::asked(permit.model, subscription);
        let bare = Envelope::default();
        self.join(channel, key, permit, subscription, projection, &bare)
            .await
    }

    /// Joins the permitted stream: when the layer has confirmed the topics, in one step with the
    /// whole predicate in force.
    pub(super) async fn join(
        &self,
        channel: &Arc<Channel>,
        key: SubscriptionKey,
        permit: Permit,
        subscription: &Subscription,
        projection: &Projection,
        envelope: &Envelope,
    ) -> Result<(), Refusal> {
        let Permit { model, scope, .. } = permit;
        let Some(lane) = self.engine.lanes.get(model.stream) else {
            let stream = model.stream;
            return Err(Refusal::NotServed { stream });
        };
        let id = subscription.id.clone();
        let id = id.map(|value| Pin::new(model.key, vec![value]));
        let predicate = Predicate::new(scope, id, &subscription.filters);
        let limits = &self.engine.limits;
        // Topics and plans are built before anything is locked.
        let joins = subscription.actions.iter().map(|&action| {
            let topics = Topic::listened(model, action, &predicate, limits.narrowed_topics);
            let (predicate, projection) = (predicate.clone(), projection.clone());
            let plan = Plan {
                action,
                predicate,
                projection,
            };
            (topics, plan)
        });
        // Before the layer is asked for anything, and again when it has answered.
        lock(&channel.subscriptions).has_room(&key, limits)?;
        let listen = |(topics, plan): (Vec<Topic>, Plan)| async {
            let listening = self.engine.layer.listen(topics.clone()).await;
            listening.map(|listening| (topics, plan, listening))
        };
        let joins = try_join_all(joins.map(listen)).await;
        let joins = joins.map_err(|Unavailable| Refusal::Unavailable)?;
        // A change is delivered by the plan that is replaced or by the new one, and when this
        // returns it is the new one: so no change is half delivered meanwhile.
        let replaces = lock(&channel.subscriptions).held.contains_key(&key);
        let _delivering = if replaces {
            Some(lane.delivering.lock().await)
        } else {
            None
        };
        let mut subscriptions = lock(&channel.subscriptions);
        subscriptions.has_room(&key, limits)?;
        let resync = lane.resync(key.is_asked());
        let held = subscriptions.held.entry(key).or_insert_with(|| Held {
            subscriber: Subscriber::new(
                Arc::clone(channel),
                envelope.clone(),
                resync,
                lane.clock.clone(),
            ),
            seats: Default::default(),
        });
        let mut plans = lane.plans.write().unwrap_or_else(PoisonError::into_inner);
        for (topics, plan, listening) in joins {
            let seat = &mut held.seats[plan.action as usize];
            if let Some(replaced) = seat.take() {
                plans.leave(&replaced);
            }
            let member = channel.outbox.seat(&held.subscriber, plan.action);
            let joined = seat.insert(plans.join(topics, plan, member, &self.engine.budgets));
            joined.listening = listening;
        }
        Ok(())
    }

    /// Ends exactly this subscription; no frame of it is queued afterwards. What the scope was
    /// does not matter: it is not part of what a subscription is called by.
    pub(crate) fn unsubscribe(
        &self,
        channel: &Channel,
        model: &'static Model,
        subscription: &Subscription,
    ) -> Result<(), Refusal> {
        let actions = &subscription.actions;
        let key = SubscriptionKey::asked(model, subscription);
        let mut subscriptions = lock(&channel.subscriptions);
        let held = subscriptions
            .held
            .get_mut(&key)
            .ok_or(Refusal::NoSuchSubscription)?;
        if self.leave(model.stream, held, actions) == 0 {
            return Err(Refusal::NoSuchSubscription);
        }
        if held.seats.iter().all(Option::is_none) {
            subscriptions.held.remove(&key);
        }
        Ok(())
    }

    /// Ends the subscription of this key, if there is one.
    pub(super) fn end(&self, channel: &Channel, key: &SubscriptionKey) {
        let mut subscriptions = lock(&channel.subscriptions);
        if let Some(mut held) = subscriptions.held.remove(key) {
            self.leave(key.stream, &mut held, &Action::ALL);
        }
    }

    /// Closes the channel: it leaves everything, and nothing finds or joins it afterwards.
    #[expect(
        clippy::mutable_key_type,
        reason = "filters are told apart by their keys and operands, not by compiled patterns"
    )]
    fn close(&self, channel: &Channel) {
        lock(&self.engine.channels).remove(channel);
        let mut subscriptions = lock(&channel.subscriptions);
        subscriptions.closed = true;
        let held = std::mem::take(&mut subscriptions.held);
        for (key, mut held) in held {
            self.leave(key.stream, &mut held, &Action::ALL);
        }
    }

    /// Leaves the plans of these actions; how many there were. Called with the channel's
    /// subscriptions locked.
    fn leave(&self, stream: &str, held: &mut Held, actions: &[Action]) -> usize {
        let Some(lane) = self.engine.lanes.get(stream) else {
            return 0;
        };
        let subscriber = &held.subscriber;
        let mut plans = lane.plans.write().unwrap_or_else(PoisonError::into_inner);
        let mut left = 0;
        for action in actions {
            if let Some(seat) = held.seats[*action as usize].take() {
                plans.leave(&seat);
                subscriber.channel.outbox.retire(subscriber, *action);
                left += 1;
            }
        }
        left
    }
}
