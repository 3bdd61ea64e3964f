//! What of a row a subscriber gets, as the template of its frames.

mod template;

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

pub(crate) use template::Template;

use crate::change::{Action, Change};
use crate::model::{Model, Payload};
use crate::value::write_json_text;

/// The template of a frame: text that is the same for every change, and what each fills in.
///
/// Whatever asked for it (`data`, a GraphQL selection set), equal templates make equal frames, so
/// their subscribers share a plan. A clone is the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Projection(Arc<Shape>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    pieces: Box<[Piece]>,
    form: Form,
}

/// What kind of frames they are.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Form {
    /// Notifications of the two-channel protocol, and the one that tells of a gap.
    Notification { resync: Bytes },
    /// Execution results of the standard protocols.
    Result,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Piece {
    /// JSON as it is.
    Text(String),
    /// The action as a string: `create`.
    Action,
    /// What happened as an enum's value: `CREATE`.
    ActionEnum,
    /// The primary key as a string, which GraphQL's `ID` is (section 3.5.5).
    Id,
    /// The value of a field.
    Field(usize),
    /// What is shown of the row.
    Row(Box<[Piece]>),
}

impl Piece {
    /// What it takes in memory, in bytes.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) => text.capacity(),
                Self::Row(pieces) => pieces.iter().map(Self::bytes).sum(),
                _ => 0,
            }
    }
}

/// What a subscriber is told that is no change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It may have missed changes.
    Resync,
}

impl Signal {
    /// GraphQL's `ChangeAction`.
    const fn enum_name(self) -> &'static str {
        match self {
            Self::Resync => "RESYNC",
        }
    }
}

/// What a template is filled with.
#[derive(Clone, Copy)]
struct Event<'e> {
    action: &'static str,
    /// None in what is about no row.
    change: Option<&'e Change>,
}

impl Projection {
    /// The notifications of the two-channel protocol, with what `data` asks for: positions among
    /// the visible fields in any order, doubles allowed; none or an empty list means everything
    /// the model's payload has.
    pub(crate) fn notification(model: &Model, data: Option<&[usize]>) -> Self {
        let mut template = Template::default();
        template.text("{\"stream\":");
        template.string(model.stream);
        template.text(",\"payload\":{\"action\":");
        template.piece(Piece::Action);
        template.text(",\"model\":");
        template.string(model.label);
        template.text(",\"data\":{");
        match model.payload {
            // In id-only mode the key is `id` whatever the column is called.
            Payload::IdOnly => template.member(true, "id", Piece::Field(model.key)),
            Payload::Full => {
                let everything = data.is_none_or(<[_]>::is_empty);
                let asked = |position| data.is_some_and(|data| data.contains(&position));
                let visible = model.visible().enumerate();
                let chosen = visible.filter(|(position, _)| everything || asked(*position));
                for (count, (_, field)) in chosen.enumerate() {
                    let name = model.fields[field].name;
                    template.member(count == 0, name, Piece::Field(field));
                }
            }
        }
        template.text("}}}");
        let resync = resync_notification(model);
        template.formed(Form::Notification { resync })
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let resync = match &self.0.form {
            Form::Notification { resync } => resync.len(),
            Form::Result => 0,
        };
        resync + self.0.pieces.iter().map(Piece::bytes).sum::<usize>()
    }

    /// The frame of a change, as JSON text; none if it is larger than `limit` bytes. What it shows
    /// for the first time does not count: a row that may be written may be sent. But it may
    /// not be multiplied.
    pub(crate) fn frame(&self, change: &Change, limit: usize) -> Option<Bytes> {
        self.filled(
            Event {
                action: enum_name(change.action),
                change: Some(change),
            },
            limit,
        )
    }

    /// The frame of a signal, as JSON text.
    pub(crate) fn signal(&self, signal: Signal) -> Bytes {
        match &self.0.form {
            Form::Notification { resync } => resync.clone(),
            Form::Result => {
                let event = Event {
                    action: signal.enum_name(),
                    change: None,
                };
                // Without a row nothing is large but the template, which the client has written.
                self.filled(event, usize::MAX).unwrap_or_default()
            }
        }
    }

    fn filled(&self, event: Event<'_>, limit: usize) -> Option<Bytes> {
        let mut filling = Filling {
            out: Vec::with_capacity(256),
            counted: 0,
            limit,
            shown: Shown::default(),
            event,
        };
        filling.fill(&self.0.pieces)?;
        Some(Bytes::from(filling.out))
    }
}

/// A frame in the making.
struct Filling<'e> {
    out: Vec<u8>,
    /// Bytes that are there for the second time, or are the template's.
    counted: usize,
    limit: usize,
    shown: Shown,
    event: Event<'e>,
}

impl Filling<'_> {
    /// None if it becomes too large.
    fn fill(&mut self, pieces: &[Piece]) -> Option<()> {
        for piece in pieces {
            let before = self.out.len();
            if let (Piece::Row(pieces), Some(_)) = (piece, self.event.change) {
                self.fill(pieces)?;
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
        let out = &mut self.out;
        match (piece, self.event.change) {
            (Piece::Text(text), _) => {
                out.extend_from_slice(text.as_bytes());
                false
            }
            (Piece::ActionEnum, _) => {
                write_json_text(out, self.event.action);
                false
            }
            (Piece::Action, Some(change)) => {
                write_json_text(out, change.action.name());
                false
            }
            (Piece::Id, Some(change)) => {
                write_json_text(out, &change.key().canonical());
                self.shown.is_new(0)
            }
            (Piece::Field(field), Some(change)) => {
                change.row.value(*field).write_json(out);
                self.shown.is_new(field + 1)
            }
            (Piece::Action | Piece::Id | Piece::Field(_) | Piece::Row(_), _) => {
                out.extend_from_slice(b"null");
                false
            }
        }
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

/// GraphQL's `ChangeAction`.
pub(crate) const fn enum_name(action: Action) -> &'static str {
    match action {
        Action::Create => "CREATE",
        Action::Update => "UPDATE",
        Action::Delete => "DELETE",
    }
}

/// Tells a subscriber of the two-channel protocol that it may have missed changes.
fn resync_notification(model: &Model) -> Bytes {
    let mut out = Vec::with_capacity(96);
    out.extend_from_slice(b"{\"stream\":");
    write_json_text(&mut out, model.stream);
    out.extend_from_slice(b",\"payload\":{\"action\":\"resync\",\"model\":");
    write_json_text(&mut out, model.label);
    out.extend_from_slice(b"}}");
    Bytes::from(out)
}

#[cfg(test)]
mod tests;
