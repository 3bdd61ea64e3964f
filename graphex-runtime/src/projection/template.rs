//! A projection in the making.

use std::sync::Arc;

use super::{Form, Piece, Projection, Shape};
use crate::value::write_json_text;

/// The template of a frame, filled from the left to the right.
#[derive(Debug, Default)]
pub(crate) struct Template(Vec<Piece>);

impl Template {
    /// JSON as it is.
    pub(crate) fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// A JSON string.
    pub(crate) fn string(&mut self, text: &str) {
        let mut json = Vec::new();
        write_json_text(&mut json, text);
        // JSON is UTF-8.
        self.text(&String::from_utf8_lossy(&json));
    }

    /// The key of an object's member, with the comma before it.
    pub(crate) fn key(&mut self, first: bool, key: &str) {
        if !first {
            self.text(",");
        }
        self.string(key);
        self.text(":");
    }

    /// What happened as an enum's value.
    pub(crate) fn action(&mut self) {
        self.piece(Piece::ActionEnum);
    }

    /// The primary key as GraphQL's `ID`; null in an event that is about no row.
    pub(crate) fn id(&mut self) {
        self.piece(Piece::Id);
    }

    /// The value of a field.
    pub(crate) fn field(&mut self, field: usize) {
        self.piece(Piece::Field(field));
    }

    /// What this template shows of the row; null in an event that is about no row.
    pub(crate) fn row(&mut self, row: Self) {
        self.piece(Piece::Row(row.pieces()));
    }

    /// What this template shows of the row as it was before an update; null where it is not known.
    pub(crate) fn before(&mut self, row: Self) {
        self.piece(Piece::Before(row.pieces()));
    }

    /// The visible fields that an update has changed; null where they are not known.
    pub(crate) fn changed(&mut self) {
        self.piece(Piece::Changed);
    }

    /// The cursor; null in an event that has no place in a change log.
    pub(crate) fn cursor(&mut self) {
        self.piece(Piece::Cursor);
    }

    /// `data` of a notification, which shows of a row what `row` does, and of one that the subscriber
    /// has no longer what `key` does.
    pub(super) fn data(&mut self, row: Self, key: Self) {
        let (row, key) = (row.pieces(), key.pieces());
        self.piece(Piece::Data { row, key });
    }

    /// What another template has, after what is there.
    pub(super) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Text(text) => self.text(&text),
                piece => self.piece(piece),
            }
        }
    }

    /// The results of a subscription of a standard protocol. What is there is all but the end of
    /// the result, where its extensions go.
    pub(crate) fn finish(mut self) -> Projection {
        self.piece(Piece::Extensions);
        self.text("}");
        self.formed(Form::Placed { scope: 0 })
    }

    pub(super) fn formed(self, form: Form) -> Projection {
        let pieces = self.pieces();
        Projection(Arc::new(Shape { pieces, form }))
    }

    fn pieces(mut self) -> Box<[Piece]> {
        for piece in &mut self.0 {
            if let Piece::Text(text) = piece {
                text.shrink_to_fit();
            }
        }
        self.0.into()
    }

    pub(super) fn member(&mut self, first: bool, key: &str, value: Piece) {
        self.key(first, key);
        self.piece(value);
    }

    pub(super) fn piece(&mut self, piece: Piece) {
        self.0.push(piece);
    }
}
