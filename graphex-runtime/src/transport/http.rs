//! GraphQL over HTTP, after the specification of that name (draft of 2025), with two kept
//! habits of the two-channel protocol: a request that cannot be executed is answered with
//! 400 whatever the client accepts, and a denied subscription is a normal answer.

use std::collections::BTreeMap;

use ::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, VARY};
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use async_graphql::http::GraphiQLSource;
use async_graphql::parser::types::OperationType;
use async_graphql::{
    Executor, Request as GraphqlRequest, Response as GraphqlResponse, ServerError,
};
use axum::body::Bytes;
use axum::extract::{FromRequest as _, OriginalUri, Query, Request};
use axum::response::{Html, IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::media::{Media, is_json};
use super::{AddData, IdentityOf};
use crate::graphql::{execute, operation};
use crate::hub::Hub;

/// The HTTP endpoint.
#[derive(Clone)]
pub(super) struct Http<E> {
    pub(super) schema: E,
    pub(super) hub: Hub,
    pub(super) identity: IdentityOf,
    pub(super) add_data: AddData,
    /// Whether a browser gets GraphiQL.
    pub(super) graphiql: bool,
}

/// A request that is answered without being executed.
struct Rejection {
    status: StatusCode,
    message: String,
}

fn reject(status: StatusCode, message: impl Into<String>) -> Rejection {
    let message = message.into();
    Rejection { status, message }
}

/// A GraphQL request in a query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetParams {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

impl<E: Executor> Http<E> {
    pub(super) async fn handle(self, request: Request) -> Response {
        let headers = request.headers();
        let Some(media) = Media::negotiate(headers, &Media::RESPONSES) else {
            if self.graphiql && wants_page(&request) {
                return page(&request);
            }
            let message = format!(
                "this endpoint answers with {} or {}",
                Media::GraphqlResponse.name(),
                Media::Json.name()
            );
            return rejected(Media::Json, &reject(StatusCode::NOT_ACCEPTABLE, message));
        };
        if self.graphiql && wants_page(&request) {
            return page(&request);
        }
        let answer = match *request.method() {
            Method::POST => self.post(request, media).await,
            Method::GET | Method::HEAD => self.get(&request.into_parts().0, media).await,
            _ => Err(reject(
                StatusCode::METHOD_NOT_ALLOWED,
                "GraphQL requests are POST, or GET for queries",
            )),
        };
        answer.unwrap_or_else(|rejection| rejected(media, &rejection))
    }

    async fn post(&self, request: Request, media: Media) -> Result<Response, Rejection> {
        if !is_json(request.headers()) {
            let message = "send the request as JSON, with `Content-Type: application/json`";
            return Err(reject(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, &())
            .await
            .map_err(|rejection| reject(rejection.status(), too_large(rejection.status())))?;
        let body: Value = serde_json::from_slice(&body).map_err(|error| {
            reject(
                StatusCode::BAD_REQUEST,
                format!("the body is not JSON: {error}"),
            )
        })?;
        match body {
            Value::Array(requests) => self.batch(&parts, requests, media).await,
            request => {
                let request = graphql_request(request)?;
                Ok(respond(media, self.execute(&parts, request).await))
            }
        }
    }

    /// Executes the requests of a batch one after the other and answers with a list.
    async fn batch(
        &self,
        parts: &Parts,
        requests: Vec<Value>,
        media: Media,
    ) -> Result<Response, Rejection> {
        let limit = self.hub.limits().batch;
        if requests.is_empty() || requests.len() > limit {
            let message = match limit {
                0 => "this endpoint takes no batches".to_owned(),
                limit => format!("a batch has 1 to {limit} requests"),
            };
            return Err(reject(StatusCode::BAD_REQUEST, message));
        }
        let requests = requests
            .into_iter()
            .map(graphql_request)
            .collect::<Result<Vec<_>, _>>()?;
        let mut responses = Vec::with_capacity(requests.len());
        let mut headers = HeaderMap::new();
        for request in requests {
            let mut response = self.execute(parts, request).await;
            append(&mut headers, std::mem::take(&mut response.http_headers));
            responses.push(response);
        }
        let bodies: Vec<_> = responses.iter().map(Body::of).collect();
        Ok(json_response(StatusCode::OK, media, headers, &bodies))
    }

    /// A GET must not change anything, so it carries queries alone.
    async fn get(&self, parts: &Parts, media: Media) -> Result<Response, Rejection> {
        let mut request = query_string(parts)?;
        let name = request.operation_name.clone();
        if let Ok(document) = request.parsed_query() {
            let operation = operation(document, name.as_deref());
            if operation.is_some_and(|operation| operation.ty != OperationType::Query) {
                let message =
                    "a GET request can only query; send mutations and subscriptions by POST";
                return Err(reject(StatusCode::METHOD_NOT_ALLOWED, message));
            }
        }
        let response = self.execute(parts, request).await;
        // Nobody wants an error again.
        let cache = response.cache_control.value();
        let cache = cache.filter(|_| response.errors.is_empty());
        let mut response = respond(media, response);
        if let Some(cache) = cache.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(CACHE_CONTROL, cache);
        }
        Ok(response)
    }

    async fn execute(&self, parts: &Parts, request: GraphqlRequest) -> GraphqlResponse {
        let mut request = request.data(self.hub.clone()).data((self.identity)(parts));
        (self.add_data)(parts, &mut request.data);
        execute(&self.schema, request).await
    }
}

/// A browser's own GET, without a query: the page is for the person at it.
fn wants_page(request: &Request) -> bool {
    let offered = [Media::GraphqlResponse, Media::Json, Media::Html];
    let has_query = |query: &str| query.split('&').any(|pair| pair.starts_with("query="));
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.uri().query().is_none_or(|query| !has_query(query))
        && Media::negotiate(request.headers(), &offered) == Some(Media::Html)
}

fn page(request: &Request) -> Response {
    // Behind `nest` the request's own URI is the rest of the path.
    let original = request.extensions().get::<OriginalUri>();
    let path = original
        .map_or(request.uri(), |original| &original.0)
        .path();
    Html(GraphiQLSource::build().endpoint(path).finish()).into_response()
}

fn query_string(parts: &Parts) -> Result<GraphqlRequest, Rejection> {
    let bad = |message: String| reject(StatusCode::BAD_REQUEST, message);
    let Query(params) =
        Query::<GetParams>::try_from_uri(&parts.uri).map_err(|error| bad(error.body_text()))?;
    // An empty one would be a persisted query, of which a GET cannot tell that it only queries.
    let query = params
        .query
        .filter(|query| !query.is_empty())
        .ok_or_else(|| bad("the request has no `query` parameter".to_owned()))?;
    let mut request = GraphqlRequest::new(query);
    request.operation_name = params.operation_name.filter(|name| !name.is_empty());
    if let Some(variables) = params.variables.filter(|text| !text.is_empty()) {
        request.variables = serde_json::from_str(&variables)
            .map_err(|error| bad(format!("`variables` must be a JSON object: {error}")))?;
    }
    if let Some(extensions) = params.extensions.filter(|text| !text.is_empty()) {
        request.extensions = serde_json::from_str(&extensions)
            .map_err(|error| bad(format!("`extensions` must be a JSON object: {error}")))?;
    }
    Ok(request)
}

fn graphql_request(body: Value) -> Result<GraphqlRequest, Rejection> {
    let bad = |message: String| reject(StatusCode::BAD_REQUEST, message);
    let Value::Object(mut fields) = body else {
        return Err(bad(
            "the body must be a JSON object with a `query`".to_owned()
        ));
    };
    // A null parameter is an absent one.
    fields.retain(|_, value| !value.is_null());
    if !fields.contains_key("query") && !fields.contains_key("extensions") {
        return Err(bad("the body has no `query`".to_owned()));
    }
    for (name, is_right, expected) in [
        ("query", Value::is_string as fn(&Value) -> bool, "a string"),
        ("operationName", Value::is_string, "a string"),
        ("variables", Value::is_object, "an object"),
        ("extensions", Value::is_object, "an object"),
    ] {
        if fields.get(name).is_some_and(|value| !is_right(value)) {
            return Err(bad(format!("`{name}` must be {expected}")));
        }
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| bad(format!("the body is not a GraphQL request: {error}")))
}

fn too_large(status: StatusCode) -> &'static str {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        "the body is too large"
    } else {
        "the body could not be read"
    }
}

