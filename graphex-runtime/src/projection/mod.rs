//! What of a row a subscriber gets, as the template of its frames.

mod filling;
mod template;

use std::sync::Arc;

use bytes::Bytes;

use filling::{Event, filled};
pub(crate) use template::Template;

use crate::change::{Action, Change, Transition};
use crate::cursor::{Cursor, ScopedCursor};
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
    /// Frames that tell where their reader is: execution results of the standard protocols, and
    /// notifications of who asks for that; with what their cursors say of the scope.
    Placed { scope: u64 },
    /// No frames, but the changes themselves.
    Rows,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    /// JSON as it is.
    Text(String),
    /// What happened as a word: `create`.
    Action,
    /// What happened as an enum's value: `CREATE`.
    ActionEnum,
    /// The primary key as a string, which GraphQL's `ID` is (section 3.5.5).
    Id,
    /// The value of a field.
    Field(usize),
    /// What is shown of the row.
    Row(Box<[Piece]>),
    /// What is shown of the row before an update.
    Before(Box<[Piece]>),
    /// The names of the fields that an update has changed.
    Changed,
    /// Where whoever has seen the event goes on, as a string.
    Cursor,
    /// The same as `extensions` of the result, which it does not have without.
    Extensions,
    /// The same as a member of a notification's payload, which it does not have without.
    Place,
    /// `data` of a notification: of a row, or of one that it tells the key of alone. What is about
    /// no row has none.
    Data(Box<Data>),
    /// The value of the primary key, whatever else of the row is shown.
    Key,
}

/// What is shown of a row, and of one that left. Apart, so that it makes no other piece larger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Data {
    row: Box<[Piece]>,
    key: Box<[Piece]>,
}

impl Piece {
    /// What it takes in memory, in bytes.
    fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) => text.capacity(),
                Self::Row(pieces) | Self::Before(pieces) => pieces.iter().map(Self::bytes).sum(),
                Self::Data(data) => {
                    let pieces = data.row.iter().chain(&data.key);
                    size_of::<Data>() + pieces.map(Self::bytes).sum::<usize>()
                }
                _ => 0,
            }
    }
}

/// What a subscriber is told that is no change of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It may have missed changes.
    Resync,
    /// It stands: from here on it misses nothing.
    Ready,
}

impl Signal {
    /// GraphQL's `ChangeAction`.
    const fn enum_name(self) -> &'static str {
        match self {
            Self::Resync => "RESYNC",
            Self::Ready => "READY",
        }
    }
}

impl Projection {
    /// The notifications of the two-channel protocol, with what `data` asks for: positions among
    /// the visible fields in any order, doubles allowed; none or an empty list means everything
    /// the model's payload has.
    pub(crate) fn notification(model: &Model, data: Option<&[usize]>) -> Self {
        let mut template = notification_head(model);
        template.append(notification_data(model, data));
        template.text("}}");
        let resync = resync_notification(model);
        template.formed(Form::Notification { resync })
    }

    /// The same for who asks where it is: with cursors, and with what begins and ceases to be its
    /// row.
    pub(crate) fn placed_notification(model: &Model, data: Option<&[usize]>) -> Self {
        let mut template = notification_head(model);
        let row = notification_data(model, data);
        let mut key = Template::default();
        key.text(",\"data\":{");
        key.member(true, key_name(model), Piece::Key);
        key.text("}");
        template.data(row, key);
        template.piece(Piece::Place);
        template.text("}}");
        template.formed(Form::Placed { scope: 0 })
    }

    /// The changes themselves, for who listens in the process.
    pub(crate) fn rows() -> Self {
        Template::default().formed(Form::Rows)
    }

    /// Whether its subscribers get the changes themselves.
    pub(crate) fn is_rows(&self) -> bool {
        matches!(self.0.form, Form::Rows)
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let resync = match &self.0.form {
            Form::Notification { resync } => resync.len(),
            Form::Placed { .. } | Form::Rows => 0,
        };
        resync + self.0.pieces.iter().map(Piece::bytes).sum::<usize>()
    }

    /// The same, for who has a scope that is told from others so.
    pub(crate) fn within(&self, scope: u64) -> Self {
        match self.0.form {
            Form::Placed { scope: before } if before != scope => Self(Arc::new(Shape {
                pieces: self.0.pieces.clone(),
                form: Form::Placed { scope },
            })),
            _ => self.clone(),
        }
    }

    /// The cursor as its subscribers are told it.
    pub(crate) fn scoped(&self, cursor: Cursor) -> ScopedCursor {
        let scope = match self.0.form {
            Form::Placed { scope } => scope,
            Form::Notification { .. } | Form::Rows => 0,
        };
        ScopedCursor { cursor, scope }
    }

    /// Whether a subscriber is told that a row begins or ceases to be one of its rows.
    pub(crate) fn marks_transitions(&self) -> bool {
        matches!(self.0.form, Form::Placed { .. } | Form::Rows)
    }

    /// The frame of a change, as JSON text; none if it is larger than `limit` bytes. What it shows
    /// for the first time does not count: a row that may be written may be sent. But it may
    /// not be multiplied.
    pub(crate) fn frame(
        &self,
        change: &Change,
        transition: Transition,
        limit: usize,
    ) -> Option<Bytes> {
        let action = match transition {
            Transition::Stays => enum_name(change.action),
            Transition::Enters => "ENTER",
            Transition::Leaves => "LEAVE",
            Transition::Stands => "SNAPSHOT",
        };
        let event = Event {
            action,
            change: Some(change),
            transition,
            cursor: change.cursor.map(|cursor| self.scoped(cursor)),
        };
        filled(&self.0.pieces, event, limit)
    }

    /// The frame of a signal, as JSON text. Whoever has seen it goes on at the cursor.
    pub(crate) fn signal(&self, signal: Signal, cursor: Option<Cursor>) -> Bytes {
        match &self.0.form {
            Form::Notification { resync } => resync.clone(),
            Form::Rows => Bytes::new(),
            Form::Placed { .. } => {
                let event = Event {
                    action: signal.enum_name(),
                    change: None,
                    transition: Transition::Stays,
                    cursor: cursor.map(|cursor| self.scoped(cursor)),
                };
                // Without a row nothing is large but the template, which the client has written.
                filled(&self.0.pieces, event, usize::MAX).unwrap_or_default()
            }
        }
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

/// What a notification begins with, up to its `data`.
fn notification_head(model: &Model) -> Template {
    let mut template = Template::default();
    template.text("{\"stream\":");
    template.string(model.stream);
    template.text(",\"payload\":{\"action\":");
    template.piece(Piece::Action);
    template.text(",\"model\":");
    template.string(model.label);
    template
}

/// The member `data` of a notification.
fn notification_data(model: &Model, data: Option<&[usize]>) -> Template {
    let mut template = Template::default();
    template.text(",\"data\":{");
    match model.payload {
        Payload::IdOnly => template.member(true, key_name(model), Piece::Field(model.key)),
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
    template.text("}");
    template
}

/// What the primary key is called in notifications.
fn key_name(model: &Model) -> &'static str {
    match model.payload {
        // In id-only mode the key is `id` whatever the column is called.
        Payload::IdOnly => "id",
        Payload::Full => model.fields[model.key].name,
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
