//! Subscribers that go on where they were.
//!
//! What a subscriber has missed is read from the change log, or taken from the last changes of its
//! lane, and queued for it in pieces, as fast as it reads. When few changes are left, they are
//! delivered in one step of the lane, in which it takes its seats: so nothing comes twice or not at
//! all.

mod missed;
mod show;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, Weak};

use super::begin::{Begin, Place};
use super::channels::SubscriptionKey;
use super::delivery::Delivery;
use super::engine::Engine;
use super::holdings::Held;
use super::lane::{Budget, Lane};
use super::lock;
use super::past::Then;
use super::plan::{Candidate, Plan, Seat};
use super::recent::{Delivered, Reached};
use super::snapshot::Snapshot;
use super::subscriber::{Member, Subscriber};
use crate::cursor::{Cursor, ScopedCursor};
use crate::limits::Limits;
use crate::projection::Signal;
use crate::topic::Topic;
use missed::Queued;

/// Most changes of which a lane makes one step.
const ONE_STEP: usize = 64;
/// Most changes that are taken from the lane's last ones at once.
const PIECE: usize = 256;

/// What a subscriber that goes on has before it takes its seats.
pub(super) struct CatchUp {
    pub(super) lane: Arc<Lane>,
    pub(super) key: SubscriptionKey,
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) begin: Begin,
    /// For each action that it asks for: where it will be listed.
    pub(super) topics: Vec<Vec<Topic>>,
    pub(super) plans: Vec<(Member, Plan)>,
    /// In the lane: what it is told of a gap after this covers all that it catches up with.
    pub(super) number: u64,
    /// The rows that it begins with, which are counted as its owner's.
    pub(super) snapshot: Option<(Arc<Snapshot>, Held)>,
}

impl Engine {
    /// Whether a subscriber can go on at this place, as far as that can be told now: where the log
    /// cannot be read, that is tried again when it catches up.
    pub(super) async fn goes_on(&self, lane: &Lane, place: Place) -> bool {
        let Place::After(ScopedCursor { cursor, .. }) = place else {
            return place == Place::Now;
        };
        let (is_known, at) = (false, lane.clock.now().cursor);
        let recent = lock(&lane.recent).after(Reached { cursor, is_known }, at);
        let Some(opened) = self.source().filter(|_| recent.is_none()) else {
            return true;
        };
        let source = Arc::clone(&opened.source);
        let page = self.archive.read(source, lane.model.stream, cursor).await;
        page.map_or(true, |page| {
            page.then != Then::Gap || !page.changes.is_empty()
        })
    }

    /// Tells a subscriber that what it has is not good, and where it goes on.
    fn resync(&self, subscriber: &Arc<Subscriber>, at: Option<Cursor>) {
        self.counters.resyncs.add(1);
        subscriber.outbox.signal(subscriber, Signal::Resync, at);
    }

    /// Lets a subscriber catch up, beside the lane.
    pub(super) fn catch_up(&self, catch_up: CatchUp) {
        self.run_beside(catch_up.run(self.handle()));
    }
}

/// How a piece ended.
enum Outcome {
    /// There is more.
    On(Reached),
    /// It is live.
    Live,
    /// It has left.
    Left,
    /// Changes are missing, which it is to be told.
    Gap,
    /// Changes are missing, which it is told already.
    Resynced,
}

impl CatchUp {
    /// Goes on where it is to begin, until it stands.
    async fn run(mut self, engine: Weak<Engine>) {
        let mut spent = Budget::default();
        let mut outcome = match (self.snapshot.take(), self.begin.place) {
            (Some((snapshot, held)), place) => {
                if place != Place::Now {
                    // What it has is not good.
                    self.subscriber.set_shown(true);
                    let Some(engine) = engine.upgrade() else {
                        return;
                    };
                    engine.resync(&self.subscriber, Some(Cursor::NONE));
                }
                let shown = self.show(&engine, &snapshot).await;
                drop((snapshot, held));
                shown
            }
            (None, Place::After(ScopedCursor { cursor, .. })) => {
                self.subscriber.set_placed();
                let is_known = false;
                Outcome::On(Reached { cursor, is_known })
            }
            (None, Place::Now | Place::Nowhere) => Outcome::Gap,
        };
        loop {
            outcome = match outcome {
                Outcome::Live | Outcome::Left => return,
                Outcome::On(reached) => {
                    self.subscriber.outbox.room(&self.subscriber).await;
                    let Some(engine) = engine.upgrade() else {
                        return;
                    };
                    let outcome = self.piece(&engine, &mut spent, reached).await;
                    self.subscriber.outbox.wake();
                    outcome
                }
                missing => {
                    let tell = matches!(missing, Outcome::Gap);
                    if self.begin.snapshot
                        && let Some(shown) = self.show_anew(&engine, tell).await
                    {
                        shown
                    } else if let Some(engine) = engine.upgrade() {
                        // When a snapshot was tried it was told of no position.
                        let tell = tell || self.begin.snapshot;
                        // Without its rows it does not have what there is.
                        self.begin.ready &= !self.begin.snapshot;
                        self.subscriber.set_shown(false);
                        return self.begin_anew(&engine, tell).await;
                    } else {
                        return;
                    }
                }
            };
        }
    }

