//! Which pages may open a WebSocket, and whose pages are the application's.
//!
//! Browsers let any page open a WebSocket to any host, cookies included, and tell the page's
//! origin in the `Origin` header (RFC 6455, section 10.2). Other clients send none.

use ::http::Uri;
use ::http::header::{HOST, ORIGIN};
use ::http::request::Parts;
use ::http::uri::Authority;

/// Whether the request comes from no page, from a page of the same host, or from a listed
/// origin.
pub(super) fn is_allowed(request: &Parts, listed: &[String]) -> bool {
    let mut origins = request.headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    if origins.next().is_some() {
        return false;
    }
    is_listed(origin, listed) || is_same_host(request, origin)
}

/// Whether an origin is one of a list.
pub(super) fn is_listed(origin: &str, listed: &[String]) -> bool {
    let same = |listed: &String| listed.trim_end_matches('/').eq_ignore_ascii_case(origin);
    listed.iter().any(same)
}

/// Says so when a listed origin can never match.
pub(super) fn warn_of(listed: &str) {
    let uri = listed.parse::<Uri>().ok();
    let is_origin = uri.is_some_and(|uri| {
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        is_web && uri.path() == "/" && uri.query().is_none() && !listed.contains('*')
    });
    if !is_origin {
        tracing::warn!(
            listed,
            "no page has this origin; write it as `https://app.example.com`, without a path or \
             a wildcard"
        );
    }
}

/// Says which page was refused, and what to do if it is one's own.
pub(super) fn log_refused(request: &Parts, suppressed: u64) {
    let header = |name| {
        let value = request.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    tracing::warn!(
        origin = header(ORIGIN),
        host = header(HOST),
        suppressed,
        "a page of another origin may not open a WebSocket. If it is a page of yours, list its \
         origin in `Endpoints::allowed_origins`; if it is a page of this host behind a proxy, \
         have the proxy send the host that the browser asked for (nginx: `proxy_set_header Host \
         $http_host;`)"
    );
}

/// Compares host and port. Not the scheme, which a server behind a proxy does not see.
fn is_same_host(request: &Parts, origin: &str) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let (Some(scheme), Some(theirs)) = (origin.scheme_str(), origin.authority()) else {
        return false;
    };
    let header = request
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    // HTTP/2 has the host in the URI.
    let Some(ours) = header.or_else(|| request.uri.authority().map(Authority::as_str)) else {
        return false;
    };
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |host: &str| host.strip_suffix(default_port).unwrap_or(host).to_owned();
    plain(theirs.as_str()).eq_ignore_ascii_case(&plain(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: &str, origin: Option<&str>) -> bool {
        let mut request = ::http::Request::builder().header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        is_allowed(&parts, &["https://app.example.com".to_owned()])
    }

    #[test]
    fn no_page_and_the_same_host_may_connect() {
        assert!(allowed("example.com", None));
        assert!(allowed("example.com", Some("https://example.com")));
        assert!(allowed("example.com", Some("https://example.com:443")));
        assert!(allowed("Example.com:80", Some("http://example.com")));
        assert!(allowed("localhost:8000", Some("http://localhost:8000")));
        assert!(allowed("[::1]:8000", Some("http://[::1]:8000")));
    }

    #[test]
    fn a_listed_origin_may_connect() {
        assert!(allowed("api.example.com", Some("https://app.example.com")));
        assert!(!allowed("api.example.com", Some("http://app.example.com")));
        assert!(!allowed(
            "api.example.com",
            Some("https://app.example.com.evil.test")
        ));
    }

    #[test]
    fn other_pages_may_not() {
        assert!(!allowed("example.com", Some("https://evil.test")));
        assert!(!allowed("example.com", Some("https://example.com:8443")));
        assert!(!allowed("example.com", Some("null")));
        assert!(!allowed("example.com", Some("")));
        assert!(!allowed("example.com:80", Some("https://example.com")));
    }
}
