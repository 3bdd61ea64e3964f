//! One request, one response: what an HTTP endpoint answers.

use std::sync::Arc;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::parse_query;
use async_graphql::{Data, Executor, Name, Request, Response, ServerError, Value};
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, once};

use super::extent::Extent;
use super::guard::{Asked, Guarded, hub_in};
use super::operation::Root;
use crate::hub::Hub;

/// What async-graphql answers to a valid subscription that it cannot stream.
const NOT_HERE: &str = "Subscriptions are not supported on this transport.";

/// What clients that send persisted queries take for a reason to send the whole document, from now on.
pub(crate) const NOT_PERSISTED: &str = "PersistedQueryNotSupported";

/// Most errors that an invalid document is answered with, as graphql-js has it: async-graphql
/// finds one for each selection and more.
const ERRORS: usize = 100;

/// Executes a query, a mutation, or the one-shot subscription of the two-channel protocol.
///
/// For applications that own their routes: put what resolvers and hooks need into the
/// request, among it the [`Identity`](crate::Identity) of the caller, and send the response
/// as it is.
///
/// ```
/// # use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema};
/// use graphex_runtime::{Identity, execute};
///
/// # struct Query;
/// # #[Object]
/// # impl Query { async fn hello(&self) -> &str { "world" } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
/// let request = Request::new("{ hello }").data(Identity::new("user:1"));
/// let response = execute(&schema, request).await;
/// assert!(response.is_ok());
/// # }
/// ```
///
/// A subscription that streams events is answered with an error, and so is one with several
/// root fields (GraphQL, section 5.2.3.1). So is a document beyond what the
/// [`Limits`](crate::Limits) of the hub in the request's data allow; without one the defaults hold.
pub async fn execute<E: Executor>(schema: &E, request: impl Into<Request>) -> Response {
    let request = request.into();
    let hub = hub_in(&request.data).cloned();
    answer(schema, Guarded::new(request, hub.as_ref())).await
}

/// [`execute`] for a request that has passed the guard.
pub(crate) async fn answer<E: Executor>(schema: &E, guarded: Guarded) -> Response {
    let Guarded { request, asked } = guarded;
    let writer = matches!(asked, Ok(Asked::Mutation))
        .then(|| hub_in(&request.data).cloned())
        .flatten();
    let is_persisted = is_persisted(&request);
    let response = match asked {
        Err(error) | Ok(Asked::Subscription(Err(error))) => Response::from_errors(vec![error]),
        Ok(Asked::Subscription(Ok(root))) if root.is_two_channel() => {
            confirm(schema, request, &root).await
        }
        Ok(Asked::Subscription(Ok(root))) => refuse_stream(schema, request, root.name()).await,
        Ok(Asked::Query | Asked::Mutation | Asked::Unknown) => schema.execute(request).await,
    };
    written(writer.as_ref(), told(response, is_persisted)).await
}

/// The response of a mutation, with the position of the change log after what it has written.
async fn written(writer: Option<&Hub>, mut response: Response) -> Response {
    let is_executed =
        response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty());
    if let Some(hub) = writer.filter(|_| is_executed)
        && let Some(cursor) = hub.written().await
    {
        let cursor = Value::from(cursor.to_string());
        let ours = IndexMap::from_iter([(Name::new("cursor"), cursor)]);
        let extensions = &mut response.extensions;
        extensions.insert("graphex".to_owned(), Value::Object(ours));
    }
    response
}

async fn confirm<E: Executor>(schema: &E, mut request: Request, root: &Root) -> Response {
    let unknown = hub_in(&request.data).and_then(|hub| root.unknown_filter(&request, hub));
    if let Some(error) = unknown {
        return Response::from_errors(vec![error]);
    }
    // Where an extension's `subscribe` sees it, as with the other protocols.
    let session = Arc::new(std::mem::take(&mut request.data));
    // A two-channel field ends after its one answer.
    let mut answers = std::pin::pin!(schema.execute_stream(request, Some(session)));
    answers.next().await.unwrap_or_else(|| {
        let message = "the subscription gave no answer: `@skip` or `@include` leaves its field out";
        Response::from_errors(vec![ServerError::new(message, None)])
    })
}

