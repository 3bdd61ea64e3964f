//! How far a lane is.

use std::sync::{Arc, Mutex};

use super::lock;
use crate::cursor::Cursor;

/// Numbers the changes of a lane as their delivery begins, and knows the lane's place in the
/// change log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<Mutex<Moment>>);

/// How far a lane is at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The number of the last change whose delivery has begun.
    pub(super) number: u64,
    /// All that the log has of the stream up to here is among those changes.
    pub(super) cursor: Option<Cursor>,
}

impl Clock {
    /// The delivery of a change begins, which may have a place in the log; its number.
    pub(super) fn tick(&self, cursor: Option<Cursor>) -> u64 {
        self.tick_from(cursor).1
    }

    /// The same, and where in the log the lane was.
    pub(super) fn tick_from(&self, cursor: Option<Cursor>) -> (Option<Cursor>, u64) {
        let mut moment = lock(&self.0);
        let before = moment.cursor;
        moment.number += 1;
        moment.cursor = cursor.or(before);
        (before, moment.number)
    }

    /// The log has nothing more of the stream up to here.
    pub(super) fn reach(&self, cursor: Cursor) {
        lock(&self.0).cursor = Some(cursor);
    }

    pub(super) fn now(&self) -> Moment {
        *lock(&self.0)
    }
}
