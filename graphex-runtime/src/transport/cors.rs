//! Which pages of other origins may read the answers of the HTTP endpoint: those that may open a
//! WebSocket (the fetch standard, section 3.2).

use ::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};

use super::origin;

/// What a page of a listed origin may read.
pub(super) struct Cors {
    origin: HeaderValue,
}

impl Cors {
    /// For a request of a page whose origin is listed.
    pub(super) fn of(request: &Request, listed: &[String]) -> Option<Self> {
        if listed.is_empty() {
            return None;
        }
        let origin = request.headers().get(ORIGIN)?;
        let is_listed = origin::is_listed(origin.to_str().ok()?, listed);
        is_listed.then(|| Self {
            origin: origin.clone(),
        })
    }

    /// The answer, if the browser asks whether the page may make a request.
    pub(super) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        let asks = request.method() == Method::OPTIONS
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        asks.then(|| {
            let mut allowed = HeaderMap::new();
            let methods = HeaderValue::from_static("GET, POST, PUT, DELETE");
            allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            // A token, `x-graphql-event-stream-token`, what the application asks for: the page
            // is one of its own.
            if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            }
            allowed.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
            self.allow((StatusCode::NO_CONTENT, allowed).into_response())
        })
    }

    /// The response, for the page to read.
    pub(super) fn allow(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        let yes = HeaderValue::from_static("true");
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        headers.append(VARY, HeaderValue::from_static("origin"));
        response
    }
}
