//! Serves the application with the limits that `axum::serve` does not have: a time for the head of a
//! request, and a number of connections. Resolvers and `Endpoints` find the client's address in the
//! request's extensions.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Extension};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

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

pub(crate) async fn serve(listener: TcpListener, app: axum::Router, limits: Limits) -> Infallible {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait);
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        // It is never closed, so there is always a place in the end.
        let place = Arc::clone(&places).acquire_owned().await.ok();
        let Some((stream, peer)) = accept(&listener).await else {
            continue;
        };
        let app = app.clone().layer(Extension(ConnectInfo(peer)));
        let service = TowerToHyperService::new(app);
        let connection = http.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            // What becomes of it is its client's matter. As a WebSocket it goes on elsewhere.
            let _ = connection.with_upgrades().await;
            drop(place);
        });
    }
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
