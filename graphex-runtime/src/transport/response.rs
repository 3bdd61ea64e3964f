//! Responses of GraphQL over HTTP.

use std::collections::BTreeMap;

use ::http::header::{ALLOW, CONTENT_TYPE, VARY};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

use super::media::Media;

/// A request that is answered without being executed.
pub(super) struct Rejection {
    status: StatusCode,
    message: String,
}

pub(super) fn reject(status: StatusCode, message: impl Into<String>) -> Rejection {
    let message = message.into();
    Rejection { status, message }
}

pub(super) fn bad_request(message: impl Into<String>) -> Rejection {
    reject(StatusCode::BAD_REQUEST, message)
}

pub(super) fn rejected(media: Media, rejection: &Rejection) -> Response {
    let body = json!({"errors": [{"message": rejection.message}]});
    let mut headers = HeaderMap::new();
    if rejection.status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, POST, PUT, DELETE"));
    }
    json_response(rejection.status, media, headers, &body)
}

pub(super) fn respond(media: Media, mut response: GraphqlResponse) -> Response {
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
pub(super) struct Body<'r> {
    /// `None` where nothing was executed: the specification wants no `data` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'r async_graphql::Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'r [ServerError],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extensions: &'r BTreeMap<String, async_graphql::Value>,
}

impl<'r> Body<'r> {
    pub(super) fn of(response: &'r GraphqlResponse) -> Self {
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

/// Responses and messages as JSON texts, without line breaks.
pub(super) fn encode(message: &impl Serialize) -> String {
    #[expect(
        clippy::expect_used,
        reason = "only maps with keys that are no strings fail, and GraphQL has none"
    )]
    serde_json::to_string(message).expect("GraphQL responses are JSON")
}

pub(super) fn json_response(
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
pub(super) fn append(headers: &mut HeaderMap, added: HeaderMap) {
    let mut name = None;
    for (next, value) in added {
        name = next.or(name);
        if let Some(name) = &name {
            headers.append(name.clone(), value);
        }
    }
}
