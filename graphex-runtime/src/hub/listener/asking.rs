//! What a listener asks for.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::Listener;
use crate::change::Action;
use crate::error::{ConnectError, Refusal};
use crate::filters::{Filter, Filters, keys};
use crate::hooks::Permit;
use crate::hub::channel::Subscription;
use crate::hub::channels::{ChannelState, SubscriptionKey};
use crate::hub::join::Joining;
use crate::hub::outbox::{Bounds, Outbox};
use crate::hub::{Begin, Envelope};
use crate::hub::{Hub, lock};
use crate::lookup::Operand;
use crate::model::{ModelType, ScopeValues as _};
use crate::predicate::Pins;
use crate::projection::Projection;
use crate::value::{Field, Key, Value};

/// Which changes of a model are received; from [`Hub::subscribe`]. It is awaited for the [`Listener`].
#[must_use = "await it to get the listener"]
pub struct Subscribing<M> {
    hub: Hub,
    actions: Vec<Action>,
    id: Option<Value>,
    scope: Pins,
    filters: Vec<(String, Value)>,
    _model: std::marker::PhantomData<fn() -> M>,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The hub does not serve the model.
    #[error("the hub does not know `{model}`; add `.model::<{model}>()` to `Hub::builder()`")]
    UnknownModel {
        /// The model.
        model: &'static str,
    },
    /// The model has no such filter.
    #[error(
        "`{model}` has no filter `{filter}`: write a visible field, alone or with `__` and a lookup, or the name of one of its own lookups"
    )]
    UnknownFilter {
        /// The model.
        model: &'static str,
        /// The filter.
        filter: String,
    },
    /// The operand of a filter is not what its lookup takes.
    #[error("the filter `{filter}` of `{model}` {reason}")]
    InvalidFilter {
        /// The model.
        model: &'static str,
        /// The filter.
        filter: String,
        /// What is wrong.
        reason: String,
    },
    /// The id is none that the primary key can have.
    #[error("the primary key of `{model}` is of another type than this id")]
    InvalidId {
        /// The model.
        model: &'static str,
    },
    /// The layer did not confirm that the changes of other processes come here.
    #[error("the layer cannot be listened to at the moment; try again")]
    Unavailable,
    /// The operating system has no random bits.
    #[error("no random bits for the id of a channel")]
    NoRandomness,
    /// Anything else that a subscription is refused for.
    #[error("{0}")]
    Refused(String),
}

impl<M: ModelType> fmt::Debug for Subscribing<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribing")
            .field("model", &M::MODEL.name)
            .field("actions", &self.actions)
            .field("id", &self.id)
            .field("scope", &self.scope)
            .field("filters", &self.filters)
            .finish_non_exhaustive()
    }
}

/// # Listening in the process
impl Hub {
    /// Receives the changes of a model in the process itself, as Rust values: to send e-mails, to
    /// keep a cache or a search index.
    ///
    /// ```
    /// use graphex_macros::ModelType;
    /// use graphex_runtime::{Action, Event, Hub};
    ///
    /// #[derive(ModelType, serde::Deserialize)]
    /// #[graphex(stream = "orders", serialize_data, scope(tenant), crate = "graphex_runtime")]
    /// struct Order { id: i64, tenant: i64, total: i64 }
    /// # impl graphex_runtime::Scoped for Order {
    /// #     async fn scope(_: &async_graphql::Context<'_>, _: &OrderSubscriptionArgs)
    /// #         -> async_graphql::Result<OrderScope> { Err("no clients here".into()) }
    /// # }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let hub = Hub::builder().model::<Order>().build();
    /// let mut orders = hub
    ///     .subscribe::<Order>()
    ///     .scope(OrderScope { tenant: 1 })
    ///     .actions([Action::Create, Action::Update])
    ///     .filter("total__gte", 1_000)
    ///     .await?;
    ///
    /// hub.publish(Action::Create, &Order { id: 7, tenant: 1, total: 2_500 });
    /// match orders.next().await {
    ///     Some(Event::Change(change)) => {
    ///         assert_eq!(change.get::<i64>("total")?, 2_500);
    ///         let order: Order = change.row()?;
    ///         assert_eq!(order.id, 7);
    ///     }
    ///     _ => panic!("changes may be missing: load everything again"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// Whatever is committed after the `await` is received, in the order in which clients receive it,
    /// from all processes that share the layer, and from the change log where the model has one.
    /// The hooks `authorize` and `scope` are not asked: without [`scope`](Subscribing::scope) every
    /// row is received. No limit for clients counts it, and a throttle of the model does not hold
    /// anything back from it.
    ///
    /// As much waits for the listener as for a client ([`Limits::outbox_frames`] and
    /// `outbox_bytes`). What does not fit is a [`Event::Gap`](super::Event), as is everything for
    /// which a client would be sent a `resync`; nobody else waits for a slow listener.
    ///
    /// [`Limits::outbox_frames`]: crate::Limits::outbox_frames
    pub fn subscribe<M: ModelType>(&self) -> Subscribing<M> {
        Subscribing {
            hub: self.clone(),
            actions: Action::ALL.to_vec(),
            id: None,
            scope: Pins::new(),
            filters: Vec::new(),
            _model: std::marker::PhantomData,
        }
    }
}

