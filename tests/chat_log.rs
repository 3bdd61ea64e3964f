//! The chat's change log: other programs that write to its file, and servers that are killed.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod crowd;
#[path = "change_log/dice.rs"]
mod dice;
mod harness;
#[path = "change_log/kills.rs"]
mod kills;
mod proof;
#[path = "change_log/replica.rs"]
mod replica;
#[cfg(unix)]
mod sigterm;
mod sqlite_file;
mod until;

use std::process::Stdio;

use diesel::prelude::*;
use futures_util::StreamExt as _;
use graphex::ChangeLog;
use harness::{answer, within};
use serde_json::{Value, json};
use sqlite_file::File;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// A running chat, killed when this is dropped.
struct Chat {
    process: Child,
    address: String,
}

impl Chat {
    async fn start(file: &File) -> Self {
        Self::with(&file.path()).await
    }

    async fn with(database: &str) -> Self {
        // Beside the directory of this test.
        let own = std::env::current_exe().unwrap();
        let program = own
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("examples/chat");
        assert!(program.exists(), "run `cargo build --example chat` first");
        let mut process = Command::new(program)
            .env("PORT", "0")
            .env("DATABASE_URL", database)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = within(async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it prints its URL");
                if let Some((_, rest)) = line.split_once("http://") {
                    return rest.split('/').next().unwrap().to_owned();
                }
            }
        });
        let address = address.await;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { process, address }
    }
}

fn log(file: &File) -> ChangeLog {
    let path = file.path();
    ChangeLog::sqlite(move || SqliteConnection::establish(&path))
}

/// To SQLite no name is a database for each connection alone.
#[tokio::test]
async fn a_database_without_a_name_is_a_new_one() {
    let chat = Chat::with("").await;
    let create = "mutation { createUser(name: \"zoe\", tenant: 1) { name } }";
    let request = reqwest::Client::new()
        .post(format!("http://{}/graphql", chat.address))
        .json(&json!({ "query": create }));
    let (_, body) = answer(request).await;
    assert_eq!(body["data"]["createUser"]["name"], "zoe", "{body}");
}

#[tokio::test]
async fn what_the_shell_writes_shows_up() {
    let file = File::new("shell");
    let chat = Chat::start(&file).await;
    let mut request = format!("ws://{}/ws/", chat.address)
        .into_client_request()
        .unwrap();
    request.headers_mut().insert("x-user", 1.into());
    let (mut socket, _) = within(tokio_tungstenite::connect_async(request))
        .await
        .unwrap();
    let mut text = async || match within(socket.next()).await {
        Some(Ok(Message::Text(text))) => serde_json::from_str::<Value>(&text).unwrap(),
        other => panic!("not a text frame: {other:?}"),
    };
    let channel = text().await["channel_id"].as_str().unwrap().to_owned();
    let subscribe = format!(
        "subscription {{ userSubscription(channelId: \"{channel}\", operation: SUBSCRIBE, action: ALL_ACTIONS) {{ ok }} }}"
    );
    let (status, body) = answer(
        reqwest::Client::new()
            .post(format!("http://{}/graphql", chat.address))
            .header("x-user", 1)
            .json(&json!({"query": subscribe})),
    )
    .await;
    assert_eq!(
        (status, &body["data"]["userSubscription"]["ok"]),
        (200, &json!(true)),
        "{body}"
    );
    let shell = std::process::Command::new("sqlite3")
        .args([
            &file.path(),
            "UPDATE users SET name = 'Ann of the shell' WHERE id = 1",
        ])
        .status();
    assert!(
        shell
            .expect("the `sqlite3` shell is not installed")
            .success()
    );
    let frame = text().await;
    assert_eq!(frame["payload"]["action"], "update");
    assert_eq!(frame["payload"]["data"]["name"], "Ann of the shell");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_a_kill_is_read_after_it() {
    let file = File::new("kills");
    let start = async || {
        let chat = Chat::start(&file).await;
        (chat.process, chat.address)
    };
    let stored = || {
        let mut conn = SqliteConnection::establish(&file.path()).unwrap();
        diesel::sql_query(kills::STORED).load(&mut conn).unwrap()
    };
    kills::write_and_kill(start, &log(&file), stored).await;
}

/// As systemd and Kubernetes end it, while another process of the same file serves on.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_sends_everybody_away_and_costs_nobody_a_change() {
    let file = File::new("sigterm");
    let (ending, staying) = (Chat::start(&file).await, Chat::start(&file).await);
    let place = |chat: &Chat| sigterm::Place {
        http: chat.address.clone(),
        ws: chat.address.clone(),
    };
    let (first, second) = (place(&ending), place(&staying));
    sigterm::ends_with_all(vec![ending.process], &first, &second).await;
}
