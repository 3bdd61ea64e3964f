//! A connection to a server or a cluster, which look alike from here on.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
#[cfg(feature = "redis-cluster")]
use redis::cluster::{ClusterClient, ClusterClientBuilder};
#[cfg(feature = "redis-cluster")]
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo as _, ProtocolVersion, PushInfo,
    RedisError, RedisResult, Value,
};

use super::{LayerError, tls};

/// Time that connecting may take.
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(1);

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

/// Why messages were not published.
#[derive(Debug)]
pub(super) enum NotPublished {
    /// The server refuses the message at this position, and has published none.
    Refused { at: usize, answer: RedisError },
    /// There is no answer, or none about a message. Whether the server has published them, nobody
    /// knows.
    Failed(RedisError),
}

#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    #[cfg(feature = "redis-cluster")]
    Cluster(ClusterConnection),
}

impl NotPublished {
    pub(super) fn why(self) -> RedisError {
        match self {
            Self::Refused { answer, .. } => answer,
            Self::Failed(error) => error,
        }
    }

    fn of(at: usize, error: RedisError) -> Self {
        match is_answer(&error) {
            true => Self::Refused { at, answer: error },
            false => Self::Failed(error),
        }
    }
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

    pub(super) fn speaks_tls(&self) -> bool {
        match self {
            Self::Single(client) => tls::is_spoken(client.get_connection_info()),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(servers) => servers.iter().any(tls::is_spoken),
        }
    }

    /// Connects to receive, within a time limit.
    pub(super) async fn connect(&self, pushes: Pushes) -> RedisResult<Connection> {
        self.connect_with(Some(pushes), CONNECT_TIME).await
    }

    /// Connects to publish, within a time limit. In a cluster an answer has this time, by one
    /// server; elsewhere who waits for it has to know how long.
    pub(super) async fn connect_to_publish(
        &self,
        answer_time: Duration,
    ) -> RedisResult<Connection> {
        self.connect_with(None, answer_time).await
    }

    #[cfg_attr(not(feature = "redis-cluster"), allow(unused_variables))]
    async fn connect_with(
        &self,
        pushes: Option<Pushes>,
        answer_time: Duration,
    ) -> RedisResult<Connection> {
        if self.speaks_tls() {
            tls::choose_cryptography();
        }
        let connecting = async {
            match self {
                Self::Single(client) => {
                    let mut config = AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(CONNECT_TIME))
                        // The link's own probe tells when there is no answer any more.
                        .set_response_timeout(None);
                    if let Some(pushes) = pushes {
                        config = config.set_push_sender(sender(pushes));
                    }
                    let connecting = client.get_multiplexed_async_connection_with_config(&config);
                    connecting.await.map(Connection::Single)
                }
                #[cfg(feature = "redis-cluster")]
                Self::Cluster(servers) => {
                    let mut client = ClusterClientBuilder::new(servers.clone())
                        .use_protocol(ProtocolVersion::RESP3)
                        .connection_timeout(CONNECT_TIME)
                        .response_timeout(answer_time)
                        .retries(2);
                    if let Some(pushes) = pushes {
                        client = client.push_sender(sender(pushes));
                    }
                    let client = client.build()?;
                    client.get_async_connection().await.map(Connection::Cluster)
                }
            }
        };
        let connected = tokio::time::timeout(CONNECT_TIME, connecting).await;
        connected.unwrap_or_else(|_| Err(timed_out().into()))
    }
}

pub(super) fn timed_out() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "there was no answer in time")
}