impl<M: ModelType> Subscribing<M> {
    /// Only changes with one of these actions. Default: all.
    pub fn actions(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        let asked: Vec<_> = actions.into_iter().collect();
        self.actions = Action::ALL.to_vec();
        self.actions.retain(|action| asked.contains(action));
        self
    }

    /// Only changes of the row with this primary key.
    #[expect(clippy::needless_pass_by_value, reason = "it is a literal most often")]
    pub fn id(mut self, id: impl Key) -> Self {
        self.id = Some(id.to_value());
        self
    }

    /// Only rows that a client with this scope would receive. Default: all rows.
    pub fn scope(mut self, scope: M::Scope) -> Self {
        self.scope = scope.pins();
        self
    }

    /// Only rows for which this filter holds, besides all others: as clients write them, a field
    /// alone or with `__` and a lookup, or a lookup of the model's own.
    #[expect(clippy::needless_pass_by_value, reason = "it is a literal most often")]
    pub fn filter(mut self, filter: impl Into<String>, operand: impl Field) -> Self {
        self.filters.push((filter.into(), operand.to_value()));
        self
    }

    /// What clients would have written.
    fn asked(&self) -> Result<Subscription, ListenError> {
        let model = M::MODEL;
        let known: Vec<_> = keys(model).collect();
        let mut filters = Vec::new();
        for (name, operand) in &self.filters {
            let key = known.iter().find(|key| key.name == *name);
            let key = key.ok_or_else(|| ListenError::UnknownFilter {
                model: model.name,
                filter: name.clone(),
            })?;
            let invalid = |reason| ListenError::InvalidFilter {
                model: model.name,
                filter: name.clone(),
                reason,
            };
            if !takes(key.operand, operand) {
                return Err(invalid(format!("does not take {operand:?}")));
            }
            let filter = Filter::new(model, key, operand.clone(), self.hub.limits());
            filters.push(filter.map_err(invalid)?);
        }
        let is_key = |id: &Value| model.fields[model.key].ty.holds(id);
        if self.id.as_ref().is_some_and(|id| !is_key(id)) {
            return Err(ListenError::InvalidId { model: model.name });
        }
        Ok(Subscription {
            actions: self.actions.clone(),
            id: self.id.clone(),
            filters: Filters::new(filters),
            throttle: None,
        })
    }

    async fn listen(self) -> Result<Listener<M>, ListenError> {
        let model = M::MODEL;
        if !self.hub.has_model(model) {
            return Err(ListenError::UnknownModel { model: model.name });
        }
        let subscription = self.asked()?;
        let Self { hub, scope, .. } = self;
        let engine = &hub.engine;
        engine.start();
        let bounds = Arc::new(Bounds::of_listener(&engine.limits));
        let outbox = Arc::new(Outbox::new(bounds, Arc::clone(&engine.counters)));
        let id = hub.channel_id().map_err(|error| match error {
            ConnectError::NoRandomness => ListenError::NoRandomness,
            error => ListenError::Refused(error.to_string()),
        })?;
        let channel = Arc::new(ChannelState::of_process(id, outbox, &engine.holdings));
        let place = engine.holdings.uncounted();
        lock(&engine.channels).insert(Arc::clone(&channel), place);
        // From here on it leaves when it is dropped.
        let listener = Listener::new(hub.clone(), Arc::clone(&channel));
        let joining = Joining {
            // It has this one subscription.
            key: SubscriptionKey::of_operation(model, 0),
            subscription: &subscription,
            projection: &Projection::rows(),
            envelope: &Envelope::default(),
            begin: Begin::default(),
        };
        let permit = Permit::of_process(model, scope);
        hub.join(&channel, permit, joining).await?;
        Ok(listener)
    }
}

impl<M: ModelType> IntoFuture for Subscribing<M> {
    type Output = Result<Listener<M>, ListenError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.listen())
    }
}

/// Whether a lookup takes this operand.
fn takes(operand: Operand, value: &Value) -> bool {
    match (operand, value) {
        (Operand::One(kind), value) => kind.holds(value),
        (Operand::List(kind), Value::List(values)) => values.iter().all(|one| kind.holds(one)),
        (Operand::Bounds(kind), Value::List(bounds)) => {
            bounds.len() == 2 && bounds.iter().all(|one| kind.holds(one))
        }
        (Operand::List(_) | Operand::Bounds(_), _) => false,
    }
}

impl From<Refusal> for ListenError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unavailable => Self::Unavailable,
            refusal => Self::Refused(refusal.to_string()),
        }
    }
}
