//! GraphQL over HTTP, after the specification of that name (draft of 2025), with two kept
//! habits of the two-channel protocol: a request that cannot be executed is answered with
//! 400 whatever the client accepts, and a denied subscription is a normal answer.

use ::http::header::CACHE_CONTROL;
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use async_graphql::http::GraphiQLSource;
use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request as GraphqlRequest, Response as GraphqlResponse};
use axum::body::Bytes;
use axum::extract::{FromRequest as _, OriginalUri, Request};
use axum::response::{Html, IntoResponse as _, Response};
use serde_json::Value;

use super::media::{Media, is_json};
use super::response::{
    Body, Rejection, append, bad_request, json_response, reject, rejected, respond,
};
use super::{AddData, IdentityOf, request};
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
                let request = request::from_json(request).map_err(bad_request)?;
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
            .map(|body| request::from_json(body).map_err(bad_request))
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
        let mut request = request::from_query(&parts.uri).map_err(bad_request)?;
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

fn too_large(status: StatusCode) -> &'static str {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        "the body is too large"
    } else {
        "the body could not be read"
    }
}
