//! The chat example, started by the README's command or as it was built, with clients that others wrote.

#![cfg(all(feature = "axum", feature = "diesel"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crowd;
mod harness;
mod proof;
mod until;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crowd::Crowd;
use futures_util::{SinkExt as _, StreamExt as _};
use harness::{answer, within};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const ANN: i32 = 1;
const BOB: i32 = 2;
const EVE: i32 = 3;

/// A running example, or several that are one service, which end with this.
struct Chat {
    http: Vec<String>,
    sockets: Vec<String>,
    turn: AtomicUsize,
    welcome: String,
    file: PathBuf,
    processes: Vec<Child>,
}

impl Drop for Chat {
    fn drop(&mut self) {
        for more in ["", "-wal", "-shm"] {
            let mut file = self.file.clone().into_os_string();
            file.push(more);
            // One process has no file, and the last to close a database removes the others.
            let _ = std::fs::remove_file(file);
        }
    }
}

impl Chat {
    async fn start() -> Self {
        let (http, sockets) = harness::nodes::arrangement().unwrap_or((1, 0));
        let place = harness::nodes::prefix();
        let file = std::env::temp_dir().join(format!("graphex-{place}.sqlite"));
        let (mut processes, mut addresses, mut welcome) = (Vec::new(), Vec::new(), String::new());
        for _ in 0..http + sockets {
            let features: &[_] = match (sockets > 0, cfg!(feature = "metrics")) {
                (true, true) => &["--features", "redis,metrics"],
                (true, false) => &["--features", "redis"],
                (false, true) => &["--features", "metrics"],
                (false, false) => &[],
            };
            let mut command = example(features);
            if sockets > 0 {
                let url = std::env::var("GRAPHEX_REDIS_URL").expect("GRAPHEX_REDIS_URL is not set");
                command
                    .env("REDIS_URL", url)
                    .env("REDIS_PREFIX", &place)
                    .env("DATABASE_URL", &file);
            }
            let mut process = command.spawn().unwrap();
            welcome = welcome_of(&mut process).await;
            let address = welcome.split("http://").nth(1).expect("it prints its URL");
            addresses.push(address.split('/').next().unwrap().to_owned());
            processes.push(process);
        }
        for address in &addresses {
            until_ready(address).await;
        }
        let (http, sockets) = addresses.split_at(http);
        Self {
            sockets: if sockets.is_empty() { http } else { sockets }.to_vec(),
            http: http.to_vec(),
            turn: AtomicUsize::new(0),
            welcome,
            file,
            processes,
        }
    }

    /// Each has its turn.
    fn next<'a>(&self, addresses: &'a [String]) -> &'a str {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &addresses[turn % addresses.len()]
    }

    async fn graphql(&self, headers: &[(&str, i32)], query: &str) -> Value {
        self.graphql_of(self.next(&self.http), headers, query).await
    }

    async fn graphql_of(&self, address: &str, headers: &[(&str, i32)], query: &str) -> Value {
        let url = format!("http://{address}/graphql");
        let mut request = reqwest::Client::new()
            .post(url)
            .json(&json!({"query": query}));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, body) = answer(request).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// The data of an operation that must succeed.
    async fn done(&self, user: i32, query: &str) -> Value {
        let mut body = self.graphql(&[("x-user", user)], query).await;
        assert_eq!(body.get("errors"), None, "{body}");
        body["data"].take()
    }

    async fn connect(&self, user: Option<i32>) -> Socket {
        let mut request = format!("ws://{}/ws/", self.next(&self.sockets))
            .into_client_request()
            .unwrap();
        if let Some(user) = user {
            request.headers_mut().insert("x-user", user.into());
        }
        let (stream, _) = within(tokio_tungstenite::connect_async(request))
            .await
            .unwrap();
        let mut socket = Socket {
            stream,
            channel_id: String::new(),
        };
        let handshake: Value = serde_json::from_str(&socket.text().await).unwrap();
        assert_eq!(handshake["connect"], "success");
        handshake["channel_id"]
            .as_str()
            .unwrap()
            .clone_into(&mut socket.channel_id);
        socket
    }

    async fn subscribe(
        &self,
        socket: &Socket,
        headers: &[(&str, i32)],
        field: &str,
        arguments: &str,
    ) {
        let channel = &socket.channel_id;
        let query = format!(
            "subscription {{ {field}(channelId: \"{channel}\", operation: SUBSCRIBE, {arguments}) {{ ok error }} }}"
        );
        let body = self.graphql(headers, &query).await;
        assert_eq!(body["data"][field], json!({"ok": true, "error": null}));
    }
}

