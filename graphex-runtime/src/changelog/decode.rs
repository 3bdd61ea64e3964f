//! From a row of the log to changes of a model.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::connection::Entry;
use crate::change::{Action, Change, Row};
use crate::cursor::Cursor;
use crate::model::{Model, UnreadableRow};
use crate::value::Database;

/// What a row of the log tells.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made"
)]
pub(super) enum Decoded {
    /// A change, or two where a primary key was changed: the old key is gone, the new one is there.
    Changes(Change, Option<Change>),
    /// The changes of this stream are not all known: its table was emptied by `TRUNCATE`, or a
    /// row cannot be read.
    Gap(&'static str),
    /// It is of a stream that this hub does not have.
    Foreign,
}

/// Reads the rows of a log as changes of these models.
#[derive(Debug)]
pub(super) struct Decoder {
    database: Database,
    models: HashMap<&'static str, &'static Model>,
}

impl Decoder {
    pub(super) fn new(database: Database, models: &[&'static Model]) -> Self {
        let models = models.iter().map(|model| (model.stream, *model));
        Self {
            database,
            models: models.collect(),
        }
    }

    /// The streams whose changes it reads.
    pub(super) fn streams(&self) -> impl Iterator<Item = &'static str> {
        self.models.keys().copied()
    }

    /// What the row tells, whatever becomes of it: a `Field` of the user's reads the values.
    pub(super) fn decode_or_gap(&self, entry: &Entry, before: Cursor, cursor: Cursor) -> Decoded {
        let decoding = || self.decode(entry, before, cursor);
        let decoded = catch_unwind(AssertUnwindSafe(decoding));
        decoded.unwrap_or_else(|_| self.gap_of(entry))
    }

    /// What is told of a row that cannot be read.
    fn gap_of(&self, entry: &Entry) -> Decoded {
        let model = self.models.get(&*entry.stream);
        model.map_or(Decoded::Foreign, |model| Decoded::Gap(model.stream))
    }

    /// What the row tells. `before` is where whoever has not seen all of it goes on.
    fn decode(&self, entry: &Entry, before: Cursor, cursor: Cursor) -> Decoded {
        let Some(model) = self.models.get(&*entry.stream).copied() else {
            return Decoded::Foreign;
        };
        if entry.is_unreadable {
            tracing::error!(
                cursor = %cursor,
                "a change has a text that is not UTF-8; subscribers of its stream are told to load again"
            );
            return Decoded::Gap(model.stream);
        }
        match self.changes(model, entry, before, cursor) {
            Ok(Some((first, second))) => Decoded::Changes(first, second),
            Ok(None) => Decoded::Gap(model.stream),
            Err(error) => {
                tracing::error!(
                    %error,
                    cursor = %cursor,
                    "a change cannot be read; subscribers of its stream are told to load again"
                );
                Decoded::Gap(model.stream)
            }
        }
    }

    fn changes(
        &self,
        model: &'static Model,
        entry: &Entry,
        before: Cursor,
        cursor: Cursor,
    ) -> Result<Option<(Change, Option<Change>)>, UnreadableRow> {
        let row = |json: &Option<String>| {
            let json = json.as_deref().unwrap_or_default();
            model.row_from_log(self.database, json)
        };
        let position = Some(cursor.position);
        let change = |action, row, before: Option<Row>, cursor| Change {
            before,
            cursor: Some(cursor),
            position,
            ..Change::unlogged(model, action, row)
        };
        Ok(Some(match entry.op {
            b'c' => (change(Action::Create, row(&entry.new)?, None, cursor), None),
            b'd' => (change(Action::Delete, row(&entry.old)?, None, cursor), None),
            b'u' => {
                let (old, new) = (row(&entry.old)?, row(&entry.new)?);
                if old.value(model.key) == new.value(model.key) {
                    (change(Action::Update, new, Some(old), cursor), None)
                } else {
                    // Who saw only that the old key is gone has not seen all of this position.
                    let gone = change(Action::Delete, old, None, before);
                    (gone, Some(change(Action::Create, new, None, cursor)))
                }
            }
            _ => return Ok(None),
        }))
    }
}
