//! Letting go what is held back before it is due.

use std::sync::{Arc, PoisonError};

use super::{Held, Throttle, lock};
use crate::deadline::deadline;
use crate::hub::channels::ChannelState;
use crate::hub::engine::Engine;
use crate::hub::lane::{Budget, Lane};
use crate::hub::plan::Plan;

impl Throttle {
    /// What is held back and chosen, as if it were due.
    fn take_where(&self, chosen: impl Fn(&Held) -> bool) -> Vec<Held> {
        let mut state = lock(&self.state);
        let mut taken = Vec::new();
        for row in state.rows.values_mut() {
            if let Some(held) = row.held.take_if(|held| chosen(held)) {
                row.due = deadline(self.interval);
                taken.push(held);
            }
        }
        taken.sort_by_key(|held| held.number);
        state.held -= taken.len();
        taken
    }
}

impl Engine {
    /// Tells now what is held back for the members of a plan, one of whom is about to leave it. Called in
    /// a step of the lane.
    pub(in crate::hub) async fn release(&self, lane: &Lane, spent: &mut Budget, plan: &Plan) {
        let throttle = {
            let plans = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
            plans
                .current(plan)
                .and_then(|listed| listed.throttle.clone())
        };
        let Some(throttle) = throttle else { return };
        let held = throttle.take_where(|held| held.plan == *plan);
        self.deliver_taken(lane, spent, &throttle, &held).await;
    }

    /// Tells now what is held back for a channel that is about to be closed, and for those that share
    /// its plans.
    pub(in crate::hub) async fn release_all(&self, channel: &ChannelState) {
        let throttled: Vec<_> = {
            let subscriptions = lock(&channel.subscriptions);
            let seats = subscriptions.held.iter().flat_map(|(key, held)| {
                let seats = held.seats.iter().flatten();
                seats.map(|seat| (key.stream, seat.plan()))
            });
            let throttled = seats.filter(|(_, plan)| plan.throttle.is_some());
            throttled
                .map(|(stream, plan)| (stream, plan.clone()))
                .collect()
        };
        for (stream, plan) in throttled {
            if let Some(lane) = self.lanes.get(stream) {
                let mut spent = lane.delivering.lock().await;
                self.release(lane, &mut spent, &plan).await;
            }
        }
    }

    /// Tells now all that is held back in a lane.
    pub(in crate::hub) async fn let_all_go(&self, lane: &Lane) {
        let mut spent = lane.delivering.lock().await;
        let throttles: Vec<_> = {
            let plans = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
            let throttles = plans.throttles.values();
            throttles
                .map(|(throttle, _)| Arc::clone(throttle))
                .collect()
        };
        for throttle in throttles {
            let held = throttle.take_where(|_| true);
            self.deliver_taken(lane, &mut spent, &throttle, &held).await;
        }
    }

    async fn deliver_taken(
        &self,
        lane: &Lane,
        spent: &mut Budget,
        throttle: &Throttle,
        taken: &[Held],
    ) {
        let cursor = throttle.cursor();
        for held in taken {
            self.deliver_held(lane, spent, throttle, held, cursor).await;
        }
        lane.flush();
    }
}
