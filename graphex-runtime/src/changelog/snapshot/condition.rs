//! From a predicate to SQL that narrows what is read.
//!
//! No row that the predicate matches may be left out; that more are read than match only costs
//! time, since each row is tested in memory as changes are. So what a database might see otherwise
//! than memory does is left to memory: what is not here, and columns of other types than these.

use crate::changelog::schema::table::literal;
use crate::model::{FieldDescriptor, Model, quoted};
use crate::predicate::{Condition, Pin, Predicate, Relation, Test};
use crate::value::{Database, Kind, Logged, Value};

/// More values than these are looked for in memory.
const MOST_VALUES: usize = 1_000;

/// The type of a column as SQL names it.
pub(super) struct Declared {
    pub(super) column: String,
    pub(super) ty: String,
}

/// What is asked of the rows of a table `t`.
pub(super) fn sql(
    model: &Model,
    predicate: &Predicate,
    database: Database,
    declared: &[Declared],
) -> String {
    let narrowing = Narrowing {
        model,
        database,
        declared,
    };
    let pins = predicate.pins().iter().map(|pin| narrowing.pin(pin));
    let conditions = predicate.conditions().iter();
    let conditions = conditions.map(|condition| narrowing.condition(condition));
    let all: Vec<_> = pins.chain(conditions).flatten().collect();
    if all.is_empty() {
        "1 = 1".to_owned()
    } else {
        all.join(" AND ")
    }
}

struct Narrowing<'n> {
    model: &'n Model,
    database: Database,
    declared: &'n [Declared],
}

impl Narrowing<'_> {
    fn pin(&self, pin: &Pin) -> Option<String> {
        let column = self.column(pin.field)?;
        let values = pin.values();
        if values.is_empty() {
            return Some("1 = 0".to_owned());
        }
        if values.len() > MOST_VALUES {
            return None;
        }
        let values = values.iter().map(|value| self.literal(pin.field, value));
        let values: Vec<_> = values.collect::<Option<_>>()?;
        Some(format!("{column} IN ({})", values.join(", ")))
    }

    fn condition(&self, Condition { field, test }: &Condition) -> Option<String> {
        // A type of the user's may have an order and a null of its own.
        let column = self.column(*field)?;
        if !self.model.fields[*field].is_plain {
            return None;
        }
        let kind = self.model.fields[*field].ty.kind;
        match test {
            Test::IsNull(true) => Some(format!("{column} IS NULL")),
            Test::IsNull(false) => Some(format!("{column} IS NOT NULL")),
            // Of texts each database has orders of its own.
            Test::Order(..) | Test::Between(..) if !matches!(kind, Kind::Int { .. }) => None,
            Test::Order(relation, operand) => {
                let sign = match relation {
                    Relation::Greater => ">",
                    Relation::GreaterOrEqual => ">=",
                    Relation::Less => "<",
                    Relation::LessOrEqual => "<=",
                };
                let operand = self.literal(*field, operand)?;
                Some(format!("{column} {sign} {operand}"))
            }
            Test::Between(bounds) => {
                let (low, high) = bounds.get()?;
                let (low, high) = (self.literal(*field, low)?, self.literal(*field, high)?);
                Some(format!("{column} BETWEEN {low} AND {high}"))
            }
            Test::Text(..) | Test::Folded(..) | Test::Part(..) | Test::Date(..) => None,
        }
    }

    /// The column of a field, if SQL compares its values as memory does.
    fn column(&self, field: usize) -> Option<String> {
        let FieldDescriptor {
            column, ty, opaque, ..
        } = &self.model.fields[field];
        let column = column.filter(|_| !opaque)?;
        let mut declared = self.declared.iter();
        let declared = declared.find(|declared| declared.column == column)?;
        let is_alike = match self.database {
            Database::Postgres => on_postgres(ty.kind, &declared.ty),
            Database::Sqlite => on_sqlite(ty.kind, &declared.ty),
        };
        is_alike.then(|| format!("t.{}", quoted(column)))
    }

    /// The value in SQL, if the column has it as the field does.
    fn literal(&self, field: usize, value: &Value) -> Option<String> {
        let field = &self.model.fields[field];
        let (json, sql) = match value {
            Value::Bool(value) => (value.to_string(), value.to_string()),
            Value::Int(value) => (value.to_string(), value.to_string()),
            Value::Uuid(_) => {
                let text = value.canonical();
                (format!("\"{text}\""), literal(&text))
            }
            // A type of the user's may make one text of several.
            Value::Text(text) if field.is_plain && !text.contains('\0') => {
                return Some(literal(text));
            }
            _ => return None,
        };
        let json = serde_json::value::RawValue::from_string(json).ok()?;
        let read = field.value_from_log(&Logged::new(self.database, &json));
        (read.as_ref() == Some(value)).then_some(sql)
    }
}

fn on_postgres(kind: Kind, declared: &str) -> bool {
    match kind {
        Kind::Bool => declared == "boolean",
        Kind::Int { .. } => ["smallint", "integer", "bigint"].contains(&declared),
        Kind::Uuid => declared == "uuid",
        Kind::Text => ["text", "character varying"].contains(&declared),
        _ => false,
    }
}

/// By the affinity of the column: SQLite's own, of what is written into it.
fn on_sqlite(kind: Kind, declared: &str) -> bool {
    let declared = declared.to_ascii_uppercase();
    let is_integer = declared.contains("INT");
    let has_text = ["CHAR", "CLOB", "TEXT"].iter();
    match kind {
        Kind::Int { .. } => is_integer,
        Kind::Text => !is_integer && has_text.into_iter().any(|text| declared.contains(text)),
        _ => false,
    }
}
