//! The node's link to Redis: one connection after the other.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use redis::{RedisError, RedisResult};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::connection::{Connection, Message, Server, timed_out};
use super::delivery::Restored;
use super::fault::Fault;
use super::keys::Keys;
use super::node::Counters;
use super::pause::Pause;
use super::reach::{Reached, tell};
use crate::layer::Inbox;
use crate::layer::interest::{Interest, Move};
use crate::limits::Limits;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire;

/// What a node needs to be connected.
pub(super) struct Link {
    pub(super) server: Server,
    pub(super) keys: Arc<Keys>,
    node: NodeId,
    pub(super) inbox: Weak<dyn Inbox>,
    pub(super) interest: Arc<Interest>,
    pub(super) counters: Arc<Counters>,
    probe_interval: Duration,
    pub(super) max_bytes: usize,
    /// The connection, while there is one on which the node hears itself.
    up: watch::Sender<Option<Up>>,
    /// The number of the next probe.
    probes: AtomicU64,
}

/// A connection on which the node hears itself and all its topics.
#[derive(Clone)]
pub(super) struct Up {
    connection: Connection,
    fault: Fault,
    /// When; none for the first, before which nothing was missed.
    restored_at: Option<Instant>,
}

/// What became of messages that Redis took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    /// Listeners that they reached, over all servers.
    pub(super) reached: u64,
    pub(super) restored_at: Option<Instant>,
}

/// What the link hears on one connection.
pub(super) struct Hearing {
    /// The number of the last probe that came from everywhere.
    pub(super) heard: watch::Receiver<u64>,
    pub(super) leaving: Leaving,
}

/// Names that this node is about to leave: their confirmation is not a loss.
pub(super) type Leaving = Arc<Mutex<HashSet<String>>>;

