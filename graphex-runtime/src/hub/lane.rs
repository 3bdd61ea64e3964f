//! Lanes: each stream's way from its queue to the outboxes, which no other stream shares.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::clock::Clock;
use super::lock;
use super::measures::LaneMeasures;
use super::plan::PlanTable;
use super::publisher::{Batch, Queue};
use super::recent::Recent;
use super::spans::{ChangeOperation, Spans};
use super::stats::Counters;
use super::subscriber::Subscriber;
use crate::change::Change;
use crate::layer::Layer;
use crate::limits::Limits;
use crate::model::Model;

/// What delivery may cost before other tasks have the processor, in bytes of frames.
const BUDGET: usize = 64 * 1024;
/// What may be delivered before the writers of the channels are woken. One write of many frames
/// costs little more than one of one frame, but nobody should wait for his first.
const WRITE_BUDGET: usize = 64 * 1024 * 1024;

/// A registered model with its subscribers, and what is on the way to them.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) model: &'static Model,
    /// The least time between two updates of one row, for all subscriptions.
    pub(super) throttle: Option<Duration>,
    pub(super) plans: RwLock<PlanTable>,
    /// From the writers of this process.
    pub(super) queue: Arc<Queue>,
    pub(super) clock: Clock,
    pub(super) recent: Mutex<Recent>,
    /// Held for the delivery of one change. Whoever holds it sees no change half delivered.
    pub(super) delivering: tokio::sync::Mutex<Budget>,
    /// Held by one subscriber that catches up while it wants the lane: a change waits for one of them
    /// at most, however many there are.
    pub(super) catching_up: tokio::sync::Mutex<()>,
    /// Whose channels' writers are to be woken when delivery rests.
    unwoken: Mutex<Vec<Arc<Subscriber>>>,
    unwritten: AtomicUsize,
    pub(super) measures: LaneMeasures,
    pub(super) spans: Spans,
}

/// What a lane's deliveries have cost since other tasks had the processor.
#[derive(Debug, Default)]
pub(super) struct Budget(usize);

impl Budget {
    /// Lets other tasks run when enough was spent.
    pub(super) async fn spend(&mut self, cost: usize) {
        if self.is_spent_with(cost) {
            self.rest().await;
        }
    }

    /// Whether with this enough was spent for other tasks to run.
    pub(super) fn is_spent_with(&mut self, cost: usize) -> bool {
        self.0 += cost;
        self.0 >= BUDGET
    }

    /// Lets other tasks run now.
    pub(super) async fn rest(&mut self) {
        self.0 = 0;
        tokio::task::yield_now().await;
    }
}

impl Lane {
    pub(super) fn new(
        model: &'static Model,
        throttle: Option<Duration>,
        limits: &Limits,
        counters: &Arc<Counters>,
    ) -> Self {
        let queue = Queue::new(limits.publisher_queue, Arc::clone(counters));
        Self {
            model,
            throttle,
            plans: RwLock::default(),
            queue: Arc::new(queue),
            clock: Clock::default(),
            recent: Mutex::default(),
            delivering: tokio::sync::Mutex::default(),
            catching_up: tokio::sync::Mutex::default(),
            unwoken: Mutex::default(),
            unwritten: AtomicUsize::new(0),
            measures: LaneMeasures::default(),
            spans: Spans::new(limits),
        }
    }

    /// Notes that the writer of this subscriber's channel has something to write.
    pub(super) fn wake_later(&self, subscriber: &Arc<Subscriber>) {
        lock(&self.unwoken).push(Arc::clone(subscriber));
    }

    /// Wakes the writers when enough waits for them.
    pub(super) fn queued(&self, bytes: usize) {
        if self.unwritten.fetch_add(bytes, Ordering::Relaxed) + bytes >= WRITE_BUDGET {
            self.flush();
        }
    }

    /// Wakes the writers of the channels that something was delivered to.
    pub(super) fn flush(&self) {
        self.unwritten.store(0, Ordering::Relaxed);
        let unwoken = std::mem::take(&mut *lock(&self.unwoken));
        for subscriber in &unwoken {
            subscriber.outbox.wake();
        }
    }

    /// Feeds the layer from the queue, in order, for as long as it is polled.
    pub(super) async fn feed(self: Arc<Self>, layer: Arc<dyn Layer>, counters: Arc<Counters>) {
        loop {
            let Batch {
                changes,
                gap,
                flushings,
            } = self.queue.batch().await;
            let mut batch = Publishing {
                changes,
                gap,
                queue: &self.queue,
            };
            while !batch.changes.is_empty() {
                let before = batch.changes.len();
                // The one that has waited longest.
                let received = batch.changes.front().map(|change| change.received);
                let span = self
                    .spans
                    .change(self.model, ChangeOperation::Publish, before);
                let publishing = layer.publish(&mut batch.changes).instrument(span);
                let publishing = AssertUnwindSafe(publishing);
                // A panic costs the change it was about, not all that follows.
                let panicked = publishing.catch_unwind().await.is_err();
                let published = before - batch.changes.len() - usize::from(panicked);
                counters.changes_published.add(published);
                if let Some(received) = received.filter(|_| !panicked) {
                    self.measures.published.since(received);
                }
                self.queue.settled(before - batch.changes.len());
                if panicked {
                    counters.changes_lost.add(1);
                    tracing::error!(stream = self.model.stream, "publishing a change panicked");
                    layer.announce_loss(self.model.stream).await;
                }
            }
            if batch.gap {
                layer.announce_loss(self.model.stream).await;
                batch.gap = false;
            }
            // Who waits for these has them.
            drop(flushings);
        }
    }
}

/// What was taken from the queue. What is left when the runtime ends is lost, and told when there
/// is another.
struct Publishing<'q> {
    changes: VecDeque<Arc<Change>>,
    gap: bool,
    queue: &'q Queue,
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        self.queue.settled(self.changes.len());
        if self.gap || !self.changes.is_empty() {
            self.queue.lose(self.changes.len());
        }
    }
}
