//! GraphQL over Server-Sent Events as data: its events, after the PROTOCOL text of the
//! `graphql-sse` library.

use ::http::request::Parts;
use ::http::{HeaderMap, Method};
use async_graphql::Response;
use serde::Serialize;
use serde_json::Value;

use super::response::{Body, encode};
use crate::hub::{Envelope, Place};

/// A comment, which tells a client and what is on the way to it that the stream lives.
pub(super) const HEARTBEAT: &str = ":\n\n";

/// What an event of the single-connection mode carries.
#[derive(Serialize)]
struct Named<'m> {
    id: &'m str,
    payload: Body<'m>,
}

/// A `next` event; with the id of its operation where many share a stream.
pub(super) fn next(id: Option<&str>, response: &Response) -> String {
    let payload = Body::of(response);
    let data = match id {
        None => encode(&payload),
        Some(id) => encode(&Named { id, payload }),
    };
    format!("event: next\ndata: {data}\n\n")
}

/// What makes the payload of a response a `next` event. Its `id` is the cursor, by which the one
/// operation of a stream goes on; where many share a stream, that of one says nothing of others.
pub(super) fn envelope(id: Option<&str>) -> Envelope {
    match id {
        None => Envelope::new("event: next\ndata: ", "\n\n").with_id(),
        Some(id) => {
            let id = Value::from(id);
            let head = format!(r#"event: next{}data: {{"id":{id},"payload":"#, '\n');
            Envelope::new(head, "}\n\n")
        }
    }
}

/// Where the client of a stream was: the `id` of the last event that it has seen, which an
/// `EventSource` sends when it connects again.
pub(super) fn resumed(headers: &HeaderMap) -> Option<Place> {
    let id = headers.get("last-event-id")?;
    match id.to_str() {
        Ok("") => None,
        Ok(id) => Some(Place::named(id)),
        Err(_) => Some(Place::Nowhere),
    }
}

/// Whether the client of a stream sends the `id` of the last event when it connects again: it has
/// sent one, or it asks as an `EventSource` does.
pub(super) fn goes_on(parts: &Parts) -> bool {
    parts.method == Method::GET || resumed(&parts.headers).is_some()
}

/// A `complete` event. Without an id its data is empty, but there: an `EventSource` ignores
/// events without data.
pub(super) fn complete(id: Option<&str>) -> String {
    match id {
        None => "event: complete\ndata: \n\n".to_owned(),
        Some(id) => format!("event: complete\ndata: {{\"id\":{}}}\n\n", Value::from(id)),
    }
}
