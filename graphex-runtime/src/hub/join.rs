//! Joining and leaving streams.

use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;

use super::begin::{Begin, Place};
use super::catch_up::CatchUp;
use super::channel::Subscription;
use super::channels::{ChannelState, Joined, SubscriptionKey};
use super::explain::Terms;
use super::holdings::Held;
use super::lane::Lane;
use super::operation::Envelope;
use super::plan::{Plan, Seat};
use super::snapshot::Snapshot;
use super::subscriber::Subscriber;
use super::{Hub, cost, lock};
use crate::change::Action;
use crate::error::Refusal;
use crate::hooks::Permit;
use crate::layer::Unavailable;
use crate::predicate::{Pin, Predicate};
use crate::projection::{Projection, Signal};
use crate::topic::Topic;

/// What joins.
pub(super) struct Joining<'j> {
    pub(super) key: SubscriptionKey,
    pub(super) subscription: &'j Subscription,
    pub(super) projection: &'j Projection,
    pub(super) envelope: &'j Envelope,
    pub(super) begin: Begin,
}

impl Hub {
    /// Joins the permitted stream for a subscription of the two-channel protocol. One that is
    /// there already keeps its place and takes the new predicate and projection, unless one of the
    /// two is told where it is. `data` names positions among the visible fields.
    pub(crate) async fn subscribe_channel(
        &self,
        channel: &Arc<ChannelState>,
        permit: Permit,
        subscription: &Subscription,
        data: Option<&[usize]>,
        begin: Begin,
    ) -> Result<(), Refusal> {
        let model = permit.model;
        let projection = if begin.is_placed() {
            Projection::placed_notification(model, data)
        } else {
            Projection::notification(model, data)
        };
        let joining = Joining {
            key: SubscriptionKey::beginning(model, subscription, &begin),
            subscription,
            projection: &projection,
            envelope: &Envelope::default(),
            begin,
        };
        self.join(channel, permit, joining).await
    }

    /// Joins the permitted stream: when the layer has confirmed the topics, in one step with the
    /// whole predicate in force.
    pub(super) async fn join(
        &self,
        channel: &Arc<ChannelState>,
        permit: Permit,
        joining: Joining<'_>,
    ) -> Result<(), Refusal> {
        let Permit { model, scope, .. } = permit;
        let Joining {
            key,
            subscription,
            projection,
            envelope,
            mut begin,
        } = joining;
        let Some(lane) = self.engine.lanes.get(model.stream) else {
            let stream = model.stream;
            return Err(Refusal::NotServed { stream });
        };
        let limits = &self.engine.limits;
        if !channel.rate.take(limits.subscribes_per_second) {
            let limit = limits.subscribes_per_second;
            return Err(Refusal::TooOften { limit });
        }
        let mark = if self.is_logged(model) {
            scope.mark(model)
        } else {
            0
        };
        let projection = &projection.within(mark);
        begin.place = begin.place.within(mark);
        let id = subscription.id.clone();
        let id = id.map(|value| Pin::one(model.key, &Arc::new(value)));
        let terms = Terms {
            scope: scope.clone(),
            id: id.clone(),
            filters: subscription.filters.clone(),
        };
        let predicate = Predicate::new(scope, id, &subscription.filters);
        // The server's, or a longer one of the client's.
        let throttle = milliseconds(lane.throttle.max(subscription.throttle))
            // The process receives everything.
            .filter(|_| !projection.is_rows());
        // Topics and plans are built before anything is locked.
        let joins = subscription.actions.iter().map(|&action| {
            let topics = Topic::listened(model, action, &predicate, limits.narrowed_topics);
            let (predicate, projection) = (predicate.clone(), projection.clone());
            let plan = Plan {
                action,
                predicate,
                projection,
                throttle,
            };
            (topics, plan)
        });
        let joins: Vec<_> = joins.collect();
        let bytes = cost::subscription(subscription, projection, &joins);
        // Before the layer is asked for anything, and again when it has answered.
        lock(&channel.subscriptions).has_room(&key, &subscription.actions, limits)?;
        let plan = joins.first().map(|(_, plan)| plan);
        let snapshot = self.first_rows(channel, lane, &mut begin, plan).await?;
        let stands_at_once = snapshot.is_none() && begin.place == Place::Now;
        let memory = Arc::new(channel.quota.hold(bytes)?);
        let listen = |(topics, plan): (Vec<Topic>, Plan)| async {
            let listening = self.engine.layer.listen(topics.clone()).await;
            listening.map(|listening| (topics, plan, listening))
        };
        let joins = try_join_all(joins.into_iter().map(listen)).await;
        let joins = joins.map_err(|Unavailable| Refusal::Unavailable)?;
        // A change is delivered by the plan that is replaced or by the new one, and when this
        // returns it is the new one: so no change is half delivered meanwhile. Nor may one be while
        // a subscriber is told where it stands.
        let replaced = channel.plans_called(&key);
        let mut delivering = if (begin.ready && stands_at_once) || !replaced.is_empty() {
            Some(lane.delivering.lock().await)
        } else {
            None
        };
        if let Some(spent) = &mut delivering {
            for plan in replaced.iter().filter(|plan| plan.throttle.is_some()) {
                self.engine.release(lane, spent, plan).await;
            }
        }
        let mut subscriptions = lock(&channel.subscriptions);
        subscriptions.has_room(&key, &subscription.actions, limits)?;
        let left = self.leave_others(&mut subscriptions, &key, &subscription.actions);
        let mut plans = lane.plans.write().unwrap_or_else(PoisonError::into_inner);
        let projection = plans.shared(projection);
        let held = subscriptions.held.entry(key.clone()).or_insert_with(|| {
            let (channel, envelope) = (Arc::clone(channel), envelope.clone());
            Joined {
                subscriber: Subscriber::new(channel, envelope, projection, lane.clock.clone()),
                terms: terms.clone(),
                seats: Default::default(),
            }
        });
        held.terms = terms;
        let subscriber = Arc::clone(&held.subscriber);
        let (mut waiting_topics, mut waiting_plans) = (Vec::new(), Vec::new());
        for (topics, plan, listening) in joins {
            let seat = &mut held.seats[plan.action as usize];
            if let Some(replaced) = seat.take() {
                plans.leave(&replaced);
            }
            let member = channel.outbox.seat(&subscriber, plan.action);
            if stands_at_once {
                let joined = seat.insert(plans.join(topics, plan, member, &self.engine.budgets));
                joined.listening = listening;
                joined.held = Some(Arc::clone(&memory));
            } else {
                waiting_topics.push(topics);
                waiting_plans.push((member.clone(), plan.clone()));
                *seat = Some(Seat::waiting(member, plan, listening, Arc::clone(&memory)));
            }
        }
        drop((subscriptions, plans));
        if left > 0 && !begin.is_placed() {
            // What waited for one that was told where it is.
            channel.outbox.gap(&subscriber);
        }
        if stands_at_once {
            if begin.ready {
                let at = lane.clock.now().cursor;
                channel.outbox.signal(&subscriber, Signal::Ready, at);
            }
            return Ok(());
        }
        let catch_up = CatchUp {
            lane: Arc::clone(lane),
            key,
            subscriber,
            begin,
            topics: waiting_topics,
            plans: waiting_plans,
            number: lane.clock.tick(None),
            snapshot,
        };
        self.engine.catch_up(catch_up);
        Ok(())
    }

