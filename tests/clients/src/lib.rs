//! The chat example as a process of its own, and the npm clients that the tests in `tests/` drive.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub mod proxy;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Nothing here takes this long; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(60);

/// The program that `GRAPHEX_CHAT` names.
///
/// # Panics
///
/// When it names none.
#[must_use]
pub fn chat() -> String {
    std::env::var("GRAPHEX_CHAT").unwrap_or_else(|_| {
        panic!("GRAPHEX_CHAT is not set: run ./tests/run.sh, which builds the example")
    })
}

/// A running chat example; dropped, it is killed.
#[derive(Debug)]
pub struct Chat {
    address: String,
    server: Child,
    // Closed, it would end a server that is still printing.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Chat {
    /// Starts the chat example on a free port.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start() -> Self {
        let mut server = Command::new(chat())
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the chat example starts");
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(DEADLINE, lines.next_line());
        let first = first.await.expect("it says where it is").unwrap().unwrap();
        let (_, rest) = first.split_once("http://").expect("it prints its address");
        let (address, _) = rest.split_once('/').expect("a path follows");
        Self {
            address: address.to_owned(),
            server,
            _output: lines,
        }
    }

    /// Where it listens.
    ///
    /// # Panics
    ///
    /// When it said something else than an address.
    #[must_use]
    pub fn port(&self) -> u16 {
        let (_, port) = self.address.rsplit_once(':').expect("it has a port");
        port.parse().expect("a port is a number")
    }

    /// The id of its process.
    ///
    /// # Panics
    ///
    /// When it has ended.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.server.id().expect("it runs")
    }

    /// The answer of its GraphQL endpoint.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn post(&self, request: &Value) -> Value {
        let url = format!("http://{}/graphql", self.address);
        let client = reqwest::Client::new().post(url).json(request).send();
        let answer = tokio::time::timeout(DEADLINE, client);
        answer.await.unwrap().unwrap().json().await.unwrap()
    }
}

/// A script with all that it has started; killed when this is dropped.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        // Most often nothing is left of it.
        let _ = std::process::Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", self.0)])
            .stderr(Stdio::null())
            .status();
    }
}

/// Runs one of the scripts beside this package with JSON as its input; the JSON that it prints.
///
/// # Panics
///
/// When it fails or prints something else.
pub async fn script(name: &str, input: &Value) -> Value {
    script_within(DEADLINE, name, input).await
}

/// The same, for one that may take longer.
///
/// # Panics
///
/// When it fails, takes longer than that or prints something else.
pub async fn script_within(deadline: Duration, name: &str, input: &Value) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules: PathBuf = directory.join("node_modules");
    assert!(
        modules.exists(),
        "the npm packages are not installed: run ./tests/run.sh, or `npm ci` in tests/clients"
    );
    let mut node = Command::new("node")
        .arg(directory.join(name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .expect("node starts");
    let _group = Group(node.id().expect("it runs"));
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    let output = tokio::time::timeout(deadline, node.wait_with_output());
    let output = output.await.expect("the script ends").unwrap();
    assert!(output.status.success(), "{name} failed");
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}
