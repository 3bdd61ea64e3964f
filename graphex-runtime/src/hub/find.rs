//! Finding a channel, for who may drive it.

use std::sync::Arc;

use super::channels::ChannelState;
use super::identity::Identity;
use super::{Hub, lock};
use crate::error::Refusal;
use crate::model::Model;

impl Hub {
    /// The open channel with this id, if this identity opened it and it serves the model.
    pub(crate) fn channel(
        &self,
        id: &str,
        identity: &Identity,
        model: &Model,
    ) -> Result<Arc<ChannelState>, Refusal> {
        let channel = self.find(id, identity)?;
        self.check_served(&channel, model)?;
        Ok(channel)
    }

    /// The open channel with this id, if this identity opened it.
    pub(super) fn find(&self, id: &str, identity: &Identity) -> Result<Arc<ChannelState>, Refusal> {
        let channels = lock(&self.engine.channels);
        let channel = channels.get(id).cloned();
        drop(channels);
        let channel = channel.ok_or(Refusal::UnknownChannel)?;
        if channel.identity != *identity {
            self.log_foreign(&channel, identity);
            return Err(Refusal::UnknownChannel);
        }
        self.renew(&channel, identity);
        Ok(channel)
    }

    /// The client is told no more than that there is no such channel.
    fn log_foreign(&self, channel: &ChannelState, identity: &Identity) {
        let Some(suppressed) = self.engine.log_limits.identity.allow() else {
            return;
        };
        let name = |identity: &Identity| identity.name().unwrap_or("anonymous").to_owned();
        tracing::warn!(
            channel = ?channel.id,
            opened_by = name(&channel.identity),
            asked_by = name(identity),
            suppressed,
            "a request asks for a channel that another identity has opened, and is told that \
             there is none. If both are one client, `Endpoints::identity` does not see the same \
             in its requests and in the one that opened the WebSocket: a browser sends its \
             cookies with both, but no headers with a WebSocket"
        );
    }

    /// Whether the channel may have the model's stream.
    pub(super) fn check_served(
        &self,
        channel: &ChannelState,
        model: &Model,
    ) -> Result<(), Refusal> {
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
}
