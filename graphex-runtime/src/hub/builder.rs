//! Building a hub.

use std::collections::HashMap;
use std::time::Duration;

use async_graphql::Data;

use super::Hub;
use super::engine::{Engine, Options};
use super::recheck::Recheck;
use super::source::{BuildError, Open};
use crate::layer::Setup;
use crate::limits::Limits;
use crate::model::{Model, ModelType};

/// Collects the models and limits of a [`Hub`].
#[must_use = "call `build` to get the hub"]
pub struct HubBuilder {
    pub(super) models: Vec<&'static Model>,
    limits: Limits,
    data: Data,
    layer: Setup,
    pub(super) source: Option<Open>,
    pub(super) recheck: Option<Recheck>,
    throttles: HashMap<&'static str, Duration>,
}

impl std::fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let streams: Vec<_> = self.models.iter().map(|model| model.stream).collect();
        f.debug_struct("HubBuilder")
            .field("streams", &streams)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl HubBuilder {
    /// Serves the stream of this model.
    pub fn model<M: ModelType>(mut self) -> Self {
        self.models.push(M::MODEL);
        self
    }

    /// Tells of the updates of one row of this model once in `interval` at most: of those in between
    /// comes the newest, and the last always. Creates and deletes come at once, after what is held
    /// back of their row, and so do updates that make a row one of the subscription's, or one no
    /// longer. Default: every update is told.
    ///
    /// It is of all subscriptions to the stream, in both protocols. A client of `MessageChanges` may
    /// ask for a longer one with the argument `throttle`, up to
    /// [`Limits::longest_throttle`](crate::Limits::longest_throttle).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use graphex_runtime::{Hub, ModelType};
    /// fn build<Position: ModelType>() -> Hub {
    ///     Hub::builder()
    ///         .model::<Position>()
    ///         .throttle::<Position>(Duration::from_millis(100))
    ///         .build()
    /// }
    /// ```
    pub fn throttle<M: ModelType>(mut self, interval: Duration) -> Self {
        self.throttles.insert(M::MODEL.stream, interval);
        self
    }

    /// Changes the [`Limits`].
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Gives custom lookups something to use, for example a pool of connections; one of each
    /// type. They find it with [`LookupContext::data`](crate::LookupContext::data).
    pub fn data<T: Send + Sync + 'static>(mut self, data: T) -> Self {
        self.data.insert(data);
        self
    }

    /// Joins the processes that have the same Redis and prefix: they are one service, and a
    /// change that any of them publishes reaches the subscribers of all. Default: the process is
    /// alone, on the in-memory layer.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn layer(mut self, layer: crate::redis::RedisLayer) -> Self {
        self.layer = Setup::Redis(Box::new(layer));
        self
    }

    /// Lets changes be lost, delayed and repeated on their way, for tests.
    #[cfg(feature = "testing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
    pub fn faults(mut self, faults: &crate::layer::Faults) -> Self {
        self.layer = Setup::Faulty(faults.clone());
        self
    }

    /// Whether a subscription that may have missed changes is told so, with a frame of the action
    /// `resync`: a client loads again what it shows. It is the one thing that graphex adds to the
    /// two-channel protocol; turn it off for clients that cannot take it. Slow readers are then
    /// closed ([`SlowReader::Close`](crate::SlowReader::Close)), since a gap could not be told. Default: yes.
    pub fn resync(mut self, tell: bool) -> Self {
        self.limits.resync = tell;
        self
    }

    /// Makes the hub.
    ///
    /// Its tasks run on the tokio runtime that this is called in or, outside of one, on
    /// the runtime that opens the first channel.
    ///
    /// # Panics
    ///
    /// When two of the models have one stream name, and would deliver each other's rows, or one
    /// GraphQL field, of which a schema could serve only the first. Where
    /// [`try_build`](Self::try_build) gives an error.
    #[must_use]
    #[track_caller]
    pub fn build(self) -> Hub {
        match self.try_build() {
            Ok(hub) => hub,
            #[expect(
                clippy::panic,
                reason = "documented: a mistake in the program's set-up"
            )]
            Err(error) => panic!("{error}"),
        }
    }

    /// Makes the hub, like [`build`](Self::build).
    ///
    /// With a change log this connects to its database, and blocks meanwhile.
    ///
    /// # Errors
    ///
    /// When there is a change log that cannot be read, or that would not tell everything.
    ///
    /// # Panics
    ///
    /// When two of the models clash: see [`build`](Self::build).
    #[track_caller]
    pub fn try_build(self) -> Result<Hub, BuildError> {
        let mut models: Vec<&'static Model> = Vec::new();
        for model in self.models {
            let mut others = models.iter().copied();
            let fields = [model.field, model.changes];
            let taken = |other: &&Model| {
                fields
                    .iter()
                    .find(|field| [other.field, other.changes].contains(field))
            };
            let clash = others.find(|other| other.stream == model.stream || taken(other).is_some());
            #[expect(
                clippy::panic,
                reason = "documented: a mistake in the program's set-up"
            )]
            if let Some(other) = clash {
                let (name, other_name) = (model.name, other.name);
                let (stream, field) = (model.stream, taken(&other).copied().unwrap_or_default());
                if (name, other.label, other.stream) == (other_name, model.label, stream) {
                    panic!("model `{name}` is added twice, or two models are called so");
                }
                if other.stream == stream {
                    panic!("models `{other_name}` and `{name}` both have `stream = \"{stream}\"`");
                }
                panic!(
                    "models `{other_name}` and `{name}` both have the field `{field}`; give one another `name = \"…\"` or `field = \"…\"`"
                );
            }
            models.push(model);
        }
        let options = Options {
            limits: self.limits,
            data: self.data,
            layer: self.layer,
            recheck: self.recheck,
            throttles: self.throttles,
        };
        let engine = Engine::new(&models, options);
        if let Some(open) = self.source {
            engine.open(open, &models)?;
        }
        #[cfg(feature = "diesel")]
        engine.enlist();
        engine.start();
        Ok(Hub { engine })
    }
}

impl Hub {
    /// Starts a hub: name its models, then [`HubBuilder::build`].
    pub fn builder() -> HubBuilder {
        HubBuilder {
            models: Vec::new(),
            limits: Limits::default(),
            data: Data::default(),
            layer: Setup::default(),
            source: None,
            recheck: None,
            throttles: HashMap::new(),
        }
    }
}
