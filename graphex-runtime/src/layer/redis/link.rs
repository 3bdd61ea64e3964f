//! The node's link to Redis: one connection after the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{RedisError, RedisResult};
use tokio::sync::watch;
use tokio::time::Instant;

use super::arrivals::Queues;
use super::connection::{Connection, Message, NotPublished, Server, timed_out};
use super::delivery::{Next, Restored};
use super::fault::Fault;
use super::joining::{Held, Leaving};
use super::keys::Keys;
use super::node::Counters;
use super::pause::Pause;
use super::reach::{Reached, tell};
use super::shared::Shared;
use crate::deadline::FAR;
use crate::layer::Inbox;
use crate::layer::interest::Interest;
use crate::limits::Limits;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire;

const ENDED: &str = "the connection ended";

/// What a node needs to be connected.
pub(super) struct Link {
    pub(super) server: Server,
    pub(super) keys: Arc<Keys>,
    pub(super) node: NodeId,
    pub(super) inbox: Weak<dyn Inbox>,
    pub(super) interest: Arc<Interest>,
    pub(super) counters: Arc<Counters>,
    pub(super) probe_interval: Duration,
    pub(super) streams: Vec<&'static str>,
    pub(super) max_bytes: usize,
    /// The connections, while there are some on which the node receives what it sends.
    up: watch::Sender<Option<Up>>,
    /// The number of the next probe.
    probes: AtomicU64,
}

/// Connections on which the node receives what it sends, and all its topics.
#[derive(Clone)]
pub(super) struct Up {
    pub(super) shared: Arc<Shared>,
    pub(super) fault: Fault,
    /// When; none for the first, before which nothing was missed.
    pub(super) restored_at: Option<Instant>,
}

/// What the link receives on one connection.
pub(super) struct Received {
    /// The number of the last probe that came from everywhere.
    pub(super) probe: watch::Receiver<u64>,
    pub(super) leaving: Leaving,
    pub(super) queues: Arc<Queues>,
}

/// Where each stream finds its next connection.
pub(super) type Streams = HashMap<&'static str, Arc<Next>>;

