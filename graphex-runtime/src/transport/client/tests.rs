use ::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH,
    VARY,
};
use ::http::{HeaderMap, StatusCode};

use super::address::{origins, relative};
use super::packed::crc32;
use super::{Page, accepts_gzip, client};

#[test]
fn the_way_to_an_endpoint_is_relative() {
    for (page, target, way) in [
        ("/graphql/client/", "/ws/", "../../ws/"),
        ("/graphql/client/", "/graphql", "../../graphql"),
        ("/client/", "/", "../"),
        ("/client/", "/ws", "../ws"),
        ("/{tenant}/api/client/", "/{tenant}/ws/", "../../ws/"),
        ("/{tenant}/client/", "/{tenant}", "../../{tenant}"),
        ("/a/client/", "/a/client/b:c", "./b:c"),
    ] {
        assert_eq!(relative(page, target), way, "from {page} to {target}");
    }
}

#[test]
fn a_whole_url_opens_the_policy_for_its_host_alone() {
    let none: [&str; 0] = [];
    assert_eq!(origins("/graphql"), none);
    assert_eq!(
        origins("wss://api.example.com/ws/?a=b"),
        ["https://api.example.com", "wss://api.example.com"]
    );
    assert_eq!(
        origins("http://me:secret@localhost:8000/graphql"),
        ["http://localhost:8000", "ws://localhost:8000"]
    );
    for hostile in [
        "http://a;script-src */",
        "http://a,b/",
        "http://*/",
        "javascript://a/",
        "http://",
        "http://a b/",
    ] {
        assert_eq!(origins(hostile), none, "{hostile}");
    }
}

#[test]
fn what_the_application_says_stays_text() {
    let hostile = r#"/"'></script><script>alert(1)</script>\&amp;<!--"#;
    let page = client(hostile, hostile).title(hostile);
    let head = page.parameter(hostile, hostile).head();
    let own = head.strip_prefix(super::HEAD).unwrap();
    assert_eq!(own.matches('<').count(), 3, "{own}");
    assert_eq!(own.matches('"').count(), 4, "{own}");
    assert!(!own.contains('\''), "{own}");
}

#[test]
fn the_policy_allows_the_scripts_by_their_hashes() {
    let page = Page::of(&client("/ws/", "/graphql"));
    let policy = page.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
    assert!(policy.contains("; connect-src 'self'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!policy.contains("connect-src *"), "{policy}");
}

#[test]
fn the_compressed_page_is_whole() {
    // The check value of the algorithm's catalogue.
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    let page = Page::of(&client("/ws/", "/graphql").title("x".repeat(100_000)));
    // What is inside is read by a browser in its tests; the frame is looked at here.
    assert_eq!(page.gzip[..4], [0x1f, 0x8b, 8, 0]);
    let length = u32::try_from(page.plain.len()).unwrap();
    assert!(page.gzip.ends_with(&length.to_le_bytes()));
    assert!(page.plain.ends_with(b"</html>\n"));
}

#[test]
fn a_page_that_the_browser_has_is_not_sent_again() {
    let page = Page::of(&client("/ws/", "/graphql"));
    let first = page.respond(&HeaderMap::new());
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers()[CACHE_CONTROL], "no-cache");
    assert_eq!(first.headers()[VARY], "accept-encoding");
    let etag = first.headers()[ETAG].clone();
    for (tags, known) in [
        (etag.to_str().unwrap(), true),
        ("*", true),
        ("\"other\"", false),
    ] {
        let mut request = HeaderMap::new();
        request.insert(IF_NONE_MATCH, tags.parse().unwrap());
        let again = page.respond(&request);
        assert_eq!(again.status() == StatusCode::NOT_MODIFIED, known, "{tags}");
        assert_eq!(again.headers()[ETAG], etag);
        assert!(again.headers().contains_key(CONTENT_SECURITY_POLICY));
    }
    let other = Page::of(&client("/ws/", "/other"));
    assert_ne!(other.etag, page.etag);
}

#[test]
fn compression_is_the_browsers_choice() {
    for (accepted, gzip) in [
        ("gzip, deflate, br, zstd", true),
        ("br;q=1, GZIP;q=0.5", true),
        ("*", true),
        ("gzip;q=0, *", false),
        ("identity", false),
        ("gzip;q=nonsense", false),
    ] {
        let mut request = HeaderMap::new();
        request.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
        assert_eq!(accepts_gzip(&request), gzip, "{accepted}");
        let response = Page::of(&client("/ws/", "/graphql")).respond(&request);
        assert_eq!(response.headers().contains_key(CONTENT_ENCODING), gzip);
    }
    assert!(!accepts_gzip(&HeaderMap::new()));
}
