//! A source of changes beside the writers of this process: a change log.

use std::collections::HashMap;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};

use futures_util::FutureExt as _;
use tokio::sync::{Mutex, mpsc};

use super::engine::Engine;
#[cfg(feature = "diesel")]
use super::{Hub, HubBuilder};
use crate::change::Change;
use crate::layer::Inbox as _;
use crate::model::Model;
use crate::topic::Topic;

/// Items that wait for one lane; then the source waits.
const WAITING: usize = 8;

/// Where a source hands over what it reads.
pub(crate) trait Sink: Send {
    /// Takes changes in their order. Blocks while there is no room.
    fn changes(&self, changes: Vec<Change>);

    /// Takes note that changes are missing here, of one stream or of all that the source has.
    fn gap(&self, stream: Option<&'static str>);
}

/// A source that reads until it is dropped.
pub(crate) trait Source: Send + Sync {
    /// Reads at once: something was committed.
    fn wake(&self);

    /// Whether it reads.
    fn is_ready(&self) -> bool;
}

/// A source, and the streams of which it has all changes.
pub(crate) struct Opened {
    pub(crate) source: Box<dyn Source>,
    pub(crate) streams: Vec<&'static str>,
    /// What connections that write have to run first, so that the source hears everything.
    pub(crate) writers_run: Option<&'static str>,
}

pub(crate) type OpenError = Box<dyn Error + Send + Sync>;

/// Opens a source for a hub with these models.
pub(crate) type Open =
    Box<dyn FnOnce(&[&'static Model], Box<dyn Sink>) -> Result<Opened, OpenError> + Send>;

/// The hub could not be built: its change log cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the hub cannot be built: {0}")]
pub struct BuildError(pub(super) OpenError);

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

#[cfg(feature = "diesel")]
impl Hub {
    /// Whether the changes of this model come from a change log.
    pub(crate) fn is_logged(&self, model: &Model) -> bool {
        let opened = self.engine.source();
        opened.is_some_and(|opened| opened.streams.contains(&model.stream))
    }

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
    pub(super) fn hears_from_log(&self, change: &Change) -> bool {
        let opened = self.source();
        opened.is_some_and(|opened| opened.streams.contains(&change.model.stream))
    }
}

/// The ways from a source to the lanes, one for each lane.
#[derive(Debug)]
pub(super) struct Intake(HashMap<&'static str, Arc<Way>>);

/// The way to one lane.
#[derive(Debug)]
pub(super) struct Way {
    stream: &'static str,
    sender: mpsc::Sender<Item>,
    receiver: Mutex<mpsc::Receiver<Item>>,
}

#[derive(Debug)]
enum Item {
    Changes(Vec<Arc<Change>>),
    Gap,
}

impl Intake {
    pub(super) fn new(models: &[&'static Model]) -> Arc<Self> {
        let way = |model: &&'static Model| {
            let (sender, receiver) = mpsc::channel(WAITING);
            let way = Way {
                stream: model.stream,
                sender,
                receiver: Mutex::new(receiver),
            };
            (model.stream, Arc::new(way))
        };
        Arc::new(Self(models.iter().map(way).collect()))
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
        let started = self
            .engine
            .upgrade()
            .is_some_and(|engine| engine.is_started());
        if let (true, Some(way)) = (started, self.intake.0.get(stream)) {
            // Without a receiver there is no engine.
            let _ = way.sender.blocking_send(item);
        }
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

    fn gap(&self, stream: Option<&'static str>) {
        match stream {
            Some(stream) => self.send(stream, Item::Gap),
            None => self
                .intake
                .0
                .keys()
                .for_each(|stream| self.send(stream, Item::Gap)),
        }
    }
}

impl Way {
    /// Delivers what is handed over, for as long as it is polled and the engine lives.
    pub(super) async fn run(self: Arc<Self>, engine: Weak<Engine>) {
        let mut receiver = self.receiver.lock().await;
        while let Some(item) = receiver.recv().await {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            let delivering = AssertUnwindSafe(self.deliver(&engine, item));
            if delivering.catch_unwind().await.is_err() {
                tracing::error!(stream = self.stream, "delivering a change panicked");
                engine.missed(Some(self.stream)).await;
            }
            if receiver.is_empty() {
                engine.flush(self.stream);
            }
        }
    }

    async fn deliver(&self, engine: &Engine, item: Item) {
        match item {
            Item::Changes(changes) => {
                engine.counters.changes_published.add(changes.len());
                for change in changes {
                    let topics: Vec<_> = Topic::published(&change).collect();
                    engine.deliver(&topics, &change).await;
                }
            }
            Item::Gap => engine.missed(Some(self.stream)).await,
        }
    }
}
