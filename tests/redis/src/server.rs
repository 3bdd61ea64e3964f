//! A Redis of a test's own, to be killed.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// A running `redis-server`, which ends with this.
pub struct Server {
    pub port: u16,
    process: Option<Child>,
}

impl Server {
    /// On a free port.
    pub async fn start() -> Self {
        // Free again when this statement ends.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let mut server = Self {
            port,
            process: None,
        };
        server.restart().await;
        server
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.unwrap();
        }
    }

    /// Starts it again on the same port; it answers when this returns.
    pub async fn restart(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(std::env::temp_dir())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        self.process = Some(command.spawn().expect("redis-server is not installed"));
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        super::within(async {
            while self.command::<String>(&["PING"]).await.is_err() {
                ticks.tick().await;
            }
        })
        .await;
    }

    /// What the server answers, on a connection of its own.
    pub async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        command(&self.url(), words).await
    }
}

/// What a server answers, on a connection of its own.
pub async fn command<T: redis::FromRedisValue>(url: &str, words: &[&str]) -> redis::RedisResult<T> {
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut command = redis::Cmd::new();
    words.iter().for_each(|word| {
        command.arg(*word);
    });
    command.query_async(&mut connection).await
}
