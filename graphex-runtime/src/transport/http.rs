//! GraphQL over HTTP, after the specification of that name (draft of 2025), with two kept
//! habits of the two-channel protocol: a request that cannot be executed is answered with
//! 400 whatever the client accepts, and a denied subscription is a normal answer.
//!
//! A client that asks for a stream by its name gets one: of events or of parts.

use std::sync::Arc;

use ::http::header::CACHE_CONTROL;
use ::http::request::Parts;
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use async_graphql::{Data, Executor, Request as GraphqlRequest, Response as GraphqlResponse};
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::admission::Admission;
use super::format::{Format, streamed};
use super::media::{Media, is_json};
use super::page::{page, wants_page};
use super::reservations::{Reservation, Reservations, not_found, operation_id, token};
use super::response::{
    Body, Rejection, append, bad_request, json_response, reject, rejected, respond,
};
use super::streaming::{Feed, Run};
use super::timing::period;
use super::{AddData, request, sse};
use crate::graphql::{self, Guarded, answer};
use crate::hub::{Identity, Resumed};

/// The HTTP endpoint.
#[derive(Clone)]
pub(super) struct Http<E> {
    pub(super) schema: E,
    pub(super) admission: Admission,
    pub(super) add_data: AddData,
    /// Whether a browser gets GraphiQL.
    pub(super) graphiql: bool,
    /// The streams of graphql-sse's single-connection mode.
    pub(super) reservations: Arc<Reservations>,
}

/// The token of a stream that is not reserved, or by somebody else. It may be the application's,
/// or older than this process: a request that is complete without a stream is answered.
#[derive(Clone, Copy)]
struct Unknown;

/// What a request asks.
enum Asked {
    One(Box<GraphqlRequest>),
    Batch(Vec<GraphqlRequest>),
}

impl<E: Executor> Http<E> {
    pub(super) async fn handle(self, request: Request) -> Response {
        let headers = request.headers();
        if self.graphiql && wants_page(&request) {
            return page(&request);
        }
        // What a problem with the request is told in: never a stream.
        let media = Media::negotiate(headers, &Media::RESPONSES);
        let answer = match token(&request) {
            None => self.alone(request, None).await,
            Some(token) => {
                let (parts, body) = request.into_parts();
                let identity = (self.admission.identity)(&parts);
                let request = Request::from_parts(parts, body);
                match self.reservations.find(&token, &identity) {
                    Some(reservation) => self.reserved(reservation, identity, request).await,
                    None => self.alone(request, Some(Unknown)).await,
                }
            }
        };
        let media = media.unwrap_or(Media::Json);
        answer.unwrap_or_else(|rejection| rejected(media, &rejection))
    }

    /// Answers a request that belongs to no reserved stream.
    async fn alone(self, request: Request, token: Option<Unknown>) -> Result<Response, Rejection> {
        let offered: Vec<_> = Media::RESPONSES.into_iter().chain(Media::STREAMS).collect();
        match *request.method() {
            // A client that lost its stream, and brings the token of that.
            Method::PUT => self.reserve(&request.into_parts().0),
            Method::DELETE if token.is_some() => Err(not_found()),
            _ if Media::negotiate(request.headers(), &offered).is_none() => {
                let names: Vec<_> = offered.into_iter().map(Media::name).collect();
                let message = format!("this endpoint answers with {}", names.join(", "));
                Err(reject(StatusCode::NOT_ACCEPTABLE, message))
            }
            _ => self.ask(request, token).await,
        }
    }

