//! What a load balancer is told.

use ::http::StatusCode;

use crate::hub::Hub;

/// Whether new clients are to be sent here.
pub(super) fn ready(hub: &Hub) -> (StatusCode, &'static str) {
    if hub.ready() {
        (StatusCode::OK, "ready")
    } else if hub.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "this server is going away")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the layer is not connected",
        )
    }
}
