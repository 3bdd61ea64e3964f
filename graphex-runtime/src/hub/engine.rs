//! The state behind the handles, and delivery.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};

use futures_util::FutureExt as _;
use tokio::task::AbortHandle;

use super::channel::{Channel, Channels};
use super::lock;
use super::plan::PlanTable;
use super::publisher::Publisher;
use super::queue::Pushed;
use super::stats::{Counters, Stats};
use crate::change::Change;
use crate::layer::{Inbox, Layer, MemoryLayer};
use crate::limits::Limits;
use crate::model::Model;
use crate::topic::Topic;

/// What the handles share.
pub(super) struct Engine {
    pub(super) streams: HashMap<&'static str, Stream>,
    pub(super) channels: Mutex<Channels>,
    pub(super) limits: Limits,
    pub(super) publisher: Arc<Publisher>,
    layer: Arc<dyn Layer>,
    /// The task that feeds the layer; it ends with the engine.
    feeding: OnceLock<Feeding>,
    pub(super) counters: Arc<Counters>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("streams", &self.streams.keys())
            .field("stats", &self.stats())
            .finish()
    }
}

/// A registered model and the plans of its stream.
pub(super) struct Stream {
    pub(super) model: &'static Model,
    pub(super) plans: RwLock<PlanTable>,
}

impl Stream {
    pub(super) fn new(model: &'static Model) -> Self {
        Self {
            model,
            plans: RwLock::default(),
        }
    }
}

/// Ends the task when dropped.
struct Feeding(AbortHandle);

impl Drop for Feeding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Engine {
    pub(super) fn new(streams: HashMap<&'static str, Stream>, limits: Limits) -> Arc<Self> {
        let counters = Arc::<Counters>::default();
        let publisher = Publisher::new(limits.publisher_queue, Arc::clone(&counters));
        Arc::new_cyclic(|engine: &Weak<Self>| Self {
            streams,
            channels: Mutex::default(),
            limits,
            publisher: Arc::new(publisher),
            layer: Arc::new(MemoryLayer::new(engine.clone())),
            feeding: OnceLock::new(),
            counters,
        })
    }

    /// Starts the task that feeds the layer, if there is a runtime to run it.
    pub(super) fn start(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        self.feeding.get_or_init(|| {
            let feeding = feed(
                Arc::clone(&self.publisher),
                Arc::clone(&self.layer),
                Arc::clone(&self.counters),
            );
            Feeding(runtime.spawn(feeding).abort_handle())
        });
    }

    pub(super) fn stats(&self) -> Stats {
        let channels: Vec<_> = lock(&self.channels).iter().cloned().collect();
        let held = |channel: &Arc<Channel>| lock(&channel.subscriptions).held.len();
        let (topics, plans) = self.streams.values().fold((0, 0), |sum, stream| {
            let table = stream.plans.read().unwrap_or_else(PoisonError::into_inner);
            let (topics, plans) = table.counts();
            (sum.0 + topics, sum.1 + plans)
        });
        Stats {
            channels: channels.len(),
            subscriptions: channels.iter().map(held).sum(),
            plans,
            topics,
            changes_published: self.counters.changes_published.get(),
            changes_lost: self.counters.changes_lost.get(),
            changes_unregistered: self.counters.changes_unregistered.get(),
            frames_encoded: self.counters.frames_encoded.get(),
            frames_queued: self.counters.frames_queued.get(),
            slow_readers_closed: self.counters.slow_readers_closed.get(),
        }
    }
}

/// Feeds the layer from the publisher's queue, in order, for as long as the engine lives.
async fn feed(publisher: Arc<Publisher>, layer: Arc<dyn Layer>, counters: Arc<Counters>) {
    loop {
        let batch = publisher.batch().await;
        let changes = batch.len();
        // A panic costs what it was about, not all that follows.
        if AssertUnwindSafe(layer.publish(batch))
            .catch_unwind()
            .await
            .is_err()
        {
            counters.changes_lost.add(changes);
            tracing::error!(
                changes,
                "publishing panicked; some of these changes are lost"
            );
        }
        counters.changes_published.add(changes);
    }
}

impl Inbox for Engine {
    fn deliver(&self, topic: &Topic, change: &Change) -> usize {
        let Some(stream) = self.streams.get(change.model.stream) else {
            return 0;
        };
        let candidates = stream
            .plans
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .candidates(topic, &change.row);
        let mut queued = 0;
        for (plan, members) in candidates {
            if !plan.predicate.matches(&change.row) {
                continue;
            }
            let frame = plan.projection.frame(change);
            self.counters.frames_encoded.add(1);
            for member in members.values() {
                let channel = &member.channel;
                match channel.outbox.push(&member.live, frame.clone()) {
                    Pushed::Queued => queued += 1,
                    Pushed::Ended => {}
                    Pushed::Overflowed => {
                        self.counters.slow_readers_closed.add(1);
                        tracing::warn!(channel = ?channel.id, "a slow reader is closed");
                    }
                }
            }
        }
        self.counters.frames_queued.add(queued);
        queued
    }
}
