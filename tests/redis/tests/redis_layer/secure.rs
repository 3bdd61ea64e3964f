//! A Redis with users and one with TLS, by their URLs.

use std::path::Path;
use std::time::Duration;

use graphex::Action;
use graphex_redis_tests::{EVERYTHING, Node, Server, free_port, prefix, within};
use tokio::process::Command;

/// Set for the process that runs the test of TLS: what it trusts comes from its environment.
const URL: &str = "GRAPHEX_TEST_TLS_URL";

const UNAVAILABLE: &str = "live updates are not available at the moment; try again";

fn node(url: &str) -> Node {
    Node::on(url, &prefix("secure"), |builder| {
        builder.limits(|limits| limits.join_time = Duration::from_millis(500))
    })
}

async fn is_served(url: &str) {
    let node = node(url);
    let mut client = node.connect("ann");
    within(async { while node.ask(&client, None, EVERYTHING).await["ok"] != true {} }).await;
    node.publish(Action::Create, 1, 1);
    assert_eq!(client.told().await.1, 1);
}

async fn is_refused(url: &str) {
    let node = node(url);
    let client = node.connect("ann");
    assert_eq!(node.refused(&client, EVERYTHING).await, UNAVAILABLE);
    assert!(!node.hub.ready());
}

#[tokio::test]
async fn the_url_says_who_asks() {
    let redis = Server::start().await;
    let user = ["ACL", "SETUSER", "chat", "on", ">secret", "&*", "-@all"];
    // All that a node needs.
    let may = [
        "+hello",
        "+client",
        "+multi",
        "+publish",
        "+exec",
        "+subscribe",
        "+unsubscribe",
    ];
    let () = redis.command(&[&user[..], &may].concat()).await.unwrap();
    let () = redis
        .command(&["ACL", "SETUSER", "default", "resetpass", ">other"])
        .await
        .unwrap();
    let at = |who: &str| format!("redis://{who}127.0.0.1:{}/", redis.port);
    is_served(&at("chat:secret@")).await;
    for who in ["chat:wrong@", "nobody:secret@", ""] {
        is_refused(&at(who)).await;
    }
}

/// A certificate for this machine, and its key.
async fn certificate(directory: &Path) {
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(directory)
        .output()
        .await
        .expect("openssl is not installed");
    assert!(made.status.success(), "{made:?}");
}

#[tokio::test]
async fn tls_is_spoken_with_who_is_trusted() {
    if let Ok(url) = std::env::var(URL) {
        return is_served(&url).await;
    }
    let directory = std::env::temp_dir().join(prefix("tls").replace(':', "-"));
    std::fs::create_dir(&directory).unwrap();
    certificate(&directory).await;
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let port = free_port().to_string();
    let redis = Server::with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &cert,
        "--tls-auth-clients",
        "no",
    ])
    .await;
    let url = format!("rediss://127.0.0.1:{port}/");
    // The operating system does not trust it.
    is_refused(&url).await;
    let mut trusting = Command::new(std::env::current_exe().unwrap());
    trusting
        .args(["--exact", "secure::tls_is_spoken_with_who_is_trusted"])
        .env(URL, &url)
        .env("SSL_CERT_FILE", &cert)
        .env_remove("SSL_CERT_DIR");
    let served = within(trusting.output()).await.unwrap();
    let said = String::from_utf8_lossy(&served.stdout);
    let ran = said.contains("1 passed");
    assert!(served.status.success() && ran, "{served:?}");
    drop(redis);
    std::fs::remove_dir_all(&directory).unwrap();
}
