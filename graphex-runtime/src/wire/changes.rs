//! Changes on the wire: several of one stream and action in one message.

use std::sync::Arc;

use super::{Kind, Reader, Unreadable, Writer, begin};
use crate::change::{Action, Change, Row};
use crate::cursor::Cursor;
use crate::model::Model;
use crate::node::NodeId;
use crate::value::Value;

const NODE: u64 = 1;
const NUMBER: u64 = 2;
const STREAM: u64 = 3;
const ACTION: u64 = 4;
const FIELDS: u64 = 5;
const ROW: u64 = 6;
/// What the row before it was before its update; unknown to the first version of the form.
const BEFORE: u64 = 7;
/// The position of the row before it; likewise.
const CURSOR: u64 = 8;
/// That the row before it was published and not captured; likewise.
const PUBLISHED: u64 = 9;

/// Who sent a message of changes, and which of its messages it is. Numbers only grow, so a
/// listener knows a message that comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) node: NodeId,
    pub(crate) number: u64,
}

/// A message of these changes, which are of one model and action.
pub(crate) fn write_changes(origin: Origin, changes: &[Arc<Change>]) -> Vec<u8> {
    let mut message = begin(Kind::Changes);
    message.part(NODE, |part| part.unsigned(origin.node.0));
    message.part(NUMBER, |part| part.unsigned(origin.number));
    if let Some(first) = changes.first() {
        message.part(STREAM, |part| part.raw(first.model.stream.as_bytes()));
        message.part(ACTION, |part| part.raw(first.action.name().as_bytes()));
        message.part(FIELDS, |part| {
            let fields = first.model.fields.iter();
            fields.for_each(|field| part.text(field.name));
        });
    }
    for change in changes {
        message.part(ROW, |part| write_row(part, change.model, &change.row));
        if let Some(before) = &change.before {
            message.part(BEFORE, |part| write_row(part, change.model, before));
        }
        if change.published {
            message.part(PUBLISHED, |_| {});
        }
        if let Some(cursor) = change.cursor {
            message.part(CURSOR, |part| {
                part.unsigned(cursor.log);
                part.unsigned(cursor.position);
                part.unsigned(cursor.token);
            });
        }
    }
    message.finish()
}

fn write_row(part: &mut Writer, model: &Model, row: &Row) {
    for field in 0..model.fields.len() {
        part.value(row.value(field));
    }
}

/// A message of changes whose rows are not read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changes<'b> {
    pub(crate) origin: Origin,
    pub(crate) stream: &'b str,
    action: &'b str,
    fields: Reader<'b>,
    /// All parts, the rows among them.
    parts: Reader<'b>,
}

impl<'b> Changes<'b> {
    pub(crate) fn read(parts: Reader<'b>) -> Result<Self, Unreadable> {
        let (mut node, mut number) = (None, None);
        let (mut stream, mut action, mut fields) = (None, None, None);
        let mut left = parts;
        while let Some((tag, mut part)) = left.part()? {
            match tag {
                NODE => node = Some(NodeId(part.unsigned()?)),
                NUMBER => number = Some(part.unsigned()?),
                STREAM => stream = Some(part.rest_text()?),
                ACTION => action = Some(part.rest_text()?),
                FIELDS => fields = Some(part),
                // The rows come last.
                ROW => break,
                _ => {}
            }
        }
        let found = || {
            Some(Self {
                origin: Origin {
                    node: node?,
                    number: number?,
                },
                stream: stream?,
                action: action?,
                fields: fields?,
                parts,
            })
        };
        found().ok_or(Unreadable::Garbage)
    }

    /// The changes, as of this version of the model.
    pub(crate) fn changes(self, model: &'static Model) -> Result<Vec<Change>, Unreadable> {
        let known = |action: &Action| action.name() == self.action;
        let action = Action::ALL.into_iter().find(known);
        let action = action.ok_or(Unreadable::Garbage)?;
        let columns = self.columns(model)?;
        let mut changes: Vec<Change> = Vec::new();
        let mut parts = self.parts;
        while let Some((tag, mut part)) = parts.part()? {
            match (tag, changes.last_mut()) {
                (ROW, _) => {
                    let row = read_row(part, &columns, model)?;
                    changes.push(Change::unlogged(model, action, row));
                }
                (BEFORE, Some(change)) => change.before = Some(read_row(part, &columns, model)?),
                (PUBLISHED, Some(change)) => change.published = true,
                (CURSOR, Some(change)) => {
                    change.cursor = Some(Cursor {
                        log: part.unsigned()?,
                        position: part.unsigned()?,
                        token: part.unsigned()?,
                    });
                }
                _ => {}
            }
        }
        Ok(changes)
    }

    /// Which field each value of a row is of; none for those that the model does not have.
    fn columns(&self, model: &Model) -> Result<Vec<Option<usize>>, Unreadable> {
        let mut columns = Vec::with_capacity(model.fields.len());
        let mut names = self.fields;
        while !names.is_empty() {
            let name = names.text()?;
            // Most often the writer has the same model.
            let same = columns.len();
            let position = match model.fields.get(same) {
                Some(field) if field.name == name => Some(same),
                _ => model.fields.iter().position(|field| field.name == name),
            };
            columns.push(position);
        }
        Ok(columns)
    }
}

fn read_row(
    mut part: Reader<'_>,
    columns: &[Option<usize>],
    model: &Model,
) -> Result<Row, Unreadable> {
    let mut values = vec![Value::Null; model.fields.len()];
    for column in columns {
        let Some(field) = *column else {
            part.skip_value()?;
            continue;
        };
        let value = part.value()?;
        // Another version of the model may have values of another kind.
        if model.fields[field].ty.kind.holds(&value) {
            values[field] = value;
        }
    }
    if values[model.key].is_null() {
        return Err(Unreadable::Garbage);
    }
    Ok(Row::new(values))
}
