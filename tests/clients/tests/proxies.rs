//! The configurations of `guide/proxies.md`, run as they stand there: nginx, HAProxy and Caddy in front
//! of the chat example.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../proof/mod.rs"]
mod proof;

use std::time::Duration;

use graphex_client_tests::proxy::{Proxy, configuration};
use graphex_client_tests::{Chat, script_within};
use serde_json::{Value, json};

/// What `proxied.mjs` makes of one proxy.
async fn through(name: &str, configuration: &str, measured: Measured) -> Value {
    let chat = Chat::start().await;
    let proxy = Proxy::start(name, configuration, chat.port()).await;
    let Measured { idle, rounds, tls } = measured;
    let input = json!({
        "chat": chat.port(), "process": chat.process(), "proxy": proxy.port,
        "idle": idle, "rounds": rounds, "plain": !tls,
    });
    let within = Duration::from_secs(120 + idle as u64);
    script_within(within, "proxied.mjs", &input).await
}

struct Measured {
    /// Seconds without a change.
    idle: usize,
    /// Of twenty events, until all of one come in time.
    rounds: usize,
    tls: bool,
}

async fn serves(name: &str) {
    // Nothing is said for longer than any of the proxies waits by itself, in the long run.
    let measured = Measured {
        idle: proof::steps(10),
        rounds: 5,
        tls: true,
    };
    let seen = through(name, configuration(name), measured).await;
    let ways = [
        ("WebSocket", "1.1"),
        ("SSE over HTTP/1.1", "1.1"),
        ("SSE over HTTP/2", "2.0"),
        ("multipart over HTTP/1.1", "1.1"),
        ("multipart over HTTP/2", "2.0"),
    ];
    for (way, version) in ways {
        let seen = &seen[way];
        assert_eq!(seen["version"], version, "{way}: {seen}");
        // Again while the machine is busy with other things: one round of twenty events is enough.
        let slowest = seen["slowest"].as_array().unwrap();
        let within = slowest.iter().any(|slowest| slowest.as_u64().unwrap() < 50);
        assert!(
            within,
            "{way}: milliseconds of the slowest event {slowest:?}"
        );
        let denied = seen["denied"].as_str().unwrap();
        assert!(denied.contains("x-user"), "{way}: {denied}");
        let ended = if way == "WebSocket" {
            "close 1001"
        } else {
            "end"
        };
        assert_eq!(seen["ended"], ended, "{way}: {seen}");
        if way.starts_with("multipart") {
            let last = seen["last"].as_str().unwrap();
            assert!(last.contains("this server is going away"), "{way}: {last}");
        }
    }
    assert_eq!(seen["foreign"], "refused 403");
}

#[tokio::test]
async fn nginx() {
    serves("nginx").await;
}

#[tokio::test]
async fn haproxy() {
    serves("haproxy").await;
}

#[tokio::test]
async fn caddy() {
    serves("caddy").await;
}

/// How long the slowest of twenty events took through HAProxy without TLS, in milliseconds, in each round.
async fn through_plain_haproxy(configuration: &str, rounds: usize) -> Vec<u64> {
    let (tls, _) = configuration.split_once(" ssl crt").unwrap();
    let (_, rest) = configuration.split_once("alpn h2,http/1.1").unwrap();
    let measured = Measured {
        idle: 0,
        rounds,
        tls: false,
    };
    let seen = through("haproxy", &format!("{tls} {rest}"), measured).await;
    let slowest = seen["SSE over HTTP/1.1"]["slowest"].as_array().unwrap();
    slowest
        .iter()
        .map(|slowest| slowest.as_u64().unwrap())
        .collect()
}

/// What the guide says of it; and the test sees an event that is late.
#[tokio::test]
async fn haproxy_holds_events_back_without_its_option() {
    let with = configuration("haproxy");
    let slowest = through_plain_haproxy(with, 5).await;
    assert!(slowest.iter().any(|&slowest| slowest < 50), "{slowest:?}");
    let without = with.replace("option http-no-delay", "");
    let slowest = through_plain_haproxy(&without, 1).await;
    assert!(slowest.iter().all(|&slowest| slowest >= 150), "{slowest:?}");
}
