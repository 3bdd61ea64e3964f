//! Delivery: from a change to the outboxes of those it matches, in turns.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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

/// What may be delivered before other tasks have a turn, in bytes of frames.
const TURN: usize = 64 * 1024;
/// What may be delivered before the writers have one. One write of many frames costs little more
/// than one of one frame, but nobody should wait for his first.
const HELD: usize = 64 * 1024 * 1024;
const COST_OF_A_FRAME: usize = 256;
const COST_OF_A_CHANGE: usize = 128;
const COST_OF_A_TEST: usize = 32;

/// Whose turn it is.
#[derive(Default)]
pub(super) struct Turns {
    /// What delivery has cost since other tasks had theirs.
    spent: AtomicUsize,
    /// And since the writers had.
    held: AtomicUsize,
    /// Members whose channels' writers are to be woken then.
    unwoken: Mutex<Vec<Arc<Member>>>,
}

impl Engine {
    /// Gives other tasks a turn when enough was done, and the writers of the channels, who have
    /// to empty what is filled here.
    async fn spend(&self, cost: usize) {
        if self.turns.held.fetch_add(cost, Ordering::Relaxed) + cost >= HELD {
            self.wake_writers();
        }
        if self.turns.spent.fetch_add(cost, Ordering::Relaxed) + cost >= TURN {
            self.give_way().await;
        }
    }

    fn wake_writers(&self) {
        self.turns.held.store(0, Ordering::Relaxed);
        let unwoken = std::mem::take(&mut *lock(&self.turns.unwoken));
        for member in &unwoken {
            member.channel.outbox.wake();
        }
    }

    async fn give_way(&self) {
        self.turns.spent.store(0, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }

    /// Queues the plan's frame to its members.
    pub(super) async fn tell(&self, plan: &Plan, members: &Members, change: &Change) {
        let frame = plan.projection.frame(change);
        self.counters.frames_encoded.add(1);
        self.tell_all(members.values(), &frame).await;
    }

    /// Queues a frame to members; to how many that live.
    async fn tell_all(&self, members: impl Iterator<Item = &Arc<Member>>, frame: &Bytes) -> usize {
        let (mut told, mut cost) = (0, 0);
        for member in members {
            match member.channel.outbox.push(member, frame.clone()) {
                Pushed::Queued { is_first, is_due } => {
                    told += 1;
                    // Before anybody can have it.
                    self.counters.frames_queued.add(1);
                    if is_first {
                        lock(&self.turns.unwoken).push(Arc::clone(member));
                    }
                    if is_due {
                        self.wake_writers();
                        self.give_way().await;
                    }
                }
                Pushed::Ended => {}
                Pushed::Overflowed => {
                    self.counters.slow_readers_closed.add(1);
                    tracing::warn!(channel = ?member.channel.id, "a slow reader is closed");
                }
            }
            cost += COST_OF_A_FRAME + frame.len();
            if cost >= TURN {
                self.spend(std::mem::take(&mut cost)).await;
            }
        }
        self.spend(cost).await;
        told
    }
}

impl Inbox for Engine {
    fn flush(&self, _stream: &str) {
        self.wake_writers();
    }

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
                    let told = self.tell_all(std::iter::once(&member), frame).await;
                    self.counters.resyncs.add(told);
                }
            }
            self.wake_writers();
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
