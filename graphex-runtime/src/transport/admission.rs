//! Who may connect to the hub, and to which of its streams.

use std::collections::HashSet;
use std::sync::Arc;

use ::http::StatusCode;
use ::http::request::Parts;
use axum::response::{IntoResponse as _, Response};

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
        (!is_allowed).then(|| (StatusCode::FORBIDDEN, message).into_response())
    }

    /// Opens a connection of the hub, or says why not.
    pub(super) fn connect(&self, identity: Identity) -> Result<Connection, (StatusCode, String)> {
        let opened = match &self.streams {
            Some(streams) => self.hub.connect_to(identity, Arc::clone(streams)),
            None => self.hub.connect(identity),
        };
        opened.map_err(refused)
    }

    /// A connection's place, and its place among those that wait.
    pub(super) fn reserve(
        &self,
        identity: &Identity,
    ) -> Result<(Held, Held), (StatusCode, String)> {
        self.hub.reserve_channel(identity).map_err(refused)
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

fn refused(error: ConnectError) -> (StatusCode, String) {
    let status = match error {
        ConnectError::Full { .. } | ConnectError::NoRandomness => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::TOO_MANY_REQUESTS,
    };
    (status, error.to_string())
}
