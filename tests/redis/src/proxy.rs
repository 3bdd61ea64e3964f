//! A link that can be made to lose everything without ending: what it is given it throws away.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Stands between the nodes and a server.
pub struct Proxy {
    pub port: u16,
    is_open: Arc<watch::Sender<bool>>,
    accepting: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Before the server at this port.
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_open = Arc::new(watch::Sender::new(true));
        let gate = Arc::clone(&is_open);
        let accepting = tokio::spawn(async move {
            let mut links = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                links.spawn(carry(client, server, gate.subscribe()));
            }
        });
        Self {
            port,
            is_open,
            accepting,
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// From now on nothing comes through, and no link ends.
    pub fn swallow(&self) {
        self.is_open.send_replace(false);
    }

    /// New links come through again; those that have lost something stay deaf.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(client: TcpStream, server: u16, gate: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        forward(from_client, to_server, gate.clone()),
        forward(from_server, to_client, gate),
    );
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut gate: watch::Receiver<bool>) {
    let mut lost = !*gate.borrow_and_update();
    let mut bytes = [0; 16 * 1024];
    loop {
        tokio::select! {
            read = from.read(&mut bytes) => match read {
                Ok(1..) if lost => {}
                Ok(read @ 1..) => if to.write_all(&bytes[..read]).await.is_err() { return },
                _ => return,
            },
            changed = gate.changed() => match changed {
                // A link that has lost bytes cannot be used again.
                Ok(()) => lost |= !*gate.borrow_and_update(),
                Err(_) => return,
            },
        }
    }
}
