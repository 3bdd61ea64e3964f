//! Who pays for what a channel holds and causes.

use std::sync::Arc;

use super::channel::{ChannelId, Identity};

/// What budgets and limits are counted on: whoever is the owner waits and loses alone.
///
/// The anonymous are many, so each of their channels is an owner of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Named(Arc<str>),
    Channel(ChannelId),
}

impl Owner {
    pub(super) fn of(identity: &Identity, channel: &ChannelId) -> Self {
        match identity.shared_name() {
            Some(name) => Self::Named(Arc::clone(name)),
            None => Self::Channel(channel.clone()),
        }
    }
}
