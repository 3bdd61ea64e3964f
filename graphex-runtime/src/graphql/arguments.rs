//! The arguments of the generated fields.

use std::time::Duration;

use async_graphql::{Context, ServerError, ServerResult, Value};
use tracing::Span;

use super::filters::{SentFilters, parse_filters};
use super::registry::Argument;
use crate::error::Refusal;
use crate::hub::{Begin, Hub, Place, Subscription};
use crate::limits::Limits;
use crate::model::{Model, RawArgs};

/// An argument as `convert` takes it. async-graphql has checked the literals of a document,
/// but not all that a variable can bring.
pub(super) fn read<T>(
    ctx: &Context<'_>,
    name: &str,
    expected: &str,
    convert: impl FnOnce(&Value) -> Option<T>,
) -> ServerResult<Option<T>> {
    let Some(value) = argument(ctx, name)? else {
        return Ok(None);
    };
    let converted = convert(&value).ok_or_else(|| {
        ServerError::new(
            format!("argument `{name}` must be {expected}"),
            Some(ctx.item.pos),
        )
    })?;
    Ok(Some(converted))
}

/// A span of what the client asks, if there is a hub.
pub(super) fn subscribe_span(ctx: &Context<'_>, model: &Model) -> Span {
    let operation = ctx.query_env.operation_name.as_deref();
    hub(ctx).map_or_else(|_| Span::none(), |hub| hub.subscribe_span(model, operation))
}

/// A null argument is an absent one.
fn argument(ctx: &Context<'_>, name: &str) -> ServerResult<Option<Value>> {
    let (_, Argument(value)) = ctx.param_value(name, None)?;
    Ok(value.filter(|value| *value != Value::Null))
}

/// The primary key of one row. GraphQL's `ID` takes strings and integers (section 3.5.5).
pub(super) fn id(ctx: &Context<'_>) -> ServerResult<Option<String>> {
    read(ctx, "id", "a string or an integer", |value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    })
}

/// Where the subscription begins, and whether it is told when it stands.
pub(super) fn begin(ctx: &Context<'_>) -> ServerResult<Begin> {
    let after = read(ctx, "after", "a cursor, a string", |value| match value {
        Value::String(text) => Some(Place::named(text)),
        _ => None,
    })?;
    let boolean = |value: &Value| match value {
        Value::Boolean(value) => Some(*value),
        _ => None,
    };
    let ready = read(ctx, "ready", "true or false", boolean)?;
    let snapshot = read(ctx, "snapshot", "true or false", boolean)?;
    let snapshot = snapshot.unwrap_or(false);
    Ok(Begin {
        place: after.unwrap_or_default(),
        // What follows the rows has to be told from them.
        ready: snapshot || ready.unwrap_or(false),
        snapshot,
    })
}

/// The least time between two updates of one row, if the client asks for one.
pub(super) fn throttle(ctx: &Context<'_>) -> ServerResult<Option<Duration>> {
    let expected = "a number of milliseconds";
    read(ctx, "throttle", expected, |value| match value {
        Value::Number(number) => number.as_u64().map(Duration::from_millis),
        _ => None,
    })
}

/// The filters as the client sent them; async-graphql takes anything for an input object.
pub(super) fn filters(ctx: &Context<'_>) -> ServerResult<Option<SentFilters>> {
    let expected = "an object, as `{field__lookup: value}`";
    read(ctx, "filters", expected, |value| match value {
        Value::Object(entries) => Some(entries.clone()),
        _ => None,
    })
}

/// An argument that is one of these values.
pub(super) fn enum_value<T: Copy>(
    ctx: &Context<'_>,
    name: &str,
    values: &[(&'static str, T)],
) -> ServerResult<Option<T>> {
    let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
    let expected = format!("one of {}", names.join(", "));
    read(ctx, name, &expected, |value| {
        let asked = enum_name(value)?;
        values
            .iter()
            .find_map(|(name, value)| (*name == asked).then_some(*value))
    })
}

/// Enum values are names in a document and strings in variables.
pub(super) fn enum_name(value: &Value) -> Option<&str> {
    match value {
        Value::Enum(name) => Some(name.as_str()),
        Value::String(name) => Some(name),
        _ => None,
    }
}

/// The hub that the schema or the request brings.
pub(super) fn hub<'a>(ctx: &Context<'a>) -> Result<&'a Hub, Refusal> {
    ctx.data_opt::<Hub>().ok_or_else(|| {
        tracing::error!("no hub in the schema; add `.data(hub.clone())` to `Schema::build(…)`");
        Refusal::Internal
    })
}

/// What the arguments name, typed: the filters become those that hooks see.
pub(super) fn subscription(
    model: &'static Model,
    args: &mut RawArgs,
    filters: Option<&SentFilters>,
    limits: &Limits,
) -> Result<Subscription, Refusal> {
    if let Some(filters) = filters {
        args.filters = parse_filters(model, filters, limits)?;
    }
    let kind = model.fields[model.key].ty.kind;
    let id = args.id.as_ref().map(|id| kind.parse_key(id)).transpose();
    Ok(Subscription {
        filters: args.filters.clone(),
        actions: args.action.actions().to_vec(),
        id: id.map_err(|expected| Refusal::InvalidId { expected })?,
        throttle: None,
    })
}
