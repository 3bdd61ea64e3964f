//! Updates of one row, held back so that no more than one comes in a while: the newest one, and
//! the last of them always.
//!
//! A throttle is of plans that differ in their action alone. Only updates of a row that was the
//! plan's and still is are held back. Whatever else happens to the row goes at once, after what is held
//! back of it: so no update is drawn over a create or a delete.

mod release;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::delivery::Push;
use super::engine::Engine;
use super::lane::{Budget, Lane};
use super::lock;
use super::plan::{Listed, Members, Plan};
use crate::change::{Action, Change, Transition};
use crate::cursor::Cursor;
use crate::deadline::deadline;
use crate::value::Value;

/// Most rows of which something is held back; updates of others go at once.
const MOST: usize = 4_096;

/// What is held back for the members of some plans.
#[derive(Debug)]
pub(crate) struct Throttle {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By key: rows of which an update went not long ago.
    rows: HashMap<Value, Row>,
    /// How many of them have something that is held back.
    held: usize,
    /// Where whoever has all that came goes on.
    seen: Option<Cursor>,
    is_running: bool,
    /// So many rows are worth a look for those that are over.
    worth: usize,
}

#[derive(Debug)]
struct Row {
    /// When the next update may go.
    due: Instant,
    held: Option<Held>,
}

#[derive(Clone, Debug)]
struct Held {
    plan: Plan,
    change: Arc<Change>,
    number: u64,
    /// Where whoever is to get this goes on.
    before: Option<Cursor>,
}

/// What becomes of a change.
enum Going {
    /// It waits. Whether a task has to be started for it.
    Waits { start: bool },
    /// It goes, with this cursor, after what was held back of its row.
    Goes(Option<Held>, Option<Cursor>),
}

impl Throttle {
    pub(super) fn new(interval: Duration) -> Self {
        let state = Mutex::default();
        Self { interval, state }
    }

    fn take(&self, push: &Push<'_>, plan: &Plan) -> Going {
        let change = push.change;
        let may_wait = change.action == Action::Update && push.transition == Transition::Stays;
        let mut state = lock(&self.state);
        let before = state.seen;
        state.seen = change.cursor.or(before);
        let now = Instant::now();
        let key = change.key();
        let is_early = state.rows.get(key).is_some_and(|row| row.due > now);
        if may_wait && is_early && state.held < MOST {
            let held = Held {
                plan: plan.clone(),
                change: Arc::clone(change),
                number: push.number,
                before,
            };
            let row = state.rows.get_mut(key);
            let replaced = row.and_then(|row| row.held.replace(held));
            state.held += usize::from(replaced.is_none());
            let start = !std::mem::replace(&mut state.is_running, true);
            return Going::Waits { start };
        }
        let held = state.rows.get_mut(key).and_then(|row| row.held.take());
        state.held -= usize::from(held.is_some());
        // One that is newer goes now.
        let held = held.filter(|_| !may_wait);
        if change.action == Action::Delete {
            state.rows.remove(key);
        } else {
            state.note(key.clone(), deadline(self.interval), now);
        }
        Going::Goes(held, state.cursor())
    }

    /// What may go now, and when there may be more.
    fn due(&self) -> (Vec<Held>, Option<Instant>) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let mut due = Vec::new();
        let mut next = None;
        for row in state.rows.values_mut().filter(|row| row.held.is_some()) {
            if row.due <= now {
                row.due = deadline(self.interval);
                due.extend(row.held.take());
            } else {
                let earlier = next.is_none_or(|next| row.due < next);
                next = if earlier { Some(row.due) } else { next };
            }
        }
        due.sort_by_key(|held| held.number);
        state.held -= due.len();
        state.is_running = next.is_some() || !due.is_empty();
        (due, next)
    }

    /// Whether an update of the row would be held back now, and how long it lasts.
    pub(super) fn holds_back(&self, key: &Value) -> Option<Duration> {
        let state = lock(&self.state);
        let now = Instant::now();
        let is_early = state.rows.get(key).is_some_and(|row| row.due > now);
        (is_early && state.held < MOST).then_some(self.interval)
    }

    /// The cursor of what goes now.
    fn cursor(&self) -> Option<Cursor> {
        lock(&self.state).cursor()
    }
}

