//! graphql-transport-ws as data: its messages and close codes, after the PROTOCOL text of the
//! `graphql-ws` library.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::{Request, ServerError};
use axum::extract::ws::{Message, Utf8Bytes};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::request;
use super::response::{Body, encode};
use super::socket::Close;
use crate::cursor::ScopedCursor;
use crate::hub::{Envelope, Place};

/// What client and server agree on when the WebSocket opens.
pub(super) const SUBPROTOCOL: &str = "graphql-transport-ws";

/// `subscribe` before `connection_ack`.
pub(super) const UNAUTHORIZED: Close = Close::new(4401, "Unauthorized");
/// The client speaks another subprotocol.
pub(super) const SUBPROTOCOL_NOT_ACCEPTABLE: Close = Close::new(4406, "Subprotocol not acceptable");
/// No `connection_init` in time.
pub(super) const INIT_TIMEOUT: Close = Close::new(4408, "Connection initialisation timeout");
/// A second `connection_init`.
pub(super) const TOO_MANY_INITS: Close = Close::new(4429, "Too many initialisation requests");
/// The application's hook panicked.
pub(super) const INTERNAL_ERROR: Close = Close::new(4500, "Internal server error");

/// A message that the protocol does not have.
pub(super) fn bad_message(reason: String) -> Close {
    let reason = reason.into();
    Close { code: 4400, reason }
}

/// A `subscribe` with the id of an operation that runs.
pub(super) fn already_exists(id: &str) -> Close {
    let reason = format!("Subscriber for {id} already exists").into();
    Close { code: 4409, reason }
}

/// What a client sends.
#[derive(Debug)]
pub(super) enum ClientMessage {
    /// Null without a payload.
    ConnectionInit {
        payload: Value,
    },
    Ping {
        payload: Option<Map<String, Value>>,
    },
    Pong,
    Subscribe {
        id: String,
        request: Box<Request>,
    },
    Complete {
        id: String,
    },
}

/// What the server sends.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'m> {
    ConnectionAck,
    Ping {
        payload: Value,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Map<String, Value>>,
    },
    Next {
        id: &'m str,
        payload: Body<'m>,
    },
    Error {
        id: &'m str,
        payload: &'m [ServerError],
    },
    Complete {
        id: &'m str,
    },
}

impl From<ServerMessage<'_>> for Message {
    fn from(message: ServerMessage<'_>) -> Self {
        Self::Text(Utf8Bytes::from(encode(&message)))
    }
}

/// What makes the payload of a response a `next`.
pub(super) fn envelope(id: &str) -> Envelope {
    let id = Value::from(id);
    Envelope::new(format!(r#"{{"type":"next","id":{id},"payload":"#), "}")
}

/// Where operations were on the connection before, by their ids: `graphex.after` in the payload of
/// `connection_init`. What is no cursor there is one that is not good. None where the client does
/// not keep cursors.
pub(super) fn resumed(payload: &Value) -> Option<HashMap<String, Place>> {
    let after = payload.get("graphex")?.get("after")?.as_object()?;
    let place = |(id, cursor): (&String, &Value)| {
        let place = cursor.as_str().map_or(Place::Nowhere, Place::named);
        (id.clone(), place)
    };
    let is_there = |(_, cursor): &(&String, &Value)| !cursor.is_null();
    Some(after.iter().filter(is_there).map(place).collect())
}

/// The payload of a `ping` that says where operations stand, by their ids.
pub(super) fn cursors<'o>(operations: impl Iterator<Item = (&'o Arc<str>, ScopedCursor)>) -> Value {
    let after = operations.map(|(id, cursor)| (id.to_string(), cursor.to_string().into()));
    json!({"graphex": {"after": after.collect::<Map<_, _>>()}})
}

