//! The single-connection mode of GraphQL over SSE: streams that are reserved first, and whose
//! operations come with requests of their own.
//!
//! A reservation lives in this process, so all requests of a client have to reach it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ::http::{StatusCode, Uri};
use async_graphql::{Request as GraphqlRequest, Response as GraphqlResponse};
use axum::extract::{Query, Request};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;
use tokio_util::task::AbortOnDropHandle;

use super::admission::Admission;
use super::format::{Format, streamed};
use super::media::Media;
use super::response::{Rejection, bad_request, reject, respond};
use super::streaming::{Command, Feed, Run, Started};
use super::timing::period;
use crate::deadline::deadline;
use crate::error::ConnectError;
use crate::hub::{Identity, secret};

/// The header in which clients send the token of their reservation.
const TOKEN: &str = "x-graphql-event-stream-token";

/// Commands that may wait for a stream.
const INBOX: usize = 16;

/// What the query string says of a stream.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Params {
    token: Option<String>,
    operation_id: Option<String>,
}

impl Params {
    fn of(uri: &Uri) -> Self {
        let params = Query::try_from_uri(uri);
        params.map_or_else(|_| Self::default(), |Query(params)| params)
    }
}

/// The token of the reserved stream that a request belongs to: from the header, or, if it
/// looks like one, from the query string, where `token` may be the application's.
pub(super) fn token(request: &Request) -> Option<String> {
    if let Some(token) = request.headers().get(TOKEN) {
        return Some(String::from_utf8_lossy(token.as_bytes()).into_owned());
    }
    let token = Params::of(request.uri()).token?;
    let is_token = token.len() == 40 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_token.then_some(token)
}

/// The reserved streams of an endpoint, by their tokens.
#[derive(Default)]
pub(super) struct Reservations(Arc<Mutex<Streams>>);

type Streams = HashMap<String, Reserved>;

struct Reserved {
    /// Who reserved it, and alone may use it.
    identity: Identity,
    stream: Reservation,
    _task: AbortOnDropHandle<()>,
}

/// Every critical section is one operation of the map.
fn lock(streams: &Mutex<Streams>) -> MutexGuard<'_, Streams> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reservations {
    /// Reserves a stream; the token that its requests have to bring. It is given up when no
    /// client connects in time, and when the client disconnects. Its connection is opened when the
    /// first of its requests comes.
    pub(super) fn reserve(
        &self,
        identity: Identity,
        admission: Admission,
    ) -> Result<String, Rejection> {
        let (place, reservation) = admission.reserve(&identity)?;
        let token = secret().map_err(|error| {
            tracing::error!(%error, "no random bits for a token");
            let message = "no stream can be reserved at the moment; try again later";
            reject(StatusCode::SERVICE_UNAVAILABLE, message)
        })?;
        let (commands, mut inbox) = mpsc::channel(INBOX);
        let listed = Listed {
            streams: Arc::downgrade(&self.0),
            token: token.clone(),
        };
        let waiting = period(admission.hub.limits().reservation_wait);
        let deadline = deadline(waiting);
        let named = identity.clone();
        let feeding = async move {
            let _listed = listed;
            let Ok(Some(first)) = timeout_at(deadline, inbox.recv()).await else {
                return;
            };
            // A right may have been renewed since.
            let named = match &first {
                Command::Renew(renewed) => renewed.clone(),
                _ => named,
            };
            match admission.connect_reserved(named, place) {
                Ok(channel) => {
                    let limits = admission.hub.limits();
                    let mut feed = Feed::reserved(channel, limits, reservation, deadline);
                    feed.obey(first);
                    // Boxed, so that a reservation is small while nothing comes.
                    Box::pin(feed.run(&mut inbox)).await;
                }
                // Said to the client when it reserves another.
                Err(
                    ConnectError::GoingAway | ConnectError::Revoked { .. } | ConnectError::Expired,
                ) => {}
                Err(error) => tracing::error!(%error, "a reserved stream has no connection"),
            }
        };
        // Held, so that the task cannot end before it is there.
        let mut streams = lock(&self.0);
        let task = AbortOnDropHandle::new(tokio::spawn(feeding));
        let reserved = Reserved {
            identity,
            stream: Reservation(commands),
            _task: task,
        };
        streams.insert(token.clone(), reserved);
        Ok(token)
    }

    /// The stream of this token, if this identity has reserved it.
    pub(super) fn find(&self, token: &str, identity: &Identity) -> Option<Reservation> {
        let streams = lock(&self.0);
        let reserved = streams.get(token);
        let reserved = reserved.filter(|reserved| reserved.identity == *identity);
        reserved.map(|reserved| reserved.stream.clone())
    }
}

