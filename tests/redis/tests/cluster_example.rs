//! `examples/cluster`, started as it says: HTTP and WebSocket in separate processes.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::process::Stdio;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use futures_util::StreamExt as _;
use graphex::ChangeLog;
use graphex_redis_tests::{redis_url, within};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

#[path = "../../crowd/mod.rs"]
mod crowd;
#[path = "../../change_log/dice.rs"]
mod dice;
/// What the modules that are shared with the other tests find by this name.
mod harness {
    pub(crate) use graphex_redis_tests::within;
}
#[path = "../../change_log/kills.rs"]
mod kills;
#[path = "../../proof/mod.rs"]
mod proof;
#[path = "../../change_log/replica.rs"]
mod replica;
#[cfg(unix)]
#[path = "../../sigterm/mod.rs"]
mod sigterm;

/// The program that `GRAPHEX_CLUSTER` names; where it names none, by the example's command.
fn program() -> Command {
    if let Some(built) = std::env::var_os("GRAPHEX_CLUSTER") {
        return Command::new(built);
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "graphex-cluster-example"]);
    command
}

/// A database of this name, made anew.
fn database(name: &str) -> String {
    let url = std::env::var("GRAPHEX_POSTGRES_URL")
        .expect("GRAPHEX_POSTGRES_URL is not set: run ./tests/run.sh, which starts a server");
    let mut conn = PgConnection::establish(&url).unwrap();
    let name = format!("graphex_cluster_{name}");
    conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        .unwrap();
    conn.batch_execute(&format!("CREATE DATABASE {name}"))
        .unwrap();
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

/// The process, and where it listens.
async fn start(role: &str, database: &str) -> (Child, String) {
    let mut process = program()
        .arg(role)
        .env("PORT", "0")
        .env("DATABASE_URL", database)
        .env("REDIS_URL", redis_url())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    // No deadline: cargo may have to compile it.
    let line = lines
        .next_line()
        .await
        .unwrap()
        .expect("it says where it listens");
    let address = line.strip_prefix(&format!("{role} listens on ")).unwrap();
    // Keeps the pipe open for what it prints later.
    let address = address.to_owned();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (process, address)
}

async fn graphql(address: &str, query: &str) -> Value {
    let request = reqwest::Client::new()
        .post(format!("http://{address}/graphql"))
        .header("x-user", "1")
        .json(&json!({ "query": query }));
    let response = within(request.send()).await.unwrap();
    within(response.json()).await.unwrap()
}

#[tokio::test]
async fn a_write_over_one_process_reaches_a_client_of_the_other() {
    let database = database("write");
    let (_http, http) = start("http", &database).await;
    let (_ws, ws) = start("ws", &database).await;
    let mut request = format!("ws://{ws}/ws/").into_client_request().unwrap();
    request.headers_mut().insert("x-user", "1".parse().unwrap());
    let (mut socket, _) = within(tokio_tungstenite::connect_async(request))
        .await
        .unwrap();
    let mut frame = async || -> Value {
        let frame = within(socket.next()).await.unwrap().unwrap();
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    };
    let handshake = frame().await;
    let channel = handshake["channel_id"].as_str().unwrap();
    let subscribe = format!(
        "subscription {{ messageSubscription(channelId: \"{channel}\", action: CREATE, operation: SUBSCRIBE) {{ ok }} }}"
    );
    // The process with the channel may not be connected yet.
    within(async {
        while graphql(&http, &subscribe).await["data"]["messageSubscription"]["ok"] != true {}
    })
    .await;
    let create = "mutation { createMessage(room: 1, text: \"hello\") { id created } }";
    let created = graphql(&http, create).await;
    let payload = &frame().await["payload"];
    assert_eq!(payload["data"]["text"], "hello");
    assert_eq!(
        payload["data"]["id"],
        created["data"]["createMessage"]["id"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_a_kill_is_read_after_it() {
    let url = database("kills");
    let read = url.clone();
    let log = ChangeLog::postgres(move || PgConnection::establish(&read));
    let stored = || {
        let mut conn = PgConnection::establish(&url).unwrap();
        diesel::sql_query(kills::STORED).load(&mut conn).unwrap()
    };
    let start = async || start("http", &url).await;
    kills::write_and_kill(start, &log, stored).await;
}

/// Both roles are ended, while others serve on.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_sends_everybody_away_and_costs_nobody_a_change() {
    let database = database("sigterm");
    let service = async || {
        let (http, ws) = (start("http", &database).await, start("ws", &database).await);
        let place = sigterm::Place {
            http: http.1,
            ws: ws.1,
        };
        (vec![http.0, ws.0], place)
    };
    let (ending, first) = service().await;
    let (_staying, second) = service().await;
    for (place, user) in [(&first, 1), (&second, 2)] {
        // They may not be connected yet.
        until_reached(place, user).await;
    }
    sigterm::ends_with_all(ending, &first, &second).await;
}

/// Waits until requests over one process reach channels of the other.
async fn until_reached(place: &sigterm::Place, user: usize) {
    let request = format!("ws://{}/ws/?user={user}", place.ws);
    let (mut socket, _) = within(tokio_tungstenite::connect_async(request))
        .await
        .unwrap();
    let handshake = within(socket.next()).await.unwrap().unwrap();
    let handshake: Value = serde_json::from_str(handshake.to_text().unwrap()).unwrap();
    let channel = handshake["channel_id"].as_str().unwrap();
    let subscribe = format!(
        "subscription {{ userSubscription(channelId: \"{channel}\", action: CREATE, operation: SUBSCRIBE) {{ ok }} }}"
    );
    within(async { while place.ask(user, &subscribe).await["userSubscription"]["ok"] != true {} })
        .await;
}
