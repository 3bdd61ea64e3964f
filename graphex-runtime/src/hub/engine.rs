//! The state behind the handles, and the tasks that work on it.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use async_graphql::Data;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::task::AbortHandle;

use super::channel::{Channel, Channels};
use super::delivery::Turns;
use super::lock;
use super::lookups::Lookups;
use super::plan::PlanTable;
use super::publisher::{Batch, Publisher};
use super::remote::Remote;
use super::stats::{Counters, Stats};
use crate::change::Change;
use crate::layer::{Layer, Setup};
use crate::limits::Limits;
use crate::model::Model;
use crate::node::NodeId;

/// What a hub is built with.
pub(super) struct Options {
    pub(super) limits: Limits,
    pub(super) data: Data,
    pub(super) layer: Setup,
    pub(super) resync: bool,
}

/// What the handles share.
pub(super) struct Engine {
    pub(super) streams: HashMap<&'static str, Stream>,
    pub(super) channels: Mutex<Channels>,
    pub(super) limits: Limits,
    pub(super) publisher: Arc<Publisher>,
    /// What this process is called by, among those that share the layer.
    pub(super) node: NodeId,
    pub(super) layer: Arc<dyn Layer>,
    pub(super) remote: Remote,
    /// Whether subscriptions are told that they may have missed changes.
    pub(super) resync: bool,
    /// What custom lookups can use.
    pub(super) data: Data,
    /// Itself, for its tasks, which end with it.
    engine: Weak<Self>,
    tasks: Mutex<Tasks>,
    pub(super) turns: Turns,
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
    pub(super) lookups: Arc<Lookups>,
}

impl Stream {
    pub(super) fn new(model: &'static Model, limits: &Limits) -> Self {
        Self {
            model,
            plans: RwLock::default(),
            lookups: Arc::new(Lookups::new(limits)),
        }
    }
}

/// Ends the tasks when dropped.
#[derive(Default)]
struct Tasks(Vec<AbortHandle>);

impl Tasks {
    fn run(&self) -> bool {
        !self.0.is_empty() && !self.0.iter().any(AbortHandle::is_finished)
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

impl Engine {
    pub(super) fn new(streams: HashMap<&'static str, Stream>, options: Options) -> Arc<Self> {
        let Options {
            limits,
            data,
            layer,
            resync,
        } = options;
        let counters = Arc::<Counters>::default();
        let publisher = Publisher::new(limits.publisher_queue, Arc::clone(&counters));
        let node = NodeId::random();
        Arc::new_cyclic(|engine: &Weak<Self>| {
            let names: Vec<_> = streams.keys().copied().collect();
            let layer = layer.open(node, engine.clone(), &names, &limits);
            if layer.is_shared() {
                publisher.set_fed();
            }
            Self {
                streams,
                channels: Mutex::default(),
                limits,
                data,
                publisher: Arc::new(publisher),
                node,
                layer,
                remote: Remote::default(),
                resync,
                engine: engine.clone(),
                tasks: Mutex::default(),
                turns: Turns::default(),
                counters,
            }
        })
    }

    /// Starts the tasks that feed the layer and ask custom lookups, if there is a runtime to
    /// run them and they do not run already. A task ends with its runtime, and the hub may
    /// outlive that.
    pub(super) fn start(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let mut tasks = lock(&self.tasks);
        if tasks.run() {
            return;
        }
        let feeding = feed(
            Arc::clone(&self.publisher),
            Arc::clone(&self.layer),
            self.streams.keys().copied().collect(),
            Arc::clone(&self.counters),
        );
        let mut started = vec![runtime.spawn(feeding).abort_handle()];
        let of_layer = Arc::clone(&self.layer).tasks();
        started.extend(
            of_layer
                .into_iter()
                .map(|task| runtime.spawn(task).abort_handle()),
        );
        if self.layer.is_shared() {
            let serving = self.remote.serve(self.engine.clone());
            started.push(runtime.spawn(serving).abort_handle());
        }
        let streams = self.streams.values();
        for stream in streams.filter(|stream| !stream.model.lookups.is_empty()) {
            let answering = Arc::clone(&stream.lookups).run(self.engine.clone());
            started.push(runtime.spawn(answering).abort_handle());
        }
        *tasks = Tasks(started);
        self.publisher.set_fed();
    }

    pub(super) fn stats(&self) -> Stats {
        let channels: Vec<_> = lock(&self.channels).iter().cloned().collect();
        let held = |channel: &Arc<Channel>| lock(&channel.subscriptions).held.len();
        let (topics, plans) = self.streams.values().fold((0, 0), |sum, stream| {
            let table = stream.plans.read().unwrap_or_else(PoisonError::into_inner);
            let (topics, plans) = table.counts();
            (sum.0 + topics, sum.1 + plans)
        });
        let layer = self.layer.counts();
        Stats {
            channels: channels.len(),
            subscriptions: channels.iter().map(held).sum(),
            plans,
            topics,
            changes_published: self.counters.changes_published.get(),
            changes_lost: self.counters.changes_lost.get(),
            changes_unregistered: self.counters.changes_unregistered.get(),
            frames_encoded: self.counters.frames_encoded.get(),
            lookups_failed: self.counters.lookups_failed.get(),
            frames_queued: self.counters.frames_queued.get(),
            slow_readers_closed: self.counters.slow_readers_closed.get(),
            resyncs: self.counters.resyncs.get(),
            layer_outages: layer.outages,
            messages_unreadable: self.counters.messages_unreadable.get()
                + layer.messages_unreadable,
            messages_repeated: layer.messages_repeated,
            messages_dropped: self.counters.messages_dropped.get() + layer.messages_dropped,
            messages_refused: layer.messages_refused,
        }
    }
}

/// Feeds the layer from the publisher's queue, in order, for as long as the engine lives.
async fn feed(
    publisher: Arc<Publisher>,
    layer: Arc<dyn Layer>,
    streams: Vec<&'static str>,
    counters: Arc<Counters>,
) {
    loop {
        let Batch { changes, lost } = publisher.batch().await;
        let mut batches = HashMap::<_, VecDeque<_>>::new();
        for change in changes {
            let batch = batches.entry(change.model.stream).or_default();
            batch.push_back(change);
        }
        let publishing = batches.into_iter().map(|(stream, changes)| {
            let batch = Publishing {
                changes,
                counters: &counters,
            };
            publish(&*layer, stream, batch)
        });
        join_all(publishing).await;
        if lost {
            join_all(streams.iter().map(|stream| layer.announce_loss(stream))).await;
        }
    }
}

/// Publishes changes of one stream.
async fn publish(layer: &dyn Layer, stream: &'static str, mut batch: Publishing<'_>) {
    let mut lost = false;
    while !batch.changes.is_empty() {
        let before = batch.changes.len();
        let publishing = AssertUnwindSafe(layer.publish(&mut batch.changes));
        // A panic costs the change it was about, not all that follows.
        let panicked = publishing.catch_unwind().await.is_err();
        let published = before - batch.changes.len() - usize::from(panicked);
        batch.counters.changes_published.add(published);
        if panicked {
            batch.counters.changes_lost.add(1);
            tracing::error!("publishing a change panicked; it reaches not all subscribers");
            lost = true;
        }
    }
    if lost {
        layer.announce_loss(stream).await;
    }
}

/// Changes taken from the queue. What is left when the runtime ends is lost.
struct Publishing<'c> {
    changes: VecDeque<Arc<Change>>,
    counters: &'c Counters,
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        self.counters.changes_lost.add(self.changes.len());
    }
}
