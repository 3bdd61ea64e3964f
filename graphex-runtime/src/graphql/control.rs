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
use tracing::{Instrument as _, Span};

use super::arguments::{self, enum_name, enum_value, read};
use super::filters::SentFilters;
use super::registry::{confirmation_name, register_subscription, subscription_root_name};
use crate::change::{SubscriptionAction, SubscriptionOperation};
use crate::error::Refusal;
use crate::filters::Filters;
use crate::hooks::Hooks;
use crate::hub::{Begin, Identity, subscribed};
use crate::model::{Model, ModelType, RawArgs};

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
    let read = read_args(ctx, model).and_then(|args| Ok((args, arguments::begin(ctx)?)));
    let ((mut args, filters), begin) = match read {
        Ok(read) => read,
        // Without a path: nothing was executed (GraphQL, section 6.2.3.1).
        Err(error) => return Response::from_errors(vec![error]),
    };
    let span = match args.operation {
        SubscriptionOperation::Subscribe => arguments::subscribe_span(ctx, model),
        SubscriptionOperation::Unsubscribe => Span::none(),
    };
    let carrying_out = carry_out(ctx, model, hooks, &mut args, filters.as_ref(), begin);
    let outcome = carrying_out.instrument(span.clone()).await;
    subscribed(&span, &outcome);
    let key = ctx.item.node.response_key().node.clone();
    let confirmation = confirm(ctx, model, &args, outcome.as_ref().err());
    Response::new(Value::Object(IndexMap::from_iter([(key, confirmation)])))
}

async fn carry_out(
    ctx: &Context<'_>,
    model: &'static Model,
    hooks: Hooks,
    args: &mut RawArgs,
    filters: Option<&SentFilters>,
    begin: Begin,
) -> Result<(), Refusal> {
    let hub = arguments::hub(ctx)?;
    let anonymous = Identity::anonymous();
    let identity = ctx.data_opt::<Identity>().unwrap_or(&anonymous);
    let channel_id = args.channel_id.as_deref().unwrap_or_default();
    // Before the hooks, so that they do not run for who may not drive the channel. A channel of
    // another process is checked there, after the hooks.
    let place = hub.place(channel_id, identity, model)?;
    let subscription = arguments::subscription(model, args, filters, hub.limits())?;
    match args.operation {
        SubscriptionOperation::Subscribe => {
            hub.check_begin(model, &begin)?;
            let permit = hooks
                .permit(model, ctx, args.clone(), hub.hook_measures())
                .await?;
            let data = args.fields.as_deref();
            hub.subscribe_at(&place, permit, &subscription, data, begin)
                .await
        }
        SubscriptionOperation::Unsubscribe => {
            hub.unsubscribe_at(&place, model, &subscription).await
        }
    }
}

/// The arguments, and the filters as the client sent them.
fn read_args(ctx: &Context<'_>, model: &Model) -> ServerResult<(RawArgs, Option<SentFilters>)> {
    let missing = |name| {
        let message = format!("argument `{name}` is missing");
        ServerError::new(message, Some(ctx.item.pos))
    };
    let action = enum_value(ctx, "action", &SubscriptionAction::VALUES)?;
    let operation = enum_value(ctx, "operation", &SubscriptionOperation::VALUES)?;
    let args = RawArgs {
        action: action.ok_or_else(|| missing("action"))?,
        operation: operation.ok_or_else(|| missing("operation"))?,
        id: arguments::id(ctx)?.map(ID),
        filters: Filters::default(),
        fields: read(ctx, "data", "names of the model's fields", |data| {
            positions(model, data)
        })?,
        channel_id: read(ctx, "channelId", "a string", |value| match value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        })?,
    };
    Ok((args, arguments::filters(ctx)?))
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