/// The answer to a request that makes sense only with its stream.
pub(super) fn not_found() -> Rejection {
    let message = "no stream is reserved with this token; reserve one with PUT";
    reject(StatusCode::NOT_FOUND, message)
}

/// Where a stream is found; dropped, it is not.
struct Listed {
    streams: Weak<Mutex<Streams>>,
    token: String,
}

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(streams) = self.streams.upgrade() {
            let reserved = lock(&streams).remove(&self.token);
            drop(reserved);
        }
    }
}

/// The id by which a client tells the events of an operation from those of others on its stream.
pub(super) fn operation_id(request: &GraphqlRequest) -> Option<&str> {
    match request.extensions.0.get("operationId") {
        Some(async_graphql::Value::String(id)) if !id.is_empty() => Some(id),
        _ => None,
    }
}

/// A reserved stream, for requests.
#[derive(Clone)]
pub(super) struct Reservation(mpsc::Sender<Command>);

impl Reservation {
    /// The response that the stream is.
    pub(super) async fn attach(&self) -> Result<Response, Rejection> {
        let (body_of, body) = oneshot::channel();
        self.command(Command::Attach(body_of)).await?;
        match body.await {
            Ok(Some(body)) => Ok(streamed(Format::NamedEvents, body)),
            Ok(None) => Err(reject(
                StatusCode::CONFLICT,
                "this stream has a connection already",
            )),
            Err(_) => Err(not_found()),
        }
    }

    /// Runs an operation whose results go to the stream.
    pub(super) async fn start(
        &self,
        id: String,
        run: Run,
        media: Media,
    ) -> Result<Response, Rejection> {
        let (outcome, started) = oneshot::channel();
        self.command(Command::Start { id, run, outcome }).await?;
        match started.await.map_err(|_| not_found())? {
            Started::Running => Ok(StatusCode::ACCEPTED.into_response()),
            Started::Invalid(errors) => Ok(respond(media, GraphqlResponse::from_errors(errors))),
            Started::Duplicate => Err(reject(
                StatusCode::CONFLICT,
                "an operation with this `operationId` runs already",
            )),
            Started::Refused(refusal) => {
                let message = refusal.to_string();
                Err(reject(StatusCode::TOO_MANY_REQUESTS, message))
            }
            Started::TooMany => Err(reject(
                StatusCode::TOO_MANY_REQUESTS,
                "too many operations run on this stream, or too much of it is unread",
            )),
        }
    }

    /// Ends the operation that the query string names.
    pub(super) async fn stop(&self, uri: &Uri) -> Result<Response, Rejection> {
        let id = Params::of(uri).operation_id.filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| bad_request("the URL has no `operationId` parameter"))?;
        self.command(Command::Stop { id }).await?;
        Ok(StatusCode::OK.into_response())
    }

    /// Takes over when the right of the identity ends, if it says so.
    pub(super) async fn renew(&self, identity: Identity) -> Result<(), Rejection> {
        match identity.expires_at() {
            Some(_) => self.command(Command::Renew(identity)).await,
            None => Ok(()),
        }
    }

    async fn command(&self, command: Command) -> Result<(), Rejection> {
        self.0.send(command).await.map_err(|_| not_found())
    }
}
