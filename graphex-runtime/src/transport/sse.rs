//! GraphQL over Server-Sent Events as data: its events, after the PROTOCOL text of the
//! `graphql-sse` library.

use ::http::request::Parts;
use ::http::{HeaderMap, Method};
use async_graphql::{Response, Value as GraphqlValue};
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
    match cursor(response).filter(|_| id.is_none()) {
        Some(cursor) => format!("event: next\ndata: {data}\nid: {cursor}\n\n"),
        None => format!("event: next\ndata: {data}\n\n"),
    }
}

/// The cursor of an event that did not come as a frame.
fn cursor(response: &Response) -> Option<&str> {
    let Some(GraphqlValue::Object(ours)) = response.extensions.get("graphex") else {
        return None;
    };
    match ours.get("cursor") {
        Some(GraphqlValue::String(cursor)) => Some(cursor),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What an extension of the schema has handed on can be gone on from, as a frame can.
    #[test]
    fn the_cursor_of_a_response_is_the_id_of_its_event() {
        let mut response = Response::new(1);
        let plain = "event: next\ndata: {\"data\":1}\n\n";
        assert_eq!(next(None, &response), plain);
        let ours = async_graphql::value!({"cursor": "v1.a.7.b"});
        response.extensions.insert("graphex".to_owned(), ours);
        let event = next(None, &response);
        assert!(event.ends_with("}}}\nid: v1.a.7.b\n\n"), "{event}");
        // One text cannot say where many operations are.
        assert!(!next(Some("a"), &response).contains("\nid:"));
    }
}
