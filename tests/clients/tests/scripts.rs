//! A script that does not end in time leaves nothing behind.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use graphex_client_tests::script_within;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

#[tokio::test]
async fn what_a_script_has_started_ends_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = tokio::spawn(async move {
        let input = json!({ "port": port });
        script_within(Duration::from_secs(5), "stuck.mjs", &input).await
    });
    let accepted = tokio::time::timeout(Duration::from_secs(20), listener.accept());
    let (mut connection, _) = accepted.await.unwrap().unwrap();
    assert!(script.await.unwrap_err().is_panic());
    // Whoever held it is gone.
    let mut nothing = [0; 1];
    let ended = tokio::time::timeout(Duration::from_secs(20), connection.read(&mut nothing));
    assert!(matches!(ended.await.unwrap(), Ok(0) | Err(_)));
}
