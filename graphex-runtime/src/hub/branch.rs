//! Channels beside a client's own, for operations whose events pass through somebody else's hands
//! before its transport has them.

use std::sync::{Arc, Mutex};

use super::channels::{ChannelId, ChannelState, Role};
use super::cost::CHANNEL;
use super::engine::Engine;
use super::holdings::Holdings;
use super::outbox::Outbox;
use super::{Channel, Hub, lock};
use crate::error::Refusal;

impl Hub {
    /// Opens a channel beside another, of the same client: it may do what that may, is counted as
    /// memory of the same identity, and is no client of its own. Whatever closes it closes the
    /// other too; it is to be dropped with the transport of the other.
    pub(super) fn branch(&self, parent: &Arc<ChannelState>) -> Result<Channel, Refusal> {
        let id = self.channel_id().map_err(Refusal::NoChannel)?;
        let Engine {
            channels,
            holdings,
            bounds,
            counters,
            ..
        } = &*self.engine;
        let place = parent.quota.hold(CHANNEL)?;
        let outbox = Arc::new(Outbox::new(Arc::clone(bounds), Arc::clone(counters)));
        let channel = Arc::new(parent.branch(id, Arc::clone(&outbox), holdings));
        lock(channels).insert(Arc::clone(&channel), place);
        Ok(Channel {
            hub: self.clone(),
            state: channel,
            outbox,
            present: self.engine.drain.present(),
            parent: Some(Arc::clone(parent)),
            unsent: None,
        })
    }
}

impl Channel {
    /// Whether it is beside another, which it ends with.
    pub(crate) const fn is_branch(&self) -> bool {
        self.parent.is_some()
    }
}

impl ChannelState {
    /// One beside this. Its right has no end of its own: that of this one can be renewed.
    fn branch(&self, id: ChannelId, outbox: Arc<Outbox>, holdings: &Arc<Holdings>) -> Self {
        let (identity, served) = (self.identity.clone(), self.served.clone());
        Self {
            owner: self.owner.clone(),
            quota: holdings.quota(&self.identity, &self.id),
            expires_at: Mutex::default(),
            role: Role::Branch,
            rate: Arc::clone(&self.rate),
            ..Self::new(id, identity, served, outbox, holdings, self.transport)
        }
    }
}
