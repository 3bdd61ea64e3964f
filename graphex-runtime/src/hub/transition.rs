//! What a change is to a plan: a row that it has, begins to have or ceases to have.

use std::sync::Arc;

use super::backlog::Question;
use super::budget::Budget;
use super::channels::ChannelState;
use super::engine::Engine;
use super::plan::Plan;
use crate::change::{Change, Row, Transition};
use crate::predicate::{Condition, Decision, Subject};

/// What a change is to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: neither row matches.
    Nothing,
    /// It is delivered as this.
    Deliver(Transition),
    /// The rows do not tell cheaply.
    Undecided,
}

/// Rows of a change as predicates see them.
pub(super) struct Subjects<'c> {
    now: Subject<'c>,
    before: Option<Subject<'c>>,
}

impl<'c> Subjects<'c> {
    pub(super) fn new(now: &'c Row, before: Option<&'c Row>) -> Self {
        Self {
            now: Subject::new(now),
            before: before.map(Subject::new),
        }
    }

    /// What testing them has cost since this was last asked.
    pub(super) fn take_cost(&self) -> usize {
        let before = self.before.as_ref().map_or(0, Subject::take_cost);
        self.now.take_cost() + before
    }

    /// Whether one of them fulfils the condition.
    #[inline]
    pub(super) fn may_fulfil(&self, condition: &Condition) -> bool {
        let before = self.before.as_ref();
        condition.holds(&self.now) || before.is_some_and(|before| condition.holds(before))
    }

    /// What the change is to the plan, as far as its rows tell.
    #[inline]
    pub(super) fn verdict(&self, plan: &Plan, may_test_patterns: bool) -> Verdict {
        let predicate = &plan.predicate;
        let now = predicate.decide(&self.now, may_test_patterns);
        let before = match &self.before {
            Some(before) if plan.projection.marks_transitions() => {
                predicate.decide(before, may_test_patterns)
            }
            _ => now,
        };
        let holds = |decision| match decision {
            Decision::Yes => Some(true),
            Decision::No => Some(false),
            Decision::Undecided => None,
        };
        match (holds(before), holds(now)) {
            (Some(before), Some(now)) => Verdict::of(before, now),
            _ => Verdict::Undecided,
        }
    }
}

impl Verdict {
    fn of(before: bool, now: bool) -> Self {
        match (before, now) {
            (false, false) => Self::Nothing,
            (true, true) => Self::Deliver(Transition::Stays),
            (false, true) => Self::Deliver(Transition::Enters),
            (true, false) => Self::Deliver(Transition::Leaves),
        }
    }
}

impl Engine {
    /// What the change is to a plan of this channel's, whatever it costs its owner; none if that
    /// cannot be told.
    pub(super) async fn transition(
        &self,
        channel: &ChannelState,
        plan: &Plan,
        change: &Arc<Change>,
    ) -> Option<Verdict> {
        let verdict = {
            let subjects = Subjects::new(&change.row, change.before.as_ref());
            subjects.verdict(plan, true)
        };
        if verdict != Verdict::Undecided {
            return Some(verdict);
        }
        let budget = self.budgets.of(&channel.owner);
        let question = Question::new(Arc::clone(change), 0);
        self.verdict(&budget, &question, plan).await
    }

    /// What the change is to the plan; none if that cannot be told.
    pub(super) async fn verdict(
        &self,
        budget: &Budget,
        question: &Arc<Question>,
        plan: &Plan,
    ) -> Option<Verdict> {
        let now = self.holds(budget, question, plan).await?;
        let before = match &question.before {
            Some(before) if plan.projection.marks_transitions() => {
                self.holds(budget, before, plan).await?
            }
            _ => now,
        };
        Some(Verdict::of(before, now))
    }

    /// Whether the predicate holds for the row that is asked about.
    async fn holds(&self, budget: &Budget, question: &Arc<Question>, plan: &Plan) -> Option<bool> {
        let decision = {
            let subject = Subject::new(&question.change.row);
            plan.predicate.decide(&subject, false)
        };
        match decision {
            Decision::Yes => Some(true),
            Decision::No => Some(false),
            Decision::Undecided => self.decide(budget, question, plan).await,
        }
    }
}
