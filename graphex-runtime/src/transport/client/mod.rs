//! The browser page: connect, subscribe, make a change, watch the events arrive.
//!
//! The page is one file, built from `client/` of the repository. Only its head differs from
//! server to server, and it is the same for every request, so it can be cached. Its scripts
//! and styles are allowed by their hashes.

mod address;
mod packed;
#[cfg(test)]
mod tests;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use ::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::body::Bytes;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use serde_json::json;

pub(super) use address::relative;

const HEAD: &str = include_str!("head.html");
const TAIL: &str = include_str!("tail.html");
/// The tail, compressed; the build of the page made both.
const TAIL_DEFLATED: &[u8] = include_bytes!("tail.deflate");
/// The hashes of the page's scripts and styles.
const POLICY: &str = include_str!("policy.txt");

/// A page to try subscriptions in the browser, for the WebSocket and the HTTP endpoint on
/// these paths.
///
/// The paths are as a link on the page would have them: absolute, as `/ws/`, relative to the
/// page, or whole URLs of another host. [`Endpoints`](super::Endpoints) serves the page without
/// being asked; this is for routes of your own.
///
/// ```
/// use graphex_runtime::axum::client;
///
/// let page = client("/ws/", "/graphql").title("Chat").into_method_router();
/// let app: axum::Router = axum::Router::new().route("/live", page);
/// # let _ = app;
/// ```
pub fn client(ws_path: impl Into<String>, http_path: impl Into<String>) -> Client {
    Client {
        title: "graphex".to_owned(),
        ws_path: ws_path.into(),
        http_path: http_path.into(),
        parameters: Vec::new(),
    }
}

/// The browser page before it is served; [`client`] makes one.
#[derive(Clone, Debug)]
#[must_use = "call `into_method_router`"]
pub struct Client {
    title: String,
    ws_path: String,
    http_path: String,
    parameters: Vec<(String, String)>,
}

impl Client {
    /// What the page is called, in its head and in the browser's tab. Default: `graphex`.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// A query parameter that the page begins with, for the WebSocket and for every request;
    /// the person at it can change it. A browser cannot send headers with a WebSocket, so this
    /// is how it says who it is where no cookie does. Whoever opens the page can read it.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The same page for other paths.
    pub(super) fn paths(mut self, ws_path: String, http_path: String) -> Self {
        self.ws_path = ws_path;
        self.http_path = http_path;
        self
    }

    /// The page as a route.
    pub fn into_method_router<S: Clone + Send + Sync + 'static>(self) -> MethodRouter<S> {
        let page = Arc::new(Page::of(&self));
        get(move |headers: HeaderMap| async move { page.respond(&headers) })
    }

    /// What the page reads about its server, as an attribute that nothing can break out of.
    fn head(&self) -> String {
        let config = json!({
            "title": self.title,
            "ws": self.ws_path,
            "http": self.http_path,
            "parameters": self.parameters,
        });
        format!(
            "{HEAD}<title>{}</title><meta name=\"graphex-client\" content=\"{}\">",
            escaped(&self.title),
            escaped(&config.to_string())
        )
    }

    fn policy(&self) -> String {
        let mut connect = "'self'".to_owned();
        for path in [&self.ws_path, &self.http_path] {
            for origin in address::origins(path) {
                if !connect.split(' ').any(|known| known == origin) {
                    connect.push(' ');
                    connect.push_str(&origin);
                }
            }
        }
        format!(
            "default-src 'none'; {POLICY}; img-src data:; connect-src {connect}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    }
}

/// The page, ready to be sent.
struct Page {
    plain: Bytes,
    gzip: Bytes,
    headers: HeaderMap,
    /// Names the content, whatever its encoding.
    etag: String,
}

impl Page {
    fn of(client: &Client) -> Self {
        let head = client.head();
        let plain = [head.as_str(), TAIL].concat();
        let gzip = packed::gzip(head.as_bytes(), TAIL_DEFLATED, plain.as_bytes());
        let policy = client.policy();
        let mut hasher = DefaultHasher::new();
        (&plain, &policy).hash(&mut hasher);
        let etag = format!("W/\"{:016x}\"", hasher.finish());
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &str| {
            // All of them are visible ASCII: what the application says is not among them.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(CONTENT_TYPE, "text/html; charset=utf-8");
        set(CONTENT_SECURITY_POLICY, &policy);
        set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        set(REFERRER_POLICY, "no-referrer");
        set(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        );
        // The browser asks each time, and is told that it has the page already.
        set(CACHE_CONTROL, "no-cache");
        set(VARY, "accept-encoding");
        set(ETAG, &etag);
        Self {
            plain: plain.into(),
            gzip: gzip.into(),
            headers,
            etag,
        }
    }

    fn respond(&self, request: &HeaderMap) -> Response {
        let mut headers = self.headers.clone();
        if self.is_known(request) {
            headers.remove(CONTENT_TYPE);
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        if !accepts_gzip(request) {
            return (headers, self.plain.clone()).into_response();
        }
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        (headers, self.gzip.clone()).into_response()
    }

    /// Whether the browser has this very page.
    fn is_known(&self, request: &HeaderMap) -> bool {
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let ours = weak(&self.etag);
        values(request, &IF_NONE_MATCH).any(|tag| tag.trim() == "*" || weak(tag) == ours)
    }
}

/// The members of a header that holds a list.
fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let quality_of = |wanted: &str| {
        values(headers, &ACCEPT_ENCODING).find_map(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let name = parts.next()?;
            name.eq_ignore_ascii_case(wanted).then(|| {
                let quality = parts.find_map(|part| part.strip_prefix("q="));
                quality.map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0))
            })
        })
    };
    // `*` stands for what is not named.
    quality_of("gzip")
        .or_else(|| quality_of("*"))
        .is_some_and(|quality| quality > 0.0)
}

/// The text within HTML, in quotes or not.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
