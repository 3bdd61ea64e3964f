//! Reaching Redis: attempt after attempt, until one is answered.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use redis::{RedisError, RedisResult};

use super::arrivals::{Arrivals, queue};
use super::connection::Connection;
use super::fault::Fault;
use super::link::{Hearing, Link};
use super::pause::Pause;
use super::pushes::Ear;

/// Attempts to connect at once: as many as begin while one may last.
const ATTEMPTS: usize = 8;

/// A connection on which nothing has been said.
pub(super) struct Reached {
    pub(super) connection: Connection,
    pub(super) fault: Fault,
    pub(super) hearing: Hearing,
    pub(super) arrivals: Arrivals,
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
                        Err(error) => tell(&error, is_logged),
                    },
                    () = &mut waiting => break,
                }
            }
        }
    }

    async fn attempt(&self) -> RedisResult<Reached> {
        let fault = Fault::new();
        let (queue, arrivals) = queue(self.max_bytes);
        let (ear, heard, leaving) = Ear::new(self, queue, fault.clone());
        Ok(Reached {
            connection: self.server.connect(ear.into_pushes()).await?,
            fault,
            hearing: Hearing { heard, leaving },
            arrivals,
        })
    }
}

/// Tells of the first of several failures.
pub(super) fn tell(error: &RedisError, is_logged: &mut bool) {
    if std::mem::replace(is_logged, true) {
        tracing::debug!(%error, "Redis is not there");
    } else {
        tracing::error!(%error, "Redis is not there; changes wait until it is");
    }
}
