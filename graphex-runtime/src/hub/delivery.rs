//! Delivery: from a change to the outboxes of those it matches.

use std::sync::{Arc, PoisonError};

use super::backlog::{Backlog, Question, Queued, Undecided, push_gap};
use super::engine::Engine;
use super::frame::Frame;
use super::lane::{Budget, Lane};
use super::lock;
use super::outbox::Pushed;
use super::plan::{Candidate, Listed, Members, Plan};
use super::recent::Delivered;
use super::spans;
use super::transition::{Subjects, Verdict};
use crate::change::{Change, Transition};
use crate::topic::Topic;

pub(super) const COST_OF_A_FRAME: usize = 256;
const COST_OF_A_CHANGE: usize = 128;
const COST_OF_A_TEST: usize = 32;

/// The delivery of one change.
pub(super) struct Delivery<'d> {
    lane: &'d Arc<Lane>,
    delivered: &'d Delivered,
    subjects: Subjects<'d>,
    question: Option<Arc<Question>>,
    /// Plans that it was something to, and frames that were queued to their members.
    plans: usize,
    frames: usize,
}

impl<'d> Delivery<'d> {
    pub(super) fn new(lane: &'d Arc<Lane>, delivered: &'d Delivered) -> Self {
        Self {
            lane,
            delivered,
            subjects: Subjects::new(&delivered.change.row, delivered.change.before.as_ref()),
            question: None,
            plans: 0,
            frames: 0,
        }
    }

    /// The next of these plans that the change is something to, or with which enough was spent for other
    /// tasks to run.
    fn next<'c>(
        &self,
        spent: &mut Budget,
        candidates: &mut impl Iterator<Item = Candidate<'c>>,
    ) -> Option<(Verdict, bool, &'c Arc<Listed>)> {
        candidates.find_map(|candidate| {
            let verdict = self.verdict(&candidate);
            let is_spent = spent.is_spent_with(COST_OF_A_TEST + self.subjects.take_cost());
            let listed = candidate.listed;
            (is_spent || verdict != Verdict::Nothing).then_some((verdict, is_spent, listed))
        })
    }

    /// What the change is to a plan that it may match, as far as its rows tell. Most plans that are
    /// tested are not matched, and nothing of them is read but a condition.
    #[inline]
    fn verdict(&self, candidate: &Candidate<'_>) -> Verdict {
        if let Some(condition) = candidate.condition
            && !self.subjects.may_fulfil(condition)
        {
            return Verdict::Nothing;
        }
        let Listed { plan, backlog, .. } = &**candidate.listed;
        // An older change that is not decided goes first.
        let is_free = backlog.as_ref().is_none_or(|backlog| !backlog.is_busy());
        self.subjects.verdict(plan, is_free)
    }
}

/// A change that is queued to the members of a plan, by its number in the lane.
pub(super) struct Push<'t> {
    pub(super) lane: &'t Lane,
    pub(super) change: &'t Arc<Change>,
    pub(super) number: u64,
    pub(super) transition: Transition,
}

impl Engine {
    /// Delivers a change of the lane. Deliveries of one lane come one after the other.
    pub(super) async fn deliver_on(
        &self,
        lane: &Arc<Lane>,
        topics: &[Topic],
        change: &Arc<Change>,
    ) {
        let mut spent = lane.delivering.lock().await;
        spent.spend(COST_OF_A_CHANGE).await;
        let (before, number) = lane.clock.tick_from(change.cursor);
        let delivered = Delivered {
            change: Arc::clone(change),
            number,
        };
        if change.position.is_some() {
            lock(&lane.recent).push(before, delivered.clone());
        }
        // One lock for all topics: a member that moves from one to the other is seen once.
        let candidates = {
            let plans = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
            plans.candidates(topics, change)
        };
        lane.measures.changes.add(1);
        let span = lane.spans.delivery(change);
        let mut delivery = Delivery::new(lane, &delivered);
        self.deliver_to(&mut delivery, &mut spent, candidates.iter())
            .await;
        spans::delivered(&span, delivery.plans, delivery.frames);
    }

