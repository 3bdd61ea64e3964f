//! What topics are called in Redis.

use super::LayerError;
use crate::node::NodeId;
use crate::topic::Topic;

/// Names of channels in Redis, all with one prefix.
///
/// The part in braces is what a cluster places a name by. It is a topic's stream, so that all
/// topics of a stream are at one server, which keeps their messages in order.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: String,
}

impl Default for Keys {
    fn default() -> Self {
        let prefix = "graphex".to_owned();
        Self { prefix }
    }
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Result<Self, LayerError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        let prefix = prefix.to_owned();
        if prefix.is_empty() || !prefix.bytes().all(allowed) {
            return Err(LayerError::Prefix(prefix));
        }
        Ok(Self { prefix })
    }

    /// Messages for this node alone.
    pub(super) fn node(&self, node: NodeId) -> String {
        format!("{}:node:{{{node}}}", self.prefix)
    }

    /// Messages for all nodes.
    pub(super) fn everyone(&self) -> String {
        format!("{}:all", self.prefix)
    }

    pub(super) fn topic(&self, topic: &Topic) -> String {
        let name = topic.name();
        // Neither an action nor what is percent-encoded has a colon, and no stream ends in one.
        let coarse = name.split(':').next().unwrap_or(name);
        let stream = coarse.rsplit_once('-').map_or(coarse, |(stream, _)| stream);
        let rest = name.get(stream.len()..).unwrap_or_default();
        format!("{}:topic:{{{stream}}}{rest}", self.prefix)
    }

    /// The topic of this name, if it is the name of one.
    pub(super) fn read_topic(&self, name: &str) -> Option<Topic> {
        let name = name.strip_prefix(self.prefix.as_str())?;
        let (stream, rest) = name.strip_prefix(":topic:{")?.split_once('}')?;
        Some(Topic::named(&format!("{stream}{rest}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_placed_by_its_stream_and_found_by_its_name() {
        let keys = Keys::new("chat:live").unwrap();
        for (topic, name) in [
            ("messages-create", "chat:live:topic:{messages}-create"),
            ("a-b.c-update", "chat:live:topic:{a-b.c}-update"),
            (
                "messages-delete:a-room=b%3Ac-d&x=1",
                "chat:live:topic:{messages}-delete:a-room=b%3Ac-d&x=1",
            ),
        ] {
            assert_eq!(keys.topic(&Topic::named(topic)), name);
            assert_eq!(keys.read_topic(name), Some(Topic::named(topic)));
        }
        assert_eq!(keys.read_topic(&keys.node(NodeId(1))), None);
        assert_eq!(keys.read_topic("chat:other:topic:{messages}-create"), None);
    }

    #[test]
    fn a_prefix_is_plain() {
        for prefix in ["", "a b", "{a}", "é", "a*"] {
            assert!(Keys::new(prefix).is_err(), "{prefix}");
        }
    }
}
