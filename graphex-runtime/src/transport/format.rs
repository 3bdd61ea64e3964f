//! How a response that goes on is written.

use std::sync::Arc;

use ::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, VARY};
use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};

use super::media::Media;
use super::{multipart, sse};
use crate::error::CloseReason;
use crate::hub::Envelope;

/// How a stream is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    /// Server-sent events of one operation.
    Events,
    /// Server-sent events of many operations.
    NamedEvents,
    /// Parts of Apollo's protocol, of one operation.
    Parts,
}

impl Format {
    const fn media(self) -> Media {
        match self {
            Self::Events | Self::NamedEvents => Media::EventStream,
            Self::Parts => Media::Multipart,
        }
    }

    /// What the metrics call it.
    pub(super) const fn transport(self) -> &'static str {
        match self {
            Self::Events => "sse",
            Self::NamedEvents => "sse-single",
            Self::Parts => "multipart",
        }
    }

    /// What goes out at once: not every browser takes headers without a body for an answer.
    pub(super) const fn opening(self) -> &'static str {
        match self {
            Self::Events | Self::NamedEvents => sse::HEARTBEAT,
            Self::Parts => multipart::OPENING,
        }
    }

    pub(super) const fn heartbeat(self) -> &'static str {
        match self {
            Self::Events | Self::NamedEvents => sse::HEARTBEAT,
            Self::Parts => multipart::HEARTBEAT,
        }
    }

    pub(super) fn envelope(self, id: &str) -> Envelope {
        match self {
            Self::Events => sse::envelope(None),
            Self::NamedEvents => sse::envelope(Some(id)),
            Self::Parts => multipart::envelope(),
        }
    }

    pub(super) fn next(self, id: &str, response: &GraphqlResponse) -> String {
        match self {
            Self::Events => sse::next(None, response),
            Self::NamedEvents => sse::next(Some(id), response),
            Self::Parts => multipart::next(response),
        }
    }

    pub(super) fn complete(self, id: &str) -> String {
        match self {
            Self::Events => sse::complete(None),
            Self::NamedEvents => sse::complete(Some(id)),
            Self::Parts => multipart::END.to_owned(),
        }
    }

    /// What ends a stream on which these operations run.
    pub(super) fn failure(self, reason: &CloseReason, running: &[Arc<str>]) -> String {
        match self {
            // A client that was not told `complete` connects again, and asks for the same.
            Self::Events | Self::NamedEvents if !reason.is_end_of_right() => String::new(),
            Self::Events | Self::NamedEvents => {
                let mut error = ServerError::new(reason.to_string(), None);
                let extensions = error.extensions.get_or_insert_default();
                extensions.set("code", reason.code());
                let response = GraphqlResponse::from_errors(vec![error]);
                let ends = running.iter();
                ends.map(|id| self.next(id, &response) + &self.complete(id))
                    .collect()
            }
            Self::Parts => multipart::failure(reason) + multipart::END,
        }
    }
}

/// A response with this body.
pub(super) fn streamed(format: Format, body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, format.media().content_type()),
        (CACHE_CONTROL, "no-cache"),
        // Keeps nginx, and others that took it over, from holding events back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (VARY, "accept"),
    ];
    (headers, body).into_response()
}