    /// Queues the next piece.
    async fn piece(&self, engine: &Engine, spent: &mut Budget, reached: Reached) -> Outcome {
        let catching_up = self.lane.catching_up.lock().await;
        let mut delivering = self.lane.delivering.lock().await;
        let at = self.lane.clock.now().cursor;
        let recent = lock(&self.lane.recent).after(reached, at);
        match recent {
            Some(left) if is_one_step(&left, &engine.limits) => {
                self.subscriber.set_had(reached.cursor.position);
                let latest = later(reached.cursor, at);
                self.take_seats(engine, &mut delivering, &left, Some(latest))
                    .await;
                Outcome::Live
            }
            Some(mut left) => {
                drop((delivering, catching_up));
                left.truncate(PIECE);
                let changes: Vec<_> = left.into_iter().map(|one| one.change).collect();
                match self.queue_all(engine, spent, &changes, reached).await {
                    Queued::All(further) | Queued::Some(further) => Outcome::On(further),
                    Queued::Ended(end) => end,
                }
            }
            None => {
                drop((delivering, catching_up));
                match self.read(engine, reached.cursor).await {
                    Some(page) => self.queue_page(engine, spent, &page, reached).await,
                    None => Outcome::Gap,
                }
            }
        }
    }

    /// Begins with what is committed from now on: changes are missing before.
    async fn begin_anew(&self, engine: &Engine, tell: bool) {
        let _catching_up = self.lane.catching_up.lock().await;
        let mut delivering = self.lane.delivering.lock().await;
        let at = self.lane.clock.now().cursor;
        let is_told = !self.begin.snapshot && self.subscriber.is_covered(self.number);
        if tell && !is_told {
            engine.resync(&self.subscriber, at);
        }
        self.take_seats(engine, &mut delivering, &[], at).await;
    }

    /// Takes its seats, in a step of the lane in which it gets these changes too.
    async fn take_seats(
        &self,
        engine: &Engine,
        spent: &mut Budget,
        left: &[Delivered],
        at: Option<Cursor>,
    ) {
        let listed: Vec<_> = {
            let channel = &self.subscriber.channel;
            let mut subscriptions = lock(&channel.subscriptions);
            let held = subscriptions.held.get_mut(&self.key);
            let Some(held) = held.filter(|held| Arc::ptr_eq(&held.subscriber, &self.subscriber))
            else {
                return;
            };
            let plans = &self.lane.plans;
            let mut plans = plans.write().unwrap_or_else(PoisonError::into_inner);
            let mut seated = |(topics, (_, plan)): (&Vec<Topic>, &(Member, Plan))| {
                let waiting = held.seats[plan.action as usize].take()?;
                let seat = seated(&mut plans, engine, topics, waiting);
                let listed = plans.alone(&seat);
                held.seats[plan.action as usize] = Some(seat);
                listed
            };
            let seats = self.topics.iter().zip(&self.plans);
            seats.filter_map(&mut seated).collect()
        };
        for delivered in left {
            let mut delivery = Delivery::new(&self.lane, delivered);
            let action = delivered.change.action;
            let of_action = listed.iter().filter(|listed| listed.plan.action == action);
            let candidates = of_action.map(Candidate::from);
            engine.deliver_to(&mut delivery, spent, candidates).await;
        }
        if self.begin.ready {
            let outbox = &self.subscriber.outbox;
            outbox.signal(&self.subscriber, Signal::Ready, at);
        }
        self.lane.flush();
    }
}

/// Whether a lane may take the time, and the outbox has the room, for these at once.
fn is_one_step(left: &[Delivered], limits: &Limits) -> bool {
    let bytes: usize = left.iter().map(|one| one.change.row.bytes()).sum();
    left.len() <= 1
        || (left.len() <= ONE_STEP.min(limits.outbox_frames / 2)
            && bytes <= limits.outbox_bytes / 4)
}

/// A seat that waits becomes one that is listed.
fn seated(
    plans: &mut super::plan::PlanTable,
    engine: &Engine,
    topics: &[Topic],
    waiting: Seat,
) -> Seat {
    let (member, plan) = (waiting.member().clone(), waiting.plan().clone());
    let mut seat = plans.join(topics.to_vec(), plan, member, &engine.budgets);
    seat.listening = waiting.listening;
    seat.held = waiting.held;
    seat
}

/// Where one goes on who has had both.
fn later(one: Cursor, other: Option<Cursor>) -> Cursor {
    let is_later = |other: &Cursor| other.log == one.log && other.position >= one.position;
    other.filter(is_later).unwrap_or(one)
}
