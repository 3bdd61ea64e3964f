//! A Redis of a test's own, to be killed.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// A running `redis-server`, which ends with this.
pub struct Server {
    pub port: u16,
    options: Vec<String>,
    directory: PathBuf,
    process: Option<Child>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that still runs is killed afterwards, and writes nothing then.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Server {
    /// On a free port.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With more options.
    pub async fn with(options: &[&str]) -> Self {
        let port = free_port();
        let directory = format!("graphex-redis-{}-{port}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        std::fs::create_dir_all(&directory).unwrap();
        let mut server = Self {
            port,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            directory,
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

    /// Stops it, without ending its connections, or lets it go on.
    pub async fn signal(&self, signal: &str) {
        let id = self.process.as_ref().and_then(Child::id).unwrap();
        let mut kill = Command::new("kill");
        let status = kill.args([signal, &id.to_string()]).status().await;
        assert!(status.unwrap().success());
    }

    /// Starts it again on the same port; it answers when this returns.
    pub async fn restart(&mut self) {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(&self.directory)
            .args(&self.options)
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

/// A port that is free, as is that of a cluster's bus, 10,000 above.
pub fn free_port() -> u16 {
    let is_free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // In the half of the ports that has room above, whatever the system prefers.
        let port = listener.local_addr().unwrap().port() % 32_768 + 10_000;
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
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
