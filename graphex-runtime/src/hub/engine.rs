//! The state behind the handles, and delivery.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use async_graphql::Data;
use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::task::AbortHandle;

use super::channel::{Channel, Channels};
use super::lock;
use super::lookups::{Lookups, Question};
use super::plan::{Listed, Member, Members, Plan, PlanTable};
use super::publisher::Publisher;
use super::queue::Pushed;
use super::stats::{Counters, Stats};
use crate::change::Change;
use crate::layer::{BoxFuture, Inbox, Layer, MemoryLayer};
use crate::limits::Limits;
use crate::model::Model;
use crate::predicate::Subject;
use crate::topic::Topic;

/// What may be delivered before other tasks have a turn, in bytes of frames.
const TURN: usize = 64 * 1024;
/// What may be delivered before the writers have one. One write of many frames costs little more
/// than one of one frame, but nobody should wait for his first.
const HELD: usize = 64 * 1024 * 1024;
const COST_OF_A_FRAME: usize = 256;
const COST_OF_A_CHANGE: usize = 128;
const COST_OF_A_TEST: usize = 32;

/// What the handles share.
pub(super) struct Engine {
    pub(super) streams: HashMap<&'static str, Stream>,
    pub(super) channels: Mutex<Channels>,
    pub(super) limits: Limits,
    pub(super) publisher: Arc<Publisher>,
    layer: Arc<dyn Layer>,
    /// What custom lookups can use.
    pub(super) data: Data,
    /// Itself, for its tasks, which end with it.
    engine: Weak<Self>,
    tasks: Mutex<Tasks>,
    /// What delivery has cost since others had their turn, in the unit of [`TURN`].
    spent: AtomicUsize,
    /// And since the writers had theirs.
    held: AtomicUsize,
    /// Members whose channels' writers are to be woken then.
    unwoken: Mutex<Vec<Arc<Member>>>,
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
    lookups: Arc<Lookups>,
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
    pub(super) fn new(
        streams: HashMap<&'static str, Stream>,
        limits: Limits,
        data: Data,
    ) -> Arc<Self> {
        let counters = Arc::<Counters>::default();
        let publisher = Publisher::new(limits.publisher_queue, Arc::clone(&counters));
        Arc::new_cyclic(|engine: &Weak<Self>| Self {
            streams,
            channels: Mutex::default(),
            limits,
            data,
            publisher: Arc::new(publisher),
            layer: Arc::new(MemoryLayer::new(engine.clone())),
            engine: engine.clone(),
            tasks: Mutex::default(),
            spent: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            unwoken: Mutex::default(),
            counters,
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
            Arc::clone(&self.counters),
        );
        let mut started = vec![runtime.spawn(feeding).abort_handle()];
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
        }
    }
}

/// Feeds the layer from the publisher's queue, in order, for as long as the engine lives.
async fn feed(publisher: Arc<Publisher>, layer: Arc<dyn Layer>, counters: Arc<Counters>) {
    loop {
        let mut batch = Batch {
            changes: publisher.batch().await.into(),
            counters: &counters,
        };
        while !batch.changes.is_empty() {
            let before = batch.changes.len();
            let publishing = AssertUnwindSafe(layer.publish(&mut batch.changes));
            // A panic costs the change it was about, not all that follows.
            let panicked = publishing.catch_unwind().await.is_err();
            let published = before - batch.changes.len() - usize::from(panicked);
            counters.changes_published.add(published);
            if panicked {
                counters.changes_lost.add(1);
                tracing::error!("publishing a change panicked; it reaches not all subscribers");
            }
        }
    }
}

/// Changes taken from the queue. What is left when the runtime ends is lost.
struct Batch<'c> {
    changes: VecDeque<Arc<Change>>,
    counters: &'c Counters,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.counters.changes_lost.add(self.changes.len());
    }
}

impl Engine {
    /// Gives other tasks a turn when enough was done, and the writers of the channels, who have
    /// to empty what is filled here.
    async fn spend(&self, cost: usize) {
        if self.held.fetch_add(cost, Ordering::Relaxed) + cost >= HELD {
            self.flush();
        }
        if self.spent.fetch_add(cost, Ordering::Relaxed) + cost >= TURN {
            self.give_way().await;
        }
    }

    async fn give_way(&self) {
        self.spent.store(0, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }

    /// Queues the plan's frame to its members.
    pub(super) async fn tell(&self, plan: &Plan, members: &Members, change: &Change) {
        let frame = plan.projection.frame(change);
        self.counters.frames_encoded.add(1);
        let mut cost = 0;
        for member in members.values() {
            if self.push(member, frame.clone()) {
                self.flush();
                self.give_way().await;
            }
            cost += COST_OF_A_FRAME + frame.len();
            if cost >= TURN {
                self.spend(std::mem::take(&mut cost)).await;
            }
        }
        self.spend(cost).await;
    }

    /// Whether the writers are due.
    fn push(&self, member: &Arc<Member>, frame: Bytes) -> bool {
        match member.channel.outbox.push(member, frame) {
            Pushed::Queued { is_first, is_due } => {
                self.counters.frames_queued.add(1);
                if is_first {
                    lock(&self.unwoken).push(Arc::clone(member));
                }
                is_due
            }
            Pushed::Ended => false,
            Pushed::Overflowed => {
                self.counters.slow_readers_closed.add(1);
                tracing::warn!(channel = ?member.channel.id, "a slow reader is closed");
                false
            }
        }
    }
}

impl Inbox for Engine {
    fn flush(&self) {
        self.held.store(0, Ordering::Relaxed);
        let unwoken = std::mem::take(&mut *lock(&self.unwoken));
        for member in &unwoken {
            member.channel.outbox.wake();
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
