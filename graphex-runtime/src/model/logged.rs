//! A model's rows in a change log: what is written of each column, and the row that is read back.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::table::quoted;
use super::{FieldDescriptor, Model};
use crate::change::Row;
use crate::value::{Database, Logged, Value};

/// A row of a change log that cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableRow {
    /// It is not the JSON that a trigger writes.
    #[error("a row of the stream `{stream}` in the change log is not a JSON object")]
    Malformed {
        /// The stream.
        stream: &'static str,
    },
    /// The trigger is older than the model.
    #[error(
        "a row of the stream `{stream}` in the change log has no column `{column}`: install the triggers of this version of the model"
    )]
    Missing {
        /// The stream.
        stream: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The column holds something that the field's type does not.
    #[error(
        "the column `{column}` of a row of the stream `{stream}` in the change log holds no value of the field's type"
    )]
    Value {
        /// The stream.
        stream: &'static str,
        /// The column.
        column: &'static str,
    },
}

impl Model {
    /// What a trigger writes of a row: for each column its name, and the SQL of what is logged.
    /// `row` is the row in the trigger's words, `NEW` or `OLD`.
    ///
    /// A `skip` field is among them only where a scope, an index or a lookup needs its value.
    pub fn logged_columns(
        &self,
        database: Database,
        row: &str,
    ) -> impl Iterator<Item = (&'static str, String)> {
        self.fields.iter().filter_map(move |field| {
            let column = field.column?;
            let place = format!("{row}.{}", quoted(column));
            let sql = if field.opaque {
                database.opaque_expression(&place)
            } else {
                database.expression(field.ty, &place)
            };
            Some((column, sql))
        })
    }

    /// Why the field at this position cannot be logged, as the end of a sentence. `declared` is the
    /// column's type in SQL, of a domain the one below it, as `format_type` on PostgreSQL writes it.
    #[must_use]
    pub fn log_obstacle(&self, field: usize, database: Database, declared: &str) -> Option<String> {
        let FieldDescriptor {
            ty, opaque, column, ..
        } = &self.fields[field];
        if column.is_none() {
            return Some("the field has no column of its own: mark it `#[graphex(skip)]`".into());
        }
        if *opaque {
            return None;
        }
        let obstacle = database.obstacle(*ty, declared)?;
        Some(format!(
            "{obstacle}: mark the field `#[graphex(opaque)]` to send what the database writes, or `#[graphex(skip)]` to keep it on the server"
        ))
    }

    /// The row that [`to_row`](super::ModelType::to_row) gave or would have given, from what a
    /// trigger logged of it: an object of [these columns](Self::logged_columns), in any order and
    /// among others.
    ///
    /// # Errors
    ///
    /// See [`UnreadableRow`].
    pub fn row_from_log(&self, database: Database, json: &str) -> Result<Row, UnreadableRow> {
        let stream = self.stream;
        let mut columns = vec![None; self.fields.len()];
        serde_json::Deserializer::from_str(json)
            .deserialize_map(Columns {
                fields: self.fields,
                found: &mut columns,
            })
            .map_err(|_| UnreadableRow::Malformed { stream })?;
        let values = self.fields.iter().enumerate().map(|(at, field)| {
            let column = field.column.unwrap_or(field.name);
            // Two fields of one column have its JSON once.
            let twin = || {
                self.fields
                    .iter()
                    .position(|twin| twin.column == field.column)
            };
            let found = columns[at].or_else(|| columns[twin()?]);
            let json = found.ok_or(UnreadableRow::Missing { stream, column })?;
            let value = field.value_from_log(&Logged::new(database, json));
            value.ok_or(UnreadableRow::Value { stream, column })
        });
        values.collect::<Result<Vec<_>, _>>().map(Row::new)
    }
}

impl FieldDescriptor {
    /// What the log has of it, read back; nothing where it is no value of the field's type, which Diesel
    /// does not read either, as a null, or one in a list, where the type has none.
    pub(crate) fn value_from_log(&self, logged: &Logged<'_>) -> Option<Value> {
        let value = match self.from_log {
            _ if self.opaque => logged.opaque(),
            Some(from_log) => from_log(logged),
            None => logged.value(self.ty),
        }?;
        self.ty.holds(&value).then_some(value)
    }
}

/// The JSON of each field's column.
struct Columns<'f, 'de> {
    fields: &'static [FieldDescriptor],
    found: &'f mut [Option<&'de RawValue>],
}

impl<'de> Visitor<'de> for Columns<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of columns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.fields;
        let mut next = 0;
        while let Some(field) = map.next_key_seed(Named { fields, next })? {
            let json: &'de RawValue = map.next_value()?;
            if let Some(field) = field {
                self.found[field] = Some(json);
                next = field + 1;
            }
        }
        Ok(())
    }
}

/// The field of the column that a key names. Triggers write columns in the order of the fields, so
/// the next one is looked at first.
struct Named {
    fields: &'static [FieldDescriptor],
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Named {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Named {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let (before, after) = self.fields.split_at(self.next.min(self.fields.len()));
        let is_named = |field: &FieldDescriptor| field.column == Some(name);
        let later = after.iter().position(is_named).map(|at| before.len() + at);
        Ok(later.or_else(|| before.iter().position(is_named)))
    }
}
