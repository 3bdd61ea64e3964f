//! Who may connect to the hub, and to which of its streams.

use std::collections::HashSet;
use std::sync::Arc;

use ::http::StatusCode;
use ::http::request::Parts;
use axum::extract::ws::{OnFailedUpgrade, WebSocketUpgrade, close_code};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::response::{Rejection, reject};
use super::socket::{Close, End, Socket};
use super::{IdentityOf, origin};
use crate::error::ConnectError;
use crate::hub::{Connection, Held, Hub, Identity};

/// What every endpoint asks before it opens a connection.
#[derive(Clone)]
pub(super) struct Admission {
    pub(super) hub: Hub,
    pub(super) identity: IdentityOf,
    pub(super) allowed_origins: Arc<[String]>,
    /// All of the hub's without a list.
    pub(super) streams: Option<Arc<HashSet<String>>>,
}

impl Admission {
    /// The answer to a page that may not open a WebSocket.
    pub(super) fn refuse_origin(&self, request: &Parts) -> Option<Response> {
        let message = "this origin may not connect; list it in `allowed_origins`";
        let is_allowed = origin::is_allowed(request, &self.allowed_origins);
        if !is_allowed && let Some(kept_back) = self.hub.lines().origin.is_time() {
            origin::tell_of_refused(request, kept_back);
        }
        (!is_allowed).then(|| (StatusCode::FORBIDDEN, message).into_response())
    }

    /// Opens a connection of the hub, or says why not.
    pub(super) fn connect(&self, identity: Identity) -> Result<Connection, ConnectError> {
        match &self.streams {
            Some(streams) => self.hub.connect_to(identity, Arc::clone(streams)),
            None => self.hub.connect(identity),
        }
    }

    /// The answer to a WebSocket for which no connection could be opened: what its client is to be
    /// told apart is a close, the rest an HTTP answer.
    pub(super) fn refuse<F: OnFailedUpgrade>(
        &self,
        upgrade: WebSocketUpgrade<F>,
        error: &ConnectError,
    ) -> Response {
        match close_of(error) {
            Some(close) => self.close(upgrade, close),
            None => (status(error), error.to_string()).into_response(),
        }
    }

    /// Opens a WebSocket only to close it: a refused upgrade would not tell a browser why.
    pub(super) fn close<F: OnFailedUpgrade>(
        &self,
        upgrade: WebSocketUpgrade<F>,
        close: Close,
    ) -> Response {
        let hub = self.hub.clone();
        upgrade.on_upgrade(move |socket| async move {
            let (sink, stream) = socket.split();
            let socket = Socket::new(sink, stream, || (), hub.limits());
            socket.end(End::Close(close), None).await;
        })
    }

    /// A connection's place, and its place among those that wait.
    pub(super) fn reserve(&self, identity: &Identity) -> Result<(Held, Held), ConnectError> {
        self.hub.reserve_channel(identity)
    }

    /// Opens the connection that has this place.
    pub(super) fn connect_reserved(
        &self,
        identity: Identity,
        place: Held,
    ) -> Result<Connection, ConnectError> {
        self.hub.open(identity, self.streams.clone(), place)
    }
}

/// The process is about to end, and another takes its place.
const RESTART: Close = Close::new(close_code::RESTART, "this server is going away");

/// What a WebSocket is closed with for this error, where its client would not see an HTTP answer
/// but has to do something about it.
fn close_of(error: &ConnectError) -> Option<Close> {
    match error {
        ConnectError::GoingAway => Some(RESTART),
        ConnectError::Revoked { .. } | ConnectError::Expired => {
            Some(Close::forbidden(error.to_string()))
        }
        _ => None,
    }
}

/// What a WebSocket that is open is closed with for this error.
impl From<ConnectError> for Close {
    fn from(error: ConnectError) -> Self {
        close_of(&error).unwrap_or_else(|| Self {
            code: close_code::AGAIN,
            reason: error.to_string().into(),
        })
    }
}

fn status(error: &ConnectError) -> StatusCode {
    match error {
        ConnectError::Revoked { .. } | ConnectError::Expired => StatusCode::FORBIDDEN,
        ConnectError::Full { .. } | ConnectError::GoingAway | ConnectError::NoRandomness => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::TOO_MANY_REQUESTS,
    }
}

impl From<ConnectError> for Rejection {
    fn from(error: ConnectError) -> Self {
        reject(status(&error), error.to_string())
    }
}