impl ClientMessage {
    /// Reads a message, or says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let message = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let Value::Object(mut message) = message else {
            return Err("a message must be a JSON object".to_owned());
        };
        let Some(Value::String(kind)) = message.remove("type") else {
            return Err("a message must have a `type`, a string".to_owned());
        };
        match kind.as_str() {
            "connection_init" => {
                let payload = optional_object(&mut message)?.map_or(Value::Null, Value::Object);
                Ok(Self::ConnectionInit { payload })
            }
            "ping" => {
                let payload = optional_object(&mut message)?;
                Ok(Self::Ping { payload })
            }
            "pong" => {
                optional_object(&mut message)?;
                Ok(Self::Pong)
            }
            "subscribe" => {
                let id = id(&mut message)?;
                let payload = message.remove("payload").unwrap_or_default();
                if !payload.get("query").is_some_and(Value::is_string) {
                    return Err("the payload of `subscribe` must have a `query`, a string".into());
                }
                let request = Box::new(request::from_json(payload)?);
                Ok(Self::Subscribe { id, request })
            }
            "complete" => {
                let id = id(&mut message)?;
                Ok(Self::Complete { id })
            }
            "connection_ack" | "next" | "error" => {
                Err(format!("`{kind}` is for the server to send"))
            }
            _ => Err("there is no message of this `type`".to_owned()),
        }
    }
}

fn id(message: &mut Map<String, Value>) -> Result<String, String> {
    match message.remove("id") {
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        _ => Err("the message must have an `id`, a string that is not empty".to_owned()),
    }
}

fn optional_object(message: &mut Map<String, Value>) -> Result<Option<Map<String, Value>>, String> {
    match message.remove("payload") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(_) => Err("`payload` must be an object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_by_the_ids_of_operations() {
        let cursor = "v1.a.7.b";
        let payload = serde_json::json!({"graphex": {"after": {"a": cursor, "b": "else", "c": 1, "d": null}}});
        let expected = [
            ("a", Place::named(cursor)),
            ("b", Place::Nowhere),
            ("c", Place::Nowhere),
        ];
        assert_ne!(expected[0].1, Place::Nowhere);
        let expected = expected.map(|(id, place)| (id.to_owned(), place));
        assert_eq!(resumed(&payload), Some(HashMap::from(expected)));
        let none_yet = serde_json::json!({"graphex": {"after": {}}});
        assert_eq!(resumed(&none_yet), Some(HashMap::new()));
        for payload in [
            "null",
            "{}",
            r#"{"graphex":1}"#,
            r#"{"graphex":{"after":[]}}"#,
        ] {
            let payload = serde_json::from_str(payload).unwrap();
            assert_eq!(resumed(&payload), None);
        }
    }

    fn error(text: &str) -> String {
        ClientMessage::parse(text).unwrap_err()
    }

    #[test]
    fn what_is_no_message_says_why() {
        assert_eq!(
            error("hello"),
            "not JSON: expected value at line 1 column 1"
        );
        assert_eq!(error("[]"), "a message must be a JSON object");
        for text in ["{}", r#"{"type":1}"#, r#"{"type":null}"#] {
            assert_eq!(error(text), "a message must have a `type`, a string");
        }
        assert_eq!(
            error(r#"{"type":"start","id":"1"}"#),
            "there is no message of this `type`"
        );
        assert_eq!(
            error(r#"{"type":"next","id":"1"}"#),
            "`next` is for the server to send"
        );
        for text in [
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"complete","id":7}"#,
        ] {
            assert_eq!(
                error(text),
                "the message must have an `id`, a string that is not empty"
            );
        }
        for text in [
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":"{a}"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
        ] {
            assert_eq!(
                error(text),
                "the payload of `subscribe` must have a `query`, a string"
            );
        }
        for (fields, wrong) in [
            (r#""variables":[]"#, "`variables` must be an object"),
            (r#""extensions":"x""#, "`extensions` must be an object"),
            (r#""operationName":{}"#, "`operationName` must be a string"),
        ] {
            let text = format!(
                r#"{{"type":"subscribe","id":"1","payload":{{"query":"{{a}}",{fields}}}}}"#
            );
            assert_eq!(error(&text), wrong);
        }
        for kind in ["connection_init", "ping", "pong"] {
            let text = format!(r#"{{"type":"{kind}","payload":[]}}"#);
            assert_eq!(error(&text), "`payload` must be an object");
        }
    }

    #[test]
    fn nulls_are_absent_and_unknown_fields_are_ignored() {
        for text in [
            r#"{"type":"connection_init","payload":null,"more":1}"#,
            r#"{"type":"ping","payload":null}"#,
            r#"{"type":"pong"}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":null,"operationName":null,"extensions":null,"more":1}}"#,
            r#"{"type":"complete","id":"1","payload":"ignored"}"#,
        ] {
            assert!(ClientMessage::parse(text).is_ok(), "{text}");
        }
    }
}
