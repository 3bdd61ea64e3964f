//! Subscribers that begin with the rows that there are.

use std::sync::Weak;

use super::{CatchUp, Outcome};
use crate::change::Transition;
use crate::cursor::Cursor;
use crate::hub::engine::Engine;
use crate::hub::lane::Budget;
use crate::hub::recent::Reached;
use crate::hub::snapshot::Snapshot;
use crate::hub::transition::Verdict;

/// Times that one is begun anew for a subscriber that loses something meanwhile.
const ATTEMPTS: u32 = 3;

impl CatchUp {
    /// Sends the rows of a snapshot, and what is not in them up to its position.
    pub(super) async fn show(&self, engine: &Weak<Engine>, snapshot: &Snapshot) -> Outcome {
        self.subscriber.set_shown(true);
        let mut spent = Budget::default();
        for row in &snapshot.rows {
            let Some(engine) = engine.upgrade() else {
                return Outcome::Left;
            };
            // Its rows are the same for each action.
            let Some((_, plan)) = self.plans.first() else {
                return Outcome::Left;
            };
            match engine.transition(&self.subscriber.channel, plan, row).await {
                Some(Verdict::Deliver(_)) => {}
                Some(Verdict::Nothing) => continue,
                Some(Verdict::Undecided) | None => return Outcome::Gap,
            }
            let Some(frame) = engine.frame(plan, row, Transition::Stands) else {
                return Outcome::Gap;
            };
            if let Some(end) = self.push(&engine, &mut spent, None, frame).await {
                return end;
            }
        }
        for change in &snapshot.missed {
            let Some(engine) = engine.upgrade() else {
                return Outcome::Left;
            };
            if let Some(end) = self.queue(&engine, &mut spent, change).await {
                return end;
            }
        }
        self.subscriber.outbox.wake();
        self.subscriber.set_shown(false);
        Outcome::On(Reached {
            cursor: snapshot.at,
            is_known: true,
        })
    }

    /// Begins anew with a snapshot; nothing where that cannot be. `tell` says whether it still is to
    /// be told that what it has is not good.
    pub(super) async fn show_anew(
        &mut self,
        engine: &Weak<Engine>,
        mut tell: bool,
    ) -> Option<Outcome> {
        for _ in 0..ATTEMPTS {
            self.subscriber.set_shown(true);
            if tell {
                engine
                    .upgrade()?
                    .resync(&self.subscriber, Some(Cursor::NONE));
            } else {
                self.subscriber.outbox.told(&self.subscriber).await;
            }
            let snapshot = {
                let engine = engine.upgrade()?;
                let (_, plan) = self.plans.first()?;
                let wanted = (self.lane.model, plan.predicate.clone());
                let owner = &self.subscriber.channel.owner;
                let snapshot = engine.snapshot(owner, wanted.0, &wanted.1).await;
                let held = snapshot.and_then(|snapshot| {
                    let held = self.subscriber.channel.quota.hold(snapshot.bytes)?;
                    Ok((snapshot, held))
                });
                held.inspect_err(|refusal| {
                    let stream = self.lane.model.stream;
                    if let Some(suppressed) = engine.log_limits.snapshot.allow() {
                        tracing::warn!(%refusal, stream, suppressed, "a subscription has to go on without the snapshot that it asked for");
                    }
                })
                .ok()?
            };
            // What it was told of a gap is before all of this.
            self.number = self.lane.clock.tick(None);
            match self.show(engine, &snapshot.0).await {
                Outcome::Gap => tell = true,
                Outcome::Resynced => tell = false,
                end => return Some(end),
            }
        }
        None
    }
}
