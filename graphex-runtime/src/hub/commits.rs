//! `COMMIT`s on connections of diesel-async. Their futures can be dropped, and then their result does
//! not come: one task of the hub watches all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::engine::Engine;
use super::ticket::Ticket;
use super::{Hub, lock};
use crate::deadline::deadline;

type Shared = Mutex<Option<Ticket>>;

/// A transaction whose `COMMIT` runs and is watched.
#[derive(Debug)]
pub(crate) struct WatchedCommit(Arc<Shared>);

impl WatchedCommit {
    /// Its places; nobody watches any more.
    pub(crate) fn end(self) -> Option<Ticket> {
        lock(&self.0).take()
    }
}

/// The `COMMIT`s that run.
#[derive(Debug, Default)]
pub(super) struct Commits(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    /// By when each has ended, most likely: ascending, for all have the same time. One that has
    /// ended is forgotten when it is the first, so no more are here than one such time saw.
    commits: VecDeque<(Instant, Weak<Shared>)>,
    is_watched: bool,
}

impl Running {
    fn forget_ended(&mut self) {
        while let Some((_, commit)) = self.commits.front()
            && commit.strong_count() == 0
        {
            self.commits.pop_front();
        }
    }
}

impl Commits {
    /// Tells of a gap for each whose time is over, and says when to look again; nothing if none
    /// runs, and then nobody watches.
    fn doubt_overdue(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut running = lock(&self.0);
        loop {
            running.forget_ended();
            match running.commits.front() {
                Some((until, _)) if *until > now => return Some(*until),
                Some(_) => {}
                None => {
                    running.is_watched = false;
                    return None;
                }
            }
            let overdue = running.commits.pop_front();
            drop(running);
            if let Some(commit) = overdue.and_then(|(_, commit)| commit.upgrade())
                && let Some(ticket) = lock(&commit).as_mut()
            {
                ticket.doubt();
            }
            running = lock(&self.0);
        }
    }
}

/// The task that watches. Like the tasks of the lanes it ends with the runtime on which it was started;
/// the next `COMMIT` starts another then, which looks after those before it, too.
struct Watch {
    engine: Weak<Engine>,
    is_done: bool,
}

impl Watch {
    async fn run(mut self) {
        while let Some(until) = self.look() {
            sleep_until(until).await;
        }
        self.is_done = true;
    }

    fn look(&self) -> Option<Instant> {
        self.engine.upgrade()?.commits.doubt_overdue()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.is_done
            && let Some(engine) = self.engine.upgrade()
        {
            lock(&engine.commits.0).is_watched = false;
        }
    }
}

impl Hub {
    /// Watches a `COMMIT` that is about to run: when its result does not come within
    /// [`Limits::commit_time`](crate::Limits::commit_time) a gap is told, and again when it comes later.
    /// Outside of a runtime nothing is watched.
    pub(crate) fn watch(&self, ticket: Ticket) -> Result<WatchedCommit, Ticket> {
        if Handle::try_current().is_err() {
            return Err(ticket);
        }
        let commit = Arc::new(Mutex::new(Some(ticket)));
        let mut running = lock(&self.engine.commits.0);
        running.forget_ended();
        let until = deadline(self.commit_time());
        running.commits.push_back((until, Arc::downgrade(&commit)));
        let was_watched = std::mem::replace(&mut running.is_watched, true);
        drop(running);
        if !was_watched {
            let watch = Watch {
                engine: self.engine.handle(),
                is_done: false,
            };
            self.engine.run_beside(watch.run());
        }
        Ok(WatchedCommit(commit))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Builder;
    use tokio::time::advance;

    use super::*;
    use crate::hub::publisher::Queue;

    const TIME: Duration = Duration::from_secs(10);

    fn hub() -> Hub {
        Hub::builder()
            .limits(|limits| limits.commit_time = TIME)
            .build()
    }

    fn queue() -> Arc<Queue> {
        let queue = Queue::new(10, Arc::default());
        queue.set_fed();
        Arc::new(queue)
    }

    fn watch(hub: &Hub, queue: &Arc<Queue>) -> WatchedCommit {
        let mut ticket = Ticket::default();
        ticket.add(queue, vec![]);
        hub.watch(ticket).expect("in a runtime")
    }

    async fn is_doubted(queue: &Queue) -> bool {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let next = tokio::time::timeout(Duration::ZERO, queue.batch()).await;
        next.is_ok_and(|batch| batch.gap)
    }

    #[tokio::test(start_paused = true)]
    async fn each_has_its_time_and_what_has_ended_is_not_doubted() {
        let (hub, queues) = (hub(), [queue(), queue(), queue(), queue()]);
        let [first, ended, later, last] = &queues;
        let _first = watch(&hub, first);
        let ends_in_time = watch(&hub, ended);
        advance(TIME / 2).await;
        let _later = watch(&hub, later);
        ends_in_time.end().expect("nobody else takes it").commit();
        advance(TIME / 2).await;
        assert!(is_doubted(first).await);
        assert!(!is_doubted(ended).await);
        assert!(!is_doubted(later).await);
        advance(TIME / 2).await;
        assert!(is_doubted(later).await);
        // All are known, so the task has ended: another looks after the next.
        let _last = watch(&hub, last);
        advance(TIME).await;
        assert!(is_doubted(last).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_that_comes_after_all_is_told_again() {
        let (hub, queue) = (hub(), queue());
        let commit = watch(&hub, &queue);
        advance(TIME).await;
        assert!(is_doubted(&queue).await);
        commit.end().expect("it is still there").commit();
        assert!(is_doubted(&queue).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_task_watches_thousands_and_forgets_those_that_end() {
        let (hub, queue) = (hub(), queue());
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let slow = watch(&hub, &queue);
        for _ in 0..1_000 {
            drop(watch(&hub, &queue).end());
        }
        assert_eq!(tasks(), before + 1);
        drop(slow.end());
        drop(watch(&hub, &queue).end());
        assert_eq!(lock(&hub.engine.commits.0).commits.len(), 1);
    }

    #[test]
    fn a_runtime_that_ends_takes_its_watch_with_it_and_the_next_has_another() {
        let (hub, queue) = (hub(), queue());
        let runtime = || {
            Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
        };
        let first = runtime().unwrap();
        let _unknown = first.block_on(async { watch(&hub, &queue) });
        drop(first);
        runtime().unwrap().block_on(async {
            let _next = watch(&hub, &queue);
            advance(TIME).await;
            assert!(is_doubted(&queue).await);
        });
        let outside = hub.watch(Ticket::default());
        assert!(outside.is_err());
    }
}
