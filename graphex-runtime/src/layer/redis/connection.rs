//! A connection to a server or a cluster, which look alike from here on.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
#[cfg(feature = "redis-cluster")]
use redis::cluster::{ClusterClient, ClusterClientBuilder};
#[cfg(feature = "redis-cluster")]
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, ProtocolVersion, PushInfo, RedisResult,
};

use super::LayerError;

/// Time that connecting may take.
const CONNECT_TIME: Duration = Duration::from_secs(1);

/// Names in one `SUBSCRIBE`.
const NAMES_AT_ONCE: usize = 1_000;

/// Takes what a connection says unasked, without waiting.
pub(super) type Pushes = Arc<dyn Fn(PushInfo) + Send + Sync>;

/// Where to connect to.
#[derive(Clone, Debug)]
pub(super) enum Server {
    Single(Box<Client>),
    #[cfg(feature = "redis-cluster")]
    Cluster(Vec<redis::ConnectionInfo>),
}

/// One message to publish.
#[derive(Debug)]
pub(super) struct Message {
    /// Names with the same part in braces.
    pub(super) names: Vec<String>,
    pub(super) payload: Vec<u8>,
}

#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    #[cfg(feature = "redis-cluster")]
    Cluster(ClusterConnection),
}

impl Server {
    pub(super) fn single(url: &str) -> Result<Self, LayerError> {
        let client = Client::open(info(url)?).map_err(LayerError::Url)?;
        Ok(Self::Single(Box::new(client)))
    }

    #[cfg(feature = "redis-cluster")]
    pub(super) fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>) -> Result<Self, LayerError> {
        let servers: Vec<_> = urls.into_iter().map(info).collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err(LayerError::NoUrl);
        }
        // The answer is for who sets it up; each connection is of a client of its own.
        ClusterClient::new(servers.clone()).map_err(LayerError::Url)?;
        Ok(Self::Cluster(servers))
    }

    /// Connects, within a time limit.
    pub(super) async fn connect(&self, pushes: Pushes) -> RedisResult<Connection> {
        let connecting = async {
            match self {
                Self::Single(client) => {
                    let config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(CONNECT_TIME))
                        // The link's own probe tells when there is no answer any more.
                        .set_response_timeout(None)
                        .set_push_sender(sender(pushes));
                    let connecting = client.get_multiplexed_async_connection_with_config(&config);
                    connecting.await.map(Connection::Single)
                }
                #[cfg(feature = "redis-cluster")]
                Self::Cluster(servers) => {
                    let client = ClusterClientBuilder::new(servers.clone())
                        .use_protocol(ProtocolVersion::RESP3)
                        .connection_timeout(CONNECT_TIME)
                        .response_timeout(CONNECT_TIME)
                        .retries(2)
                        .push_sender(sender(pushes))
                        .build()?;
                    client.get_async_connection().await.map(Connection::Cluster)
                }
            }
        };
        let connected = tokio::time::timeout(CONNECT_TIME, connecting).await;
        connected.unwrap_or_else(|_| Err(redis::RedisError::from(timed_out())))
    }
}

pub(super) fn timed_out() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "there was no answer in time")
}

fn info(url: &str) -> Result<redis::ConnectionInfo, LayerError> {
    let info = url.into_connection_info().map_err(LayerError::Url)?;
    if matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
        // TLS needs one implementation of its cryptography. Where the program has chosen another,
        // this fails, and that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    // What arrives and what is answered come on one connection, told apart by this protocol.
    let settings = info.redis_settings().clone();
    Ok(info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3)))
}

fn sender(pushes: Pushes) -> impl redis::aio::AsyncPushSender {
    move |push: PushInfo| -> Result<(), redis::aio::SendError> {
        pushes(push);
        Ok(())
    }
}

impl Connection {
    /// Publishes all messages in one round trip, in order as far as their names are placed
    /// together, and tells how many listeners all of them reached.
    pub(super) async fn publish(&mut self, messages: &[Message]) -> RedisResult<u64> {
        match self {
            Self::Single(connection) => {
                let pipeline = pipeline("PUBLISH", messages.iter());
                let reached: Vec<u64> = pipeline.query_async(connection).await?;
                Ok(reached.iter().sum())
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => cluster::publish(connection, messages).await,
        }
    }

    /// Listens to these names; they are confirmed when this returns.
    pub(super) async fn listen(&mut self, names: &[String]) -> RedisResult<()> {
        match self {
            Self::Single(connection) => {
                for names in names.chunks(NAMES_AT_ONCE) {
                    connection.subscribe(names).await?;
                }
                Ok(())
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => {
                for names in cluster::placed(names) {
                    for names in names.chunks(NAMES_AT_ONCE) {
                        connection.ssubscribe(names).await?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Listens to these names no more.
    pub(super) async fn leave(&mut self, names: &[String]) -> RedisResult<()> {
        match self {
            Self::Single(connection) => {
                for names in names.chunks(NAMES_AT_ONCE) {
                    connection.unsubscribe(names).await?;
                }
                Ok(())
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => {
                for names in cluster::placed(names) {
                    for names in names.chunks(NAMES_AT_ONCE) {
                        connection.sunsubscribe(names).await?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn pipeline<'m>(command: &str, messages: impl Iterator<Item = &'m Message>) -> redis::Pipeline {
    let mut pipeline = redis::pipe();
    for message in messages {
        for name in &message.names {
            pipeline
                .cmd(command)
                .arg(name)
                .arg(message.payload.as_slice());
        }
    }
    pipeline
}

#[cfg(feature = "redis-cluster")]
mod cluster {
    //! In a cluster a command goes to the server that has its names.

    use std::collections::BTreeMap;

    use futures_util::future::try_join_all;
    use redis::RedisResult;
    use redis::cluster_async::ClusterConnection;

    use super::{Message, pipeline};

    /// What a name is placed by.
    fn place(name: &str) -> &str {
        let braced = name.split_once('{').map(|(_, rest)| rest);
        let braced = braced.and_then(|rest| rest.split_once('}'));
        braced.map_or(name, |(place, _)| place)
    }

    /// The names that are placed together.
    pub(super) fn placed(names: &[String]) -> Vec<Vec<&String>> {
        let mut places = BTreeMap::<_, Vec<_>>::new();
        for name in names {
            places.entry(place(name)).or_default().push(name);
        }
        places.into_values().collect()
    }

    /// One pipeline for each place, all at once.
    pub(super) async fn publish(
        connection: &ClusterConnection,
        messages: &[Message],
    ) -> RedisResult<u64> {
        let mut places = BTreeMap::<_, Vec<_>>::new();
        for message in messages {
            let place = message.names.first().map(|name| place(name));
            places.entry(place).or_default().push(message);
        }
        let publishing = places.into_values().map(|messages| {
            let mut connection = connection.clone();
            async move {
                let pipeline = pipeline("SPUBLISH", messages.into_iter());
                let reached: Vec<u64> = pipeline.query_async(&mut connection).await?;
                Ok::<u64, redis::RedisError>(reached.iter().sum())
            }
        });
        Ok(try_join_all(publishing).await?.iter().sum())
    }
}
