//! What the reader's thread and its owners tell each other.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::hub::Flushing;

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) signals: Mutex<Signals>,
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Somebody has committed.
    pub(super) woken: bool,
    /// Those who wait for what they have committed.
    pub(super) flushings: Vec<Flushing>,
    pub(super) stopped: bool,
    pub(super) ended: bool,
    /// The log is being followed.
    pub(super) following: bool,
    /// When its end was reached.
    pub(super) caught_up: Option<Instant>,
}

/// Why a wait has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    Stopped,
    Woken,
    Idle,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Signals> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, set: impl FnOnce(&mut Signals)) {
        set(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits until woken, at most so long.
    pub(super) fn wait(&self, time: Duration) -> Waited {
        let idle = |signals: &mut Signals| !signals.woken && !signals.stopped;
        let waited = self.changed.wait_timeout_while(self.lock(), time, idle);
        let (mut signals, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let woken = std::mem::take(&mut signals.woken);
        match (signals.stopped, woken) {
            (true, _) => Waited::Stopped,
            (false, true) => Waited::Woken,
            (false, false) => Waited::Idle,
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }
}
