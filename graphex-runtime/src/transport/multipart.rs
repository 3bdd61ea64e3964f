//! Apollo's multipart subscriptions as data: the parts of a response.
//!
//! A part is handed out together with the delimiter that follows it, because clients take a
//! part when they see its end.

use async_graphql::Response;
use serde::Serialize;
use serde_json::json;

use super::response::{Body, encode};
use crate::error::CloseReason;
use crate::hub::Envelope;

/// The first delimiter.
pub(super) const OPENING: &str = "\r\n--graphql";
/// Follows a delimiter that no part follows.
pub(super) const END: &str = "--\r\n";
/// A part without content, which clients ignore.
pub(super) const HEARTBEAT: &str = "\r\nContent-Type: application/json\r\n\r\n{}\r\n--graphql";

const HEAD: &str = "\r\nContent-Type: application/json\r\n\r\n{\"payload\":";
const TAIL: &str = "}\r\n--graphql";

/// A part with a response.
pub(super) fn next(response: &Response) -> String {
    format!("{HEAD}{}{TAIL}", encode(&Body::of(response)))
}

/// What makes the payload of a response a part.
pub(super) fn envelope() -> Envelope {
    Envelope::new(HEAD, TAIL)
}

/// A part that tells why the stream ends before its operation does.
pub(super) fn failure(reason: &CloseReason) -> String {
    #[derive(Serialize)]
    struct Failure {
        payload: (),
        errors: serde_json::Value,
    }
    let failure = Failure {
        payload: (),
        errors: json!([{
            "message": reason.to_string(),
            "extensions": { "code": reason.code() },
        }]),
    };
    let head = HEAD.trim_end_matches("{\"payload\":");
    format!("{head}{}\r\n--graphql", encode(&failure))
}
