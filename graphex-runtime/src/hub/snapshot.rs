//! The rows that there are when a subscription begins.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, Shared, WeakShared, select};
use tokio::sync::mpsc;

use super::engine::Engine;
use super::fair::{FairPermit, FairSemaphore};
use super::lock;
use super::owner::Owner;
use super::past::Past;
use super::source::{OpenError, Source};
use super::stats::Counters;
use crate::change::Change;
use crate::cursor::Cursor;
use crate::error::Refusal;
use crate::limits::Limits;
use crate::model::Model;
use crate::predicate::Predicate;

/// Snapshots that are read at once, each on connections of its own.
const AT_ONCE: usize = 2;

/// The rows of which a snapshot is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) model: &'static Model,
    pub(crate) predicate: Predicate,
    pub(crate) limits: Most,
}

/// How large a snapshot may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    /// Rows that it has.
    pub(crate) rows: usize,
    /// Rows that are read for it.
    pub(crate) reads: usize,
    /// Bytes of its rows.
    pub(crate) bytes: usize,
}

/// The rows of one moment, and what has to follow.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Rows that the predicate matches, or may match: as changes that nobody goes on after.
    pub(crate) rows: Vec<Arc<Change>>,
    /// What they take in memory.
    pub(crate) bytes: usize,
    /// What is not in the rows and comes before the position.
    pub(crate) missed: Vec<Arc<Change>>,
    /// Where one goes on.
    pub(crate) at: Cursor,
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSnapshot {
    #[error("it has more than {limit} rows")]
    Rows { limit: usize },
    #[error("more than {limit} rows would have to be read")]
    Reads { limit: usize },
    #[error("its rows have more than {limit} bytes")]
    Bytes { limit: usize },
    #[error("the log is followed on a standby, which does not tell what a transaction sees")]
    Standby,
    #[error("so much is written at once that no moment was found for it")]
    Busy,
    #[error("the model's table is not known")]
    NoTable,
    #[error("it could not be read: {0}")]
    Failed(OpenError),
}

impl From<NoSnapshot> for Refusal {
    fn from(reason: NoSnapshot) -> Self {
        match reason {
            NoSnapshot::Rows { .. } | NoSnapshot::Reads { .. } | NoSnapshot::Bytes { .. } => {
                Self::SnapshotTooLarge(reason.to_string())
            }
            NoSnapshot::Busy => Self::Unavailable,
            NoSnapshot::Standby | NoSnapshot::NoTable | NoSnapshot::Failed(_) => {
                tracing::error!(%reason, "there is no snapshot for a subscription");
                Self::Internal
            }
        }
    }
}

type Taking = BoxFuture<'static, Result<Arc<Snapshot>, Refusal>>;
type Reading = Shared<Taking>;
type Key = (&'static str, Predicate);

/// A snapshot that is being read, or waits for the permit of somebody who wants it.
struct Wish {
    reading: WeakShared<Taking>,
    /// Takes the first permit that one of them gets.
    begin: mpsc::Sender<FairPermit>,
}

/// The snapshots that are being read. Whoever wants one that is being read gets it too: what was
/// committed since follows in any case.
pub(super) struct Snapshots {
    reading: Mutex<HashMap<Key, Wish>>,
    /// Connections that wait for the next.
    idle: Arc<Mutex<Vec<Box<dyn Past>>>>,
    semaphore: FairSemaphore,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self {
            reading: Mutex::default(),
            idle: Arc::default(),
            semaphore: FairSemaphore::new(AT_ONCE),
        }
    }
}

impl Engine {
    /// The rows of a logged model that match, at a moment that is not before this is called, or as
    /// others who want the same are getting them. It waits for a permit of the owner's, or of another's
    /// who wants the same.
    pub(super) async fn snapshot(
        &self,
        owner: &Owner,
        model: &'static Model,
        predicate: &Predicate,
    ) -> Result<Arc<Snapshot>, Refusal> {
        let stream = model.stream;
        let Some(opened) = self.source() else {
            let argument = "snapshot";
            return Err(Refusal::NoLog { stream, argument });
        };
        let (reading, begin) = {
            let mut all = lock(&self.snapshots.reading);
            let key = (stream, predicate.clone());
            let known = all.get(&key);
            let known = known.and_then(|wish| Some((wish.reading.upgrade()?, wish.begin.clone())));
            match known {
                Some(known) => known,
                None => {
                    let wanted = Wanted {
                        model,
                        predicate: predicate.clone(),
                        limits: Most::of(&self.limits),
                    };
                    let (source, counters) =
                        (Arc::clone(&opened.source), Arc::clone(&self.counters));
                    let (begin, permit) = mpsc::channel(1);
                    let reading = self.snapshots.read(source, wanted, counters, permit);
                    all.retain(|_, wish| wish.reading.upgrade().is_some());
                    // It is not done, and so there is one.
                    all.extend(reading.downgrade().map(|weak| {
                        let begin = begin.clone();
                        let reading = weak;
                        (key, Wish { reading, begin })
                    }));
                    (reading, begin)
                }
            }
        };
        let permit = pin!(self.snapshots.semaphore.take(owner));
        match select(reading, permit).await {
            Either::Left((snapshot, _)) => snapshot,
            Either::Right((permit, reading)) => {
                // One that another's permit has begun needs no second.
                let _ = permit.map(|permit| begin.try_send(permit));
                reading.await
            }
        }
    }
}

impl Snapshots {
    fn read(
        &self,
        source: Arc<dyn Source>,
        wanted: Wanted,
        counters: Arc<Counters>,
        mut permit: mpsc::Receiver<FairPermit>,
    ) -> Reading {
        let idle = Arc::clone(&self.idle);
        let reading = async move {
            // Who waits for it has a sender.
            let permit = permit.recv().await.ok_or(Refusal::Internal)?;
            let stream = wanted.model.stream;
            let reading = move || {
                // Kept to the end of the query, also where nobody waits for it any more.
                let _permit = permit;
                let connected = lock(&idle).pop();
                let connected = connected.map_or_else(|| source.past(), Ok);
                let mut past = connected.map_err(NoSnapshot::Failed)?;
                let taken = past.snapshot(&wanted);
                if !matches!(taken, Err(NoSnapshot::Failed(_))) {
                    lock(&idle).push(past);
                }
                taken
            };
            // It fails when the runtime ends, and where a field of the user's panics.
            let read = tokio::task::spawn_blocking(reading).await;
            let read = read.unwrap_or_else(|error| Err(NoSnapshot::Failed(error.into())));
            let snapshot = read?;
            counters.snapshots_read.add(1);
            tracing::debug!(stream, rows = snapshot.rows.len(), "a snapshot was read");
            Ok(Arc::new(snapshot))
        };
        reading.boxed().shared()
    }
}

impl Most {
    fn of(limits: &Limits) -> Self {
        Self {
            rows: limits.snapshot_rows,
            reads: limits.snapshot_reads,
            bytes: limits.snapshot_bytes,
        }
    }
}
