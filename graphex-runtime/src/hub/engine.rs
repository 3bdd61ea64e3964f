//! The state behind the handles, and the tasks that work on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_graphql::Data;
use tokio::task::{AbortHandle, JoinSet};

use super::backlog::Backlog;
use super::budget::Budgets;
use super::channels::{ChannelState, Channels, Role};
#[cfg(feature = "diesel-async")]
use super::commits::Commits;
use super::drain::Drain;
use super::holdings::Holdings;
use super::lane::Lane;
use super::lock;
use super::measures::Measures;
use super::outbox::Bounds;
use super::past::Archive;
use super::recheck::{Recheck, recheck};
use super::remote::Remote;
use super::rescope::{Rescopings, repeat_rescopings};
use super::rights::{Rights, end_expired, repeat_revocations};
use super::snapshot::Snapshots;
use super::source::{BuildError, Intake, Open, Opened};
use super::stats::{Counters, Stats};
use super::written::Written;
use crate::cursor::Cursor;
use crate::layer::{Layer, Setup};
use crate::limits::Limits;
use crate::log_limit::LogLimits;
use crate::model::Model;
use crate::node::NodeId;

/// What a hub is built with.
pub(super) struct Options {
    pub(super) limits: Limits,
    pub(super) data: Data,
    pub(super) layer: Setup,
    pub(super) recheck: Option<Recheck>,
    /// By stream.
    pub(super) throttles: HashMap<&'static str, Duration>,
}

/// What the handles share.
pub(super) struct Engine {
    pub(super) lanes: HashMap<&'static str, Arc<Lane>>,
    pub(super) channels: Mutex<Channels>,
    pub(super) holdings: Arc<Holdings>,
    pub(super) bounds: Arc<Bounds>,
    pub(super) drain: Arc<Drain>,
    pub(super) rights: Arc<Rights>,
    pub(super) rescopings: Rescopings,
    recheck: Option<Recheck>,
    pub(super) limits: Limits,
    /// What this process is called by, among those that share the layer.
    pub(super) node: NodeId,
    pub(super) layer: Arc<dyn Layer>,
    pub(super) remote: Remote,
    /// The change log, if there is one.
    source: OnceLock<Opened>,
    /// The ways from it to the lanes.
    intake: Arc<Intake>,
    /// What custom lookups can use.
    pub(super) data: Data,
    /// Itself, for its tasks, which end with it.
    engine: Weak<Self>,
    tasks: Mutex<Tasks>,
    pub(super) budgets: Budgets,
    /// What the log has of before.
    pub(super) archive: Archive,
    pub(super) written: Written,
    pub(super) snapshots: Snapshots,
    /// Tasks that work off backlogs, let subscribers catch up, or watch commits.
    beside: Mutex<JoinSet<()>>,
    #[cfg(feature = "diesel-async")]
    pub(super) commits: Commits,
    pub(super) counters: Arc<Counters>,
    pub(crate) log_limits: LogLimits,
    pub(super) measures: Measures,
}