impl State {
    /// Where whoever gets what goes now goes on: before what is held back.
    fn cursor(&self) -> Option<Cursor> {
        if self.held == 0 {
            return self.seen;
        }
        let held = self.rows.values().filter_map(|row| row.held.as_ref());
        let held = held.map(|held| held.before);
        // None, which is less than any, where something held back came first of all.
        held.min_by_key(|cursor| cursor.map(|cursor| cursor.position))
            .flatten()
    }

    /// An update of the row went now.
    fn note(&mut self, key: Value, due: Instant, now: Instant) {
        if self.rows.len() >= self.worth.max(64) {
            self.rows
                .retain(|_, row| row.held.is_some() || row.due > now);
            self.worth = self.rows.len() * 2;
        }
        self.rows.insert(key, Row { due, held: None });
    }
}

impl Engine {
    /// Tells the members of a plan of a change, now or when its throttle lets it go; how many now.
    pub(super) async fn deliver_throttled(
        &self,
        push: &Push<'_>,
        spent: &mut Budget,
        plan: &Plan,
        members: &Members,
        throttle: &Arc<Throttle>,
    ) -> usize {
        match throttle.take(push, plan) {
            Going::Waits { start: false } => 0,
            Going::Waits { start: true } => {
                let (throttle, engine) = (Arc::clone(throttle), self.handle());
                let lane = self.lanes.get(push.lane.model.stream).cloned();
                if let Some(lane) = lane {
                    self.run_beside(throttle.run(lane, engine));
                }
                0
            }
            Going::Goes(held, cursor) => {
                if let Some(held) = held {
                    self.deliver_held(push.lane, spent, throttle, &held, cursor)
                        .await;
                }
                let change = with_cursor(push.change, cursor);
                let push = Push {
                    change: change.as_ref().unwrap_or(push.change),
                    ..*push
                };
                self.push(&push, spent, plan, members).await
            }
        }
    }

    async fn deliver_held(
        &self,
        lane: &Lane,
        spent: &mut Budget,
        from: &Throttle,
        held: &Held,
        cursor: Option<Cursor>,
    ) {
        let listed = {
            let plans = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
            plans.current(&held.plan).cloned()
        };
        // Nobody, if all have left meanwhile. An equal plan that was listed since has a throttle of
        // its own, which may have let go what is newer.
        let is_own = |listed: &Arc<Listed>| {
            let throttle = listed.throttle.as_ref();
            throttle.is_some_and(|throttle| std::ptr::eq(&**throttle, from))
        };
        let Some(listed) = listed.filter(is_own) else {
            return;
        };
        let change = with_cursor(&held.change, cursor);
        let push = Push {
            lane,
            change: change.as_ref().unwrap_or(&held.change),
            number: held.number,
            transition: Transition::Stays,
        };
        self.push(&push, spent, &held.plan, &listed.members).await;
    }
}

/// The change with another cursor, if that is another.
fn with_cursor(change: &Arc<Change>, cursor: Option<Cursor>) -> Option<Arc<Change>> {
    (change.cursor != cursor).then(|| {
        let change = Change::clone(change);
        Arc::new(Change { cursor, ..change })
    })
}

impl Throttle {
    /// Lets go what is held back when it is due, until nothing is.
    async fn run(self: Arc<Self>, lane: Arc<Lane>, engine: Weak<Engine>) {
        loop {
            let next = {
                let Some(engine) = engine.upgrade() else {
                    return;
                };
                // In one step of the lane, so that nothing of a row goes in between.
                let mut spent = lane.delivering.lock().await;
                let (due, next) = self.due();
                if due.is_empty() && next.is_none() {
                    return;
                }
                let cursor = self.cursor();
                for held in &due {
                    engine
                        .deliver_held(&lane, &mut spent, &self, held, cursor)
                        .await;
                }
                lane.flush();
                next
            };
            // What came meanwhile is due later than what has just gone.
            sleep_until(next.unwrap_or_else(|| deadline(self.interval))).await;
        }
    }
}

#[cfg(test)]
mod tests;
