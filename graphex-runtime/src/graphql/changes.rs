//! The standard protocols' subscription field: a stream of events with a selection set.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use async_graphql::registry::Registry;
use async_graphql::{
    Context, ErrorExtensions as _, ID, Response, ServerError, SubscriptionType, Value,
};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use tracing::Instrument as _;

use super::arguments::{self, enum_value};
use super::extent::Extent;
use super::filters::SentFilters;
use super::registry::{changes_root_name, register_changes};
use super::selection::projection;
use crate::change::{SubscriptionAction, SubscriptionOperation};
use crate::error::Refusal;
use crate::filters::Filters;
use crate::hooks::Hooks;
use crate::hub::{
    Begin, Channel, Envelope, Identity, Operation, Registration, Resumed, subscribed,
};
use crate::limits::Limits;
use crate::model::{Model, ModelType, RawArgs};

/// The events of a model for the standard protocols; `MessageChanges` is
/// `ModelChanges<Message>`. Mount it in a `MergedSubscription`, or alone.
///
/// Its field streams an event for each change, with the fields that the client selected. It is
/// served by every transport of async-graphql; the schema holds the hub (`.data(hub.clone())`).
/// Equal subscribers share one plan: an event is encoded once for all of them. Where an extension of
/// the schema puts a stream of its own around that of a subscription (`Extension::subscribe`), each
/// event is made a response for it, and encoded again for that subscriber alone.
pub struct ModelChanges<M>(PhantomData<fn() -> M>);

impl<M> Default for ModelChanges<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<M> Clone for ModelChanges<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for ModelChanges<M> {}

impl<M: ModelType> fmt::Debug for ModelChanges<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}Changes", M::MODEL.name)
    }
}

type Responses<'a> = Pin<Box<dyn Stream<Item = Response> + Send + 'a>>;

impl<M: ModelType> SubscriptionType for ModelChanges<M> {
    fn type_name() -> Cow<'static, str> {
        changes_root_name(M::MODEL).into()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        register_changes(registry, M::MODEL, std::any::type_name::<M>())
    }

    fn create_field_stream<'a>(&'a self, ctx: &'a Context<'_>) -> Option<Responses<'a>> {
        if ctx.item.node.name.node != M::MODEL.changes {
            return None;
        }
        let subscribed = stream::once(subscribe(ctx, M::MODEL, M::hooks()));
        let responses = subscribed.flat_map(|subscribed| match subscribed {
            Ok(source) => source.responses(),
            Err(error) => failed(error),
        });
        Some(Box::pin(responses))
    }
}

/// Where the events of a field come from.
enum Source {
    /// The transport, which hands the frames of the joined operation out itself.
    Transport,
    /// A channel of the field's own: under a transport that knows nothing of plans, or where an
    /// extension of the schema has a say in what is streamed.
    Own(Channel, Operation),
}

async fn subscribe(
    ctx: &Context<'_>,
    model: &'static Model,
    hooks: Hooks,
) -> Result<Source, ServerError> {
    let action = enum_value(ctx, "action", &SubscriptionAction::VALUES)?;
    let args = RawArgs {
        action: action.unwrap_or(SubscriptionAction::AllActions),
        operation: SubscriptionOperation::Subscribe,
        id: arguments::id(ctx)?.map(ID),
        filters: Filters::default(),
        fields: None,
        channel_id: None,
    };
    let filters = arguments::filters(ctx)?;
    let begin = arguments::begin(ctx)?;
    let throttle = arguments::throttle(ctx)?;
    let span = arguments::subscribe_span(ctx, model);
    let joining = join(ctx, model, hooks, args, filters.as_ref(), begin, throttle);
    let joined = joining.instrument(span.clone()).await;
    subscribed(&span, &joined);
    joined.map_err(|refusal| {
        let error = async_graphql::Error::new(refusal.to_string());
        let error = error.extend_with(|_, extensions| extensions.set("code", refusal.code()));
        ctx.set_error_path(error.into_server_error(ctx.item.pos))
    })
}

