//! What may be spent on what a row does not decide cheaply: patterns and custom lookups.
//!
//! Each owner has a budget of its own and waits for itself alone: what is decided for the whole
//! process at once is shared out in the order of asking, and an owner asks for little at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::lock;
use super::owner::Owner;
use crate::limits::Limits;

/// Patterns that are tested at once beside the lanes: the lanes have the other processors.
const PATTERNS_AT_ONCE: usize = 1;

/// The budgets of all owners, and what they share.
#[derive(Debug)]
pub(crate) struct Budgets {
    owners: Mutex<HashMap<Owner, Weak<Budget>>>,
    lookups: Semaphore,
    patterns: Semaphore,
    /// Decisions of all owners that wait.
    waiting: Arc<AtomicUsize>,
    limits: Limits,
}

/// What one owner may spend.
#[derive(Debug)]
pub(crate) struct Budget {
    lookups: Semaphore,
    patterns: Semaphore,
    work: Mutex<Work>,
    /// Decisions that wait, and the bytes of the rows that they are about.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    of_all: Arc<AtomicUsize>,
}

/// Pattern work that may be done now; it grows with time.
#[derive(Debug)]
struct Work {
    left: u64,
    per_second: u64,
    at: Instant,
}

/// Leave to do one thing now.
#[derive(Debug)]
pub(super) struct Slot<'b> {
    _own: Option<SemaphorePermit<'b>>,
    _shared: Option<SemaphorePermit<'b>>,
}

impl Budgets {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            owners: Mutex::default(),
            lookups: Semaphore::new(permits(limits.lookups_at_once)),
            patterns: Semaphore::new(PATTERNS_AT_ONCE),
            waiting: Arc::default(),
            limits: limits.clone(),
        }
    }

    /// The budget of this owner.
    pub(super) fn of(&self, owner: &Owner) -> Arc<Budget> {
        let mut owners = lock(&self.owners);
        if let Some(budget) = owners.get(owner).and_then(Weak::upgrade) {
            return budget;
        }
        if owners.len() == owners.capacity() {
            owners.retain(|_, budget| budget.strong_count() > 0);
        }
        let budget = self.fresh();
        owners.insert(owner.clone(), Arc::downgrade(&budget));
        budget
    }

    /// A budget for what several owners share.
    pub(super) fn fresh(&self) -> Arc<Budget> {
        let per_second = self.limits.pattern_work;
        Arc::new(Budget {
            lookups: Semaphore::new(permits(self.limits.lookups_per_identity)),
            patterns: Semaphore::new(1),
            work: Mutex::new(Work {
                left: per_second,
                per_second,
                at: Instant::now(),
            }),
            waiting: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            of_all: Arc::clone(&self.waiting),
        })
    }

    /// Decisions that wait or are made.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits until a lookup may run for this owner.
    pub(super) async fn lookup<'b>(&'b self, budget: &'b Budget) -> Slot<'b> {
        slot(&budget.lookups, &self.lookups).await
    }

    /// Waits until patterns may be tested for this owner.
    pub(super) async fn pattern<'b>(&'b self, budget: &'b Budget) -> Slot<'b> {
        slot(&budget.patterns, &self.patterns).await
    }

    /// Whether the owner may let one more decision wait; then it does.
    pub(super) fn admit(&self, budget: &Budget, bytes: usize) -> bool {
        budget.of_all.fetch_add(1, Ordering::Relaxed);
        let waiting = budget.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting_bytes = budget.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = waiting < self.limits.decision_queue
            && (waiting == 0 || waiting_bytes + bytes <= self.limits.decision_bytes);
        if !has_room {
            budget.release(bytes);
        }
        has_room
    }
}

impl Budget {
    /// Whether so much pattern work may be done; then it counts as done.
    pub(super) fn spend(&self, work: u64) -> bool {
        let mut budget = lock(&self.work);
        let now = Instant::now();
        let millis = u64::try_from(now.duration_since(budget.at).as_millis()).unwrap_or(u64::MAX);
        let earned = budget.per_second.saturating_mul(millis) / 1_000;
        if earned > 0 {
            budget.left = budget.left.saturating_add(earned).min(budget.per_second);
            budget.at = now;
        }
        let left = budget.left.checked_sub(work);
        budget.left = left.unwrap_or(budget.left);
        left.is_some()
    }

    /// A decision does not wait any more.
    pub(super) fn release(&self, bytes: usize) {
        self.of_all.fetch_sub(1, Ordering::Relaxed);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// First what is the owner's alone: so it never has more than that in the line of all.
async fn slot<'b>(own: &'b Semaphore, shared: &'b Semaphore) -> Slot<'b> {
    // Neither is ever closed.
    Slot {
        _own: own.acquire().await.ok(),
        _shared: shared.acquire().await.ok(),
    }
}

fn permits(limit: usize) -> usize {
    limit.clamp(1, Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn budgets(change: impl FnOnce(&mut Limits)) -> Budgets {
        let mut limits = Limits::default();
        change(&mut limits);
        Budgets::new(&limits)
    }

    #[tokio::test(start_paused = true)]
    async fn pattern_work_comes_back_with_time_and_is_not_saved_up() {
        let budgets = budgets(|limits| limits.pattern_work = 1_000);
        let budget = budgets.fresh();
        assert!(budget.spend(1_000));
        assert!(!budget.spend(1));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(budget.spend(100));
        assert!(!budget.spend(1));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!budget.spend(1_001), "more than there ever is");
        assert!(budget.spend(1_000));
    }

    #[test]
    fn decisions_that_wait_are_bounded_in_number_and_bytes_but_one_alone_has_room() {
        let budgets = budgets(|limits| {
            limits.decision_queue = 2;
            limits.decision_bytes = 10;
        });
        let budget = budgets.fresh();
        assert!(budgets.admit(&budget, 1_000));
        assert!(!budgets.admit(&budget, 1));
        budget.release(1_000);
        assert!(budgets.admit(&budget, 5) && budgets.admit(&budget, 5));
        assert!(!budgets.admit(&budget, 0));
    }

    #[test]
    fn an_owner_has_one_budget_for_as_long_as_somebody_uses_it() {
        let budgets = budgets(|_| {});
        let owner = |name: &str| Owner::Named(name.into());
        let first = budgets.of(&owner("a"));
        assert!(Arc::ptr_eq(&first, &budgets.of(&owner("a"))));
        assert!(!Arc::ptr_eq(&first, &budgets.of(&owner("b"))));
        for number in 0..10_000 {
            budgets.of(&owner(&number.to_string()));
        }
        assert!(lock(&budgets.owners).len() < 100);
    }

    #[tokio::test]
    async fn who_asks_for_much_waits_for_itself() {
        let budgets = budgets(|limits| {
            limits.lookups_per_identity = 2;
            limits.lookups_at_once = 3;
        });
        let (greedy, other) = (budgets.fresh(), budgets.fresh());
        let _held = (budgets.lookup(&greedy).await, budgets.lookup(&greedy).await);
        let waits = tokio::time::timeout(Duration::from_millis(1), budgets.lookup(&greedy)).await;
        assert!(waits.is_err());
        budgets.lookup(&other).await;
    }
}
