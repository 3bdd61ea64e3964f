//! Custom lookups of a stream: asked beside delivery, so that a slow database holds up nobody
//! but the subscribers who ask it.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::{Mutex, mpsc};

use super::engine::Engine;
use super::plan::Listed;
use crate::change::Change;
use crate::custom::LookupContext;
use crate::layer::Inbox as _;
use crate::limits::Limits;
use crate::predicate::Demand;

/// How many operands of one change are asked about at once.
const AT_ONCE: usize = 8;

/// A change, and the plans that it matches but for their custom lookups.
pub(super) struct Question {
    pub(super) change: Arc<Change>,
    pub(super) undecided: Vec<Listed>,
}

/// The changes of a stream that wait for custom lookups, in order.
pub(super) struct Lookups {
    questions: mpsc::Sender<Question>,
    /// Locked by the task that answers, for as long as its runtime lives.
    waiting: Mutex<mpsc::Receiver<Question>>,
    time: Duration,
    /// Whether the last question found no room; it is logged once.
    overflowing: AtomicBool,
}

impl Lookups {
    pub(super) fn new(limits: &Limits) -> Self {
        let (questions, waiting) = mpsc::channel(limits.lookup_queue.max(1));
        Self {
            questions,
            waiting: Mutex::new(waiting),
            time: limits.lookup_time,
            overflowing: AtomicBool::new(false),
        }
    }

    /// Queues a question; `false` where there is no room for it.
    pub(super) fn ask(&self, question: Question) -> bool {
        let stream = question.change.model.stream;
        let asked = self.questions.try_send(question).is_ok();
        let logged = self.overflowing.swap(!asked, Ordering::Relaxed);
        if !asked && !logged {
            tracing::error!(
                stream,
                "too many changes wait for custom lookups: until they have room, changes do not \
                 reach the subscribers who use one; make the lookups faster"
            );
        }
        asked
    }

    /// Answers the questions, in order, for as long as the engine lives.
    pub(super) async fn run(self: Arc<Self>, engine: Weak<Engine>) {
        let mut waiting = self.waiting.lock().await;
        while let Some(question) = waiting.recv().await {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            self.answer(&engine, &question).await;
            engine.flush(question.change.model.stream);
        }
    }

    async fn answer(&self, engine: &Engine, question: &Question) {
        let Question { change, undecided } = question;
        let demands = undecided
            .iter()
            .flat_map(|listed| listed.plan.predicate.custom());
        let distinct: HashSet<_> = demands.collect();
        // Boxed: the compiler cannot see that the futures of closures over references are `Send`.
        let asked: Vec<_> = distinct
            .into_iter()
            .map(|demand| {
                let holds = self.holds(engine, change, demand);
                holds.map(move |holds| (demand, holds)).boxed()
            })
            .collect();
        let answers: HashMap<_, _> = stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for Listed { plan, members } in undecided {
            let holds = |demand| answers.get(demand).copied().unwrap_or(false);
            if plan.predicate.custom().iter().all(holds) {
                engine.tell(plan, members, change).await;
            }
        }
    }

    /// What the lookup says; `false` if it fails.
    async fn holds(&self, engine: &Engine, change: &Change, demand: &Demand) -> bool {
        let model = change.model;
        let lookup = &model.lookups[demand.lookup];
        let context = LookupContext::new(&engine.data, change.action);
        // The lookup's state is dropped with it, so nobody sees what a panic left half done.
        let call = async { (lookup.evaluate)(&context, &change.row, &demand.operand).await };
        let call = AssertUnwindSafe(call).catch_unwind();
        let error = match tokio::time::timeout(self.time, call).await {
            Ok(Ok(Ok(holds))) => return holds,
            Ok(Ok(Err(error))) => error.message,
            Ok(Err(_)) => "it panicked".to_owned(),
            Err(_) => format!("it took longer than {:?}", self.time),
        };
        engine.counters.lookups_failed.add(1);
        tracing::error!(
            stream = model.stream,
            lookup = lookup.name,
            error,
            "the lookup failed; subscribers who use it are not told of the change"
        );
        false
    }
}
