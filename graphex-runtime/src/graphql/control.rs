//! The two-channel protocol's subscription field: a one-shot answer that joins or leaves.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::Registry;
use async_graphql::{Context, ID, Name, Response, ServerError, ServerResult};
use async_graphql::{SubscriptionType, Value};
use futures_util::Stream;
use futures_util::stream::once;

use super::filters::{SentFilters, parse_filters};
use super::registry::{Argument, confirmation_name, register_subscription, subscription_root_name};
use crate::change::{SubscriptionAction, SubscriptionOperation};
use crate::error::Refusal;
use crate::filters::Filters;
use crate::hooks::Hooks;
use crate::hub::{Hub, Identity, Subscription};
use crate::model::{Model, ModelType, RawArgs};
use crate::projection::Projection;

/// The subscription root of a model in the two-channel protocol; `MessageSubscription` is
/// `ModelSubscription<Message>`. Mount it in a `MergedSubscription`, or alone.
///
/// Its field answers once: `ok: true` when the channel has joined or left, `ok: false` with
/// an `error` when not.
pub struct ModelSubscription<M>(PhantomData<fn() -> M>);

impl<M> Default for ModelSubscription<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<M> Clone for ModelSubscription<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for ModelSubscription<M> {}

impl<M: ModelType> fmt::Debug for ModelSubscription<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Subscription", M::MODEL.name)
    }
}

impl<M: ModelType> SubscriptionType for ModelSubscription<M> {
    fn type_name() -> Cow<'static, str> {
        subscription_root_name(M::MODEL).into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        register_subscription(registry, M::MODEL, std::any::type_name::<M>())
    }

    fn create_field_stream<'a>(
        &'a self,
        ctx: &'a Context<'_>,
    ) -> Option<Pin<Box<dyn Stream<Item = Response> + Send + 'a>>> {
        if ctx.item.node.name.node != M::MODEL.field {
            return None;
        }
        Some(Box::pin(once(answer(ctx, M::MODEL, M::hooks()))))
    }
}

/// Does what the field's arguments ask and answers with the selected fields.
async fn answer(ctx: &Context<'_>, model: &'static Model, hooks: Hooks) -> Response {
    let (mut args, filters) = match read_args(ctx, model) {
        Ok(args) => args,
        // Without a path: nothing was executed (GraphQL, section 6.2.3.1).
        Err(error) => return Response::from_errors(vec![error]),
    };
    let outcome = carry_out(ctx, model, hooks, &mut args, filters).await;
    let key = ctx.item.node.response_key().node.clone();
    let confirmation = confirm(ctx, model, &args, outcome.as_ref().err());
    Response::new(Value::Object(IndexMap::from_iter([(key, confirmation)])))
}

async fn carry_out(
    ctx: &Context<'_>,
    model: &'static Model,
    hooks: Hooks,
    args: &mut RawArgs,
    filters: Option<SentFilters>,
) -> Result<(), Refusal> {
    let Some(hub) = ctx.data_opt::<Hub>() else {
        tracing::error!("no hub in the schema; add `.data(hub.clone())` to `Schema::build(…)`");
        return Err(Refusal::Internal);
    };
    let anonymous = Identity::anonymous();
    let identity = ctx.data_opt::<Identity>().unwrap_or(&anonymous);
    let channel_id = args.channel_id.as_deref().unwrap_or_default();
    // Before the hooks, so that they do not run for who may not drive the channel.
    let channel = hub.channel(channel_id, identity, model)?;
    if let Some(filters) = filters {
        args.filters = parse_filters(model, &filters, hub.limits())?;
    }
    let key = |id: &ID| model.fields[model.key].ty.kind.parse_key(id);
    let subscription = Subscription {
        filters: args.filters.clone(),
        actions: args.action.actions(),
        id: args
            .id
            .as_ref()
            .map(key)
            .transpose()
            .map_err(|expected| Refusal::InvalidId { expected })?,
    };
    match args.operation {
        SubscriptionOperation::Subscribe => {
            let permit = hooks.permit(model, ctx, args.clone()).await?;
            let projection = Projection::new(model, args.fields.as_deref());
            hub.subscribe(&channel, permit, subscription, &projection)
        }
        SubscriptionOperation::Unsubscribe => hub.unsubscribe(&channel, model, subscription),
    }
}

