//! Filters as clients send them: checked against the model and typed, once, when the
//! subscription is made.

use async_graphql::indexmap::IndexMap;
use async_graphql::{Name, Value as Sent};

use super::suggest;
use crate::error::Refusal;
use crate::filters::{Filter, Filters, Key, Target, keys};
use crate::limits::Limits;
use crate::lookup::Operand;
use crate::model::Model;
use crate::value::{FieldType, Kind, Value};

/// The `filters` argument as a client sends it.
pub(super) type SentFilters = IndexMap<Name, Sent>;

/// Reads the `filters` argument. async-graphql has checked most of it against the schema, but
/// not all that a variable can bring.
pub(super) fn parse_filters(
    model: &'static Model,
    entries: &SentFilters,
    limits: &Limits,
) -> Result<Filters, Refusal> {
    let known: Vec<_> = keys(model).collect();
    let mut filters = Vec::with_capacity(entries.len());
    let mut bytes = 0;
    for (name, sent) in entries {
        let key = known.iter().find(|key| key.name == *name);
        let key = key.ok_or_else(|| Refusal::InvalidFilter(unknown(&known, name)))?;
        let operand = operand(key, sent).map_err(Refusal::InvalidFilter)?;
        bytes += operand.bytes();
        filters.push((key, operand));
    }
    let limit = limits.filter_bytes;
    if bytes > limit {
        return Err(Refusal::FiltersTooLarge { limit });
    }
    let filters = filters.into_iter();
    let filters: Result<_, _> = filters
        .map(|(key, operand)| Filter::new(model, key, operand, limits))
        .collect();
    filters.map(Filters::new).map_err(Refusal::InvalidFilter)
}

/// What is wrong with the first of these names that is no key. async-graphql finds it too, but
/// does not say what to write instead.
pub(super) fn misnamed<'n>(
    model: &'static Model,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    let known: Vec<_> = keys(model).collect();
    let is_key = |name: &str| known.iter().any(|key| key.name == name);
    let mut names = names.into_iter();
    let wrong = names.find(|name| !is_key(name))?;
    Some(unknown(&known, wrong))
}

/// What to write instead of an unknown key. Of a field that can be filtered on only the lookup
/// is wrong, of another the field: what two keys have in common makes the rest no more alike.
fn unknown(known: &[Key], name: &str) -> String {
    let names: Vec<_> = known.iter().map(|key| key.name.as_str()).collect();
    let (field, lookup) = name.split_once("__").unwrap_or((name, ""));
    let prefix = format!("{field}__");
    let lookups: Vec<_> = names
        .iter()
        .filter_map(|key| key.strip_prefix(&prefix))
        .collect();
    let near = if lookups.is_empty() {
        let fields = names.iter().filter_map(|key| key.split("__").next());
        suggest::nearest(field, fields).map(|near| {
            let with_lookup = format!("{near}__{lookup}");
            let is_key = names.contains(&with_lookup.as_str());
            if is_key { with_lookup } else { near.to_owned() }
        })
    } else {
        let near = suggest::nearest(lookup, lookups.iter().copied());
        near.map(|near| format!("{prefix}{near}"))
    };
    let help = match near {
        Some(near) => format!("; did you mean `{near}`?"),
        None if lookups.is_empty() => String::new(),
        None => format!("; the lookups of `{field}` are {}", lookups.join(", ")),
    };
    format!("unknown filter `{name}`{help}")
}

/// What the filter compares with, of the type that its key has.
fn operand(key: &Key, sent: &Sent) -> Result<Value, String> {
    if *sent == Sent::Null {
        return Err(null_operand(key));
    }
    let (value, expected) = match key.operand {
        Operand::One(kind) => (one(kind, sent), described(kind)),
        Operand::List(kind) => {
            let expected = format!("a list, each of it {}", described(kind));
            (list(kind, sent), expected)
        }
        Operand::Bounds(kind) => {
            let expected = format!("a list of two, each {}", described(kind));
            let two = |value: &Value| matches!(value, Value::List(bounds) if bounds.len() == 2);
            (list(kind, sent).filter(two), expected)
        }
    };
    value.ok_or_else(|| format!("the filter `{}` must be {expected}", key.name))
}

/// Null compares with nothing: taken for an absent filter it would widen the subscription.
fn null_operand(key: &Key) -> String {
    let name = &key.name;
    match key.target {
        Target::Field(..) => {
            let field = name.split("__").next().unwrap_or(name);
            format!(
                "the filter `{name}` is null, and nothing compares with null; leave it out, or ask \
                 for rows without a value with `{field}__isnull: true`"
            )
        }
        Target::Custom(_) => format!("the filter `{name}` is null; leave it out"),
    }
}

/// A single value is a list of one (GraphQL, section 3.11).
fn list(kind: Kind, sent: &Sent) -> Option<Value> {
    let items = match sent {
        Sent::List(items) => items.as_slice(),
        item => std::slice::from_ref(item),
    };
    let items: Option<_> = items.iter().map(|item| one(kind, item)).collect();
    items.map(Value::List)
}

