//! Delivery: from a change to the outboxes of those it matches, in turns.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use super::engine::Engine;
use super::lock;
use super::lookups::Question;
use super::plan::{Listed, Member, Members, Plan};
use super::queue::Pushed;
use crate::change::Change;
use crate::layer::{BoxFuture, Inbox};
use crate::model::Model;
use crate::predicate::Subject;
use crate::projection::{resync_event, resync_frame};
use crate::topic::Topic;

/// What may be delivered in one turn, in bytes of frames: far less than an outbox holds, so
/// that a bulk statement does not fill the outbox of a client that reads.
const TURN: usize = 64 * 1024;
const COST_OF_A_FRAME: usize = 256;
const COST_OF_A_CHANGE: usize = 128;
const COST_OF_A_TEST: usize = 32;

impl Engine {
    /// Gives other tasks a turn when enough was done: the writers of the channels have to
    /// empty what is filled here.
    async fn spend(&self, cost: usize) {
        if self.spent.fetch_add(cost, Ordering::Relaxed) + cost >= TURN {
            self.spent.store(0, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }

    /// Queues the plan's frame to its members.
    pub(super) async fn tell(&self, plan: &Plan, members: &Members, change: &Change) {
        let frame = plan.projection.frame(change);
        self.counters.frames_encoded.add(1);
        for member in members.values() {
            self.push(member, frame.clone());
            self.spend(COST_OF_A_FRAME + frame.len()).await;
        }
    }

    fn push(&self, member: &Arc<Member>, frame: Bytes) -> Pushed {
        let pushed = member.channel.outbox.push(member, frame);
        match pushed {
            Pushed::Queued => self.counters.frames_queued.add(1),
            Pushed::Ended => {}
            Pushed::Overflowed => {
                self.counters.slow_readers_closed.add(1);
                tracing::warn!(channel = ?member.channel.id, "a slow reader is closed");
            }
        }
        pushed
    }
}

impl Inbox for Engine {
    fn model(&self, stream: &str) -> Option<&'static Model> {
        self.streams.get(stream).map(|stream| stream.model)
    }

    fn missed<'a>(&'a self, stream: Option<&'a str>) -> BoxFuture<'a> {
        Box::pin(async move {
            if !self.resync {
                return;
            }
            let frames = self.streams.iter();
            let frames: HashMap<_, _> = frames
                .map(|(name, stream)| (*name, resync_frame(stream.model)))
                .collect();
            let event = resync_event();
            let channels: Vec<_> = lock(&self.channels).iter().cloned().collect();
            for channel in channels {
                for (key, member) in channel.members() {
                    if stream.is_some_and(|stream| stream != key.stream) {
                        continue;
                    }
                    let of_stream = frames.get(key.stream).filter(|_| key.is_asked());
                    let frame = of_stream.unwrap_or(&event);
                    if self.push(&member, frame.clone()) == Pushed::Queued {
                        self.counters.resyncs.add(1);
                    }
                    self.spend(COST_OF_A_FRAME + frame.len()).await;
                }
            }
        })
    }

    fn receive(&self, message: Bytes) {
        if !self.remote.receive(&message, &self.counters) {
            self.counters.messages_dropped.add(1);
        }
    }

    fn deliver<'a>(&'a self, topics: &'a [Topic], change: &'a Arc<Change>) -> BoxFuture<'a> {
        Box::pin(async move {
            self.spend(COST_OF_A_CHANGE).await;
            let Some(stream) = self.streams.get(change.model.stream) else {
                return;
            };
            // One lock for all topics: a member that moves from one to the other is seen once.
            let candidates = {
                let plans = stream.plans.read().unwrap_or_else(PoisonError::into_inner);
                plans.candidates(topics, &change.row)
            };
            let subject = Subject::new(&change.row);
            let mut undecided = Vec::new();
            for block in candidates.blocks() {
                self.spend(COST_OF_A_TEST * block.len()).await;
                for listed in block.iter().flatten() {
                    let Listed { plan, members } = listed;
                    if !plan.predicate.matches(&subject) {
                        continue;
                    }
                    if plan.predicate.custom().is_empty() {
                        self.tell(plan, members, change).await;
                    } else {
                        undecided.push(listed.clone());
                    }
                }
            }
            if !undecided.is_empty() {
                let change = Arc::clone(change);
                if !stream.lookups.ask(Question { change, undecided }) {
                    self.counters.lookups_failed.add(1);
                }
            }
        })
    }
}
