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
    /// The streams, where each may be at another server; none where there is but one.
    places: Vec<&'static str>,
}

impl Default for Keys {
    fn default() -> Self {
        let prefix = "graphex".to_owned();
        let places = Vec::new();
        Self { prefix, places }
    }
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Result<Self, LayerError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        let prefix = prefix.to_owned();
        if prefix.is_empty() || !prefix.bytes().all(allowed) {
            return Err(LayerError::Prefix(prefix));
        }
        let places = Vec::new();
        Ok(Self { prefix, places })
    }

    /// The names in a cluster, for a node that has these streams.
    #[cfg(feature = "redis-cluster")]
    pub(super) fn placed(self, streams: Vec<&'static str>) -> Self {
        Self {
            places: streams,
            ..self
        }
    }

    /// Messages for this node alone.
    pub(super) fn node(&self, node: NodeId) -> String {
        format!("{}:node:{{{node}}}", self.prefix)
    }

    /// Where a node receives its probes: under the name of its messages and, in a cluster, at the
    /// server of each stream too.
    pub(super) fn probes(&self, node: NodeId) -> Vec<String> {
        let places = self.places.iter();
        let places = places.map(|stream| self.probe(node, Some(stream)));
        std::iter::once(self.node(node)).chain(places).collect()
    }

    /// Where a node receives its probes from the server of this stream.
    pub(super) fn probe(&self, node: NodeId, stream: Option<&str>) -> String {
        match stream.filter(|stream| self.places.contains(stream)) {
            Some(stream) => format!("{}:probe:{{{stream}}}:{node}", self.prefix),
            None => self.node(node),
        }
    }

    /// Messages for all nodes, all names of them.
    pub(super) fn everyone(&self) -> Vec<String> {
        let places = self.places.iter().map(|stream| self.everyone_of(stream));
        match self.places.is_empty() {
            true => vec![self.everyone_of("")],
            false => places.collect(),
        }
    }

    /// Messages for all nodes about this stream, which come after the messages of its topics that
    /// were sent before. In a cluster that needs a name at the stream's server.
    pub(super) fn everyone_of(&self, stream: &str) -> String {
        match self.places.is_empty() {
            true => format!("{}:all", self.prefix),
            false => format!("{}:all:{{{stream}}}", self.prefix),
        }
    }

    /// What a Redis user has to be allowed, in the words of `ACL SETUSER`.
    pub(super) fn allowed(&self) -> String {
        format!("&{}:*", self.prefix)
    }

    /// The stream that a message for all nodes is about, or none where its name does not say; and
    /// whether it has the name of such a message at all.
    pub(super) fn read_everyone<'n>(&self, name: &'n str) -> Option<Option<&'n str>> {
        let name = name.strip_prefix(self.prefix.as_str())?;
        let stream = name.strip_prefix(":all")?;
        if stream.is_empty() {
            return Some(None);
        }
        stream.strip_prefix(":{")?.strip_suffix('}').map(Some)
    }

    pub(super) fn topic(&self, topic: &Topic) -> String {
        let (name, stream) = (topic.name(), topic.stream());
        let rest = name.get(stream.len()..).unwrap_or_default();
        format!("{}:topic:{{{stream}}}{rest}", self.prefix)
    }

    /// The topic of this name, if it is the name of one.
    pub(super) fn read_topic(&self, name: &str) -> Option<Topic> {
        let (stream, rest) = self.split_topic(name)?;
        Some(Topic::named(&format!("{stream}{rest}")))
    }

    /// The stream of the topic of this name, and what follows it in the topic's own.
    pub(super) fn split_topic<'n>(&self, name: &'n str) -> Option<(&'n str, &'n str)> {
        let name = name.strip_prefix(self.prefix.as_str())?;
        name.strip_prefix(":topic:{")?.split_once('}')
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
    fn a_message_for_all_is_about_all_streams_or_one() {
        let single = Keys::new("chat").unwrap();
        let cluster = Keys {
            places: vec!["messages", "notes"],
            ..single.clone()
        };
        for (keys, names) in [
            (&single, vec![("chat:all", None)]),
            (
                &cluster,
                vec![
                    ("chat:all:{messages}", Some("messages")),
                    ("chat:all:{notes}", Some("notes")),
                ],
            ),
        ] {
            let everyone = keys.everyone();
            let read = |name| (name, keys.read_everyone(name).unwrap());
            let read: Vec<_> = everyone.iter().map(|name| read(name.as_str())).collect();
            assert_eq!(read, names);
        }
        for name in ["chat:node:{1}", "chat:topic:{all}-create", "other:all"] {
            assert_eq!(single.read_everyone(name), None);
        }
    }

    #[test]
    fn a_prefix_is_plain() {
        for prefix in ["", "a b", "{a}", "é", "a*"] {
            assert!(Keys::new(prefix).is_err(), "{prefix}");
        }
    }
}
