//! Why a change is delivered to a channel, or is not.

mod reason;
mod terms;

use std::fmt;
use std::sync::{Arc, PoisonError};

pub use reason::Reason;
pub use terms::{Term, TermKind};
pub(super) use terms::{Terms, deciding};

use super::channels::{ChannelState, SubscriptionKey};
use super::plan::Plan;
use super::subscriber::Subscriber;
use super::transition::Verdict;
use super::{ChannelId, Hub, Identity, lock};
use crate::change::{Action, Change, Transition};
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

impl Explanation {
    /// Whether the change is delivered now, as what it is or as `ENTER` or `LEAVE`.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        matches!(
            self.reason,
            Reason::Delivered | Reason::Enters | Reason::Leaves
        )
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
        let change = Change::unlogged(M::MODEL, action, row.to_row());
        self.explain_change(change, channel).await
    }

    /// The same of an update that a change log tells of, with the row as it was before. Where the two
    /// rows differ so, it is [`Reason::Enters`] or [`Reason::Leaves`]; the terms are those of the row as
    /// it is now. Of a model without a change log `before` decides nothing.
    pub async fn explain_update<M: ModelType>(
        &self,
        before: &M,
        row: &M,
        channel: &str,
    ) -> Explanation {
        let mut change = Change::unlogged(M::MODEL, Action::Update, row.to_row());
        change.before = self.is_logged(M::MODEL).then(|| before.to_row());
        self.explain_change(change, channel).await
    }

    async fn explain_change(&self, change: Change, channel: &str) -> Explanation {
        let model = change.model;
        if !self.has_model(model) {
            return Reason::UnknownModel { model: model.name }.into();
        }
        let found = lock(&self.engine.channels).get(channel).cloned();
        match found {
            Some(channel) => self.explain_to(&channel, &Arc::new(change)).await,
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

    async fn explain_to(&self, channel: &Arc<ChannelState>, change: &Arc<Change>) -> Explanation {
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
        channel: &Arc<ChannelState>,
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
        let now = Change::clone(change);
        let now = Arc::new(Change {
            before: None,
            ..now
        });
        let terms = self.test(channel, plan, terms, &now).await;
        let transition = match &change.before {
            Some(_) => self.engine.transition(channel, plan, change).await,
            // One row is nothing but what its terms say.
            None => Some(Verdict::Deliver(Transition::Stays)),
        };
        let told = match (transition, deciding(&terms)) {
            (Some(Verdict::Deliver(Transition::Leaves)), _) => Reason::Leaves,
            (_, Some(no)) => no,
            (Some(Verdict::Deliver(Transition::Enters)), None) => Reason::Enters,
            (_, None) => Reason::Delivered,
        };
        let reason = match told {
            Reason::Delivered | Reason::Enters | Reason::Leaves if subscriber.is_behind() => {
                Reason::Overflow
            }
            Reason::Delivered => self.held_back(plan, change).unwrap_or(Reason::Delivered),
            told => told,
        };
        Explained {
            reason,
            actions,
            terms,
        }
    }

    /// Whether the plan's throttle would hold the change back now.
    fn held_back(&self, plan: &Plan, change: &Change) -> Option<Reason> {
        if change.action != Action::Update {
            return None;
        }
        let lane = self.engine.lanes.get(change.model.stream)?;
        let plans = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
        let throttle = plans.current(plan)?.throttle.as_ref()?;
        let interval = throttle.holds_back(change.key())?;
        Some(Reason::Throttled { interval })
    }
}
