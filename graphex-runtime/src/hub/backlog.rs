//! Decisions beside the lanes: changes of which a row does not tell cheaply whether they match.
//!
//! Each predicate that has patterns or custom lookups has a backlog, which is worked off by a task
//! of its own in the order of the changes. Whoever shares the predicate shares the backlog. A
//! change that cannot be decided, for an error or because its owner has spent its budget, is a gap:
//! it is told, and nothing older follows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};

use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::budget::{Budget, Budgets};
use super::delivery::Push;
use super::engine::Engine;
use super::lane::{self, Lane};
use super::lock;
use super::owner::Owner;
use super::plan::{Listed, Members, Plan};
use super::transition::Verdict;
use crate::change::Change;
use crate::predicate::Demand;

/// Pattern work that holds up a task no longer than other work does.
const INLINE_WORK: u64 = 64 * 1024;

/// A change with what custom lookups have said of it. All backlogs that ask about it share this:
/// a lookup runs once for each operand.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) change: Arc<Change>,
    /// Its number in the lane.
    pub(super) number: u64,
    /// The same question about the row before it.
    pub(super) before: Option<Arc<Self>>,
    answers: Mutex<HashMap<Demand, Answer>>,
}

/// None inside if the lookup failed.
type Answer = Arc<OnceCell<Option<bool>>>;

/// A change and a plan that it matches as far as its row tells.
#[derive(Debug)]
pub(super) struct Undecided {
    pub(super) question: Arc<Question>,
    pub(super) listed: Arc<Listed>,
}

/// What waits for the decisions of one predicate.
#[derive(Debug)]
pub(crate) struct Backlog(Mutex<State>);

#[derive(Debug)]
struct State {
    waiting: VecDeque<(Undecided, Paid)>,
    /// Whether a task works it off.
    is_running: bool,
    /// Who made the predicate; none when others share it.
    owner: Option<Owner>,
    budget: Arc<Budget>,
}

/// What a decision counts in its owner's budget, for as long as it waits.
#[derive(Debug)]
struct Paid {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Paid {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

/// What became of a decision that was to wait.
pub(super) enum Queued {
    /// It waits. Whether a task has to be started for it.
    Waits { start: bool },
    /// There is no room: this and all that waited is undecided for ever.
    Dropped(Vec<Undecided>),
}

impl Question {
    pub(super) fn new(change: Arc<Change>, number: u64) -> Arc<Self> {
        let before = change.before.clone().map(|row| {
            let before = None;
            let change = Change {
                row,
                before,
                ..Change::clone(&change)
            };
            Self::new(Arc::new(change), number)
        });
        Arc::new(Self {
            change,
            number,
            before,
            answers: Mutex::default(),
        })
    }

    fn answer(&self, demand: &Demand) -> Answer {
        let mut answers = lock(&self.answers);
        match answers.get(demand) {
            Some(answer) => Arc::clone(answer),
            None => Arc::clone(answers.entry(demand.clone()).or_default()),
        }
    }
}

impl Backlog {
    pub(super) fn new(owner: &Owner, budgets: &Budgets) -> Self {
        Self(Mutex::new(State {
            waiting: VecDeque::new(),
            is_running: false,
            owner: Some(owner.clone()),
            budget: budgets.of(owner),
        }))
    }

    /// Notes that this owner uses the predicate. What several use waits for none of them.
    pub(super) fn share(&self, owner: &Owner, budgets: &Budgets) {
        let mut state = lock(&self.0);
        if state.owner.as_ref().is_some_and(|first| first != owner) {
            state.owner = None;
            state.budget = budgets.fresh();
        }
    }

    /// Whether older changes are not decided.
    pub(super) fn is_busy(&self) -> bool {
        lock(&self.0).is_running
    }

    pub(super) fn push(&self, undecided: Undecided, budgets: &Budgets) -> Queued {
        let bytes = undecided.question.change.row.bytes();
        let mut state = lock(&self.0);
        if !budgets.admit(&state.budget, bytes) {
            let waiting = std::mem::take(&mut state.waiting);
            let waiting = waiting.into_iter().map(|(undecided, _)| undecided);
            return Queued::Dropped(waiting.chain([undecided]).collect());
        }
        let budget = Arc::clone(&state.budget);
        state.waiting.push_back((undecided, Paid { budget, bytes }));
        let start = !std::mem::replace(&mut state.is_running, true);
        Queued::Waits { start }
    }