/// Takes no lock: what is written may be written while one is held.
impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("streams", &self.lanes.keys())
            .field("node", &self.node)
            .finish_non_exhaustive()
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
    pub(super) fn new(models: &[&'static Model], options: Options) -> Arc<Self> {
        let Options {
            limits,
            data,
            layer,
            recheck,
            throttles,
        } = options;
        let counters = Arc::<Counters>::default();
        let lanes: HashMap<_, _> = models
            .iter()
            .map(|model| {
                let throttle = throttles.get(model.stream).copied();
                let lane = Lane::new(model, throttle, &limits, &counters);
                (model.stream, Arc::new(lane))
            })
            .collect();
        let node = NodeId::random();
        Arc::new_cyclic(|engine: &Weak<Self>| {
            let names: Vec<_> = lanes.keys().copied().collect();
            let layer = layer.open(node, engine.clone(), &names, &limits);
            if layer.is_shared() {
                lanes.values().for_each(|lane| lane.queue.set_fed());
            }
            Self {
                intake: Intake::new(lanes.values()),
                lanes,
                channels: Mutex::default(),
                budgets: Budgets::new(&limits),
                archive: Archive::default(),
                written: Written::default(),
                snapshots: Snapshots::default(),
                beside: Mutex::default(),
                #[cfg(feature = "diesel-async")]
                commits: Commits::default(),
                holdings: Holdings::new(&limits),
                bounds: Arc::new(Bounds::new(&limits)),
                drain: Arc::default(),
                rights: Rights::new(limits.revocations),
                rescopings: Rescopings::default(),
                recheck,
                limits,
                data,
                node,
                layer,
                remote: Remote::default(),
                source: OnceLock::new(),
                engine: engine.clone(),
                tasks: Mutex::default(),
                counters,
                log_limits: LogLimits::default(),
                measures: Measures::default(),
            }
        })
    }

    /// Starts the tasks that feed the layer, one for each stream, if there is a runtime to run
    /// them and they do not run already. A task ends with its runtime, and the hub may
    /// outlive that.
    pub(super) fn start(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let mut tasks = lock(&self.tasks);
        if tasks.run() {
            return;
        }
        let feeding = self.lanes.values().map(|lane| {
            lane.queue.set_fed();
            let (lane, layer) = (Arc::clone(lane), Arc::clone(&self.layer));
            runtime.spawn(lane.feed(layer, Arc::clone(&self.counters)))
        });
        let mut started: Vec<_> = feeding.map(|task| task.abort_handle()).collect();
        let of_layer = Arc::clone(&self.layer).tasks();
        started.extend(
            of_layer
                .into_iter()
                .map(|task| runtime.spawn(task).abort_handle()),
        );
        if self.layer.is_shared() {
            let serving = self.remote.serve(self.engine.clone());
            started.push(runtime.spawn(serving).abort_handle());
            let repeating = repeat_revocations(self.engine.clone());
            started.push(runtime.spawn(repeating).abort_handle());
            let repeating = repeat_rescopings(self.engine.clone());
            started.push(runtime.spawn(repeating).abort_handle());
        }
        let ending = end_expired(self.engine.clone());
        started.push(runtime.spawn(ending).abort_handle());
        if let Some(of) = &self.recheck {
            let rechecking = recheck(of.clone(), self.engine.clone());
            started.push(runtime.spawn(rechecking).abort_handle());
        }
        let ways = self.intake.ways();
        started.extend(ways.map(|way| {
            let running = Arc::clone(way).run(self.engine.clone());
            runtime.spawn(running).abort_handle()
        }));
        *tasks = Tasks(started);
    }

    #[cfg(feature = "diesel")]
    pub(super) fn weak(&self) -> Weak<Self> {
        self.engine.clone()
    }

    /// Whether there is a task for each lane.
    pub(super) fn is_started(&self) -> bool {
        lock(&self.tasks).run()
    }

    /// Opens the source of logged changes, once.
    pub(super) fn open(&self, open: Open, models: &[&'static Model]) -> Result<(), BuildError> {
        let sink = self.intake.sink(self.engine.clone());
        let opened = open(models, sink).map_err(BuildError)?;
        // There is no second one: the builder has one.
        let _ = self.source.set(opened);
        Ok(())
    }

    /// The source of logged changes.
    pub(super) fn source(&self) -> Option<&Opened> {
        self.source.get()
    }

    /// Starts a task that works off a backlog; it ends with the engine.
    pub(super) fn work_off(&self, lane: &Arc<Lane>, backlog: &Arc<Backlog>) {
        self.run_beside(Arc::clone(backlog).run(Arc::clone(lane), self.engine.clone()));
    }

    /// Starts a task beside the lanes; it ends with the engine.
    pub(super) fn run_beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut beside = lock(&self.beside);
        while beside.try_join_next().is_some() {}
        beside.spawn(task);
    }

    /// Itself, for its tasks.
    pub(super) fn handle(&self) -> Weak<Self> {
        self.engine.clone()
    }

    /// Changes of the stream are missing before this position of the log.
    pub(super) fn lane_missed(&self, stream: &str, at: Cursor) {
        self.archive.forget();
        if let Some(lane) = self.lanes.get(stream) {
            lock(&lane.recent).clear();
            lane.clock.reach(at);
        }
    }

    pub(super) fn stats(&self) -> Stats {
        let channels: Vec<_> = lock(&self.channels).iter().cloned().collect();
        let held = |channel: &Arc<ChannelState>| lock(&channel.subscriptions).held.len();
        let of_role = |role| channels.iter().filter(move |channel| channel.role == role);
        let (topics, plans) = self.lanes.values().fold((0, 0), |sum, lane| {
            let table = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
            let (topics, plans) = table.counts();
            (sum.0 + topics, sum.1 + plans)
        });
        let layer = self.layer.counts();
        Stats {
            channels: of_role(Role::Client).count(),
            subscriptions: channels.iter().map(held).sum(),
            unshared: of_role(Role::Branch).map(held).sum(),
            plans,
            topics,
            changes_waiting: self.lanes.values().map(|lane| lane.queue.waiting()).sum(),
            decisions_waiting: self.budgets.waiting(),
            changes_published: self.counters.changes_published.get(),
            changes_lost: self.counters.changes_lost.get(),
            changes_unregistered: self.counters.changes_unregistered.get(),
            frames_encoded: self.counters.frames_encoded.get(),
            lookups_failed: self.counters.lookups_failed.get(),
            frames_queued: self.counters.frames_queued.get(),
            decisions_dropped: self.counters.decisions_dropped.get(),
            budgets_spent: self.counters.budgets_spent.get(),
            frames_too_large: self.counters.frames_too_large.get(),
            overflows: self.counters.overflows.get(),
            slow_readers_closed: self.counters.slow_readers_closed.get(),
            rights_ended: self.counters.rights_ended.get(),
            revocations_forgotten: self.counters.revocations_forgotten.get(),
            rechecks_failed: self.counters.rechecks_failed.get(),
            documents_refused: self.counters.documents_refused.get(),
            resyncs: self.counters.resyncs.get(),
            snapshots_read: self.counters.snapshots_read.get(),
            layer_outages: layer.outages,
            messages_unreadable: self.counters.messages_unreadable.get()
                + layer.messages_unreadable,
            messages_repeated: layer.messages_repeated,
            messages_dropped: self.counters.messages_dropped.get() + layer.messages_dropped,
            messages_refused: layer.messages_refused,
        }
    }
}