    /// Delivers a change to those of these plans that it matches.
    pub(super) async fn deliver_to<'c>(
        &self,
        delivery: &mut Delivery<'_>,
        spent: &mut Budget,
        mut candidates: impl Iterator<Item = Candidate<'c>>,
    ) {
        while let Some((verdict, is_spent, listed)) = delivery.next(spent, &mut candidates) {
            if is_spent {
                spent.rest().await;
            }
            if verdict != Verdict::Nothing {
                delivery.plans += 1;
                self.deliver_as(verdict, delivery, spent, listed).await;
            }
        }
    }

    async fn deliver_as(
        &self,
        verdict: Verdict,
        delivery: &mut Delivery<'_>,
        spent: &mut Budget,
        listed: &Arc<Listed>,
    ) {
        let Delivery {
            lane,
            delivered: Delivered { change, number },
            question,
            frames,
            ..
        } = delivery;
        let Listed {
            plan,
            members,
            backlog,
            throttle,
        } = &**listed;
        match (verdict, backlog) {
            (Verdict::Nothing, _) => {}
            (Verdict::Deliver(transition), _) => {
                let push = Push {
                    lane,
                    change,
                    number: *number,
                    transition,
                };
                *frames += match throttle {
                    None => self.push(&push, spent, plan, members).await,
                    Some(throttle) => {
                        self.deliver_throttled(&push, spent, plan, members, throttle)
                            .await
                    }
                };
            }
            (Verdict::Undecided, backlog) => {
                let question =
                    question.get_or_insert_with(|| Question::new(Arc::clone(change), *number));
                let undecided = Undecided {
                    question: Arc::clone(question),
                    listed: Arc::clone(listed),
                };
                // What is costly has a backlog.
                if let Some(backlog) = backlog {
                    self.decide_later(lane, backlog, undecided);
                }
            }
        }
    }

    fn decide_later(&self, lane: &Arc<Lane>, backlog: &Arc<Backlog>, undecided: Undecided) {
        match backlog.push(undecided, &self.budgets) {
            Queued::Waits { start: false } => {}
            Queued::Waits { start: true } => self.work_off(lane, backlog),
            Queued::Dropped(dropped) => {
                self.counters.decisions_dropped.add(dropped.len());
                if let Some(suppressed) = self.log_limits.decisions.allow() {
                    tracing::warn!(
                        stream = lane.model.stream,
                        suppressed,
                        "too many changes wait for the custom lookups or regular expressions of \
                         one subscriber, who is told of a gap; see `Limits::decision_queue`"
                    );
                }
                dropped.iter().for_each(|one| push_gap(&one.listed.members));
            }
        }
    }

    /// The plan's frame of a change, for all its members; none if it is too large.
    pub(super) fn frame(
        &self,
        plan: &Plan,
        change: &Arc<Change>,
        transition: Transition,
    ) -> Option<Arc<Frame>> {
        if plan.projection.is_rows() {
            let change = Arc::clone(change);
            return Some(Arc::new(Frame::Row { change, transition }));
        }
        let limit = self.limits.outbox_bytes;
        let Some(payload) = plan.projection.frame(change, transition, limit) else {
            self.counters.frames_too_large.add(1);
            if let Some(suppressed) = self.log_limits.frame.allow() {
                tracing::warn!(
                    stream = change.model.stream,
                    suppressed,
                    "a subscription repeats a large value so often that its frame is larger than \
                     `Limits::outbox_bytes`; it is told of a gap"
                );
            }
            return None;
        };
        self.counters.frames_encoded.add(1);
        Some(Arc::new(Frame::Change {
            payload,
            cursor: change.cursor,
            position: change.position,
            received: change.received,
        }))
    }

    /// Queues the plan's frame of a change to the plan's members; to how many.
    pub(super) async fn push(
        &self,
        push: &Push<'_>,
        spent: &mut Budget,
        plan: &Plan,
        members: &Members,
    ) -> usize {
        let Push {
            lane,
            change,
            number,
            transition,
        } = *push;
        let Some(frame) = self.frame(plan, change, transition) else {
            push_gap(members);
            return 0;
        };
        let mut queued = 0;
        for member in members.values() {
            let subscriber = &member.subscriber;
            let outbox = &subscriber.outbox;
            match outbox.push(member, plan.action, number, Arc::clone(&frame)) {
                Pushed::Queued { is_first, is_due } => {
                    // Before anybody can have it.
                    self.counters.frames_queued.add(1);
                    queued += 1;
                    if is_first {
                        lane.wake_later(subscriber);
                    }
                    if is_due {
                        lane.flush();
                        spent.rest().await;
                    }
                }
                Pushed::Covered | Pushed::Ended => {}
                Pushed::Replaced => outbox.gap(subscriber),
                Pushed::Overflowed { closed: false } => self.counters.overflows.add(1),
                Pushed::Overflowed { closed: true } => {
                    self.counters.slow_readers_closed.add(1);
                    if let Some(suppressed) = self.log_limits.slow_reader.allow() {
                        let channel = &subscriber.channel.id;
                        tracing::warn!(?channel, suppressed, "a slow reader is closed");
                    }
                }
            }
            let cost = COST_OF_A_FRAME + frame.len();
            lane.queued(cost);
            spent.spend(cost).await;
        }
        lane.measures.frames.add(queued);
        lane.measures.bytes.add(queued * frame.len());
        queued
    }
}