fn one(kind: Kind, sent: &Sent) -> Option<Value> {
    match (kind, sent) {
        (Kind::Bool, Sent::Boolean(value)) => Some(Value::Bool(*value)),
        // The text of an integer that JSON holds exactly; others come as strings.
        (Kind::Int { .. } | Kind::Decimal, Sent::Number(number)) if !number.is_f64() => {
            kind.parse_text(&number.to_string())
        }
        (Kind::Int { min, max }, Sent::String(text)) if is_big(min, max) => kind.parse_text(text),
        (Kind::Int { .. }, _) => None,
        (Kind::Float, Sent::Number(number)) => number.as_f64().map(Value::Float),
        (Kind::List(item), Sent::List(items)) => {
            let items = items.iter().map(|sent| match sent {
                Sent::Null if item.nullable => Some(Value::Null),
                sent => one(item.kind, sent),
            });
            items.collect::<Option<_>>().map(Value::List)
        }
        (Kind::List(item), sent) => list(item.kind, sent),
        (Kind::Json, sent) => {
            let json = sent.clone().into_json().ok()?;
            Some(Value::Json(std::sync::Arc::new(json)))
        }
        (Kind::Enum(_), Sent::Enum(name)) => kind.parse_text(name),
        (kind, Sent::String(text)) => kind.parse_text(text),
        _ => None,
    }
}

/// Whether some of these integers are none of GraphQL's `Int` as async-graphql has it.
fn is_big(min: i128, max: i128) -> bool {
    min < i64::MIN.into() || max > i64::MAX.into()
}

/// The GraphQL type of a key's operand.
pub(super) fn graphql_type(operand: Operand) -> String {
    match operand {
        Operand::One(Kind::List(item)) if item.nullable => format!("[{}]", scalar(item.kind)),
        Operand::One(Kind::List(item)) => format!("[{}!]", scalar(item.kind)),
        Operand::One(kind) => scalar(kind).to_owned(),
        Operand::List(kind) | Operand::Bounds(kind) => format!("[{}!]", scalar(kind)),
    }
}

/// The kind whose type [`graphql_type`] names.
pub(super) fn named_kind(operand: Operand) -> Kind {
    let (Operand::One(kind) | Operand::List(kind) | Operand::Bounds(kind)) = operand;
    let kind = match (operand, kind) {
        (Operand::One(_), Kind::List(item)) => item.kind,
        _ => kind,
    };
    if matches!(kind, Kind::List(_)) {
        return Kind::Json;
    }
    kind
}

/// The GraphQL type of a field's value in events.
pub(super) fn output_type(ty: FieldType) -> String {
    let named = match ty.kind {
        Kind::List(item) => format!("[{}]", output_type(*item)),
        kind => scalar(kind).to_owned(),
    };
    if ty.nullable { named } else { named + "!" }
}

/// async-graphql's own names, so that a schema that has these types has them once.
pub(super) fn scalar(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "Boolean",
        Kind::Int { min, max } if is_big(min, max) => "BigInt",
        Kind::Int { .. } => "Int",
        Kind::Float => "Float",
        Kind::Text => "String",
        Kind::Enum(ty) => ty.name,
        Kind::Decimal => "Decimal",
        Kind::Uuid => "UUID",
        Kind::Date => "NaiveDate",
        Kind::Time => "NaiveTime",
        Kind::DateTime => "NaiveDateTime",
        Kind::Instant => "DateTime",
        Kind::Json | Kind::List(_) => "JSON",
    }
}

/// What an operand of this kind looks like, for "must be …".
fn described(kind: Kind) -> String {
    match kind {
        Kind::Bool => "a boolean".to_owned(),
        Kind::Int { min, max } if is_big(min, max) => {
            format!("an integer from {min} to {max}, in a string if it is large")
        }
        Kind::Int { min, max } => format!("an integer from {min} to {max}"),
        Kind::Float => "a number".to_owned(),
        Kind::Text => "a string".to_owned(),
        Kind::Enum(ty) => format!("one of {}", ty.values.join(", ")),
        Kind::Decimal => "a decimal number in a string, as \"1.50\", or an integer".to_owned(),
        Kind::Uuid => "a UUID in a string".to_owned(),
        Kind::Date => "a date in a string, as \"2026-03-04\"".to_owned(),
        Kind::Time => "a time in a string, as \"05:06:07.89\"".to_owned(),
        Kind::DateTime => {
            "a date and time without a zone in a string, as \"2026-03-04T05:06:07\"".to_owned()
        }
        Kind::Instant => {
            "a date and time with its offset in a string, as \"2026-03-04T05:06:07Z\"".to_owned()
        }
        Kind::Json => "any JSON".to_owned(),
        Kind::List(item) => format!("a list, each of it {}", described(item.kind)),
    }
}

#[cfg(test)]
mod tests;
