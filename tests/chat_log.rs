//! The chat's change log: other programs that write to its file, and servers that are killed.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "change_log/dice.rs"]
mod dice;
mod harness;
mod proof;
#[path = "change_log/replica.rs"]
mod replica;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dice::Dice;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use futures_util::StreamExt as _;
use graphex::__private::{RawLog, RawRead};
use graphex::ChangeLog;
use harness::{answer, within};
use replica::Replica;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// A file for the chat's database.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let file = format!("graphex-{name}-{}.sqlite", std::process::id());
        let file = Self(std::env::temp_dir().join(file));
        file.remove();
        file
    }

    fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.path()));
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A running chat, killed when this is dropped.
struct Chat {
    process: Child,
    address: String,
}

impl Chat {
    async fn start(file: &File) -> Self {
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
            .env("DATABASE_URL", file.path())
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

    /// The answer of a server that may be killed meanwhile.
    async fn ask(address: &str, query: &str) -> Option<Value> {
        let request = reqwest::Client::new()
            .post(format!("http://{address}/graphql"))
            .header("x-user", 1)
            .json(&json!({"query": query}));
        let response = request.send().await.ok()?;
        response.json().await.ok()
    }
}

fn log(file: &File) -> ChangeLog {
    let path = file.path();
    ChangeLog::sqlite(move || SqliteConnection::establish(&path))
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

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    text: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_before_a_kill_is_read_after_it() {
    let file = File::new("kills");
    let kills = proof::steps(20);
    let mut dice = Dice::new(3);
    let acknowledged: Arc<Mutex<BTreeMap<i64, String>>> = Arc::default();
    let mut replica = Replica::default();
    let mut cursor = None;
    for round in 0..=kills {
        let mut chat = Chat::start(&file).await;
        if cursor.is_none() {
            cursor = Some(RawLog::open(&log(&file), None).unwrap().unwrap().cursor());
        }
        // What the life before has committed, up to its last breath.
        let mut raw = RawLog::open(&log(&file), cursor.as_ref())
            .unwrap()
            .expect("the cursor is gone");
        loop {
            match raw.read().unwrap() {
                RawRead::Page(page) => page.iter().for_each(|entry| replica.apply(entry)),
                RawRead::End => break,
                RawRead::Gap => panic!("a gap"),
            }
        }
        cursor = Some(raw.cursor());
        if round == kills {
            break;
        }
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (address, acknowledged) = (chat.address.clone(), Arc::clone(&acknowledged));
                tokio::spawn(async move {
                    for number in 0.. {
                        let text = format!("{round} {writer} {number}");
                        let query = format!(
                            "mutation {{ createMessage(room: 1, text: \"{text}\") {{ id }} }}"
                        );
                        let Some(body) = Chat::ask(&address, &query).await else {
                            return;
                        };
                        if let Some(id) = body["data"]["createMessage"]["id"].as_i64() {
                            acknowledged.lock().unwrap().insert(id, text);
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + dice.below(150) as u64)).await;
        // SIGKILL.
        chat.process.kill().await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
    }
    assert_eq!(replica.faults, Vec::<String>::new());
    let mut conn = SqliteConnection::establish(&file.path()).unwrap();
    let rows: Vec<Stored> = diesel::sql_query("SELECT id, text FROM messages")
        .load(&mut conn)
        .unwrap();
    let tables: BTreeMap<_, _> = rows.into_iter().map(|row| (row.id, row.text)).collect();
    let text = |json: &str| {
        serde_json::from_str::<Value>(json).unwrap()["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let told = replica
        .rows
        .iter()
        .filter(|((stream, _), _)| stream == "messages");
    let told: BTreeMap<_, _> = told.map(|((_, id), json)| (*id, text(json))).collect();
    assert_eq!(told, tables);
    let acknowledged = acknowledged.lock().unwrap();
    for (id, text) in acknowledged.iter() {
        assert_eq!(told.get(id), Some(text), "it was acknowledged");
    }
    println!(
        "{} messages, {} acknowledged, {kills} kills",
        told.len(),
        acknowledged.len()
    );
}
