//! A subscription as deliveries see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::channels::ChannelState;
use super::clock::{Clock, Moment};
use super::operation::Envelope;
use super::outbox::Outbox;
use crate::change::Action;
use crate::cursor::Cursor;
use crate::projection::Projection;

/// A subscription of a channel. All that changes here changes under the lock of its outbox. What each
/// delivery looks at is together in memory.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Subscriber {
    /// The channel's: deliveries need nothing else of it.
    pub(super) outbox: Arc<Outbox>,
    /// For each action, how often it was given a plan or lost it: odd while it has one.
    generations: [AtomicU64; Action::ALL.len()],
    /// Changes of the lane up to this number are part of a gap; all, until it is told.
    covered: AtomicU64,
    /// It has had the changes of the log up to this position.
    had: AtomicU64,
    /// Whether it has a position of the log, after which it can go on.
    is_placed: AtomicBool,
    /// What its frames have around the payload.
    pub(super) envelope: Envelope,
    pub(crate) channel: Arc<ChannelState>,
    /// What its frames look like: that of its plans, or, in the two-channel protocol, of those
    /// that it had first.
    pub(super) projection: Projection,
    clock: Clock,
    /// Whether it is being sent a snapshot.
    is_shown: AtomicBool,
    /// When it was last told.
    pub(super) told: Mutex<Option<Instant>>,
}

/// A subscriber as it is listed in one plan.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) subscriber: Arc<Subscriber>,
    /// Its generation for the action of the plan when it joined.
    generation: u64,
}

/// Whether a member is what the subscriber has for its action now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Currency {
    Current,
    /// The subscriber has another plan for the action.
    Replaced,
    Ended,
}

impl Subscriber {
    pub(super) fn new(
        channel: Arc<ChannelState>,
        envelope: Envelope,
        projection: Projection,
        clock: Clock,
    ) -> Arc<Self> {
        Arc::new(Self {
            outbox: Arc::clone(&channel.outbox),
            channel,
            envelope,
            projection,
            clock,
            generations: Default::default(),
            covered: AtomicU64::new(0),
            had: AtomicU64::new(0),
            is_placed: AtomicBool::new(false),
            is_shown: AtomicBool::new(false),
            told: Mutex::default(),
        })
    }

    /// Gives it a plan for the action. What was listed for the action before gets nothing more.
    pub(super) fn seat(self: &Arc<Self>, action: Action) -> Member {
        let generation = &self.generations[action as usize];
        let before = generation.load(Ordering::Relaxed);
        let now = if is_seated(before) {
            before + 2
        } else {
            before + 1
        };
        generation.store(now, Ordering::Relaxed);
        Member {
            subscriber: Arc::clone(self),
            generation: now,
        }
    }

    /// Takes its plan for the action away.
    pub(super) fn unseat(&self, action: Action) {
        let generation = &self.generations[action as usize];
        let before = generation.load(Ordering::Relaxed);
        if is_seated(before) {
            generation.store(before + 1, Ordering::Relaxed);
        }
    }

    /// Whether it has a plan for any action.
    pub(super) fn is_live(&self) -> bool {
        let mut generations = self.generations.iter();
        generations.any(|generation| is_seated(generation.load(Ordering::Relaxed)))
    }

    /// Whether this change of the lane is part of a gap.
    pub(super) fn is_covered(&self, change: u64) -> bool {
        change <= self.covered.load(Ordering::Relaxed)
    }

    /// Whether it is to be told of a gap, which grows until it is.
    pub(super) fn is_behind(&self) -> bool {
        self.is_covered(u64::MAX)
    }

    /// Whether it has had this change of the log.
    pub(super) fn has_had(&self, position: Option<u64>) -> bool {
        position.is_some_and(|position| position <= self.had.load(Ordering::Relaxed))
    }

    /// It has had the changes of the log up to this position.
    pub(super) fn set_had(&self, position: u64) {
        self.had.store(position, Ordering::Relaxed);
    }

    /// It has a position of the log, or will before what is queued later.
    pub(super) fn set_placed(&self) {
        // Read first: most often it is, and nobody else needs the memory.
        if !self.is_placed.load(Ordering::Relaxed) {
            self.is_placed.store(true, Ordering::Relaxed);
        }
    }

    /// A snapshot is sent to it from now on, or has been.
    pub(super) fn set_shown(&self, is_shown: bool) {
        self.is_shown.store(is_shown, Ordering::Relaxed);
    }

    /// What it is told as its position, which is none in the middle of a snapshot.
    pub(super) fn place(&self, at: Option<Cursor>) -> Option<Cursor> {
        if self.is_shown.load(Ordering::Relaxed) {
            at.map(|_| Cursor::NONE)
        } else {
            at
        }
    }

    /// Whether its client comes back by itself after the last position that it has.
    pub(super) fn goes_on(&self) -> bool {
        self.envelope.goes_on() && self.is_placed.load(Ordering::Relaxed)
    }

    pub(super) fn fall_behind(&self) {
        // The gap may be that the log has begun anew, with its first position.
        self.set_had(0);
        self.covered.store(u64::MAX, Ordering::Relaxed);
    }

    /// It is told of the gap now. Who is told loads again, and has then whatever was committed by
    /// now: so nothing older may follow, and where it goes on is returned.
    pub(super) fn catch_up(&self) -> Moment {
        let now = self.clock.now();
        self.covered.store(now.number, Ordering::Relaxed);
        now
    }
}

fn is_seated(generation: u64) -> bool {
    !generation.is_multiple_of(2)
}

impl Member {
    /// A subscriber is listed in a plan once, and this is its own for as long as it is.
    pub(super) fn key(&self) -> usize {
        Arc::as_ptr(&self.subscriber).addr()
    }

    /// Whether somebody waits for what it gets.
    pub(super) fn is_asking(&self, action: Action) -> bool {
        self.currency(action) != Currency::Ended
    }

    pub(super) fn currency(&self, action: Action) -> Currency {
        let now = self.subscriber.generations[action as usize].load(Ordering::Relaxed);
        if now == self.generation {
            Currency::Current
        } else if is_seated(now) {
            Currency::Replaced
        } else {
            Currency::Ended
        }
    }
}

#[cfg(test)]
impl Member {
    /// A member of the plan of an action, on a channel of its own, with the clock of its lane.
    pub(super) fn sample(envelope: Envelope, action: Action) -> (Self, Clock) {
        use crate::hub::channels::ChannelId;
        use crate::hub::holdings::Holdings;
        use crate::hub::outbox::Bounds;
        use crate::hub::{Identity, Limits};
        use crate::node::NodeId;
        use crate::projection::Template;

        let id = ChannelId::random(NodeId(1)).unwrap();
        let limits = Limits::default();
        let holdings = Holdings::new(&limits);
        let identity = Identity::anonymous();
        let outbox = Arc::new(Outbox::new(Arc::new(Bounds::new(&limits)), Arc::default()));
        let channel = ChannelState::new(id, identity, None, outbox, &holdings, "own");
        let clock = Clock::default();
        let mut template = Template::default();
        template.action();
        let (channel, projection) = (Arc::new(channel), template.finish());
        let subscriber = Subscriber::new(channel, envelope, projection, clock.clone());
        (subscriber.seat(action), clock)
    }
}
