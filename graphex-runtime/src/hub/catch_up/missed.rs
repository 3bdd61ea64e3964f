//! What a subscriber that goes on has missed: read, and queued as fast as it reads.

use std::sync::Arc;
use std::time::Duration;

use super::{CatchUp, Outcome};
use crate::change::{Action, Change};
use crate::cursor::Cursor;
use crate::hub::engine::Engine;
use crate::hub::frame::Frame;
use crate::hub::lane::Budget;
use crate::hub::outbox::Pushed;
use crate::hub::past::{Page, Then};
use crate::hub::recent::Reached;
use crate::hub::subscriber::{Member, Subscriber};
use crate::hub::transition::Verdict;

/// Times that one tries to read what the log has.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// How far one is with what was to be queued.
pub(super) enum Queued {
    All(Reached),
    /// To here; the rest it may not hold while it waits for room.
    Some(Reached),
    Ended(Outcome),
}

impl CatchUp {
    /// Reads the next page of the log; nothing where the log cannot be read.
    pub(super) async fn read(&self, engine: &Engine, after: Cursor) -> Option<Arc<Page>> {
        let source = Arc::clone(&engine.source()?.source);
        let stream = self.lane.model.stream;
        let mut pause = FIRST_PAUSE;
        for attempt in 1..=ATTEMPTS {
            match engine
                .archive
                .read(Arc::clone(&source), stream, after)
                .await
            {
                Ok(page) => return Some(page),
                Err(error) => {
                    if let Some(suppressed) = engine.log_limits.log.allow() {
                        tracing::warn!(%error, stream, attempt, suppressed, "a subscriber that goes on waits for the change log");
                    }
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        None
    }

    pub(super) async fn queue_page(
        &self,
        engine: &Engine,
        spent: &mut Budget,
        page: &Page,
        reached: Reached,
    ) -> Outcome {
        let queued = self.queue_all(engine, spent, &page.changes, reached);
        match queued.await {
            Queued::Ended(end) => return end,
            Queued::Some(further) => return Outcome::On(further),
            Queued::All(_) => {}
        }
        let is_known = true;
        match page.then {
            Then::More(cursor) => Outcome::On(Reached { cursor, is_known }),
            // The lane may have had more meanwhile.
            Then::End => Outcome::On(Reached {
                is_known,
                ..reached
            }),
            Then::Gap => Outcome::Gap,
        }
    }

    /// Queues these changes, which follow a position. While they wait for room they are counted as its
    /// owner's; whoever may not hold so much lets go of what has no room, and reads it again.
    pub(super) async fn queue_all(
        &self,
        engine: &Engine,
        spent: &mut Budget,
        changes: &[Arc<Change>],
        reached: Reached,
    ) -> Queued {
        let Subscriber {
            outbox, channel, ..
        } = &*self.subscriber;
        let bytes = changes.iter().map(|change| change.bytes()).sum();
        let held = channel.quota.hold(bytes).ok();
        let (mut further, mut is_whole) = (reached, false);
        for change in changes {
            if held.is_none() && is_whole && !outbox.has_room() {
                return Queued::Some(further);
            }
            if let Some(end) = self.queue(engine, spent, change).await {
                return Queued::Ended(end);
            }
            if let Some(cursor) = change.cursor {
                let is_known = true;
                further = Reached { cursor, is_known };
                // Of the two changes of a changed key the first has the position before.
                is_whole = change.position == Some(cursor.position);
            }
        }
        Queued::All(further)
    }

    /// Queues a change if it matches; how it ends, if it does.
    pub(super) async fn queue(
        &self,
        engine: &Engine,
        spent: &mut Budget,
        change: &Arc<Change>,
    ) -> Option<Outcome> {
        let mut plans = self.plans.iter();
        let (member, plan) = plans.find(|(_, plan)| plan.action == change.action)?;
        spent.spend(128).await;
        let transition = match engine
            .transition(&self.subscriber.channel, plan, change)
            .await
        {
            Some(Verdict::Deliver(transition)) => transition,
            Some(Verdict::Nothing) => return None,
            Some(Verdict::Undecided) | None => return Some(Outcome::Gap),
        };
        let Some(frame) = engine.frame(plan, change, transition) else {
            return Some(Outcome::Gap);
        };
        self.push(engine, spent, Some((member, plan.action)), frame)
            .await
    }

    /// Queues the frame of an action, or of a row of a snapshot, when there is room; how it ends, if
    /// it does.
    pub(super) async fn push(
        &self,
        engine: &Engine,
        spent: &mut Budget,
        of: Option<(&Member, Action)>,
        frame: Arc<Frame>,
    ) -> Option<Outcome> {
        let outbox = &self.subscriber.outbox;
        outbox.room(&self.subscriber).await;
        spent.spend(frame.len()).await;
        let pushed = match of {
            Some((member, action)) => outbox.push(member, action, self.number, frame),
            None => outbox.push_row(&self.subscriber, self.number, frame),
        };
        match pushed {
            Pushed::Queued { is_due, .. } => {
                engine.counters.frames_queued.add(1);
                if is_due {
                    outbox.wake();
                }
                None
            }
            Pushed::Overflowed { closed: true } => {
                engine.counters.slow_readers_closed.add(1);
                Some(Outcome::Left)
            }
            // It may have left this action alone, and goes on with the others.
            Pushed::Ended | Pushed::Replaced => {
                (!outbox.serves(&self.subscriber)).then_some(Outcome::Left)
            }
            Pushed::Covered | Pushed::Overflowed { closed: false } => Some(Outcome::Resynced),
        }
    }
}
