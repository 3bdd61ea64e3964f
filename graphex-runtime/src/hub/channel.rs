//! Opening and closing channels.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::channels::{ChannelId, ChannelState};
use super::drain::Present;
use super::engine::Engine;
use super::holdings::Held;
use super::identity::Identity;
use super::outbox::{Outbox, Taken};
use super::{Hub, lock};
use crate::change::Action;
use crate::error::{CloseReason, ConnectError};
use crate::filters::Filters;
use crate::measure::Stamp;
use crate::value::Value;

/// An open channel, for transports: send its id to the client, then what [`Channel::take`]
/// gives. Dropped, the channel has left everything and its id is refused.
///
/// The WebSocket endpoint of the `axum` feature is one user of it; this is another:
///
/// ```
/// use graphex_runtime::{Hub, Identity};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hub = Hub::builder().build();
/// let channel = hub.connect(Identity::new("user:1"))?;
/// assert_eq!(channel.id().as_str().len(), 56);
/// drop(channel);
/// assert_eq!(hub.stats().channels, 0);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Channel {
    pub(super) hub: Hub,
    pub(super) state: Arc<ChannelState>,
    /// The state's, at hand.
    pub(super) outbox: Arc<Outbox>,
    #[cfg_attr(
        not(feature = "axum"),
        allow(dead_code, reason = "counted for as long as it is held")
    )]
    pub(super) present: Present,
    /// The channel that this is beside of, if it is a [branch](Hub::branch).
    pub(super) parent: Option<Arc<ChannelState>>,
    /// When the process received of what was taken first and is not sent.
    pub(super) unsent: Option<Stamp>,
}

impl Channel {
    /// The channel's id: what the client sends as `channelId`.
    #[must_use]
    pub fn id(&self) -> &ChannelId {
        &self.state.id
    }

    /// Waits for notifications and takes all that are there, in order, each a JSON text.
    ///
    /// # Errors
    ///
    /// Why the hub closed the channel; what waited is dropped, and it stays closed.
    pub async fn take(&mut self) -> Result<VecDeque<Bytes>, CloseReason> {
        loop {
            let taken = self.taken().await;
            if let (Err(reason), Some(parent)) = (&taken, &self.parent) {
                parent.outbox.close(reason.clone());
            }
            let frames: VecDeque<_> = taken?.frames.collect();
            if !frames.is_empty() {
                return Ok(frames);
            }
        }
    }

    /// The same, or no frames where a [`Notifier`] asks for the channel's attention.
    pub(crate) async fn taken(
        &mut self,
    ) -> Result<Taken<impl Iterator<Item = Bytes> + use<>>, CloseReason> {
        let taken = self.outbox.take().await?;
        self.unsent = self.unsent.or(taken.received);
        Ok(taken)
    }

    /// What was taken is with the client's connection.
    #[cfg(feature = "axum")]
    pub(crate) fn sent(&mut self) {
        if let Some(received) = self.unsent.take() {
            self.hub.engine.measures.delivered.since(received);
        }
    }

    /// Makes it a channel of this identity, on whom it is counted from now on. Nothing may have
    /// joined. After an error it is good for nothing but to be closed.
    #[cfg(feature = "axum")]
    pub(crate) fn become_of(&mut self, identity: Identity) -> Result<(), ConnectError> {
        let engine = &self.hub.engine;
        let place = lock(&engine.channels).remove(&self.state);
        if let Some(at) = lock(&self.state.expires_at).take() {
            engine.rights.forget(&self.state.id, at);
        }
        let Some(place) = place else {
            return Ok(());
        };
        let place = place.move_to(&identity)?;
        self.state = Arc::new(self.state.of(identity, &engine.holdings));
        self.hub.list(&self.state, place)
    }

    /// Takes over a later end of the right of the same identity; whether it is the same.
    #[cfg(feature = "axum")]
    pub(crate) fn renew(&self, identity: &Identity) -> bool {
        let is_same = self.state.identity == *identity;
        if is_same {
            self.hub.renew(&self.state, identity);
        }
        is_same
    }

    /// For who says goodbye when the connection is gone already.
    #[cfg(feature = "axum")]
    pub(crate) fn present(&self) -> Present {
        self.present.clone()
    }

    /// For who has something for the channel's writer to do.
    #[cfg(feature = "axum")]
    pub(crate) fn notifier(&self) -> Notifier {
        Notifier(Arc::clone(&self.outbox))
    }

    /// The hub that it is a channel of.
    #[cfg(feature = "testing")]
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Waits until the hub closes the channel.
    pub async fn closed(&mut self) -> CloseReason {
        self.outbox.closed().await
    }
}

/// Wakes the writer of a channel, as a frame does.
#[cfg(feature = "axum")]
#[derive(Debug)]
pub(crate) struct Notifier(Arc<Outbox>);

#[cfg(feature = "axum")]
impl Notifier {
    pub(crate) fn notify(&self) {
        self.0.notify();
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.hub.close(&self.state);
    }
}