/// The responses of one operation.
#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
pub(crate) struct Responses {
    pub(crate) stream: BoxStream<'static, Response>,
    /// Whether its errors may come before there is a stream.
    pub(crate) is_subscription: bool,
}

/// Executes any operation, for transports that carry many responses: one for a query, a
/// mutation and the one-shot subscription of the two-channel protocol, and what comes for
/// other subscriptions.
#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
pub(crate) fn stream<E: Executor>(schema: &E, guarded: Guarded, session: Arc<Data>) -> Responses {
    let Guarded { mut request, asked } = guarded;
    let refusal = match &asked {
        Err(error) | Ok(Asked::Subscription(Err(error))) => Some(error.clone()),
        Ok(Asked::Subscription(Ok(root))) => {
            let hub = hub_in(&request.data).or_else(|| hub_in(&session));
            hub.and_then(|hub| root.unknown_filter(&request, hub))
        }
        Ok(Asked::Query | Asked::Mutation | Asked::Unknown) => None,
    };
    if let Some(error) = refusal {
        let response = Response::from_errors(vec![error]);
        return Responses {
            stream: once(async { response }).boxed(),
            is_subscription: false,
        };
    }
    let writer = matches!(asked, Ok(Asked::Mutation))
        .then(|| hub_in(&request.data).or_else(|| hub_in(&session)).cloned())
        .flatten();
    let is_persisted = is_persisted(&request);
    let extent = Extent::default();
    request.data.insert(extent.clone());
    let responses = schema.execute_stream(request, Some(session));
    extent.is_of(&*responses);
    let responses = responses.map(move |response| told(response, is_persisted));
    let stream = match writer {
        None => responses.boxed(),
        Some(hub) => responses
            .then(move |response| {
                let hub = hub.clone();
                async move { written(Some(&hub), response).await }
            })
            .boxed(),
    };
    Responses {
        stream,
        is_subscription: matches!(asked, Ok(Asked::Subscription(_))),
    }
}

/// Whether the request names a document instead of having one.
fn is_persisted(request: &Request) -> bool {
    request.query.is_empty() && request.extensions.contains_key("persistedQuery")
}

/// A response as it is told: for a persisted query that no extension of the schema has brought a
/// document of, that there are none here; otherwise no more of an invalid document than anybody
/// reads.
fn told(mut response: Response, is_persisted: bool) -> Response {
    if is_persisted && matches!(&*response.errors, [error] if is_of_no_document(error)) {
        let mut error = ServerError::new(NOT_PERSISTED, None);
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("code", "PERSISTED_QUERY_NOT_SUPPORTED");
        return Response::from_errors(vec![error]);
    }
    let errors = &mut response.errors;
    if errors.len() > ERRORS && errors.iter().all(|error| error.path.is_empty()) {
        let more = errors.len() - ERRORS;
        errors.truncate(ERRORS);
        errors.push(ServerError::new(format!("and {more} more errors"), None));
    }
    response
}

/// Whether this is what async-graphql says of an empty text.
fn is_of_no_document(error: &ServerError) -> bool {
    let parsed = parse_query("").map_err(ServerError::from);
    parsed.is_err_and(|empty| empty.message == error.message)
}

/// Lets async-graphql say what else is wrong with the document; if nothing is, the field is
/// one that streams events.
async fn refuse_stream<E: Executor>(schema: &E, request: Request, field: &str) -> Response {
    let mut response = schema.execute(request).await;
    for error in &mut response.errors {
        if error.message == NOT_HERE {
            error.message = format!(
                "`{field}` streams events, which a single HTTP response cannot carry; \
                 subscribe over a WebSocket, or accept `text/event-stream`"
            );
        }
    }
    response
}