fn info(url: &str) -> Result<redis::ConnectionInfo, LayerError> {
    let info = url.into_connection_info().map_err(LayerError::Url)?;
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
    /// Publishes all messages or none, in order and in one round trip, and tells how many listeners
    /// they reached. All their names are placed together.
    pub(super) async fn publish(&mut self, messages: &[&Message]) -> Result<u64, NotPublished> {
        let answers = match self {
            Self::Single(connection) => {
                let transaction = transaction("PUBLISH", messages);
                transaction.query_async(connection).await
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => {
                let transaction = transaction("SPUBLISH", messages);
                transaction.query_async(connection).await
            }
        };
        read_answers(messages, answers.map_err(NotPublished::Failed)?)
    }

    /// As [`Connection::publish`], and what a server answers before it ends the connection is not
    /// lost, where there is but one.
    pub(super) async fn publish_alone(&mut self, message: &Message) -> Result<u64, NotPublished> {
        let connection = match self {
            Self::Single(connection) => connection,
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => return self.publish(&[message]).await,
        };
        let transaction = transaction("PUBLISH", &[message]);
        // They are sent in this order, when they are first polled.
        let answers = transaction.cmd_iter().map(|command| {
            let mut connection = connection.clone();
            async move {
                connection
                    .send_packed_command(command)
                    .await?
                    .extract_error()
            }
        });
        let answers = futures_util::future::join_all(answers).await;
        read_answers(&[message], answers)
    }

    /// Listens to these names, which are confirmed when this returns, apart from those that the
    /// server refuses, with what it answers.
    pub(super) async fn listen(
        &mut self,
        names: &[String],
    ) -> RedisResult<Vec<(String, RedisError)>> {
        let (mut parts, mut refused) = (self.parts(names), Vec::new());
        while let Some(part) = parts.pop() {
            let listened = match self {
                Self::Single(connection) => connection.subscribe(part.as_slice()).await,
                #[cfg(feature = "redis-cluster")]
                Self::Cluster(connection) => connection.ssubscribe(part.as_slice()).await,
            };
            match (listened, part.as_slice()) {
                (Ok(()), _) => {}
                (Err(answer), [name]) if is_answer(&answer) => {
                    refused.push(((*name).clone(), answer));
                }
                // One refused name is an answer to all: halves find it.
                (Err(answer), [_, ..]) if is_answer(&answer) => {
                    let (one, other) = part.split_at(part.len() / 2);
                    parts.extend([one.to_vec(), other.to_vec()]);
                }
                (Err(error), _) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Listens to these names no more.
    pub(super) async fn leave(&mut self, names: &[String]) -> RedisResult<()> {
        for part in self.parts(names) {
            match self {
                Self::Single(connection) => connection.unsubscribe(part).await?,
                #[cfg(feature = "redis-cluster")]
                Self::Cluster(connection) => connection.sunsubscribe(part).await?,
            }
        }
        Ok(())
    }

    /// The names, by the commands in which they can go.
    fn parts<'n>(&self, names: &'n [String]) -> Vec<Vec<&'n String>> {
        let placed: Vec<Vec<_>> = match self {
            Self::Single(_) => vec![names.iter().collect()],
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => placed(names),
        };
        let parts = placed.iter().flat_map(|names| names.chunks(NAMES_AT_ONCE));
        parts.map(<[_]>::to_vec).collect()
    }
}

/// Whether it is what a server answered, and not the end of the connection.
pub(super) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// A server publishes all of a transaction, with nothing of others in between, or none of it.
fn transaction(command: &str, messages: &[&Message]) -> redis::Pipeline {
    let mut transaction = redis::pipe();
    // `Pipeline::atomic` would not say which of them was refused where none is a transaction's.
    transaction.ignore_errors().cmd("MULTI");
    for message in messages {
        for name in &message.names {
            let publish = transaction.cmd(command).arg(name);
            publish.arg(message.payload.as_slice());
        }
    }
    transaction.cmd("EXEC");
    transaction
}

/// The answers to a [`transaction`].
fn read_answers(
    messages: &[&Message],
    answers: Vec<RedisResult<Value>>,
) -> Result<u64, NotPublished> {
    let mut answers = answers.into_iter();
    let begun = answers.next().unwrap_or_else(|| Err(unexpected()));
    begun.map_err(NotPublished::Failed)?;
    let of = |(at, message): (usize, &&Message)| std::iter::repeat_n(at, message.names.len());
    let positions: Vec<_> = messages.iter().enumerate().flat_map(of).collect();
    for (at, queued) in positions.iter().zip(&mut answers) {
        queued.map_err(|error| NotPublished::of(*at, error))?;
    }
    let executed = answers.next().unwrap_or_else(|| Err(unexpected()));
    let Value::Array(executed) = executed.map_err(NotPublished::Failed)? else {
        return Err(NotPublished::Failed(unexpected()));
    };
    let mut reached = 0;
    for (at, executed) in positions.iter().zip(executed) {
        let listeners: RedisResult<u64> = executed
            .extract_error()
            .and_then(|listeners| Ok(redis::from_redis_value(listeners)?));
        reached += listeners.map_err(|error| NotPublished::of(*at, error))?;
    }
    Ok(reached)
}

fn unexpected() -> RedisError {
    RedisError::from((
        ErrorKind::UnexpectedReturnType,
        "it is no answer to a transaction",
    ))
}

/// The names that a cluster places together.
#[cfg(feature = "redis-cluster")]
fn placed(names: &[String]) -> Vec<Vec<&String>> {
    let mut places = std::collections::BTreeMap::<_, Vec<_>>::new();
    for name in names {
        let braced = name.split_once('{').map(|(_, rest)| rest);
        let braced = braced.and_then(|rest| rest.split_once('}'));
        let place = braced.map_or(name.as_str(), |(place, _)| place);
        places.entry(place).or_default().push(name);
    }
    places.into_values().collect()
}
