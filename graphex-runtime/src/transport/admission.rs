//! Who may connect to the hub, and to which of its streams.

use std::collections::HashSet;
use std::sync::Arc;

use ::http::StatusCode;
use ::http::request::Parts;
use axum::extract::ws::{OnFailedUpgrade, WebSocketUpgrade, close_code};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::format::Format;
use super::response::{Rejection, reject};
use super::socket::{Close, End, Socket};
use super::{IdentityOf, origin};
use crate::error::ConnectError;
use crate::hub::{Channel, Held, Hub, Identity};

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
        if !is_allowed && let Some(suppressed) = self.hub.log_limits().origin.allow() {
            origin::log_refused(request, suppressed);
        }
        (!is_allowed).then(|| (StatusCode::FORBIDDEN, message).into_response())
    }

    /// Opens a connection of the hub, or says why not.
    pub(super) fn connect(
        &self,
        identity: Identity,
        transport: &'static str,
    ) -> Result<Channel, ConnectError> {
        let place = self.hub.place_of(&identity)?;
        self.hub
            .open(identity, self.streams.clone(), place, transport)
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
    ) -> Result<Channel, ConnectError> {
        let streams = self.streams.clone();
        let transport = Format::NamedEvents.transport();
        self.hub.open(identity, streams, place, transport)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_limit::logged;

    /// What is told of a page is what its operator needs; that there were more, ten seconds later.
    #[tokio::test(start_paused = true)]
    async fn a_foreign_page_is_refused_and_told_of_once_in_a_while() {
        let admission = Admission {
            hub: Hub::builder().build(),
            identity: Arc::new(|_| Identity::anonymous()),
            allowed_origins: Arc::from(["https://app.example.com".to_owned()]),
            streams: None,
        };
        let refused = |origin: &str| {
            let request = ::http::Request::builder();
            let request = request.header("host", "127.0.0.1:8000");
            let request = request.header("origin", origin).body(()).unwrap();
            let mut refused = None;
            let lines = logged(|| refused = admission.refuse_origin(&request.into_parts().0));
            (refused.map(|response| response.status()), lines)
        };
        let page = "https://example.com";
        let (status, lines) = refused(page);
        assert_eq!((status, lines.len()), (Some(StatusCode::FORBIDDEN), 1));
        for part in [
            "WARN",
            r#"origin="https://example.com" host="127.0.0.1:8000" suppressed=0"#,
            "`Endpoints::allowed_origins`",
            "`proxy_set_header Host $http_host;`",
        ] {
            assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
        }
        for _ in 0..3 {
            assert_eq!(refused(page), (Some(StatusCode::FORBIDDEN), vec![]));
        }
        assert_eq!(refused("https://app.example.com"), (None, vec![]));
        tokio::time::advance(std::time::Duration::from_secs(11)).await;
        let (_, lines) = refused(page);
        assert!(lines[0].contains("suppressed=3"), "{lines:?}");
    }
}
