//! What is queued for a subscriber.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::subscriber::Subscriber;
use crate::change::{Action, Change, Transition};
use crate::cursor::Cursor;
use crate::measure::Stamp;
use crate::projection::Signal;

/// What a subscriber is told. Of a change all members of a plan share one.
#[derive(Clone, Debug)]
pub(crate) enum Frame {
    /// A change, encoded.
    Change {
        payload: Bytes,
        cursor: Option<Cursor>,
        /// Of the change, in the log.
        position: Option<u64>,
        /// When the process received the change.
        received: Stamp,
    },
    /// A change itself, for who listens in the process.
    Row {
        change: Arc<Change>,
        transition: Transition,
    },
    /// Encoded when it is written: few subscribers get one, each of its own projection.
    Signal(Signal, Option<Cursor>),
}

/// A frame, whose it is, and of which action; of none if it is a signal or the row of a snapshot.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) action: Option<Action>,
    pub(super) frame: Arc<Frame>,
}

impl Frame {
    /// The position of its change in the log.
    pub(super) fn position(&self) -> Option<u64> {
        match self {
            Self::Change { position, .. } => *position,
            Self::Row { change, .. } => change.position,
            Self::Signal(..) => None,
        }
    }

    /// When the process received its change.
    pub(super) fn received(&self) -> Option<Stamp> {
        match self {
            Self::Change { received, .. } => Some(*received),
            Self::Row { change, .. } => Some(change.received),
            Self::Signal(..) => None,
        }
    }

    /// How many bytes its payload takes while it waits.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Change { payload, .. } => payload.len(),
            Self::Row { change, .. } => change.bytes(),
            Self::Signal(..) => 0,
        }
    }
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.subscriber.envelope.len() + self.frame.len()
    }

    /// Its length if it has to be written anew, for an envelope.
    pub(super) fn enveloped(&self) -> usize {
        let has_envelope = self.subscriber.envelope.len() > 0;
        if has_envelope { self.len() } else { 0 }
    }

    /// What is written, made at the end of `buffer` where it is not there already.
    pub(super) fn written(self, buffer: &mut BytesMut) -> Bytes {
        // The last one to write a frame takes its payload.
        let frame = Arc::try_unwrap(self.frame).unwrap_or_else(|shared| Frame::clone(&shared));
        let (payload, cursor) = match frame {
            Frame::Change {
                payload, cursor, ..
            } => (payload, cursor),
            // Those who get these have no writer.
            Frame::Row { .. } => return Bytes::new(),
            Frame::Signal(signal, cursor) => {
                let payload = self.subscriber.projection.signal(signal, cursor);
                (payload, cursor)
            }
        };
        let projection = &self.subscriber.projection;
        let cursor = cursor.map(|cursor| projection.scoped(cursor));
        self.subscriber.envelope.around(payload, cursor, buffer)
    }
}