/// The arguments, and the filters as the client sent them.
fn read_args(ctx: &Context<'_>, model: &Model) -> ServerResult<(RawArgs, Option<SentFilters>)> {
    let args = RawArgs {
        action: enum_value(ctx, "action", &SubscriptionAction::VALUES)?,
        operation: enum_value(ctx, "operation", &SubscriptionOperation::VALUES)?,
        id: read(ctx, "id", "a string or an integer", id_text)?.map(ID),
        filters: Filters::default(),
        fields: read(ctx, "data", "names of the model's fields", |data| {
            positions(model, data)
        })?,
        channel_id: read(ctx, "channelId", "a string", |value| match value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        })?,
    };
    // async-graphql takes anything for an input object.
    let expected = "an object, as `{field__lookup: value}`";
    let filters = read(ctx, "filters", expected, |value| match value {
        Value::Object(entries) => Some(entries.clone()),
        _ => None,
    })?;
    Ok((args, filters))
}

/// An argument as `convert` takes it. async-graphql has checked the literals of a document,
/// but not all that a variable can bring.
fn read<T>(
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

/// GraphQL's `ID` takes strings and integers (section 3.5.5).
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// A null argument is an absent one.
fn argument(ctx: &Context<'_>, name: &str) -> ServerResult<Option<Value>> {
    let (_, Argument(value)) = ctx.param_value(name, None)?;
    Ok(value.filter(|value| *value != Value::Null))
}

/// A required argument that is one of these values.
fn enum_value<T: Copy>(
    ctx: &Context<'_>,
    name: &str,
    values: &[(&'static str, T)],
) -> ServerResult<T> {
    let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
    let expected = format!("one of {}", names.join(", "));
    let value = read(ctx, name, &expected, |value| {
        let asked = enum_name(value)?;
        values
            .iter()
            .find_map(|(name, value)| (*name == asked).then_some(*value))
    })?;
    value.ok_or_else(|| {
        ServerError::new(format!("argument `{name}` is missing"), Some(ctx.item.pos))
    })
}

/// Enum values are names in a document and strings in variables.
fn enum_name(value: &Value) -> Option<&str> {
    match value {
        Value::Enum(name) => Some(name.as_str()),
        Value::String(name) => Some(name),
        _ => None,
    }
}

/// Positions among the visible fields that `data` names; a single name is a list of one, and
/// nulls are ignored.
fn positions(model: &Model, data: &Value) -> Option<Vec<usize>> {
    let names = match data {
        Value::List(names) => names.as_slice(),
        name => std::slice::from_ref(name),
    };
    let names = names.iter().filter(|name| **name != Value::Null);
    names
        .map(|name| {
            let name = enum_name(name)?;
            let mut visible = model.visible();
            visible.position(|field| model.fields[field].graphql == name)
        })
        .collect()
}

/// The selected fields of the confirmation. Fragments, `@skip` and `@include` are resolved
/// by the selection already, and the type is one object, so every fragment applies.
fn confirm(ctx: &Context<'_>, model: &Model, args: &RawArgs, refusal: Option<&Refusal>) -> Value {
    let mut object = IndexMap::new();
    for field in ctx.field().selection_set() {
        let value = match field.name() {
            "ok" => Value::Boolean(refusal.is_none()),
            "error" => refusal.map_or(Value::Null, |refusal| refusal.to_string().into()),
            "stream" => model.stream.into(),
            "operation" => name_of(&args.operation, &SubscriptionOperation::VALUES),
            "action" => name_of(&args.action, &SubscriptionAction::VALUES),
            "__typename" => confirmation_name(model).into(),
            _ => continue,
        };
        object.insert(Name::new(field.alias().unwrap_or(field.name())), value);
    }
    Value::Object(object)
}

fn name_of<T: PartialEq>(value: &T, values: &[(&'static str, T)]) -> Value {
    let mut known = values.iter();
    known
        .find_map(|(name, known)| (known == value).then(|| Value::Enum(Name::new(name))))
        .unwrap_or_default()
}