    /// Decides what waits, until nothing does.
    pub(super) async fn run(self: Arc<Self>, lane: Arc<Lane>, engine: Weak<Engine>) {
        let mut spent = lane::Budget::default();
        let mut running = Running {
            backlog: &self,
            current: None,
        };
        while let Some(budget) = running.next() {
            let (Some(engine), Some((undecided, _))) = (engine.upgrade(), &running.current) else {
                return;
            };
            let Undecided { question, listed } = undecided;
            let Listed {
                plan,
                members,
                throttle,
                ..
            } = &**listed;
            let mut asking = members.values();
            if asking.any(|member| member.is_asking(plan.action)) {
                match engine.verdict(&budget, question, plan).await {
                    Some(Verdict::Deliver(transition)) => {
                        let push = Push {
                            lane: &lane,
                            change: &question.change,
                            number: question.number,
                            transition,
                        };
                        if let Some(throttle) = throttle {
                            // What is held back goes in a step of the lane too.
                            let _delivering = lane.delivering.lock().await;
                            engine
                                .deliver_throttled(&push, &mut spent, plan, members, throttle)
                                .await;
                        } else {
                            engine.push(&push, &mut spent, plan, members).await;
                        }
                    }
                    Some(Verdict::Nothing) => {}
                    Some(Verdict::Undecided) | None => push_gap(members),
                }
                lane.flush();
            }
            running.current = None;
        }
    }
}

/// Works off a backlog; what it was at when it is dropped is undecided for ever.
struct Running<'b> {
    backlog: &'b Backlog,
    current: Option<(Undecided, Paid)>,
}

impl Running<'_> {
    /// Takes the next change, with the budget that it costs.
    fn next(&mut self) -> Option<Arc<Budget>> {
        let mut state = lock(&self.backlog.0);
        self.current = state.waiting.pop_front();
        state.is_running = self.current.is_some();
        self.current.as_ref().map(|_| Arc::clone(&state.budget))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some((undecided, _)) = &self.current else {
            return;
        };
        push_gap(&undecided.listed.members);
        // The runtime ends, or the hub: another task begins with what comes next.
        let mut state = lock(&self.backlog.0);
        state.is_running = false;
        for (undecided, _) in state.waiting.drain(..) {
            push_gap(&undecided.listed.members);
        }
    }
}

/// Tells members that they may have missed a change.
pub(super) fn push_gap(members: &Members) {
    for member in members.values() {
        let subscriber = &member.subscriber;
        subscriber.outbox.gap(subscriber);
    }
}

impl Engine {
    /// Whether the row of the change matches the plan, as far as it does not tell itself; none if
    /// that cannot be told.
    pub(super) async fn decide(
        &self,
        budget: &Budget,
        question: &Arc<Question>,
        plan: &Plan,
    ) -> Option<bool> {
        let stream = question.change.model.stream;
        let work = plan.predicate.pattern_work(&question.change.row);
        if work > 0 {
            if !budget.spend(work) {
                self.counters.budgets_spent.add(1);
                if let Some(suppressed) = self.log_limits.budget.allow() {
                    tracing::warn!(
                        stream,
                        work,
                        suppressed,
                        "a subscriber has spent its budget for regular expressions and is told of a \
                         gap; see `Limits::pattern_work`"
                    );
                }
                return None;
            }
            if !self.patterns_hold(budget, question, plan, work).await? {
                return Some(false);
            }
        }
        let demands = plan.predicate.custom().iter();
        let answers = demands.map(|demand| async move {
            let answer = question.answer(demand);
            if let Some(answer) = answer.get() {
                return *answer;
            }
            // Before it is asked: who waits for its own budget holds up nobody else who asks.
            let _slot = self.budgets.lookup(budget).await;
            *answer
                .get_or_init(|| self.ask(&question.change, demand))
                .await
        });
        let answers = join_all(answers).await;
        // One that says no decides, whatever became of the others.
        if answers.contains(&Some(false)) {
            return Some(false);
        }
        answers
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .map(|_| true)
    }

    async fn patterns_hold(
        &self,
        budget: &Budget,
        question: &Arc<Question>,
        plan: &Plan,
        work: u64,
    ) -> Option<bool> {
        if work <= INLINE_WORK {
            return Some(plan.predicate.patterns_hold(&question.change.row));
        }
        let _slot = self.budgets.pattern(budget).await;
        let (question, predicate) = (Arc::clone(question), plan.predicate.clone());
        let testing = move || predicate.patterns_hold(&question.change.row);
        // It fails when the runtime ends.
        tokio::task::spawn_blocking(testing).await.ok()
    }
}