/// The program that `GRAPHEX_CHAT` names; where it names none, by the README's command.
fn example(features: &[&str]) -> Command {
    let built = std::env::var_os("GRAPHEX_CHAT").filter(|path| !path.is_empty());
    let mut command = if let Some(path) = built {
        Command::new(path)
    } else {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["run", "--quiet", "--example", "chat"])
            .args(features);
        command
    };
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("PORT", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    command
}

async fn welcome_of(process: &mut Child) -> String {
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut welcome = String::new();
    // No deadline: cargo may have to compile it.
    while let Some(line) = lines.next_line().await.unwrap() {
        welcome.push_str(&line);
        welcome.push('\n');
        if line.contains("as eve (x-user: 3)") {
            break;
        }
    }
    // Keeps the pipe open for what it prints later.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    welcome
}

async fn until_ready(address: &str) {
    let ready = format!("http://{address}/health/ready");
    within(async {
        while answer(reqwest::Client::new().get(&ready)).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let live = format!("http://{address}/health/live");
    assert_eq!(answer(reqwest::Client::new().get(live)).await.0, 200);
}

struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    channel_id: String,
}

impl Socket {
    async fn text(&mut self) -> String {
        match within(self.stream.next()).await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("not a text frame: {other:?}"),
        }
    }

    async fn payload(&mut self) -> Value {
        let mut frame: Value = serde_json::from_str(&self.text().await).unwrap();
        frame["payload"].take()
    }

    /// Asserts that nothing waits: an answer to this frame comes first.
    async fn is_silent(&mut self) {
        self.stream
            .send(Message::text("anything new?"))
            .await
            .unwrap();
        let text = self.text().await;
        assert!(text.starts_with("{\"error\""), "{text}");
    }
}

#[tokio::test]
async fn a_newcomer_sees_events() {
    let chat = Chat::start().await;
    assert!(
        chat.welcome.contains("messageSubscription"),
        "{}",
        chat.welcome
    );
    let mut ann = chat.connect(Some(ANN)).await;
    let mut eve = chat.connect(Some(EVE)).await;
    let mut bob = chat.connect(Some(BOB)).await;
    let as_bob_in_room_2 = [("x-user", BOB), ("x-room", 2)];
    let everything = "action: ALL_ACTIONS";
    chat.subscribe(&ann, &[("x-user", ANN)], "messageSubscription", everything)
        .await;
    chat.subscribe(&eve, &[("x-user", EVE)], "messageSubscription", everything)
        .await;
    chat.subscribe(
        &bob,
        &as_bob_in_room_2,
        "messageSubscription",
        "action: UPDATE, data: [TEXT, ROOM]",
    )
    .await;

    let created = chat
        .done(
            ANN,
            "mutation { createMessage(room: 1, text: \"hello\", priority: 2) { id created } }",
        )
        .await;
    let message = &created["createMessage"];
    let (id, at) = (&message["id"], message["created"].as_str().unwrap());
    let payload = ann.payload().await;
    let told = payload["data"]["created"].as_str().unwrap().to_owned();
    assert_eq!(
        payload,
        json!({"action": "create", "model": "chat.message", "data": {
            "id": id, "tenant": 1, "room": 1, "author": ANN, "text": "hello", "priority": 2,
            "pinned": false, "score": null, "created": told, "meta": {},
        }})
    );
    assert!(told.ends_with('Z'), "{told}");
    let instant = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(instant(&told), instant(at));

    let update =
        format!("mutation {{ updateMessage(id: {id}, text: \"moved\", room: 2) {{ text }} }}");
    chat.done(BOB, &update).await;
    assert_eq!(ann.payload().await["data"]["text"], "moved");
    assert_eq!(
        bob.text().await,
        r#"{"stream":"messages","payload":{"action":"update","model":"chat.message","data":{"room":2,"text":"moved"}}}"#
    );

    let delete = format!("mutation {{ deleteMessage(id: {id}) }}");
    // Not eve's to delete.
    assert_eq!(chat.done(EVE, &delete).await["deleteMessage"], false);
    assert_eq!(chat.done(ANN, &delete).await["deleteMessage"], true);
    let payload = ann.payload().await;
    assert_eq!(
        (&payload["action"], &payload["data"]["id"]),
        (&json!("delete"), id)
    );
    eve.is_silent().await;
    bob.is_silent().await;
}

