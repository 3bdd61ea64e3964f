//! The layer over Redis' publish/subscribe: nothing is stored, so what is not received is gone, and
//! every node knows when it may not have received.
//!
//! A node has one connection on which it receives and one on which all its streams publish, so that
//! a message that costs the second loses nothing on the first. One task makes them, joins and
//! leaves topics and receives the node's messages to itself; for each stream another delivers what
//! arrives. While the node does not receive, what is to be published waits.

mod arrivals;
mod connection;
mod delivery;
mod fault;
mod joining;
mod keys;
mod link;
mod node;
mod outgoing;
mod pause;
mod publishing;
mod pushes;
mod reach;
mod shared;
mod tls;

use std::sync::{Arc, Weak};

use super::Inbox;
use crate::limits::Limits;
use crate::node::NodeId;
use connection::Server;
use keys::Keys;
use node::Node;

/// Where a hub finds Redis, and what its topics are called there.
///
/// ```
/// use graphex_runtime::{Hub, redis::RedisLayer};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = RedisLayer::new("redis://127.0.0.1/")?.prefix("chat")?;
/// let hub = Hub::builder().layer(layer).build();
/// assert!(!hub.ready()); // there is no answer yet
/// # Ok(()) }
/// ```
///
/// Redis 6 or later; a cluster, Redis 7 or later. The hub connects by itself, and again whenever
/// the connection breaks, so neither building it nor starting the program needs Redis to be there.
/// Graphex stores nothing in Redis.
///
/// Who can publish in this Redis can speak for every process of the service: let nobody else in.
#[derive(Clone, Debug)]
pub struct RedisLayer {
    server: Server,
    keys: Keys,
}

/// Why a layer cannot be what it is asked to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The URL is none of Redis'.
    #[error("the Redis URL cannot be used ({0}); write it as redis://user:password@host:6379/")]
    Url(#[source] redis::RedisError),
    /// A cluster needs to be found somewhere.
    #[error("a cluster needs at least one URL, as redis://host:6379/")]
    NoUrl,
    /// The prefix would be mistaken.
    #[error("the prefix `{0}` cannot be used; take letters, digits, `.`, `_`, `-` and `:`")]
    Prefix(String),
}

impl RedisLayer {
    /// A single server, by its URL: `redis://user:password@host:6379/`, or `rediss://…` for TLS
    /// with the certificates that the operating system trusts.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn new(url: &str) -> Result<Self, LayerError> {
        Ok(Self {
            server: Server::single(url)?,
            keys: Keys::default(),
        })
    }

    /// A cluster, by the URLs of some of its servers; it names the others. Topics are published
    /// in shards: all of one stream by one server, different streams by different ones.
    ///
    /// # Errors
    ///
    /// When there is no URL, or one of them is none.
    #[cfg(feature = "redis-cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-cluster")))]
    pub fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>) -> Result<Self, LayerError> {
        Ok(Self {
            server: Server::cluster(urls)?,
            keys: Keys::default(),
        })
    }

    /// What the names of this application's topics begin with; give each application that shares a
    /// server its own. Default: `graphex`.
    ///
    /// # Errors
    ///
    /// When it has other characters than letters, digits, `.`, `_`, `-` and `:`.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, LayerError> {
        self.keys = Keys::new(prefix)?;
        Ok(self)
    }

    pub(super) fn open(
        self,
        node: NodeId,
        inbox: Weak<dyn Inbox>,
        streams: &[&'static str],
        limits: &Limits,
    ) -> Node {
        let keys = match &self.server {
            Server::Single(_) => self.keys,
            #[cfg(feature = "redis-cluster")]
            Server::Cluster(_) => self.keys.placed(streams.to_vec()),
        };
        Node::new(self.server, Arc::new(keys), node, inbox, streams, limits)
    }
}
