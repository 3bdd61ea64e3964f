//! Why a change is delivered to a channel, or is not.

mod terms;

use std::fmt;
use std::sync::Arc;

pub use terms::{Term, TermKind};
pub(super) use terms::{Terms, deciding};

use super::channel::{Channel, SubscriptionKey};
use super::plan::Plan;
use super::subscriber::Subscriber;
use super::{ChannelId, Hub, Identity, lock};
use crate::change::{Action, Change};
use crate::error::CloseReason;
use crate::model::ModelType;

/// What [`Hub::explain`] found out.
///
/// As text it is one line for the whole, and one for each subscription and each of its terms.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// What decides: of the subscription that comes nearest to the change.
    pub reason: Reason,
    /// The channel's subscriptions to the stream.
    pub subscriptions: Vec<Explained>,
}

/// What a change is to one subscription.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explained {
    /// What decides.
    pub reason: Reason,
    /// The actions that it asks for.
    pub actions: Vec<Action>,
    /// Its terms, as far as they could be tested: all must hold.
    pub terms: Vec<Term>,
}

/// What decides whether a change is delivered, the farthest from it first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The hub was built without the model.
    #[error("no: the hub does not know the model `{model}`")]
    UnknownModel {
        /// Its name.
        model: &'static str,
    },
    /// No channel of this process has the id.
    #[error("no: this process has no such channel; it is closed, or another process has it")]
    NoChannel,
    /// The channel is being closed.
    #[error("no: the channel is closed: {0}")]
    Closed(CloseReason),
    /// The channel's endpoint serves other streams alone.
    #[error("no: the channel's endpoint does not serve the stream `{stream}`")]
    NotServed {
        /// The change's.
        stream: &'static str,
    },
    /// The channel has no subscription at all.
    #[error("no: the channel has not joined a stream")]
    NotJoined,
    /// The channel subscribes to other streams.
    #[error("no: the channel has joined other streams: {}", .joined.join(", "))]
    AnotherStream {
        /// Those that it has joined.
        joined: Vec<&'static str>,
    },
    /// The subscription asks for other actions.
    #[error("no: the subscription does not ask for the action `{action}`")]
    Action {
        /// The change's.
        action: Action,
    },
    /// The server's scope leaves the row out.
    #[error("no: the scope leaves the row out, by its field `{field}`")]
    Scope {
        /// The field.
        field: &'static str,
    },
    /// The subscription is to another row.
    #[error("no: the subscription asks for another `id`")]
    Id,
    /// The client's filters leave the row out.
    #[error("no: the filter `{key}` leaves the row out")]
    Filter {
        /// As the client wrote it.
        key: String,
    },
    /// Whoever owns the channel has spent what it may on regular expressions.
    #[error(
        "no: the budget for regular expressions is spent, so that the filter `{key}` is not tested; see `Limits::pattern_work`"
    )]
    BudgetSpent {
        /// The filter.
        key: String,
    },
    /// A custom lookup failed or took too long.
    #[error("no: the lookup of the filter `{key}` failed; the log says why")]
    LookupFailed {
        /// The filter.
        key: String,
    },
    /// The client reads too slowly, or changes were lost: until it is told of the gap, what comes is
    /// a part of it.
    #[error(
        "no: the subscription has a gap that it is still to be told of, and this is a part of it: the client reads too slowly, or changes were lost"
    )]
    Overflow,
    /// Nothing speaks against it.
    #[error("yes")]
    Delivered,
}

impl Reason {
    /// How far a change came.
    const fn rank(&self) -> u8 {
        match self {
            Self::Delivered => 4,
            Self::Overflow | Self::BudgetSpent { .. } | Self::LookupFailed { .. } => 3,
            Self::Filter { .. } | Self::Id => 2,
            Self::Scope { .. } => 1,
            _ => 0,
        }
    }
}

impl Explanation {
    /// Whether the change is delivered.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.reason == Reason::Delivered
    }
}

