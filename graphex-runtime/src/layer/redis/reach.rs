//! Reaching Redis: attempt after attempt, until one is answered.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::{RedisError, RedisResult};

use super::arrivals::{Arrivals, Queues};
use super::connection::{CONNECT_TIME, Connection, is_answer};
use super::fault::Fault;
use super::keys::Keys;
use super::link::{Link, Received};
use super::pause::Pause;
use super::pushes::Inbound;
use super::shared::Shared;

/// Attempts to connect at once: as many as begin while one may last.
const ATTEMPTS: usize = 8;

/// A connection to receive and one to publish, on which nothing has been said.
pub(super) struct Reached {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
    /// The end of the one that receives.
    pub(super) fault: Fault,
    pub(super) received: Received,
    /// What arrives on it, by stream.
    pub(super) arrivals: HashMap<&'static str, Arrivals>,
}

impl Link {
    /// Connects, however long it takes. An attempt that is stuck, as on a link that loses all, does
    /// not keep the next from succeeding.
    pub(super) async fn reach(&self, pause: &mut Pause, is_logged: &mut bool) -> Reached {
        let mut attempts = FuturesUnordered::new();
        loop {
            if attempts.len() < ATTEMPTS {
                attempts.push(self.attempt());
            }
            let waiting = pause.wait();
            tokio::pin!(waiting);
            loop {
                tokio::select! {
                    Some(reached) = attempts.next() => match reached {
                        Ok(reached) => return reached,
                        Err(error) => tell(&error, is_logged, &self.keys),
                    },
                    () = &mut waiting => break,
                }
            }
        }
    }

    async fn attempt(&self) -> RedisResult<Reached> {
        let fault = Fault::new();
        let (queues, arrivals) = Queues::new(&self.streams, self.max_bytes);
        let (inbound, received) = Inbound::new(self, queues, fault.clone());
        let (connection, publishing) = tokio::try_join!(
            self.server.connect(inbound.into_pushes()),
            self.server.connect_to_publish(CONNECT_TIME),
        )?;
        Ok(Reached {
            connection,
            shared: Arc::new(Shared::new(self.server.clone(), publishing)),
            fault,
            received,
            arrivals,
        })
    }
}

/// Tells of the first of several failures.
pub(super) fn tell(error: &RedisError, is_logged: &mut bool, keys: &Keys) {
    if std::mem::replace(is_logged, true) {
        tracing::debug!(%error, "Redis cannot be used");
    } else if is_answer(error) {
        tracing::error!(
            %error,
            channels = keys.allowed(),
            "Redis refuses what graphex needs, and changes wait until it does not: allow its user \
             these channels, and the commands that the documentation names"
        );
    } else {
        tracing::error!(%error, "Redis is not there; changes wait until it is");
    }
}
