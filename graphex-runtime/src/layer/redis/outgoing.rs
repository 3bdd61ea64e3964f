//! From changes to the messages that carry them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::connection::Message;
use super::keys::Keys;
use crate::change::Change;
use crate::node::NodeId;
use crate::topic::Topic;
use crate::wire::{Origin, write_changes};

/// Changes in one message at most: a listener has all of them in memory at once.
const CHANGES_IN_A_MESSAGE: usize = 64;

/// Changes in one round trip at most.
const CHANGES_AT_ONCE: usize = 2_048;

/// Bytes in one round trip, about: beyond, no further message begins.
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// Bytes of a message of several changes at most: what Redis does not take of a large row does not
/// take others with it.
const BYTES_IN_A_MESSAGE: usize = 64 * 1024;

/// Writes and numbers the messages of a node.
#[derive(Debug)]
pub(super) struct Outgoing {
    node: NodeId,
    keys: Arc<Keys>,
    next: AtomicU64,
}

impl Outgoing {
    pub(super) fn new(node: NodeId, keys: Arc<Keys>) -> Self {
        Self {
            node,
            keys,
            next: AtomicU64::new(1),
        }
    }

    /// Takes changes of one stream from the front for one round trip, in order. Neighbours that go
    /// to the same topics share a message.
    pub(super) fn take(&self, changes: &mut VecDeque<Arc<Change>>) -> Vec<Message> {
        let (mut messages, mut taken, mut bytes) = (Vec::new(), 0, 0);
        while taken < CHANGES_AT_ONCE && bytes < BYTES_AT_ONCE {
            let Some(first) = changes.pop_front() else {
                break;
            };
            let names = Topic::published(&first).map(|topic| self.keys.topic(&topic));
            let names: Vec<_> = names.collect();
            let mut together = vec![first];
            while together.len() < CHANGES_IN_A_MESSAGE {
                if !changes
                    .front()
                    .is_some_and(|next| Topic::are_shared(next, &together[0]))
                {
                    break;
                }
                together.extend(changes.pop_front());
            }
            taken += together.len();
            bytes += self.write(&names, &together, &mut messages);
        }
        messages
    }

    /// Writes changes into one message or, where that would be too large, into several; how many
    /// bytes.
    fn write(
        &self,
        names: &[String],
        changes: &[Arc<Change>],
        messages: &mut Vec<Message>,
    ) -> usize {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let node = self.node;
        let payload = write_changes(Origin { node, number }, changes);
        let bytes = payload.len();
        if bytes > BYTES_IN_A_MESSAGE && changes.len() > 1 {
            let (one, other) = changes.split_at(changes.len() / 2);
            return self.write(names, one, messages) + self.write(names, other, messages);
        }
        let names = names.to_vec();
        messages.push(Message { names, payload });
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Action, Row};
    use crate::model::{Model, Payload};
    use crate::value::{Field as _, Value};
    use crate::wire::{self, Changes};

    static MODEL: Model = Model::sample(
        Payload::Full,
        &[
            i64::TYPE.named("id", "ID"),
            Option::<i64>::TYPE.named("room", "ROOM"),
        ],
        &[1],
    );

    fn change(id: i64, action: Action, room: Option<i64>) -> Arc<Change> {
        let room = room.map_or(Value::Null, |room| Value::Int(room.into()));
        Arc::new(Change {
            model: &MODEL,
            action,
            row: Row::new(vec![Value::Int(id.into()), room]),
            before: None,
            cursor: None,
            position: None,
            published: false,
            received: crate::measure::Stamp::now(),
        })
    }

    /// The names, the number and the keys of the rows of each message.
    fn taken(changes: Vec<Arc<Change>>) -> Vec<(Vec<String>, u64, usize)> {
        let outgoing = Outgoing::new(NodeId(1), Arc::default());
        let messages = outgoing.take(&mut changes.into());
        let read = |message: Message| {
            let (_, parts) = wire::open(&message.payload).unwrap();
            let read = Changes::read(parts).unwrap();
            let rows = read.changes(&MODEL).unwrap().len();
            (message.names, read.origin.number, rows)
        };
        messages.into_iter().map(read).collect()
    }

    #[test]
    fn neighbours_of_the_same_topics_share_a_message_and_order_is_kept() {
        use Action::{Create, Update};
        let taken = taken(vec![
            change(1, Create, Some(7)),
            change(2, Create, Some(7)),
            change(1, Update, Some(7)),
            change(3, Create, Some(7)),
            change(4, Create, None),
        ]);
        let names = |action: &str, narrowed: bool| {
            let coarse = format!("graphex:topic:{{messages}}-{action}");
            let narrowed = narrowed.then(|| format!("{coarse}:room=7"));
            [coarse].into_iter().chain(narrowed).collect::<Vec<_>>()
        };
        assert_eq!(
            taken,
            [
                (names("create", true), 1, 2),
                (names("update", true), 2, 1),
                (names("create", true), 3, 1),
                (names("create", false), 4, 1),
            ]
        );
    }

    #[test]
    fn a_round_trip_and_a_message_are_bounded() {
        let changes = (0..3_000).map(|id| change(id, Action::Create, Some(7)));
        let mut changes: VecDeque<_> = changes.collect();
        let outgoing = Outgoing::new(NodeId(1), Arc::default());
        let messages = outgoing.take(&mut changes);
        assert_eq!(messages.len(), CHANGES_AT_ONCE / CHANGES_IN_A_MESSAGE);
        assert_eq!(changes.len(), 3_000 - CHANGES_AT_ONCE);
    }
}