impl From<Reason> for Explanation {
    fn from(reason: Reason) -> Self {
        let subscriptions = Vec::new();
        Self {
            reason,
            subscriptions,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        for Explained {
            reason,
            actions,
            terms,
        } in &self.subscriptions
        {
            let actions: Vec<_> = actions.iter().map(|action| action.name()).collect();
            write!(f, "\n  subscription to {}: {reason}", actions.join(", "))?;
            for term in terms {
                write!(f, "\n    {term}")?;
            }
        }
        Ok(())
    }
}

/// A subscription, copied out of the locks.
struct Copied {
    subscriber: Arc<Subscriber>,
    /// For each action that it asks for.
    plans: Vec<Plan>,
    terms: Terms,
}

impl Hub {
    /// Says why a change is delivered to a channel, or why not, term by term: for the operator to
    /// whom somebody says that nothing comes. The channel is that of a `channelId`, or one of
    /// [`channels_of`](Self::channels_of).
    ///
    /// It is told of how things are now: what the subscriptions are, and whether the client could take
    /// the change now. Custom lookups and regular expressions are asked as delivery would ask them, at
    /// the cost of the channel's owner. The answer has values of the row and of the scope: it is not
    /// for the client.
    ///
    /// ```
    /// # use graphex_runtime::{Action, Hub, Identity, ModelType, Reason};
    /// async fn why(hub: &Hub, message: &impl ModelType) {
    ///     for channel in hub.channels_of(&Identity::new("user:1")) {
    ///         let explanation = hub.explain(Action::Update, message, channel.as_str()).await;
    ///         tracing::info!(?channel, "{explanation}");
    ///     }
    /// }
    /// ```
    pub async fn explain<M: ModelType>(
        &self,
        action: Action,
        row: &M,
        channel: &str,
    ) -> Explanation {
        let model = M::MODEL;
        if !self.has_model(model) {
            return Reason::UnknownModel { model: model.name }.into();
        }
        let change = Arc::new(Change::unlogged(model, action, row.to_row()));
        let found = lock(&self.engine.channels).get(channel).cloned();
        match found {
            Some(channel) => self.explain_to(&channel, &change).await,
            None => Reason::NoChannel.into(),
        }
    }

    /// The channels that this identity has open in this process, and those beside them, whose
    /// subscriptions an extension of the schema has a say in.
    #[must_use]
    pub fn channels_of(&self, identity: &Identity) -> Vec<ChannelId> {
        let channels = lock(&self.engine.channels);
        let own = channels
            .of_clients()
            .filter(|channel| channel.identity == *identity);
        own.map(|channel| channel.id.clone()).collect()
    }

    async fn explain_to(&self, channel: &Arc<Channel>, change: &Arc<Change>) -> Explanation {
        let stream = change.model.stream;
        if let Some(reason) = channel.outbox.reason() {
            return Reason::Closed(reason).into();
        }
        if !channel.serves(stream) {
            return Reason::NotServed { stream }.into();
        }
        let copied: Vec<Copied> = {
            let subscriptions = lock(&channel.subscriptions);
            let of_stream = |key: &SubscriptionKey| key.stream == stream;
            if !subscriptions.held.keys().any(of_stream) {
                let mut joined: Vec<_> = subscriptions.held.keys().map(|key| key.stream).collect();
                joined.sort_unstable();
                joined.dedup();
                return if joined.is_empty() {
                    Reason::NotJoined.into()
                } else {
                    Reason::AnotherStream { joined }.into()
                };
            }
            let held = subscriptions.held.iter();
            let held = held.filter(|(key, _)| of_stream(key));
            held.map(|(_, held)| Copied {
                subscriber: Arc::clone(&held.subscriber),
                plans: held
                    .seats
                    .iter()
                    .flatten()
                    .map(|seat| seat.plan().clone())
                    .collect(),
                terms: held.terms.clone(),
            })
            .collect()
        };
        let mut subscriptions = Vec::new();
        for one in copied {
            subscriptions.push(self.explain_one(channel, one, change).await);
        }
        let nearest = subscriptions.iter().map(|one| &one.reason);
        let nearest = nearest.max_by_key(|reason| reason.rank());
        Explanation {
            reason: nearest.cloned().unwrap_or(Reason::NotJoined),
            subscriptions,
        }
    }

    async fn explain_one(
        &self,
        channel: &Arc<Channel>,
        one: Copied,
        change: &Arc<Change>,
    ) -> Explained {
        let Copied {
            subscriber,
            plans,
            terms,
        } = one;
        let actions = plans.iter().map(|plan| plan.action).collect();
        let plan = plans.iter().find(|plan| plan.action == change.action);
        let Some(plan) = plan else {
            return Explained {
                reason: Reason::Action {
                    action: change.action,
                },
                actions,
                terms: Vec::new(),
            };
        };
        let terms = self.test(channel, plan, terms, change).await;
        let reason = match deciding(&terms) {
            Some(reason) => reason,
            None if subscriber.is_behind() => Reason::Overflow,
            None => Reason::Delivered,
        };
        Explained {
            reason,
            actions,
            terms,
        }
    }
}