impl Link {
    pub(super) fn new(
        server: Server,
        keys: Arc<Keys>,
        node: NodeId,
        inbox: Weak<dyn Inbox>,
        streams: &[&'static str],
        limits: &Limits,
    ) -> Self {
        Self {
            server,
            keys,
            node,
            inbox,
            interest: Interest::new(limits.leave_grace, limits.join_time),
            counters: Arc::default(),
            // A timer cannot have no time.
            probe_interval: limits.probe_interval.clamp(Duration::from_millis(1), FAR),
            streams: streams.to_vec(),
            max_bytes: limits.layer_queue_bytes,
            up: watch::Sender::new(None),
            // Zero is what was received before the first.
            probes: AtomicU64::new(1),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        let up = self.up.borrow();
        up.as_ref().is_some_and(|up| !up.fault.is_raised())
    }

    /// Waits for connections that can be used.
    pub(super) async fn up(&self) -> Up {
        let mut ups = self.up.subscribe();
        let usable = |up: &Option<Up>| up.as_ref().is_some_and(|up| !up.fault.is_raised());
        loop {
            // The sender is in `self`, so there will be one.
            if let Ok(Some(up)) = ups.wait_for(usable).await.map(|up| up.clone()) {
                return up;
            }
        }
    }

    /// Connects, and again whenever the connection is of no use any more.
    pub(super) async fn run(&self, streams: &Streams) {
        self.up.send_replace(None);
        self.interest.end();
        let (mut pause, mut is_first, mut is_logged) = (Pause::new(), true, false);
        loop {
            let reached = self.reach(&mut pause, &mut is_logged).await;
            match self.restore(reached, streams, is_first).await {
                Ok((up, held)) => {
                    let began = Instant::now();
                    tracing::info!(node = %self.node, "connected to Redis");
                    let fault = up.fault.clone();
                    let why = self.hold(up, held).await;
                    // Who waits for an answer on this connection waits for nothing.
                    fault.raise();
                    self.up.send_replace(None);
                    self.interest.end();
                    self.counters.outages.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(
                        why,
                        "nothing comes from Redis any more; changes wait until it does, and every \
                         subscription will be told that it may have missed some"
                    );
                    (is_first, is_logged) = (false, true);
                    pause.held(began.elapsed());
                }
                Err(error) => tell(&error, &mut is_logged, &self.keys),
            }
            pause.wait().await;
        }
    }

    /// Receives its own messages, joins all topics, and has the streams go on with what comes: each
    /// tells its subscriptions of the gap first, and confirms new ones then.
    async fn restore(
        &self,
        reached: Reached,
        streams: &Streams,
        is_first: bool,
    ) -> RedisResult<(Up, Held)> {
        let Reached {
            mut connection,
            shared,
            fault,
            mut received,
            mut arrivals,
        } = reached;
        let joining = self.join_all(&mut connection, &shared, &mut received);
        let (epoch, topics) = tokio::select! {
            joined = tokio::time::timeout(self.patience(), joining) => {
                joined.unwrap_or_else(|_| Err(timed_out().into()))?
            }
            () = fault.raised() => return Err(ended()),
        };
        for (stream, next) in streams {
            let topics = topics.iter().filter(|topic| topic.stream() == *stream);
            let topics = topics.cloned().collect();
            if let Some(arrivals) = arrivals.remove(stream) {
                next.put(Restored {
                    arrivals,
                    epoch,
                    topics,
                });
            }
        }
        let up = Up {
            shared,
            fault,
            restored_at: (!is_first).then(Instant::now),
        };
        self.up.send_replace(Some(up.clone()));
        let held = Held {
            connection,
            received,
            epoch,
        };
        Ok((up, held))
    }

    /// A server that does not carry messages would only be taken for a gap again and again, so
    /// the node receives its own before it joins what it needs. The topics that it has joined.
    async fn join_all(
        &self,
        connection: &mut Connection,
        shared: &Shared,
        received: &mut Received,
    ) -> RedisResult<(u64, Vec<Topic>)> {
        let own = [self.own_names(), self.keys.everyone()].concat();
        self.listen_to_own(connection, &own).await?;
        self.publish_probe(shared)
            .await
            .map_err(NotPublished::why)?;
        received.probe.changed().await.map_err(|_| ended())?;
        let (epoch, topics) = self.interest.begin();
        let joined = self.join(connection, topics).await?;
        Ok((epoch, joined))
    }

    /// Holds the connections until they are of no use any more; why they are not.
    async fn hold(&self, up: Up, held: Held) -> String {
        let mut probe = held.received.probe.clone();
        tokio::select! {
            error = self.keep_probing(&up.shared) => error.to_string(),
            error = self.keep_interest(held) => error.to_string(),
            () = up.fault.raised() => ENDED.to_owned(),
            why = self.deafness(&mut probe) => why.to_owned(),
        }
    }

    /// Ends when Redis refuses a probe. Where it only does not come, that is seen.
    async fn keep_probing(&self, shared: &Shared) -> RedisError {
        let mut ticks = tokio::time::interval(self.probe_interval);
        loop {
            ticks.tick().await;
            match self.publish_probe(shared).await {
                Ok(()) => {}
                Err(NotPublished::Refused { answer, .. }) => return answer,
                Err(NotPublished::Failed(error)) => {
                    tracing::debug!(%error, "a node's message to itself was not taken");
                }
            }
        }
    }

    /// Ends when no probe has come for two intervals, or none can come; which of the two.
    async fn deafness(&self, probe: &mut watch::Receiver<u64>) -> &'static str {
        loop {
            match tokio::time::timeout(self.patience(), probe.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return ENDED,
                Err(_) => return "its messages to itself do not come any more",
            }
        }
    }

    fn patience(&self) -> Duration {
        self.probe_interval * 2
    }

    /// Publishes a probe by each server that the node needs.
    async fn publish_probe(&self, shared: &Shared) -> Result<(), NotPublished> {
        let number = self.probes.fetch_add(1, Ordering::Relaxed);
        let publish = |name| async move {
            let probe = Message {
                names: vec![name],
                payload: wire::probe(number),
            };
            shared.publish(&[&probe]).await
        };
        try_join_all(self.own_names().into_iter().map(publish)).await?;
        Ok(())
    }

    /// A message that Redis takes if it takes any of this node, by the server of this stream.
    pub(super) fn control(&self, stream: Option<&str>) -> Message {
        let number = self.probes.fetch_add(1, Ordering::Relaxed);
        Message {
            names: vec![self.keys.probe(self.node, stream)],
            payload: wire::probe(number),
        }
    }

    /// Where this node receives what it sends to itself.
    pub(super) fn own_names(&self) -> Vec<String> {
        self.keys.probes(self.node)
    }
}

fn ended() -> RedisError {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, ENDED).into()
}
