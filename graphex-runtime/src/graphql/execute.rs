//! One request, one response: what an HTTP endpoint answers.

use std::any::TypeId;
use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Data, Executor, Name, Request, Response, ServerError, Value};
use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, once};

use super::filters::misnamed;
use crate::hub::Hub;

/// The required arguments that tell a two-channel subscription field from one that streams
/// events.
const TWO_CHANNEL_ARGUMENTS: [&str; 3] = ["channelId", "action", "operation"];

/// What async-graphql answers to a valid subscription that it cannot stream.
const NOT_HERE: &str = "Subscriptions are not supported on this transport.";

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
/// root fields (GraphQL, section 5.2.3.1).
pub async fn execute<E: Executor>(schema: &E, request: impl Into<Request>) -> Response {
    let mut request = request.into();
    if request.query.is_empty() && !request.extensions.is_empty() {
        // An extension of the schema may bring the document: persisted queries.
        return schema.execute(request).await;
    }
    let name = request.operation_name.clone();
    let document = match request.parsed_query() {
        Ok(document) => document,
        Err(error) => return Response::from_errors(vec![error]),
    };
    let operation = operation(document, name.as_deref());
    let subscription = operation.filter(|operation| operation.ty == OperationType::Subscription);
    let root = match subscription.map(root) {
        None => return schema.execute(request).await,
        Some(Err(error)) => return Response::from_errors(vec![error]),
        Some(Ok(root)) => root,
    };
    if !root.is_two_channel() {
        return refuse_stream(schema, request, root.name()).await;
    }
    if let Some(error) = root.unknown_filter(&request, &Data::default()) {
        return Response::from_errors(vec![error]);
    }
    // A two-channel field ends after its one answer.
    let mut answers = std::pin::pin!(schema.execute_stream(request, None));
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
pub(crate) fn stream<E: Executor>(
    schema: &E,
    mut request: Request,
    session: Arc<Data>,
) -> Responses {
    let mut is_subscription = false;
    // An extension of the schema may bring the document: persisted queries.
    if !request.query.is_empty() || request.extensions.is_empty() {
        let name = request.operation_name.clone();
        let root = request.parsed_query().and_then(|document| {
            let operation = operation(document, name.as_deref());
            let subscription = operation.filter(|it| it.ty == OperationType::Subscription);
            subscription.map(root).transpose()
        });
        let root = root.and_then(|root| {
            let unknown = root.as_ref();
            let unknown = unknown.and_then(|root| root.unknown_filter(&request, &session));
            unknown.map_or(Ok(root), Err)
        });
        match root {
            Ok(root) => is_subscription = root.is_some(),
            Err(error) => {
                let response = Response::from_errors(vec![error]);
                return Responses {
                    stream: once(async { response }).boxed(),
                    is_subscription: false,
                };
            }
        }
    }
    Responses {
        stream: schema.execute_stream(request, Some(session)),
        is_subscription,
    }
}

/// Whether this subscribes to a stream of events, by more than one response.
#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
pub(crate) fn is_event_stream(request: &mut Request) -> bool {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else {
        return false;
    };
    let operation = operation(document, name.as_deref());
    operation
        .filter(|operation| operation.ty == OperationType::Subscription)
        .is_some_and(|operation| root(operation).is_ok_and(|root| !root.is_two_channel()))
}

/// The operation of a document that a request with this `operationName` runs: the one of that
/// name, or the only one. async-graphql's parser lists a lone operation with a name as one of
/// several.
pub(crate) fn operation<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Option<&'d OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.values();
            all.next().filter(|_| operations.len() == 1)?
        }
    };
    Some(&operation.node)
}

/// The root field of a subscription.
struct Root(Field);

impl Root {
    fn name(&self) -> &str {
        &self.0.name.node
    }

    fn is_two_channel(&self) -> bool {
        let required = |name| self.0.get_argument(name).is_some();
        TWO_CHANNEL_ARGUMENTS.into_iter().all(required)
    }

    /// The error for a filter that the field's model does not have, if the request or its session
    /// brings the hub, which knows the model.
    fn unknown_filter(&self, request: &Request, session: &Data) -> Option<ServerError> {
        let filters = self.0.get_argument("filters")?;
        let hub = TypeId::of::<Hub>();
        let hub = request.data.get(&hub).or_else(|| session.get(&hub))?;
        let model = hub.downcast_ref::<Hub>()?.model_of_field(self.name())?;
        let variable = |name| request.variables.get(&name).cloned().unwrap_or_default();
        let sent = filters.node.clone();
        let sent = sent.into_const_with(|name| Ok::<_, Infallible>(variable(name)));
        let Ok(Value::Object(sent)) = sent else {
            return None;
        };
        let message = misnamed(model, sent.keys().map(Name::as_str))?;
        Some(ServerError::new(message, Some(filters.pos)))
    }
}

fn root(operation: &OperationDefinition) -> Result<Root, ServerError> {
    let items = &operation.selection_set.node.items;
    match items.as_slice() {
        [one] => match &one.node {
            Selection::Field(field) => Ok(Root(field.node.clone())),
            // async-graphql subscribes to plain root fields only and ignores the rest.
            _ => Err(ServerError::new(
                "the root field of a subscription must be written without a fragment",
                Some(one.pos),
            )),
        },
        items => Err(ServerError::new(
            "a subscription must have exactly one root field; send one request for each",
            items.get(1).map(|second| second.pos),
        )),
    }
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
