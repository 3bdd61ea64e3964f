//! Values as a change log has them: JSON that a trigger made of a column. Each database has one
//! file that knows both directions, the SQL that writes a column and what reads it.

mod jsonb;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::{FieldType, Kind, Value};

/// A database that can have a change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Database {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl Database {
    /// The SQL that a trigger writes a column with. `column` names it, with its row:
    /// `NEW."text"`. On SQLite it fails for no value, since the user's statement would fail with it.
    pub(crate) fn expression(self, ty: FieldType, column: &str) -> String {
        match self {
            Self::Postgres => postgres::expression(ty.kind, column),
            Self::Sqlite => sqlite::expression(ty.kind, column),
        }
    }

    /// The same for an `opaque` field: the column as JSON, as far as the database goes.
    pub(crate) fn opaque_expression(self, column: &str) -> String {
        match self {
            Self::Postgres => column.to_owned(),
            Self::Sqlite => sqlite::opaque_expression(column),
        }
    }

    /// Why a column of this type in SQL cannot be logged for such a field.
    pub(crate) fn obstacle(self, ty: FieldType, declared: &str) -> Option<&'static str> {
        match self {
            Self::Postgres => postgres::obstacle(ty.kind, declared),
            Self::Sqlite => None,
        }
    }
}

/// A column of a row in the change log, as JSON.
///
/// The trigger makes it of the column by the field's [`Kind`], so that nothing is lost and
/// nothing depends on the settings of who writes:
///
/// | Kind | PostgreSQL | SQLite |
/// |---|---|---|
/// | `Bool` | `true`, `false` | a number |
/// | `Int` | a number | a number |
/// | `Float`, `Decimal` | its text | its text |
/// | `Text`, `Uuid` | a string | a string, hexadecimal for a BLOB |
/// | `Date`, `Time`, `DateTime`, `Instant` | ISO 8601 | the column's text |
/// | `Json` | its text | its text |
/// | `List` of `u8` (`Vec<u8>`) | hexadecimal | hexadecimal |
/// | other `List`s | an array of these | not kept |
#[derive(Clone, Copy, Debug)]
pub struct Logged<'a> {
    database: Database,
    json: &'a RawValue,
}

impl<'a> Logged<'a> {
    pub(crate) const fn new(database: Database, json: &'a RawValue) -> Self {
        Self { database, json }
    }

    /// The database that wrote it.
    #[must_use]
    pub const fn database(&self) -> Database {
        self.database
    }

    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &'a str {
        self.json.get()
    }

    /// Whether the column is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.json() == "null"
    }

    /// The text of a JSON string; `None` for other JSON.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        let json = self.json();
        let inner = json.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            return serde_json::from_str(json).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(inner))
    }

    /// The value of a field of this type: `None` where the column holds none.
    #[must_use]
    pub fn value(&self, ty: FieldType) -> Option<Value> {
        if self.is_null() {
            return Some(Value::Null);
        }
        match self.database {
            Database::Postgres => postgres::read(ty.kind, *self),
            Database::Sqlite => sqlite::read(ty.kind, *self),
        }
    }

    /// The elements of a JSON array.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.json()).ok()?;
        let item = |json| Self::new(self.database, json);
        Some(items.into_iter().map(item).collect())
    }

    /// An `opaque` column. On SQLite, which has no type for JSON, text that is an object or an
    /// array is taken for one.
    pub(crate) fn opaque(&self) -> Option<Value> {
        if self.is_null() {
            return Some(Value::Null);
        }
        let structured = |text: &str| {
            let json = serde_json::from_str::<serde_json::Value>(text).ok()?;
            (json.is_object() || json.is_array()).then_some(json)
        };
        let inner = match self.database {
            Database::Postgres => None,
            Database::Sqlite => self.text().and_then(|text| structured(&text)),
        };
        match inner {
            Some(json) => Some(Value::Json(Arc::new(json))),
            None => json(self.json()),
        }
    }
}

/// What both databases write alike.
fn plain(kind: Kind, logged: Logged<'_>) -> Option<Value> {
    match kind {
        Kind::Int { min, max } => {
            let value = logged.json().parse().ok()?;
            (min..=max).contains(&value).then_some(Value::Int(value))
        }
        Kind::Float => Some(Value::Float(logged.text()?.parse().ok()?)),
        Kind::Json => json(&logged.text()?),
        _ if is_bytes(kind) => bytes(&logged.text()?),
        _ => kind.parse_text(&logged.text()?),
    }
}

fn json(text: &str) -> Option<Value> {
    let json = serde_json::from_str(text).ok()?;
    Some(Value::Json(Arc::new(json)))
}

/// Whether the kind is that of `Vec<u8>`: binary data in every database.
fn is_bytes(kind: Kind) -> bool {
    let byte = |kind| matches!(kind, Kind::Int { min: 0, max: 255 });
    matches!(kind, Kind::List(FieldType { kind, nullable: false }) if byte(*kind))
}

fn bytes(hex: &str) -> Option<Value> {
    let byte = |byte| Value::Int(i128::from(byte));
    Some(Value::List(unhex(hex)?.into_iter().map(byte).collect()))
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex.bytes().map(digit).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs
        .remainder()
        .is_empty()
        .then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}
