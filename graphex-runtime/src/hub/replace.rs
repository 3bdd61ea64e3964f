//! Subscriptions of the two-channel protocol that take the place of others.

use super::begin::Begin;
use super::channel::Subscription;
use super::channels::{ChannelState, Joined, SubscriptionKey, Subscriptions};
use super::operation::next_number;
use super::plan::Plan;
use super::{Hub, lock};
use crate::change::Action;
use crate::error::Refusal;
use crate::limits::Limits;
use crate::model::Model;

impl SubscriptionKey {
    /// What a subscription that begins so is kept by. One that is told where it is begins anew each
    /// time it is asked for; one that is not keeps its place.
    pub(super) fn beginning(model: &Model, subscription: &Subscription, begin: &Begin) -> Self {
        let number = if begin.is_placed() { next_number() } else { 0 };
        Self::asked(model, subscription, number)
    }
}

impl Subscriptions {
    /// Whether a subscription may join, or take the place of others.
    pub(super) fn has_room(
        &self,
        key: &SubscriptionKey,
        actions: &[Action],
        limits: &Limits,
    ) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::UnknownChannel);
        }
        let limit = limits.subscriptions_per_channel;
        if self.held.len() >= limit && !self.held.contains_key(key) {
            let stays = |(other, held): &(&SubscriptionKey, &Joined)| {
                !other.is_called_as(key) || held.has_other_than(actions)
            };
            if self.held.iter().filter(stays).count() >= limit {
                return Err(Refusal::TooManySubscriptions { limit });
            }
        }
        Ok(())
    }

    /// Keys of the subscriptions that a client calls the same.
    fn called_as(&self, key: &SubscriptionKey) -> Vec<SubscriptionKey> {
        let keys = self.held.keys();
        keys.filter(|other| other.is_called_as(key))
            .cloned()
            .collect()
    }
}

impl ChannelState {
    /// The plans of all that a client calls the same.
    pub(super) fn plans_called(&self, key: &SubscriptionKey) -> Vec<Plan> {
        let subscriptions = lock(&self.subscriptions);
        let held = subscriptions.held.iter();
        let held = held.filter(|(other, _)| other.is_called_as(key));
        let seats = held.flat_map(|(_, held)| held.seats.iter().flatten());
        seats.map(|seat| seat.plan().clone()).collect()
    }
}

impl Hub {
    /// Takes these actions from all subscriptions that a client calls the same, but from the one of
    /// this key; how many there were. What waits of them is not sent.
    pub(super) fn leave_others(
        &self,
        subscriptions: &mut Subscriptions,
        key: &SubscriptionKey,
        actions: &[Action],
    ) -> usize {
        let mut others = subscriptions.called_as(key);
        others.retain(|other| other != key);
        self.leave_all(subscriptions, &others, actions)
    }

    /// Ends exactly this subscription; no frame of it is queued afterwards. What the scope was
    /// does not matter: it is not part of what a subscription is called by.
    pub(crate) fn unsubscribe(
        &self,
        channel: &ChannelState,
        model: &'static Model,
        subscription: &Subscription,
    ) -> Result<(), Refusal> {
        let key = SubscriptionKey::asked(model, subscription, 0);
        let mut subscriptions = lock(&channel.subscriptions);
        let called = subscriptions.called_as(&key);
        match self.leave_all(&mut subscriptions, &called, &subscription.actions) {
            0 => Err(Refusal::NoSuchSubscription),
            _ => Ok(()),
        }
    }

    fn leave_all(
        &self,
        subscriptions: &mut Subscriptions,
        keys: &[SubscriptionKey],
        actions: &[Action],
    ) -> usize {
        let mut left = 0;
        for key in keys {
            let Some(held) = subscriptions.held.get_mut(key) else {
                continue;
            };
            left += self.leave(key.stream, held, actions);
            if held.seats.iter().all(Option::is_none) {
                subscriptions.held.remove(key);
            }
        }
        left
    }
}