    /// The rows that a subscription begins with, if it asks for them and cannot go on where it was.
    async fn first_rows(
        &self,
        channel: &ChannelState,
        lane: &Lane,
        begin: &mut Begin,
        plan: Option<&Plan>,
    ) -> Result<Option<(Arc<Snapshot>, Held)>, Refusal> {
        let Some(plan) = plan.filter(|_| begin.snapshot) else {
            return Ok(None);
        };
        if begin.place != Place::Now {
            if self.engine.goes_on(lane, begin.place).await {
                return Ok(None);
            }
            begin.place = Place::Nowhere;
        }
        let snapshot = self
            .engine
            .snapshot(&channel.owner, lane.model, &plan.predicate)
            .await?;
        let held = channel.quota.hold(snapshot.bytes)?;
        Ok(Some((snapshot, held)))
    }

    /// Ends the subscription of this key, if there is one.
    pub(super) fn end(&self, channel: &ChannelState, key: &SubscriptionKey) {
        let mut subscriptions = lock(&channel.subscriptions);
        if let Some(mut held) = subscriptions.held.remove(key) {
            self.leave(key.stream, &mut held, &Action::ALL);
        }
    }

    /// Leaves the plans of these actions; how many there were. Called with the channel's
    /// subscriptions locked.
    pub(super) fn leave(&self, stream: &str, held: &mut Joined, actions: &[Action]) -> usize {
        let Some(lane) = self.engine.lanes.get(stream) else {
            return 0;
        };
        let subscriber = &held.subscriber;
        let mut plans = lane.plans.write().unwrap_or_else(PoisonError::into_inner);
        let mut left = 0;
        for action in actions {
            if let Some(seat) = held.seats[*action as usize].take() {
                plans.leave(&seat);
                subscriber.outbox.retire(subscriber, *action);
                left += 1;
            }
        }
        left
    }
}

/// A throttle as plans have it: in milliseconds, at least one.
fn milliseconds(throttle: Option<Duration>) -> Option<NonZeroU32> {
    let millis = throttle.filter(|throttle| !throttle.is_zero())?.as_millis();
    NonZeroU32::new(u32::try_from(millis).unwrap_or(u32::MAX).max(1))
}