impl Link {
    pub(super) fn new(
        server: Server,
        keys: Arc<Keys>,
        node: NodeId,
        inbox: Weak<dyn Inbox>,
        interest: Arc<Interest>,
        counters: Arc<Counters>,
        limits: &Limits,
    ) -> Self {
        Self {
            server,
            keys,
            node,
            inbox,
            interest,
            counters,
            // A timer cannot have no time.
            probe_interval: limits.probe_interval.max(Duration::from_millis(1)),
            max_bytes: limits.layer_queue_bytes,
            up: watch::Sender::new(None),
            // Zero is what was heard before the first.
            probes: AtomicU64::new(1),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        let up = self.up.borrow();
        up.as_ref().is_some_and(|up| !up.fault.is_raised())
    }

    /// Publishes, on as many connections as it takes until Redis has taken all.
    pub(super) async fn publish(&self, messages: &[Message]) -> Published {
        let mut ups = self.up.subscribe();
        loop {
            let usable = |up: &Option<Up>| up.as_ref().is_some_and(|up| !up.fault.is_raised());
            // The sender is in `self`, so there will be one.
            let Some(mut up) = ups.wait_for(usable).await.ok().and_then(|up| up.clone()) else {
                continue;
            };
            tokio::select! {
                published = up.connection.publish(messages) => match published {
                    Ok(reached) => {
                        let restored_at = up.restored_at;
                        return Published { reached, restored_at };
                    }
                    Err(error) => {
                        tracing::debug!(%error, "Redis did not take messages; they are kept");
                        up.fault.raise();
                    }
                },
                () = up.fault.raised() => {}
            }
        }
    }

    /// Connects, and again whenever the connection is of no use any more.
    pub(super) async fn run(&self, restored: &mpsc::Sender<Restored>) {
        self.up.send_replace(None);
        self.interest.end();
        let (mut pause, mut is_first, mut is_logged) = (Pause::new(), true, false);
        loop {
            let reached = self.reach(&mut pause, &mut is_logged).await;
            match self.restore(reached, restored, is_first).await {
                Ok((up, hearing)) => {
                    let began = Instant::now();
                    tracing::info!(node = %self.node, "connected to Redis");
                    let fault = up.fault.clone();
                    let why = self.hold(up, hearing).await;
                    // Who waits for an answer on this connection waits for nothing.
                    fault.raise();
                    self.up.send_replace(None);
                    self.interest.end();
                    self.counters.outages.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(
                        why,
                        "Redis is not heard any more; changes wait until it is, and every \
                         subscription will be told that it may have missed some"
                    );
                    (is_first, is_logged) = (false, true);
                    pause.held(began.elapsed());
                }
                Err(error) => tell(&error, &mut is_logged),
            }
            pause.wait().await;
        }
    }

    /// Hears itself, joins all topics, and has the subscriptions told of the gap. Only then new
    /// ones are confirmed and changes published.
    async fn restore(
        &self,
        reached: Reached,
        restored: &mpsc::Sender<Restored>,
        is_first: bool,
    ) -> RedisResult<(Up, Hearing)> {
        let Reached {
            mut connection,
            fault,
            mut hearing,
            arrivals,
        } = reached;
        let joining = self.join_all(&mut connection, &mut hearing);
        let topics = tokio::select! {
            joined = tokio::time::timeout(self.patience(), joining) => {
                joined.unwrap_or_else(|_| Err(timed_out().into()))?
            }
            () = fault.raised() => return Err(ended()),
        };
        let (told, telling) = oneshot::channel();
        let sent = restored.send(Restored { arrivals, told });
        // The task that delivers ends only with this one.
        if sent.await.is_err() || telling.await.is_err() || fault.is_raised() {
            return Err(ended());
        }
        self.interest.confirm(&topics);
        let up = Up {
            connection,
            fault,
            restored_at: (!is_first).then(Instant::now),
        };
        self.up.send_replace(Some(up.clone()));
        Ok((up, hearing))
    }

    /// A server that does not carry messages would only be taken for a gap again and again, so
    /// the node hears itself before it joins what it needs.
    async fn join_all(
        &self,
        connection: &mut Connection,
        hearing: &mut Hearing,
    ) -> RedisResult<Vec<Topic>> {
        let own = [self.own_names(), self.keys.everyone()].concat();
        connection.listen(&own).await?;
        connection.publish(&self.probe()).await?;
        hearing.heard.changed().await.map_err(|_| ended())?;
        let topics = self.interest.begin();
        connection.listen(&self.names(&topics)).await?;
        Ok(topics)
    }

    /// Holds a connection until it is of no use any more; why it is not.
    async fn hold(&self, up: Up, mut hearing: Hearing) -> String {
        let Up {
            connection, fault, ..
        } = up;
        let joining = self.keep_interest(connection.clone(), &hearing.leaving);
        tokio::select! {
            error = self.keep_probing(connection) => error.to_string(),
            error = joining => error.to_string(),
            () = fault.raised() => "the connection ended".to_owned(),
            () = self.is_deaf(&mut hearing.heard) => {
                "its messages to itself do not come any more".to_owned()
            }
        }
    }

    async fn keep_interest(&self, mut connection: Connection, leaving: &Leaving) -> RedisError {
        loop {
            let moved = match self.interest.next().await {
                Move::Join(topics) => {
                    let joined = connection.listen(&self.names(&topics)).await;
                    joined.map(|()| self.interest.confirm(&topics))
                }
                Move::Leave(topics) => {
                    let names = self.names(&topics);
                    lock(leaving).extend(names.iter().cloned());
                    let left = connection.leave(&names).await;
                    lock(leaving).clear();
                    left
                }
            };
            if let Err(error) = moved {
                return error;
            }
        }
    }

    async fn keep_probing(&self, mut connection: Connection) -> RedisError {
        let mut ticks = tokio::time::interval(self.probe_interval);
        loop {
            ticks.tick().await;
            if let Err(error) = connection.publish(&self.probe()).await {
                return error;
            }
        }
    }

    /// Ends when no probe has come for two intervals.
    async fn is_deaf(&self, heard: &mut watch::Receiver<u64>) {
        while tokio::time::timeout(self.patience(), heard.changed())
            .await
            .is_ok_and(|changed| changed.is_ok())
        {}
    }

    fn patience(&self) -> Duration {
        self.probe_interval * 2
    }

    fn probe(&self) -> Vec<Message> {
        let number = self.probes.fetch_add(1, Ordering::Relaxed);
        let message = |name| Message {
            names: vec![name],
            payload: wire::probe(number),
        };
        self.own_names().into_iter().map(message).collect()
    }

    fn names(&self, topics: &[Topic]) -> Vec<String> {
        topics.iter().map(|topic| self.keys.topic(topic)).collect()
    }

    /// Where this node hears what it says to itself.
    pub(super) fn own_names(&self) -> Vec<String> {
        self.keys.probes(self.node)
    }
}

fn ended() -> RedisError {
    std::io::Error::new(
        std::io::ErrorKind::ConnectionAborted,
        "the connection ended",
    )
    .into()
}

/// Nothing runs while it is locked that could panic.
fn lock(leaving: &Leaving) -> std::sync::MutexGuard<'_, HashSet<String>> {
    leaving.lock().unwrap_or_else(PoisonError::into_inner)
}
