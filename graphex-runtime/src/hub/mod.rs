//! The hub: streams, plans, channels and one layer.
//!
//! # Lock order
//!
//! A channel's subscriptions, then a stream's plans, then an outbox. The table of channels
//! is locked alone. No lock is held while a frame is encoded or across an `await`.

mod channel;
mod connection;
mod index;
mod plan;
#[cfg_attr(
    not(feature = "diesel"),
    allow(dead_code, reason = "only capture from transactions reserves places")
)]
mod publisher;
mod queue;
mod stats;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use futures_util::FutureExt as _;
use tokio::task::AbortHandle;

pub use channel::{ChannelId, Identity};
pub use connection::Connection;
pub(crate) use connection::Subscription;
#[cfg(feature = "diesel")]
pub(crate) use publisher::Ticket;
pub use queue::CloseReason;
pub use stats::Stats;

use channel::{Channel, Channels};
use plan::PlanTable;
use publisher::Publisher;
use queue::Pushed;
use stats::Counters;

use crate::change::{Action, Change};
use crate::layer::{Inbox, Layer, MemoryLayer};
use crate::limits::Limits;
use crate::model::{Model, ModelType};
use crate::topic::Topic;

/// A panic while a lock is held leaves no half-made state behind here: every critical section
/// is a few inserts and removals that do not run foreign code.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine of a process: takes changes from writers and delivers them to subscribers.
///
/// A hub is a handle; clones are the same hub. Put one into the schema
/// (`Schema::build(…).data(hub.clone())`), one into the router, and attach it to the
/// connections that write.
///
/// ```
/// use graphex_runtime::Hub;
///
/// let hub = Hub::builder().build();
/// assert_eq!(hub.stats().channels, 0);
/// ```
#[derive(Clone, Debug)]
pub struct Hub {
    engine: Arc<Engine>,
}

/// Collects the models and limits of a [`Hub`].
#[derive(Debug, Default)]
#[must_use = "call `build` to get the hub"]
pub struct HubBuilder {
    models: Vec<&'static Model>,
    limits: Limits,
}

impl HubBuilder {
    /// Serves the stream of this model.
    pub fn model<M: ModelType>(mut self) -> Self {
        self.models.push(M::MODEL);
        self
    }

    /// Changes the [`Limits`].
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Makes the hub, on the in-memory layer.
    ///
    /// Its publisher runs on the tokio runtime that this is called in or, outside of one, on
    /// the runtime that opens the first channel.
    ///
    /// # Panics
    ///
    /// When two of the models have one stream name: they would deliver each other's rows.
    #[must_use]
    pub fn build(self) -> Hub {
        let mut streams = HashMap::new();
        for model in self.models {
            let taken = streams.insert(model.stream, Stream::new(model));
            #[expect(
                clippy::panic,
                reason = "documented: a mistake in the program's set-up"
            )]
            if let Some(other) = taken {
                let (name, other, stream) = (model.name, other.model.name, model.stream);
                panic!("models `{other}` and `{name}` both have `stream = \"{stream}\"`");
            }
        }
        let counters = Arc::<Counters>::default();
        let capacity = self.limits.publisher_queue;
        let engine = Arc::new_cyclic(|engine: &Weak<Engine>| Engine {
            streams,
            channels: Mutex::default(),
            limits: self.limits,
            publisher: Arc::new(Publisher::new(capacity, Arc::clone(&counters))),
            layer: Arc::new(MemoryLayer::new(engine.clone())),
            feeding: OnceLock::new(),
            counters,
        });
        engine.start();
        Hub { engine }
    }
}

impl Hub {
    /// Starts a hub: name its models, then [`HubBuilder::build`].
    pub fn builder() -> HubBuilder {
        HubBuilder::default()
    }

    /// Hands a change over to the subscribers, for writes that `.broadcast()` cannot see.
    ///
    /// Call it when the write is committed. It neither blocks nor fails: a model that is not
    /// registered and a full queue are logged and counted in [`Hub::stats`].
    pub fn publish<M: ModelType>(&self, action: Action, row: &M) {
        if !self.has_model(M::MODEL) {
            self.engine.counters.changes_unregistered.add(1);
            tracing::error!(
                model = M::MODEL.name,
                "a change of a model that the hub does not know is dropped; add \
                 `.model::<{}>()` to `Hub::builder()`",
                M::MODEL.name
            );
            return;
        }
        let (model, row) = (M::MODEL, row.to_row());
        let change = Change { model, action, row };
        self.engine.publisher.publish(vec![change]);
    }

    /// The limits that the hub was built with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.engine.limits
    }

    /// What the hub holds and what it did.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Whether this very model is registered. By value: a constant has no single address.
    pub(crate) fn has_model(&self, model: &Model) -> bool {
        let known = self.engine.streams.get(model.stream);
        known
            .is_some_and(|known| (known.model.name, known.model.label) == (model.name, model.label))
    }

    /// Reserves the place of a transaction that is about to commit.
    #[cfg(feature = "diesel")]
    pub(crate) fn reserve(&self, changes: Vec<Change>) -> Ticket {
        self.engine.publisher.reserve(changes)
    }
}

/// What the handles share.
struct Engine {
    streams: HashMap<&'static str, Stream>,
    channels: Mutex<Channels>,
    limits: Limits,
    publisher: Arc<Publisher>,
    layer: Arc<dyn Layer>,
    /// The task that feeds the layer; it ends with the engine.
    feeding: OnceLock<Feeding>,
    counters: Arc<Counters>,
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
struct Stream {
    model: &'static Model,
    plans: RwLock<PlanTable>,
}

impl Stream {
    fn new(model: &'static Model) -> Self {
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
    /// Starts the task that feeds the layer, if there is a runtime to run it.
    fn start(&self) {
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

    fn stats(&self) -> Stats {
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