/// What an application's own transport is called in the metrics.
const OWN_TRANSPORT: &str = "own";

/// What a client subscribes to, or ends.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) actions: Vec<Action>,
    pub(crate) id: Option<Value>,
    pub(crate) filters: Filters,
    /// The least time between two updates of one row that it asks for.
    pub(crate) throttle: Option<Duration>,
}

impl Hub {
    /// Opens a channel for this identity, on which it can subscribe to all streams of the hub.
    ///
    /// # Errors
    ///
    /// When there are as many channels as [`Limits`](crate::Limits) allows, of this identity, of
    /// its address or in all, when the hub [drains](Self::drain), or when the operating system has
    /// no random bits.
    pub fn connect(&self, identity: Identity) -> Result<Channel, ConnectError> {
        let place = self.engine.holdings.channel(&identity)?;
        self.open(identity, None, place, OWN_TRANSPORT)
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
    ) -> Result<Channel, ConnectError> {
        let place = self.engine.holdings.channel(&identity)?;
        self.open(identity, Some(streams), place, OWN_TRANSPORT)
    }

    /// A place for a channel of this identity.
    #[cfg(feature = "axum")]
    pub(crate) fn place_of(&self, identity: &Identity) -> Result<Held, ConnectError> {
        self.engine.holdings.channel(identity)
    }

    /// A place for a channel that is opened later, and one among those that wait for that.
    #[cfg(feature = "axum")]
    pub(crate) fn reserve_channel(
        &self,
        identity: &Identity,
    ) -> Result<(Held, Held), ConnectError> {
        if self.is_draining() {
            return Err(ConnectError::GoingAway);
        }
        self.engine.rights.check(identity)?;
        let holdings = &self.engine.holdings;
        Ok((holdings.channel(identity)?, holdings.reservation(identity)?))
    }

    /// Opens a channel that has its place.
    pub(crate) fn open(
        &self,
        identity: Identity,
        served: Option<Arc<HashSet<String>>>,
        place: Held,
        transport: &'static str,
    ) -> Result<Channel, ConnectError> {
        self.engine.start();
        let id = self.channel_id()?;
        let Engine {
            holdings,
            bounds,
            counters,
            ..
        } = &*self.engine;
        let outbox = Arc::new(Outbox::new(Arc::clone(bounds), Arc::clone(counters)));
        let own = Arc::clone(&outbox);
        let channel = ChannelState::new(id, identity, served, own, holdings, transport);
        let channel = Arc::new(channel);
        self.list(&channel, place)?;
        Ok(Channel {
            hub: self.clone(),
            state: channel,
            outbox,
            present: self.engine.drain.present(),
            parent: None,
            unsent: None,
        })
    }

    pub(super) fn channel_id(&self) -> Result<ChannelId, ConnectError> {
        ChannelId::random(self.engine.node).map_err(|error| {
            tracing::error!(%error, "no random bits for a channel id");
            ConnectError::NoRandomness
        })
    }

    /// Lists a channel among those that are open, if it may be. From here on it is closed when
    /// its right ends.
    fn list(&self, channel: &Arc<ChannelState>, place: Held) -> Result<(), ConnectError> {
        let mut channels = lock(&self.engine.channels);
        if self.is_draining() {
            return Err(ConnectError::GoingAway);
        }
        self.engine.rights.check(&channel.identity)?;
        channels.insert(Arc::clone(channel), place);
        drop(channels);
        if let Some(at) = channel.identity.expires_at() {
            self.engine.rights.expire(&channel.id, at);
        }
        Ok(())
    }

    /// Takes over when the right of a channel ends, where this identity, which opened it, has a
    /// later end. One that brings none changes nothing: it may be read from another source.
    pub(super) fn renew(&self, channel: &ChannelState, identity: &Identity) {
        let Some(later) = identity.expires_at() else {
            return;
        };
        let mut expires_at = lock(&channel.expires_at);
        let Some(before) = expires_at.filter(|before| *before < later) else {
            return;
        };
        *expires_at = Some(later);
        self.engine.rights.forget(&channel.id, before);
        self.engine.rights.expire(&channel.id, later);
    }

    /// Closes the channel: it leaves everything, and nothing finds or joins it afterwards.
    #[expect(
        clippy::mutable_key_type,
        reason = "filters are told apart by their keys and operands, not by compiled patterns"
    )]
    pub(super) fn close(&self, channel: &ChannelState) {
        let place = lock(&self.engine.channels).remove(channel);
        drop(place);
        self.engine.measures.closed(channel);
        if let Some(at) = lock(&channel.expires_at).take() {
            self.engine.rights.forget(&channel.id, at);
        }
        let mut subscriptions = lock(&channel.subscriptions);
        subscriptions.closed = true;
        let held = std::mem::take(&mut subscriptions.held);
        for (key, mut held) in held {
            self.leave(key.stream, &mut held, &Action::ALL);
        }
    }
}

#[cfg(test)]
mod tests;
