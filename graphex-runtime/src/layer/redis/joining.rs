//! Joining and leaving topics on the connection that receives.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{RedisError, RedisResult};

use super::arrivals::Arrival;
use super::connection::Connection;
use super::link::{Link, Received};
use crate::layer::interest::Move;
use crate::topic::Topic;

/// Names that this node is about to leave: their confirmation is not a loss.
pub(super) type Leaving = Arc<Mutex<HashSet<String>>>;

/// A connection that receives what this node needs.
pub(super) struct Held {
    pub(super) connection: Connection,
    pub(super) received: Received,
    pub(super) epoch: u64,
}

impl Link {
    /// Without these names nothing works.
    pub(super) async fn listen_to_own(
        &self,
        connection: &mut Connection,
        own: &[String],
    ) -> RedisResult<()> {
        let refused = connection.listen(own).await?;
        refused
            .into_iter()
            .next()
            .map_or(Ok(()), |(_, why)| Err(why))
    }

    /// Joins topics, apart from those that Redis refuses.
    pub(super) async fn join(
        &self,
        connection: &mut Connection,
        topics: Vec<Topic>,
    ) -> RedisResult<Vec<Topic>> {
        let refused = connection.listen(&self.names(&topics)).await?;
        if refused.is_empty() {
            return Ok(topics);
        }
        // Unless it refuses everything.
        self.listen_to_own(connection, &[self.keys.node(self.node)])
            .await?;
        for (name, answer) in &refused {
            self.counters.not_joined(name, answer, &self.keys);
        }
        let refused: HashSet<_> = refused.into_iter().map(|(name, _)| name).collect();
        let is_refused = |topic: &Topic| refused.contains(&self.keys.topic(topic));
        let (refused, joined): (Vec<_>, Vec<_>) = topics.into_iter().partition(is_refused);
        self.interest.refuse(&refused);
        Ok(joined)
    }

    pub(super) async fn keep_interest(&self, held: Held) -> RedisError {
        let Held {
            mut connection,
            received,
            epoch,
        } = held;
        let mut again = tokio::time::interval(self.probe_interval);
        loop {
            let next = tokio::select! {
                next = self.interest.next() => next,
                _ = again.tick() => Move::Join(self.interest.refused()),
            };
            let moved = match next {
                Move::Join(topics) if topics.is_empty() => Ok(()),
                Move::Join(topics) => self.join(&mut connection, topics).await.map(|joined| {
                    let missed = self.interest.confirm(epoch, &joined);
                    let streams: HashSet<_> = missed.iter().map(Topic::stream).collect();
                    let queues = streams.into_iter().filter_map(|of| received.queues.of(of));
                    queues.for_each(|queue| queue.push(Arrival::Loss, &self.counters));
                }),
                Move::Leave(topics) => {
                    let names = self.names(&topics);
                    lock(&received.leaving).extend(names.iter().cloned());
                    let left = connection.leave(&names).await;
                    lock(&received.leaving).clear();
                    left
                }
            };
            if let Err(error) = moved {
                return error;
            }
        }
    }

    pub(super) fn names(&self, topics: &[Topic]) -> Vec<String> {
        topics.iter().map(|topic| self.keys.topic(topic)).collect()
    }
}

/// Nothing runs while it is locked that could panic.
fn lock(leaving: &Leaving) -> MutexGuard<'_, HashSet<String>> {
    leaving.lock().unwrap_or_else(PoisonError::into_inner)
}
