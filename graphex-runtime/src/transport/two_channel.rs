//! The WebSocket endpoint of the two-channel protocol.

use ::http::request::Parts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request};
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;

use super::admission::Admission;
use super::session;

/// Read buffer of a socket on which the client has nothing to say, in bytes. The library's
/// default, 128 KiB, is cleared on every read.
const READ_BUFFER: usize = 2 * 1024;

pub(super) async fn handle(admission: Admission, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if let Some(refusal) = admission.refuse_origin(&parts) {
        return refusal;
    }
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(websocket) => upgrade(admission, websocket, &parts),
        Err(rejection) => rejection.into_response(),
    }
}

fn upgrade(admission: Admission, websocket: WebSocketUpgrade, request: &Parts) -> Response {
    // Opened before the upgrade, so that a refusal is a plain HTTP answer. If the upgrade
    // fails the connection is dropped with the closure that holds it.
    let channel = match admission.connect((admission.identity)(request), "two-channel") {
        Ok(channel) => channel,
        Err(error) => return admission.refuse(websocket, &error),
    };
    let hub = admission.hub;
    let inbound = hub.limits().inbound_frame;
    websocket
        .read_buffer_size(READ_BUFFER)
        .max_message_size(inbound)
        .max_frame_size(inbound)
        .on_failed_upgrade(|error| tracing::debug!(%error, "a WebSocket upgrade failed"))
        .on_upgrade(move |socket| async move {
            let (sink, stream) = socket.split();
            session::run(channel, sink, stream, hub.limits()).await;
        })
}
