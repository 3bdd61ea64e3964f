//! Where the page finds the endpoints.

use ::http::Uri;

/// The way from a page on `page`, which ends with a slash, to `target`: it also holds where
/// `nest` or a proxy has put both below another path, and leaves out captures they share.
pub(in crate::transport) fn relative(page: &str, target: &str) -> String {
    let page: Vec<_> = page.trim_start_matches('/').split('/').collect();
    let target: Vec<_> = target.trim_start_matches('/').split('/').collect();
    // The last segment is what a directory holds, so it is no directory to share.
    let directories = page.len() - 1;
    let shared = page[..directories]
        .iter()
        .zip(&target[..target.len() - 1])
        .take_while(|(ours, theirs)| ours == theirs)
        .count();
    let up = "../".repeat(directories - shared);
    let down = target[shared..].join("/");
    // `./` keeps a colon in the first segment from being taken for the end of a scheme.
    if up.is_empty() {
        format!("./{down}")
    } else {
        up + &down
    }
}

/// The origins of a whole URL, for requests and for WebSockets; none for a path.
pub(super) fn origins(path: &str) -> Vec<String> {
    let Ok(uri) = path.parse::<Uri>() else {
        return Vec::new();
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Vec::new();
    };
    let schemes = match scheme {
        "http" | "ws" => ["http", "ws"],
        "https" | "wss" => ["https", "wss"],
        _ => return Vec::new(),
    };
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    // A policy has separators that a host may have too; no such host is let in.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if host.is_empty() || !host.chars().all(is_plain) {
        return Vec::new();
    }
    schemes
        .map(|scheme| format!("{scheme}://{host}"))
        .into_iter()
        .collect()
}