async fn join(
    ctx: &Context<'_>,
    model: &'static Model,
    hooks: Hooks,
    mut args: RawArgs,
    filters: Option<&SentFilters>,
    mut begin: Begin,
    throttle: Option<Duration>,
) -> Result<Source, Refusal> {
    let hub = arguments::hub(ctx)?;
    hub.check_begin(model, &begin)?;
    // What the transport knows of the client is younger than the document.
    if let Some(Resumed(place)) = ctx.data_opt() {
        begin.place = *place;
    }
    let (source, registration) = match ctx.data_opt::<Registration>() {
        Some(registration) if Extent::is_direct(ctx) => (Source::Transport, registration.clone()),
        Some(registration) => {
            let (channel, operation) = registration.branch()?;
            let registration = operation.registration();
            (Source::Own(channel, operation), registration)
        }
        None => {
            let anonymous = Identity::anonymous();
            let identity = ctx.data_opt::<Identity>().unwrap_or(&anonymous);
            let channel = hub.connect(identity.clone())?;
            // Another transport's executor has the document.
            let operation = Operation::new(&channel, Envelope::default(), 0)?;
            let registration = operation.registration();
            (Source::Own(channel, operation), registration)
        }
    };
    registration.check(model)?;
    let mut subscription = arguments::subscription(model, &mut args, filters, hub.limits())?;
    subscription.throttle = allowed(throttle, hub.limits())?;
    let permit = hooks.permit(model, ctx, args, hub.hook_measures()).await?;
    let projection = projection(model, ctx.field(), hub.limits())?;
    registration
        .join(permit, &subscription, &projection, begin)
        .await?;
    Ok(source)
}

/// The throttle that a client asks for, if it may.
fn allowed(asked: Option<Duration>, limits: &Limits) -> Result<Option<Duration>, Refusal> {
    let longest = limits.longest_throttle;
    match asked.filter(|asked| !asked.is_zero()) {
        Some(asked) if asked > longest => Err(Refusal::ThrottleTooLong {
            limit: longest.as_millis(),
        }),
        asked => Ok(asked),
    }
}

impl Source {
    fn responses(self) -> Responses<'static> {
        match self {
            Self::Transport => Box::pin(stream::pending()),
            Self::Own(channel, operation) => {
                let batches = stream::unfold(Some((channel, operation)), |state| async {
                    let (mut channel, operation) = state?;
                    match channel.take().await {
                        Ok(frames) => {
                            let responses: Vec<_> = frames.iter().map(response).collect();
                            Some((responses, Some((channel, operation))))
                        }
                        // The transport has it closed with the client's, and says why.
                        Err(_) if channel.is_branch() => std::future::pending().await,
                        Err(reason) => {
                            let mut error = ServerError::new(reason.to_string(), None);
                            let extensions = error.extensions.get_or_insert_default();
                            extensions.set("code", reason.code());
                            Some((vec![Response::from_errors(vec![error])], None))
                        }
                    }
                });
                Box::pin(batches.flat_map(stream::iter))
            }
        }
    }
}

fn failed(error: ServerError) -> Responses<'static> {
    Box::pin(stream::once(async { Response::from_errors(vec![error]) }))
}

/// The frame of an event as a response of async-graphql's.
fn response(frame: &Bytes) -> Response {
    #[derive(serde::Deserialize)]
    struct Payload {
        data: Value,
        #[serde(default)]
        extensions: BTreeMap<String, Value>,
    }
    match serde_json::from_slice::<Payload>(frame) {
        Ok(payload) => {
            let mut response = Response::new(payload.data);
            response.extensions = payload.extensions;
            response
        }
        // A frame is JSON that was written here.
        Err(error) => {
            tracing::error!(%error, "a frame is no response");
            let message = Refusal::Internal.to_string();
            Response::from_errors(vec![ServerError::new(message, None)])
        }
    }
}