    async fn ask(self, request: Request, token: Option<Unknown>) -> Result<Response, Rejection> {
        let is_get = request.method() != Method::POST;
        let (parts, asked) = match self.read(request).await {
            // It has come for the stream alone.
            Err(_) if is_get && token.is_some() => return Err(not_found()),
            read => read?,
        };
        let accepted = |offered| Media::negotiate(&parts.headers, offered);
        match asked {
            Asked::Batch(requests) => match accepted(&Media::RESPONSES) {
                Some(media) => Ok(self.batch(&parts, requests, media).await),
                None => Err(bad_request("a batch cannot be streamed")),
            },
            // Its answer would be looked for on the stream.
            Asked::One(request) if token.is_some() && operation_id(&request).is_some() => {
                Err(not_found())
            }
            Asked::One(request) => {
                let request = self.guard(*request);
                let is_stream = request.is_event_stream();
                // Between what it likes equally well, a client gets what fits.
                let [best, json] = Media::RESPONSES;
                let [events, multipart] = Media::STREAMS;
                let offered = if is_stream {
                    [events, multipart, best, json]
                } else {
                    [best, json, events, multipart]
                };
                let media = accepted(&offered).unwrap_or(Media::Json);
                let may_stream = is_stream && media.is_stream();
                if is_get && !may_stream {
                    only_queries(&request)?;
                }
                match media {
                    Media::EventStream => self.stream(&parts, request, Format::Events),
                    Media::Multipart => self.stream(&parts, request, Format::Parts),
                    media => Ok(self.respond(&parts, request, media, is_get).await),
                }
            }
        }
    }

    /// Reads what a POST or a GET asks.
    async fn read(&self, request: Request) -> Result<(Parts, Asked), Rejection> {
        match *request.method() {
            Method::POST => self.read_body(request).await,
            Method::GET | Method::HEAD => {
                let (parts, _) = request.into_parts();
                let request = request::from_query(&parts.uri).map_err(bad_request)?;
                Ok((parts, Asked::One(Box::new(request))))
            }
            _ => Err(reject(
                StatusCode::METHOD_NOT_ALLOWED,
                "GraphQL requests are POST, or GET for queries",
            )),
        }
    }

    async fn read_body(&self, request: Request) -> Result<(Parts, Asked), Rejection> {
        if !is_json(request.headers()) {
            let message = "send the request as JSON, with `Content-Type: application/json`";
            return Err(reject(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
        }
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let reading = Bytes::from_request(request, &());
        let body = timeout(period(self.admission.hub.limits().body_wait), reading)
            .await
            .map_err(|_| {
                let message = "the body took too long to arrive";
                reject(StatusCode::REQUEST_TIMEOUT, message)
            })?
            .map_err(|rejection| self.unread(rejection.status()))?;
        let body: Value = serde_json::from_slice(&body)
            .map_err(|error| bad_request(format!("the body is not JSON: {error}")))?;
        let one = |body| request::from_json(body).map_err(bad_request);
        let asked = match body {
            Value::Array(requests) => {
                let limit = self.admission.hub.limits().batch;
                if requests.is_empty() || requests.len() > limit {
                    return Err(bad_request(match limit {
                        0 => "this endpoint takes no batches".to_owned(),
                        limit => format!("a batch has 1 to {limit} requests"),
                    }));
                }
                Asked::Batch(requests.into_iter().map(one).collect::<Result<_, _>>()?)
            }
            request => Asked::One(Box::new(one(request)?)),
        };
        Ok((parts, asked))
    }

    fn unread(&self, status: StatusCode) -> Rejection {
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            let limit = self.admission.hub.limits().http_body;
            return reject(status, format!("the body has more than {limit} bytes"));
        }
        reject(status, "the body could not be read")
    }

    /// Executes the requests of a batch one after the other and answers with a list.
    async fn batch(&self, parts: &Parts, requests: Vec<GraphqlRequest>, media: Media) -> Response {
        let mut responses = Vec::with_capacity(requests.len());
        let mut headers = HeaderMap::new();
        for request in requests {
            let request = self.guard(request);
            let mut response = self.execute(parts, request).await;
            append(&mut headers, std::mem::take(&mut response.http_headers));
            responses.push(response);
        }
        let bodies: Vec<_> = responses.iter().map(Body::of).collect();
        json_response(StatusCode::OK, media, headers, &bodies)
    }

    fn guard(&self, request: GraphqlRequest) -> Guarded {
        Guarded::new(request, Some(&self.admission.hub))
    }

    async fn respond(
        &self,
        parts: &Parts,
        request: Guarded,
        media: Media,
        is_get: bool,
    ) -> Response {
        let response = self.execute(parts, request).await;
        let cache = response.cache_control.value();
        // Nobody wants an error again.
        let cache = cache.filter(|_| is_get && response.errors.is_empty());
        let mut response = respond(media, response);
        if let Some(cache) = cache.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(CACHE_CONTROL, cache);
        }
        response
    }

