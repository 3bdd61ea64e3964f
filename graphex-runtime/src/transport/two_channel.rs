//! The WebSocket endpoint of the two-channel protocol.

use std::collections::HashSet;
use std::sync::Arc;

use ::http::StatusCode;
use ::http::request::Parts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::{IdentityOf, origin, session};
use crate::error::ConnectError;
use crate::hub::Hub;

/// Read buffer of a socket on which the client has nothing to say, in bytes. The library's
/// default, 128 KiB, is cleared on every read.
const READ_BUFFER: usize = 2 * 1024;

/// What the endpoint needs of its [`Endpoints`](super::Endpoints).
#[derive(Clone)]
pub(super) struct TwoChannel {
    pub(super) hub: Hub,
    pub(super) identity: IdentityOf,
    pub(super) allowed_origins: Arc<[String]>,
    /// All of the hub's without a list.
    pub(super) streams: Option<Arc<HashSet<String>>>,
}

impl TwoChannel {
    pub(super) async fn handle(self, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        if !origin::is_allowed(&parts, &self.allowed_origins) {
            let message = "this origin may not connect; list it in `allowed_origins`";
            return (StatusCode::FORBIDDEN, message).into_response();
        }
        match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => self.upgrade(upgrade, &parts),
            Err(rejection) => rejection.into_response(),
        }
    }

    fn upgrade(self, upgrade: WebSocketUpgrade, request: &Parts) -> Response {
        let identity = (self.identity)(request);
        // Opened before the upgrade, so that a refusal is a plain HTTP answer. If the upgrade
        // fails the connection is dropped with the closure that holds it.
        let opened = match self.streams {
            Some(streams) => self.hub.connect_to(identity, streams),
            None => self.hub.connect(identity),
        };
        let connection = match opened {
            Ok(connection) => connection,
            Err(error) => {
                let status = match error {
                    ConnectError::TooManyChannels { .. } => StatusCode::TOO_MANY_REQUESTS,
                    ConnectError::NoRandomness => StatusCode::SERVICE_UNAVAILABLE,
                };
                return (status, error.to_string()).into_response();
            }
        };
        let hub = self.hub;
        let inbound = hub.limits().inbound_frame;
        upgrade
            .read_buffer_size(READ_BUFFER)
            .max_message_size(inbound)
            .max_frame_size(inbound)
            .on_failed_upgrade(|error| tracing::debug!(%error, "a WebSocket upgrade failed"))
            .on_upgrade(move |socket| async move {
                let (sink, stream) = socket.split();
                session::run(connection, sink, stream, hub.limits()).await;
            })
    }
}