fn rejected(media: Media, rejection: &Rejection) -> Response {
    let body = json!({"errors": [{"message": rejection.message}]});
    let mut headers = HeaderMap::new();
    if rejection.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    json_response(rejection.status, media, headers, &body)
}

fn respond(media: Media, mut response: GraphqlResponse) -> Response {
    let headers = std::mem::take(&mut response.http_headers);
    let body = Body::of(&response);
    let status = if body.data.is_some() {
        StatusCode::OK
    } else {
        StatusCode::BAD_REQUEST
    };
    json_response(status, media, headers, &body)
}

/// A response as JSON, its fields in the order of the document.
#[derive(Serialize)]
struct Body<'r> {
    /// `None` where nothing was executed: the specification wants no `data` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r async_graphql::Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'r [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'r BTreeMap<String, async_graphql::Value>,
}

impl<'r> Body<'r> {
    fn of(response: &'r GraphqlResponse) -> Self {
        // A request that failed before its execution has errors without a path and no data.
        let executed = response.data != async_graphql::Value::Null
            || response.errors.is_empty()
            || response.errors.iter().any(|error| !error.path.is_empty());
        Self {
            data: executed.then_some(&response.data),
            errors: &response.errors,
            extensions: &response.extensions,
        }
    }
}

fn json_response(
    status: StatusCode,
    media: Media,
    headers: HeaderMap,
    body: &impl Serialize,
) -> Response {
    // Fails only for maps whose keys are no strings; GraphQL has none.
    let Ok(body) = serde_json::to_vec(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, body).into_response();
    append(response.headers_mut(), headers);
    let content_type = HeaderValue::from_static(media.content_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    let accept = HeaderValue::from_static("accept");
    response.headers_mut().append(VARY, accept);
    response
}

/// Adds headers beside those that are there: every `Set-Cookie` counts.
fn append(headers: &mut HeaderMap, added: HeaderMap) {
    let mut name = None;
    for (next, value) in added {
        name = next.or(name);
        if let Some(name) = &name {
            headers.append(name.clone(), value);
        }
    }
}