#[tokio::test]
async fn bulk_statements_tell_of_every_row_and_a_rollback_of_none() {
    let chat = Chat::start().await;
    let mut ann = chat.connect(Some(ANN)).await;
    chat.subscribe(
        &ann,
        &[("x-user", ANN)],
        "messageSubscription",
        "action: ALL_ACTIONS, data: [ROOM, TEXT]",
    )
    .await;
    chat.done(
        ANN,
        r#"mutation { createMessages(room: 1, texts: ["a", "b", "c"]) { id } }"#,
    )
    .await;
    let failed = chat
        .graphql(
            &[("x-user", ANN)],
            "mutation { createThenFail(room: 1, text: \"never\") { id } }",
        )
        .await;
    assert_eq!(failed["errors"].as_array().unwrap().len(), 1);
    chat.done(ANN, "mutation { moveMessages(from: 1, to: 2) { id } }")
        .await;
    for (action, room) in [("create", 1), ("update", 2)] {
        for text in ["a", "b", "c"] {
            let payload = ann.payload().await;
            assert_eq!(payload["action"], action);
            assert_eq!(payload["data"], json!({"room": room, "text": text}));
        }
    }
    ann.is_silent().await;
    let messages = chat.done(BOB, "{ messages { text room } }").await;
    assert_eq!(messages["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn notes_are_private_and_users_keep_their_hashes() {
    let chat = Chat::start().await;
    let mut ann = chat.connect(Some(ANN)).await;
    let mut bob = chat.connect(Some(BOB)).await;
    let mut anybody = chat.connect(None).await;
    chat.subscribe(
        &ann,
        &[("x-user", ANN)],
        "noteSubscription",
        "action: ALL_ACTIONS",
    )
    .await;
    chat.subscribe(
        &bob,
        &[("x-user", BOB)],
        "noteSubscription",
        "action: ALL_ACTIONS",
    )
    .await;
    chat.subscribe(&anybody, &[], "userSubscription", "action: ALL_ACTIONS")
        .await;

    let created = chat
        .done(ANN, "mutation { createNote(text: \"mine\") { id } }")
        .await;
    let id = &created["createNote"]["id"];
    chat.done(
        ANN,
        &format!("mutation {{ updateNote(id: {id}, text: \"still mine\") {{ text }} }}"),
    )
    .await;
    chat.done(ANN, &format!("mutation {{ deleteNote(id: {id}) }}"))
        .await;
    for action in ["create", "update", "delete"] {
        assert_eq!(
            ann.payload().await,
            json!({"action": action, "model": "chat.note", "data": {"id": id}})
        );
    }
    bob.is_silent().await;

    let query = format!(
        "subscription {{ noteSubscription(channelId: \"{}\", action: CREATE, operation: SUBSCRIBE) {{ ok error }} }}",
        anybody.channel_id
    );
    let denied = chat.graphql(&[], &query).await;
    assert_eq!(denied["data"]["noteSubscription"]["ok"], false);

    let created = chat
        .done(
            ANN,
            "mutation { createUser(name: \"zoe\", tenant: 2) { id } }",
        )
        .await;
    let id = &created["createUser"]["id"];
    chat.done(
        ANN,
        &format!("mutation {{ updateUser(id: {id}, name: \"zoé\") {{ name }} }}"),
    )
    .await;
    assert_eq!(
        chat.done(ANN, &format!("mutation {{ deleteUser(id: {id}) }}"))
            .await["deleteUser"],
        true
    );
    for (action, name) in [("create", "zoe"), ("update", "zoé"), ("delete", "zoé")] {
        assert_eq!(
            anybody.payload().await,
            json!({"action": action, "model": "chat.user", "data": {"id": id, "name": name, "tenant": 2}})
        );
    }
    let names = chat
        .done(
            ANN,
            "{ __schema { types { name fields { name } enumValues { name } } } }",
        )
        .await;
    assert!(
        !names.to_string().to_lowercase().contains("password"),
        "the schema names the hash"
    );
}

#[tokio::test]
async fn writes_through_any_process_arrive_once_and_in_order_per_row() {
    const UPDATES: usize = 10;
    let chat = Chat::start().await;
    let mut ann = chat.connect(Some(ANN)).await;
    let everything = "action: ALL_ACTIONS, data: [ID, TEXT]";
    chat.subscribe(&ann, &[("x-user", ANN)], "messageSubscription", everything)
        .await;
    let writing = chat.http.iter().map(async |address| {
        let user = [("x-user", ANN)];
        let create = "mutation { createMessage(room: 1, text: \"0\") { id } }";
        let created = chat.graphql_of(address, &user, create).await;
        let id = &created["data"]["createMessage"]["id"];
        for text in 1..=UPDATES {
            let update =
                format!("mutation {{ updateMessage(id: {id}, text: \"{text}\") {{ id }} }}");
            chat.graphql_of(address, &user, &update).await;
        }
        let delete = format!("mutation {{ deleteMessage(id: {id}) }}");
        chat.graphql_of(address, &user, &delete).await;
    });
    futures_util::future::join_all(writing).await;
    let mut rows = std::collections::HashMap::<_, Vec<_>>::new();
    for _ in 0..chat.http.len() * (UPDATES + 2) {
        let payload = ann.payload().await;
        let told = (payload["action"].clone(), payload["data"]["text"].clone());
        rows.entry(payload["data"]["id"].to_string())
            .or_default()
            .push(told);
    }
    ann.is_silent().await;
    assert_eq!(rows.len(), chat.http.len());
    let mut expected = vec![(json!("create"), json!("0"))];
    expected.extend((1..=UPDATES).map(|text| (json!("update"), json!(text.to_string()))));
    expected.push((json!("delete"), json!(UPDATES.to_string())));
    assert!(rows.values().all(|told| *told == expected), "{rows:?}");
}

/// As systemd and Kubernetes end it, while clients are connected.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_sends_all_clients_away_and_ends_the_program() {
    let mut chat = Chat::start().await;
    // What the example takes.
    let window = Duration::from_secs(10);
    let address = chat.next(&chat.sockets).to_owned();
    let crowd = Crowd::connect(&address, proof::steps(200), proof::steps(20).min(250)).await;
    let begun = Instant::now();
    let number = chat.processes.len() - chat.sockets.len();
    let process = &mut chat.processes[number];
    let id = process.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status();
    assert!(within(kill).await.unwrap().success());
    crowd.was_sent_away_evenly(begun, window).await;
    assert_eq!(within(process.wait()).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn it_is_explained_why_a_message_comes_or_not() {
    let chat = Chat::start().await;
    let ann = chat.connect(Some(ANN)).await;
    let updates = "action: UPDATE";
    chat.subscribe(&ann, &[("x-user", ANN)], "messageSubscription", updates)
        .await;
    let create = "mutation { createMessage(room: 1, text: \"hello\") { id } }";
    let id = chat.done(ANN, create).await["createMessage"]["id"].clone();
    let explained = async |user: i32| {
        let mut lines = String::new();
        // Each process knows of its own channels.
        for address in &chat.sockets {
            let url = format!("http://{address}/explain?user={user}&message={id}");
            let response = within(reqwest::get(url)).await.unwrap();
            assert_eq!(response.status(), 200);
            lines += &within(response.text()).await.unwrap();
        }
        lines
    };
    let lines = explained(ANN).await;
    assert!(lines.contains(": yes\n"), "{lines}");
    assert!(
        lines.contains("scope `tenant`: asks for 1, the row has 1: holds"),
        "{lines}"
    );
    assert_eq!(explained(BOB).await.matches("subscription").count(), 0);
}

#[cfg(feature = "metrics")]
#[tokio::test]
async fn prometheus_reads_what_the_chat_does() {
    let chat = Chat::start().await;
    let _socket = chat.connect(Some(ANN)).await;
    let mut open = 0;
    for address in chat.http.iter().chain(&chat.sockets) {
        let response = within(reqwest::get(format!("http://{address}/metrics"))).await;
        let text = within(response.unwrap().text()).await.unwrap();
        assert!(
            text.contains("# TYPE graphex_ready gauge\ngraphex_ready 1\n"),
            "{text}"
        );
        open += text
            .matches("graphex_channels{transport=\"two-channel\"} 1\n")
            .count();
    }
    // With one process it is asked twice.
    assert!(open >= 1);
}
