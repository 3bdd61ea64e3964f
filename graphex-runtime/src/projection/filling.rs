//! A frame in the making: a template is filled with an event.

use std::cell::Cell;

use bytes::Bytes;
use smallvec::SmallVec;

use super::Piece;
use crate::change::{Change, Row, Transition};
use crate::cursor::ScopedCursor;
use crate::value::write_json_text;

/// Which of the two rows of an update.
#[derive(Clone, Copy, Debug)]
enum Side {
    Now,
    Before,
}

/// What a template is filled with.
#[derive(Clone, Copy)]
pub(super) struct Event<'e> {
    /// Of GraphQL's `ChangeAction`.
    pub(super) action: &'static str,
    /// None in what is about no row.
    pub(super) change: Option<&'e Change>,
    pub(super) transition: Transition,
    pub(super) cursor: Option<ScopedCursor>,
}

impl<'e> Event<'e> {
    fn row(&self, side: Side) -> Option<&'e Row> {
        let change = self.change?;
        // A row that the subscriber does not have is nothing of its.
        match (side, self.transition) {
            (Side::Now, Transition::Stays | Transition::Enters | Transition::Stands) => {
                Some(&change.row)
            }
            (Side::Before, Transition::Stays) => change.before.as_ref(),
            (Side::Now, Transition::Leaves)
            | (Side::Before, Transition::Enters | Transition::Leaves | Transition::Stands) => None,
        }
    }

    /// Names of the visible fields that differ between the two rows of an update.
    fn changed(&self) -> Option<Vec<&'static str>> {
        let (now, before) = (self.row(Side::Now)?, self.row(Side::Before)?);
        let model = self.change?.model;
        let differs = |field: &usize| now.value(*field) != before.value(*field);
        let changed = model.visible().filter(differs);
        Some(changed.map(|field| model.fields[field].graphql).collect())
    }
}

/// A buffer that has grown larger is not kept.
const KEPT: usize = 64 * 1024;

thread_local! {
    /// What frames are written into.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The frame as JSON text; none if what it shows again, and the template, are larger than `limit`.
pub(super) fn filled(pieces: &[Piece], event: Event<'_>, limit: usize) -> Option<Bytes> {
    // Most frames are small and wait: each takes the room that it needs, and no more.
    let mut filling = Filling {
        out: BUFFER.take(),
        counted: 0,
        limit,
        shown: Shown::default(),
        side: Side::Now,
        event,
    };
    let filled = filling.fill(pieces);
    let mut out = filling.out;
    if out.capacity() > KEPT {
        return filled.map(|()| out.into());
    }
    let frame = filled.map(|()| Bytes::copy_from_slice(&out));
    out.clear();
    BUFFER.set(out);
    frame
}

struct Filling<'e> {
    out: Vec<u8>,
    /// Bytes that are there for the second time, or are the template's.
    counted: usize,
    limit: usize,
    shown: Shown,
    /// The row that fields are of.
    side: Side,
    event: Event<'e>,
}

impl Filling<'_> {
    fn fill(&mut self, pieces: &[Piece]) -> Option<()> {
        for piece in pieces {
            let before = self.out.len();
            if let Piece::Data(data) = piece {
                if self.event.row(Side::Now).is_some() {
                    self.fill(&data.row)?;
                } else if self.event.change.is_some() {
                    self.fill(&data.key)?;
                }
                continue;
            }
            let row = match piece {
                Piece::Row(pieces) => Some((Side::Now, pieces)),
                Piece::Before(pieces) => Some((Side::Before, pieces)),
                _ => None,
            };
            if let Some((side, pieces)) = row
                && self.event.row(side).is_some()
            {
                self.side = side;
                self.fill(pieces)?;
                self.side = Side::Now;
                continue;
            }
            if !self.write(piece) {
                self.counted += self.out.len() - before;
            }
            if self.counted > self.limit {
                return None;
            }
        }
        Some(())
    }

    /// Writes a piece; whether it shows a value for the first time.
    fn write(&mut self, piece: &Piece) -> bool {
        let row = self.event.row(self.side);
        let out = &mut self.out;
        match (piece, self.event.change, row) {
            (Piece::Id, Some(change), _) => {
                write_json_text(out, &change.key().canonical());
                return self.shown.is_new(0);
            }
            (Piece::Field(field), _, Some(row)) => {
                row.value(*field).write_json(out);
                let number = match self.side {
                    Side::Now => field + 1,
                    Side::Before => row.len() + field + 1,
                };
                return self.shown.is_new(number);
            }
            (Piece::Text(text), ..) => out.extend_from_slice(text.as_bytes()),
            (Piece::ActionEnum, ..) => write_json_text(out, self.event.action),
            (Piece::Action, ..) => write_word(out, self.event.action),
            (Piece::Changed, ..) => write_names(out, self.event.changed()),
            (Piece::Cursor, ..) => write_cursor(out, self.event.cursor),
            (Piece::Extensions, ..) => {
                if self.event.cursor.is_some() {
                    out.extend_from_slice(b",\"extensions\":{\"graphex\":{\"cursor\":");
                    write_cursor(out, self.event.cursor);
                    out.extend_from_slice(b"}}");
                }
            }
            (Piece::Place, ..) => {
                if self.event.cursor.is_some() {
                    out.extend_from_slice(b",\"cursor\":");
                    write_cursor(out, self.event.cursor);
                }
            }
            (Piece::Key, Some(change), _) => {
                change.key().write_json(out);
                return self.shown.is_new(0);
            }
            (
                Piece::Id
                | Piece::Key
                | Piece::Field(_)
                | Piece::Row(_)
                | Piece::Before(_)
                | Piece::Data(_),
                ..,
            ) => {
                out.extend_from_slice(b"null");
            }
        }
        false
    }
}

/// An enum value as notifications have it, in small letters; it needs no escaping.
fn write_word(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend(name.bytes().map(|letter| letter.to_ascii_lowercase()));
    out.push(b'"');
}

/// A list of enum values, which need no escaping.
fn write_names(out: &mut Vec<u8>, names: Option<Vec<&str>>) {
    let Some(names) = names else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'[');
    for (position, name) in names.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_json_text(out, name);
    }
    out.push(b']');
}

fn write_cursor(out: &mut Vec<u8>, cursor: Option<ScopedCursor>) {
    match cursor {
        Some(cursor) => write_json_text(out, &cursor.to_string()),
        None => out.extend_from_slice(b"null"),
    }
}

/// What a frame shows already, by small numbers.
#[derive(Default)]
struct Shown(SmallVec<[u64; 1]>);

impl Shown {
    fn is_new(&mut self, number: usize) -> bool {
        let (word, bit) = (number / 64, 1 << (number % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}