    async fn execute(&self, parts: &Parts, mut request: Guarded) -> GraphqlResponse {
        self.prepare(parts, request.data_mut());
        answer(&self.schema, request).await
    }

    /// What resolvers and hooks find, besides what is of the request alone.
    fn prepare(&self, parts: &Parts, data: &mut Data) {
        let Admission { hub, identity, .. } = &self.admission;
        data.insert(hub.clone());
        data.insert(identity(parts));
        (self.add_data)(parts, data);
    }

    /// Runs any operation on a connection of a stream.
    fn run(&self, parts: &Parts, mut request: Guarded) -> Run {
        let bytes = request.executing_bytes();
        // As over a WebSocket, where an extension's `subscribe` sees it.
        let mut session = Data::default();
        self.prepare(parts, &mut session);
        let session = Arc::new(session);
        let schema = self.schema.clone();
        let start = move |registration| {
            request.data_mut().insert(registration);
            graphql::stream(&schema, request, session)
        };
        let start = Box::new(start);
        Run {
            bytes,
            goes_on: false,
            start,
        }
    }

    /// Answers one operation with a stream of its own.
    fn stream(
        &self,
        parts: &Parts,
        mut request: Guarded,
        format: Format,
    ) -> Result<Response, Rejection> {
        if let (Format::Events, Some(place)) = (format, sse::resumed(&parts.headers)) {
            request.data_mut().insert(Resumed(place));
        }
        let channel = self
            .admission
            .connect((self.admission.identity)(parts), format.transport())?;
        let feed = Feed::new(format, channel, self.admission.hub.limits());
        let mut run = self.run(parts, request);
        run.goes_on = matches!(format, Format::Events) && sse::goes_on(parts);
        let body = feed.of_one(run).map_err(|refusal| {
            let message = refusal.to_string();
            reject(StatusCode::TOO_MANY_REQUESTS, message)
        })?;
        Ok(streamed(format, body))
    }

    fn reserve(&self, parts: &Parts) -> Result<Response, Rejection> {
        let identity = (self.admission.identity)(parts);
        let admission = self.admission.clone();
        let token = self.reservations.reserve(identity, admission)?;
        Ok((StatusCode::CREATED, token).into_response())
    }

    /// Answers a request that belongs to a reserved stream.
    async fn reserved(
        &self,
        reservation: Reservation,
        identity: Identity,
        request: Request,
    ) -> Result<Response, Rejection> {
        reservation.renew(identity).await?;
        let (parts, body) = request.into_parts();
        match parts.method {
            Method::PUT => Err(reject(
                StatusCode::CONFLICT,
                "this stream is reserved already",
            )),
            Method::DELETE => reservation.stop(&parts.uri).await,
            Method::GET if Media::negotiate(&parts.headers, &[Media::EventStream]).is_some() => {
                reservation.attach().await
            }
            _ => {
                let is_get = parts.method != Method::POST;
                let request = Request::from_parts(parts, body);
                let (parts, asked) = self.read(request).await?;
                let Asked::One(request) = asked else {
                    return Err(bad_request("a stream takes one operation at a time"));
                };
                let id = operation_id(&request).map(str::to_owned);
                let request = self.guard(*request);
                if is_get {
                    only_queries(&request)?;
                }
                let id = id.ok_or_else(|| {
                    bad_request(
                        "`extensions` must have an `operationId`, a string that is not empty",
                    )
                })?;
                let media = Media::negotiate(&parts.headers, &Media::RESPONSES);
                let media = media.unwrap_or(Media::Json);
                reservation
                    .start(id, self.run(&parts, request), media)
                    .await
            }
        }
    }
}

/// A GET must not change anything.
fn only_queries(request: &Guarded) -> Result<(), Rejection> {
    if request.is_no_query() {
        let message = "a GET request can only query; send mutations by POST, and subscriptions by POST or with \
                       `Accept: text/event-stream`";
        return Err(reject(StatusCode::METHOD_NOT_ALLOWED, message));
    }
    Ok(())
}
