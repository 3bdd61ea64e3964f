//! The hub: streams, plans, channels and one layer.
//!
//! # Lock order
//!
//! A channel's subscriptions, then a lane's plans, then a backlog or an outbox. What is
//! [held](holdings) is locked last, and the table of channels alone. None of these is held while a
//! frame is encoded or across an `await`. What is: `Lane::delivering`, an asynchronous mutex that a
//! lane holds for one change. It comes before all others.

mod backlog;
mod begin;
mod branch;
mod budget;
mod builder;
mod catch_up;
mod channel;
mod channels;
mod clock;
#[cfg(feature = "diesel-async")]
mod commits;
mod cost;
mod delivery;
mod drain;
mod engine;
mod explain;
mod fair;
mod find;
mod flush;
mod frame;
mod holdings;
mod identity;
mod inbox;
mod index;
mod join;
mod lane;
mod listener;
mod lookups;
mod measures;
#[cfg(feature = "metrics")]
mod metrics;
mod operation;
#[cfg(feature = "diesel")]
mod other_hubs;
mod outbox;
mod owner;
#[cfg_attr(
    not(feature = "diesel"),
    allow(dead_code, reason = "a change log is read through Diesel")
)]
mod past;
mod plan;
mod position;
#[cfg_attr(
    not(feature = "diesel"),
    allow(dead_code, reason = "only capture from transactions reserves places")
)]
mod publisher;
mod rate;
mod recent;
mod recheck;
mod remote;
mod replace;
mod rescope;
mod rights;
mod slab;
#[cfg_attr(
    not(feature = "diesel"),
    allow(dead_code, reason = "rows are read through Diesel")
)]
mod snapshot;
#[cfg_attr(
    not(feature = "diesel"),
    allow(dead_code, reason = "a change log is read through Diesel")
)]
mod source;
mod spans;
mod stats;
mod subscriber;
mod throttle;
#[cfg(any(feature = "diesel", test))]
mod ticket;
mod transition;
mod written;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use begin::{Begin, Place, Resumed};
pub use builder::HubBuilder;
pub use channel::Channel;
pub(crate) use channel::Subscription;
pub use channels::ChannelId;
#[cfg(feature = "axum")]
pub(crate) use channels::secret;
#[cfg(feature = "diesel-async")]
pub(crate) use commits::WatchedCommit;
#[cfg(feature = "axum")]
pub(crate) use drain::Present;
pub use explain::{Explained, Explanation, Reason, Term, TermKind};
#[cfg(feature = "diesel")]
pub(crate) use flush::Flushing;
#[cfg(feature = "axum")]
pub(crate) use holdings::Held;
pub use identity::Identity;
pub use listener::{Event, FieldError, ListenError, Listener, Subscribing, TypedChange};
pub(crate) use operation::{Envelope, Operation, Registration};
#[cfg(feature = "axum")]
pub(crate) use outbox::Taken;
#[cfg(feature = "diesel")]
pub(crate) use past::{Page, Past, Then};
#[cfg(feature = "diesel")]
pub(crate) use snapshot::{NoSnapshot, Snapshot, Wanted};
pub use source::BuildError;
#[cfg(feature = "diesel")]
pub(crate) use source::{OpenError, Opened, Sink, Source};
pub(crate) use spans::subscribed;
pub use stats::Stats;
#[cfg(feature = "diesel")]
pub(crate) use ticket::Ticket;

use engine::Engine;
use lane::Lane;

use crate::change::{Action, Change};
use crate::limits::Limits;
use crate::model::{Model, ModelType};

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

impl Hub {
    /// Hands a change over to the subscribers, for writes that `.broadcast()` cannot see.
    ///
    /// On a model with a change log it is an event beside the log: it has no position there, and is
    /// lost with the process.
    ///
    /// Call it when the write is committed. It neither blocks nor fails: a model that is not
    /// registered and a full queue are logged and counted in [`Hub::stats`].
    pub fn publish<M: ModelType>(&self, action: Action, row: &M) {
        let model = M::MODEL;
        let Some(lane) = self.lane_of(model) else {
            self.engine.counters.changes_unregistered.add(1);
            tracing::error!(
                model = model.name,
                "a change of a model that the hub does not know is dropped; add \
                 `.model::<{}>()` to `Hub::builder()`",
                model.name
            );
            return;
        };
        let change = Change {
            published: true,
            ..Change::unlogged(model, action, row.to_row())
        };
        lane.queue.publish([change]);
    }

    /// The limits that the hub was built with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.engine.limits
    }

    /// Whether the hub is connected to its layer and its change log: it is false while Redis or the database
    /// is away, and until Redis has answered for the first time; and from [`drain`](Self::drain)
    /// on. On the in-memory layer and without a change log it is true until then.
    ///
    /// For a health endpoint that tells a load balancer where to send new clients. Those who are
    /// connected stay connected, and are served when the layer is back.
    #[must_use]
    pub fn ready(&self) -> bool {
        // A hub that was built outside of a runtime begins where it is first asked.
        self.engine.start();
        !self.is_draining()
            && self.engine.layer.is_ready()
            && self
                .engine
                .source()
                .is_none_or(|opened| opened.source.is_ready())
    }

    /// What the hub holds and what it did.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Whether this very model is registered.
    pub(crate) fn has_model(&self, model: &Model) -> bool {
        self.lane_of(model).is_some()
    }

    /// The lane of this very model. By value: a constant has no single address.
    fn lane_of(&self, model: &Model) -> Option<&Arc<Lane>> {
        let lane = self.engine.lanes.get(model.stream)?;
        let known = lane.model;
        ((known.name, known.label) == (model.name, model.label)).then_some(lane)
    }

    /// The model whose two-channel subscription field has this name.
    pub(crate) fn model_of_field(&self, field: &str) -> Option<&'static Model> {
        let mut models = self.engine.lanes.values().map(|lane| lane.model);
        models.find(|model| model.field == field || model.changes == field)
    }

    /// Whether this is a handle to the same hub.
    #[cfg(feature = "diesel")]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.engine, &other.engine)
    }
}
