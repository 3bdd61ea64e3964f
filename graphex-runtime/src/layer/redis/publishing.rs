//! Brings messages to Redis. Those that it takes go together on the connection that all streams
//! share. One that it refuses, or that costs the connection, is found by going on with fewer, on a
//! connection of its own, and dropped.

use std::time::Duration;

use redis::RedisError;
use tokio::time::{Instant, timeout};

use super::connection::{Connection, Message, NotPublished, timed_out};
use super::link::{Link, Up};
use super::pause::Pause;

/// A message is dropped when it was refused so often, or so many connections have ended on it while
/// it was alone on them, and Redis took another on the same connection, or the next.
const STRIKES: u8 = 2;

/// A larger message has a connection of its own: on that of all streams it would delay their
/// messages, and the node's to itself, and it may be more than the server allows.
const LARGE: usize = 1024 * 1024;

/// Time for the answer on a connection of a message's own, and a second more for each MiB.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Most time for it. A cluster has to be told when it connects.
const LONGEST_ANSWER_TIME: Duration = Duration::from_secs(600);

/// When the node does not receive any more, what was sent may have been taken all the same: a large
/// message may have cost the connection on which it was received. Its answer comes in this time.
const LAST_ANSWER: Duration = Duration::from_millis(100);

/// What became of messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    /// Messages from the first on that are done with.
    pub(super) done: usize,
    /// Whether the last of them was dropped; the others were published.
    pub(super) dropped: bool,
    /// Listeners that those reached, over all servers.
    pub(super) reached: u64,
    pub(super) restored_at: Option<Instant>,
}

/// Messages on their way.
struct Work<'m> {
    messages: &'m [Message],
    done: usize,
    reached: u64,
    /// How many to send together.
    window: usize,
    /// The message that was refused or cost a connection, how often, and why.
    suspect: Option<Suspect>,
    /// Whether the shared connection has failed, which may be for one of these messages.
    is_apart: bool,
    own: Option<Connection>,
    pause: Pause,
}

struct Suspect {
    at: usize,
    strikes: u8,
    why: RedisError,
}

impl<'m> Work<'m> {
    fn new(messages: &'m [Message]) -> Self {
        Self {
            messages,
            done: 0,
            reached: 0,
            window: usize::MAX,
            suspect: None,
            is_apart: false,
            own: None,
            pause: Pause::new(),
        }
    }

    /// What was suspected may have been the end of the whole link.
    fn begin_anew(&mut self) {
        self.window = usize::MAX;
        (self.suspect, self.is_apart, self.own) = (None, false, None);
    }

    fn needs_own(&self) -> bool {
        self.is_apart || self.messages[self.done].payload.len() > LARGE
    }

    /// The strikes of the next message.
    fn strikes(&self) -> u8 {
        let suspect = self.suspect.as_ref();
        suspect.map_or(0, |suspect| match suspect.at == self.done {
            true => suspect.strikes,
            false => 0,
        })
    }

    /// What to send next: neither a large message nor the suspect with others.
    fn next(&self) -> Vec<&'m Message> {
        let is_alone = |at: usize| {
            let is_suspect = self
                .suspect
                .as_ref()
                .is_some_and(|suspect| suspect.at == at);
            is_suspect || self.messages[at].payload.len() > LARGE
        };
        let together = (self.done..self.messages.len()).take_while(|at| !is_alone(*at));
        let count = together.take(self.window).count().max(1);
        self.messages[self.done..][..count].iter().collect()
    }

    fn strike(&mut self, at: usize, why: RedisError) {
        let at = self.done + at;
        let before = self.suspect.take().filter(|suspect| suspect.at == at);
        let strikes = before.map_or(0, |suspect| suspect.strikes) + 1;
        self.suspect = Some(Suspect { at, strikes, why });
    }

    fn are_taken(&mut self, count: usize, reached: u64) {
        self.done += count;
        self.reached += reached;
        self.window = self.window.saturating_mul(2);
    }
}

impl Link {
    /// Publishes messages of this stream, or of none, in order: on as many connections as it takes,
    /// until all are taken or one is dropped.
    pub(super) async fn publish(&self, stream: Option<&str>, messages: &[Message]) -> Published {
        let mut work = Work::new(messages);
        loop {
            let up = self.up().await;
            work.begin_anew();
            let ended = {
                let working = self.work(&up, stream, &mut work);
                tokio::pin!(working);
                tokio::select! {
                    biased;
                    dropped = &mut working => dropped,
                    () = up.fault.raised() => timeout(LAST_ANSWER, working).await.ok().flatten(),
                }
            };
            if let Some(dropped) = ended {
                return Published {
                    done: work.done,
                    dropped,
                    reached: work.reached,
                    restored_at: up.restored_at,
                };
            }
        }
    }

    /// Works until all is done, or a message was dropped; none when the link is down before.
    async fn work(&self, up: &Up, stream: Option<&str>, work: &mut Work<'_>) -> Option<bool> {
        while work.done < work.messages.len() {
            if up.fault.is_raised() {
                return None;
            }
            if work.needs_own() && work.own.is_none() {
                match self.server.connect_to_publish(LONGEST_ANSWER_TIME).await {
                    Ok(connection) => work.own = Some(connection),
                    Err(error) => {
                        tracing::debug!(%error, "no further connection to Redis can be made");
                        work.pause.wait().await;
                        continue;
                    }
                }
            }
            if work.strikes() > 0 {
                let control = self.control(stream);
                match self.send(up, work, &[&control]).await {
                    Ok(_) => {}
                    // It is not about the message: Redis takes nothing of this node.
                    Err(NotPublished::Refused { answer, .. }) => {
                        tracing::debug!(%answer, "Redis refuses a node's message to itself");
                        up.fault.raise();
                        return None;
                    }
                    Err(NotPublished::Failed(_)) => {
                        (work.is_apart, work.own) = (true, None);
                        work.pause.wait().await;
                        continue;
                    }
                }
                if work.strikes() >= STRIKES {
                    let suspect = work.suspect.take()?;
                    self.counters
                        .refused(&work.messages[suspect.at], &suspect.why, &self.keys);
                    work.done += 1;
                    return Some(true);
                }
            }
            let next = work.next();
            match self.send(up, work, &next).await {
                Ok(reached) => work.are_taken(next.len(), reached),
                Err(NotPublished::Refused { at, answer }) => work.strike(at, answer),
                Err(NotPublished::Failed(error)) => {
                    tracing::debug!(%error, "messages were not taken; they are sent again");
                    if work.needs_own() && next.len() == 1 {
                        work.strike(0, error);
                    }
                    (work.is_apart, work.own, work.window) = (true, None, 1);
                }
            }
        }
        Some(false)
    }

    /// On the connection that the work needs, which it has.
    async fn send(
        &self,
        up: &Up,
        work: &mut Work<'_>,
        messages: &[&Message],
    ) -> Result<u64, NotPublished> {
        let needs_own = work.needs_own();
        let Some(own) = work.own.as_mut().filter(|_| needs_own) else {
            return up.shared.publish(messages).await;
        };
        let bytes = messages.iter().map(|message| message.payload.len());
        let mebibytes = bytes.sum::<usize>() / (1024 * 1024);
        let time = ANSWER_TIME + Duration::from_secs(mebibytes.try_into().unwrap_or(u64::MAX / 2));
        let published = timeout(time.min(LONGEST_ANSWER_TIME), async {
            match messages {
                [message] => own.publish_alone(message).await,
                _ => own.publish(messages).await,
            }
        });
        let published = published.await;
        published.unwrap_or_else(|_| Err(NotPublished::Failed(timed_out().into())))
    }
}
