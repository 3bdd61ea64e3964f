//! A Redis Cluster of a test's own.

use std::process::Stdio;

use graphex::redis::RedisLayer;
use tokio::process::Command;

use crate::{Server, tick, within};

/// Three servers, each with a third of the slots.
pub struct Cluster {
    pub servers: Vec<Server>,
}

impl Cluster {
    pub async fn start() -> Self {
        let mut servers = Vec::new();
        for _ in 0..3 {
            // Nobody is given up while a test looks on.
            let options = &[
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "60000",
            ];
            servers.push(Server::with(options).await);
        }
        let addresses = servers
            .iter()
            .map(|server| format!("127.0.0.1:{}", server.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .stdout(Stdio::null())
            .status();
        assert!(within(created).await.unwrap().success());
        let cluster = Self { servers };
        cluster.until_whole().await;
        cluster
    }

    /// Waits until each server finds all of them there.
    pub async fn until_whole(&self) {
        for server in &self.servers {
            within(async {
                loop {
                    let info: String = server.command(&["CLUSTER", "INFO"]).await.unwrap();
                    if info.contains("cluster_state:ok") {
                        return;
                    }
                    tick().await;
                }
            })
            .await;
        }
    }

    #[must_use]
    pub fn layer(&self) -> RedisLayer {
        let urls: Vec<_> = self.servers.iter().map(Server::url).collect();
        RedisLayer::cluster(urls.iter().map(String::as_str)).unwrap()
    }

    /// The server that has this name.
    pub async fn place(&self, name: &str) -> usize {
        let slot = self.servers[0].command(&["CLUSTER", "KEYSLOT", name]).await;
        let slot: usize = slot.unwrap();
        // As `redis-cli` shares 16,384 slots out among three.
        match slot {
            0..=5_460 => 0,
            5_461..=10_922 => 1,
            _ => 2,
        }
    }
}
