//! A source of changes beside the writers of this process: a change log.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tracing::{Instrument as _, Span};

use super::Hub;
#[cfg(feature = "diesel")]
use super::HubBuilder;
use super::clock::Clock;
use super::engine::Engine;
use super::flush::Flushing;
use super::lane::Lane;
use super::lock;
use super::past::Past;
use super::spans::ChangeOperation;
use crate::change::Change;
use crate::cursor::Cursor;
use crate::layer::Inbox as _;
use crate::model::Model;
use crate::topic::{Topic, Topics};

/// Items that wait for one lane; then the source waits.
const WAITING: usize = 8;
/// Time after which a source that waits looks whether its hub is still there.
const LOOK: Duration = Duration::from_millis(100);

/// Where a source hands over what it reads.
pub(crate) trait Sink: Send {
    /// Takes changes in their order. Blocks while there is no room.
    fn changes(&self, changes: Vec<Change>);

    /// Takes it behind what was handed over.
    fn flush(&self, flushing: Flushing);

    /// Takes note that changes of a stream are missing before this position.
    fn gap(&self, stream: &'static str, at: Cursor);

    /// Takes note that there is nothing more of a stream up to this position.
    fn reached(&self, stream: &'static str, at: Cursor);
}

/// A source that reads until it is dropped.
pub(crate) trait Source: Send + Sync {
    /// Reads at once: something was committed.
    fn wake(&self);

    /// Reads at once, and hands it over behind all that was committed before.
    fn flush(&self, flushing: Flushing);

    /// Whether it reads.
    fn is_ready(&self) -> bool;

    /// How long ago it had read all that there was.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "for the metrics"))]
    fn lag(&self) -> Duration;

    /// Connects to read what was told before. Blocks.
    fn past(&self) -> Result<Box<dyn Past>, OpenError>;
}

/// A source, and the streams of which it has all changes.
pub(crate) struct Opened {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) streams: Vec<&'static str>,
    /// What connections that write have to run first, so that the source is notified of everything.
    pub(crate) writers_run: Option<&'static str>,
}

pub(crate) type OpenError = Box<dyn Error + Send + Sync>;

/// Opens a source for a hub with these models.
pub(crate) type Open =
    Box<dyn FnOnce(&[&'static Model], Box<dyn Sink>) -> Result<Opened, OpenError> + Send>;

/// The hub could not be built: its change log cannot be read.
///
/// `Debug` writes what `Display` does, with the SQL that mends it as it is to be run: that is what a
/// `main` shows that returns it.
#[derive(thiserror::Error)]
#[error("the hub cannot be built: {0}")]
pub struct BuildError(pub(super) OpenError);

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl BuildError {
    /// What is behind it: with a change log a [`ChangeLogError`](crate::ChangeLogError).
    #[must_use]
    pub fn reason(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

#[cfg(feature = "diesel")]
impl HubBuilder {
    /// Reads changes from what this opens.
    pub(crate) fn source(mut self, open: Open) -> Self {
        self.source = Some(open);
        self
    }

    /// The models so far.
    pub(crate) fn models(&self) -> &[&'static Model] {
        &self.models
    }
}

impl Hub {
    /// Whether the changes of this model come from a change log.
    pub(crate) fn is_logged(&self, model: &Model) -> bool {
        let opened = self.engine.source();
        opened.is_some_and(|opened| opened.streams.contains(&model.stream))
    }
}

#[cfg(feature = "diesel")]
impl Hub {
    /// What connections that write have to run first, for the sake of the change log.
    pub(crate) fn writers_run(&self) -> Option<&'static str> {
        self.engine.source()?.writers_run
    }

    /// A writer of this process has committed: the change log is read at once.
    pub(crate) fn committed(&self) {
        if let Some(opened) = self.engine.source() {
            opened.source.wake();
        }
    }
}

impl Engine {
    /// Whether the source tells of the model's changes, so that nobody else has to.
    pub(super) fn comes_from_log(&self, change: &Change) -> bool {
        let opened = self.source();
        opened.is_some_and(|opened| opened.streams.contains(&change.model.stream))
    }
}

/// The ways from a source to the lanes, one for each lane.
#[derive(Debug)]
pub(super) struct Intake(HashMap<&'static str, Arc<Way>>);

/// The way to one lane: a bounded queue between a thread and a task.
#[derive(Debug)]
pub(super) struct Way {
    stream: &'static str,
    handed: Mutex<Handed>,
    room: Condvar,
    filled: Notify,
    /// The lane's.
    clock: Clock,
}

/// What was handed over.
#[derive(Debug, Default)]
struct Handed {
    items: VecDeque<Item>,
    /// Whether the last one that was taken is being delivered.
    is_delivering: bool,
    /// Where the source was when it had handed over all of these.
    reached: Option<Cursor>,
}

#[derive(Debug)]
enum Item {
    Changes(Vec<Arc<Change>>),
    Gap(Cursor),
    /// Somebody waits for what was handed over before.
    Flush(Flushing),
}

impl Intake {
    pub(super) fn new<'l>(lanes: impl Iterator<Item = &'l Arc<Lane>>) -> Arc<Self> {
        let way = |lane: &'l Arc<Lane>| {
            let way = Way {
                stream: lane.model.stream,
                handed: Mutex::default(),
                room: Condvar::new(),
                filled: Notify::new(),
                clock: lane.clock.clone(),
            };
            (way.stream, Arc::new(way))
        };
        Arc::new(Self(lanes.map(way).collect()))
    }

    /// What hands over to an engine. Before its tasks ran there can be no subscriber, and nobody
    /// misses anything.
    pub(super) fn sink(self: &Arc<Self>, engine: Weak<Engine>) -> Box<dyn Sink> {
        let intake = Arc::clone(self);
        Box::new(EngineSink { intake, engine })
    }

    pub(super) fn ways(&self) -> impl Iterator<Item = &Arc<Way>> {
        self.0.values()
    }
}

struct EngineSink {
    intake: Arc<Intake>,
    engine: Weak<Engine>,
}

impl EngineSink {
    fn send(&self, stream: &str, item: Item) {
        let Some(way) = self.intake.0.get(stream) else {
            return;
        };
        let mut handed = lock(&way.handed);
        while self.is_served() {
            if handed.items.len() < WAITING {
                handed.items.push_back(item);
                way.filled.notify_one();
                return;
            }
            let waited = way.room.wait_timeout(handed, LOOK);
            handed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether somebody takes what is handed over.
    fn is_served(&self) -> bool {
        let engine = self.engine.upgrade();
        engine.is_some_and(|engine| engine.is_started())
    }
}

impl Sink for EngineSink {
    fn changes(&self, changes: Vec<Change>) {
        // Streams keep their own order, and need none among each other.
        let mut of_streams: Vec<(&'static str, Vec<Arc<Change>>)> = Vec::new();
        for change in changes {
            let stream = change.model.stream;
            let change = Arc::new(change);
            match of_streams.iter_mut().find(|(other, _)| *other == stream) {
                Some((_, changes)) => changes.push(change),
                None => of_streams.push((stream, vec![change])),
            }
        }
        for (stream, changes) in of_streams {
            self.send(stream, Item::Changes(changes));
        }
    }

    fn flush(&self, flushing: Flushing) {
        let streams = self.intake.0.keys();
        streams.for_each(|stream| self.send(stream, Item::Flush(flushing.clone())));
    }

    fn gap(&self, stream: &'static str, at: Cursor) {
        self.send(stream, Item::Gap(at));
    }

    fn reached(&self, stream: &'static str, at: Cursor) {
        if let Some(way) = self.intake.0.get(stream) {
            way.reached(at);
        }
    }
}

impl Way {
    /// Delivers what is handed over, for as long as it is polled and the engine lives.
    pub(super) async fn run(self: Arc<Self>, engine: Weak<Engine>) {
        loop {
            let Some(item) = self.take() else {
                if let Some(engine) = engine.upgrade() {
                    engine.flush(self.stream);
                }
                self.filled.notified().await;
                continue;
            };
            let Some(engine) = engine.upgrade() else {
                return;
            };
            let delivering = AssertUnwindSafe(self.deliver(&engine, item));
            if delivering.catch_unwind().await.is_err() {
                tracing::error!(stream = self.stream, "delivering a change panicked");
                engine.missed(Some(self.stream)).await;
            }
        }
    }

    /// Takes what comes next; all before it is delivered.
    fn take(&self) -> Option<Item> {
        let mut handed = lock(&self.handed);
        let item = handed.items.pop_front();
        handed.is_delivering = item.is_some();
        if let (None, Some(at)) = (&item, handed.reached.take()) {
            self.clock.reach(at);
        }
        drop(handed);
        self.room.notify_one();
        item
    }

    /// The source has nothing more up to here.
    fn reached(&self, at: Cursor) {
        let mut handed = lock(&self.handed);
        if handed.items.is_empty() && !handed.is_delivering {
            self.clock.reach(at);
        } else {
            handed.reached = Some(at);
        }
    }

    async fn deliver(&self, engine: &Engine, item: Item) {
        match item {
            Item::Changes(changes) => {
                engine.counters.changes_published.add(changes.len());
                let span = engine.lanes.get(self.stream).map(|lane| {
                    lane.spans
                        .change(lane.model, ChangeOperation::Receive, changes.len())
                });
                let delivering = async {
                    for change in changes {
                        let topics: Topics = Topic::published(&change).collect();
                        engine.deliver(&topics, &change).await;
                    }
                };
                delivering.instrument(span.unwrap_or_else(Span::none)).await;
            }
            Item::Flush(flushing) => {
                engine.flush(self.stream);
                drop(flushing);
            }
            Item::Gap(at) => {
                // Nobody is told where the lane is before all are told of the gap.
                let lane = engine.lanes.get(self.stream);
                let _delivering = match lane {
                    Some(lane) => Some(lane.delivering.lock().await),
                    None => None,
                };
                engine.lane_missed(self.stream, at);
                engine.missed(Some(self.stream)).await;
            }
        }
    }
}
