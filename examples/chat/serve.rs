//! Serves the application with the limits that `axum::serve` does not have: a time for the head of a
//! request, and a number of connections. It ends as that does: when all that was asked is answered.
//! Resolvers and `Endpoints` find the client's address in the
//! request's extensions.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Extension};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// What a connection may be before it has asked for something.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Time for the head of a request, from the moment that the connection is open or the last
    /// request is answered: what is silent for so long is closed.
    pub(crate) head_wait: Duration,
    /// Connections at once that are no WebSockets. More wait in the kernel's queue.
    pub(crate) connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_wait: Duration::from_secs(10),
            connections: 4096,
        }
    }
}

/// Serves until `ended`. Then it takes no further connections, and returns when those that are open
/// have got their answers; dropped before, it drops them.
pub(crate) async fn serve(
    listener: TcpListener,
    app: axum::Router,
    limits: Limits,
    ended: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait);
    let places = Arc::new(Semaphore::new(limits.connections));
    let (serving, until_ended) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut ended = pin!(ended);
    loop {
        let next = async {
            // It is never closed, so there is always a place in the end.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, accept(&listener).await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut ended => break,
        };
        while connections.try_join_next().is_some() {}
        let Some((stream, peer)) = accepted else {
            continue;
        };
        let app = app.clone().layer(Extension(ConnectInfo(peer)));
        let service = TowerToHyperService::new(app);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let mut until_ended = until_ended.clone();
        connections.spawn(async move {
            // What becomes of it is its client's matter. As a WebSocket it goes on elsewhere.
            let mut connection = pin!(connection.with_upgrades());
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = until_ended.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(place);
        });
    }
    drop((serving, listener));
    while connections.join_next().await.is_some() {}
}

async fn accept(listener: &TcpListener) -> Option<(tokio::net::TcpStream, SocketAddr)> {
    match listener.accept().await {
        Ok((stream, peer)) => {
            // An event leaves at once, also while the client has not yet acknowledged the last one.
            let _ = stream.set_nodelay(true);
            Some((stream, peer))
        }
        Err(error) => {
            eprintln!("a connection is not to be had: {error}");
            // Most often there are too many open files, which takes a moment to change.
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
