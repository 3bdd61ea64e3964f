//! Many clients of every protocol, which wait until a server sends them away.

#![allow(dead_code, reason = "each test target uses its part")]
#![allow(clippy::print_stdout, reason = "prints its figures")]

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::harness::within;

/// What Apollo Client sends.
pub(crate) const MULTIPART: &str =
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";

/// Who is asked for, by the header `x-user`: some of the chat's users.
const USERS: usize = 3;

pub(crate) struct Crowd {
    /// When each was sent away.
    ended: JoinSet<Instant>,
}

impl Crowd {
    /// Half of the sockets are of each protocol, and so are the streams.
    pub(crate) async fn connect(address: &str, sockets: usize, streams: usize) -> Self {
        let mut crowd = Self::of_sockets(address, address, sockets).await;
        crowd.open_streams(address, streams, "noteChanges").await;
        crowd
    }

    /// The same where WebSockets of the two-channel protocol are served elsewhere, and each stream is
    /// somebody else's, who may be anybody.
    pub(crate) async fn connect_to(http: &str, ws: &str, sockets: usize, streams: usize) -> Self {
        let mut crowd = Self::of_sockets(http, ws, sockets).await;
        crowd.open_streams(http, streams, "userChanges").await;
        crowd
    }

    async fn of_sockets(http: &str, ws: &str, sockets: usize) -> Self {
        let mut ended = JoinSet::new();
        for number in 0..sockets {
            // None of the few users who have something to hear of.
            let user = USERS + 1 + number;
            let socket = match number % 2 {
                0 => two_channel(ws, user).await,
                _ => transport_ws(http, user).await,
            };
            ended.spawn(until_sent_away(socket));
        }
        Self { ended }
    }

    async fn open_streams(&mut self, address: &str, streams: usize, field: &str) {
        let client = reqwest::Client::new();
        for number in 0..streams {
            let query = format!("subscription {{ {field} {{ id }} }}");
            let user = match field {
                // Known users alone have notes.
                "noteChanges" => number % USERS,
                _ => number + USERS,
            };
            let request = client
                .post(format!("http://{address}/graphql"))
                .header("accept", ["text/event-stream", MULTIPART][number % 2])
                .header("x-user", 1 + user)
                .json(&json!({ "query": query }));
            let mut response = within(request.send()).await.unwrap();
            assert_eq!(response.status(), 200);
            self.ended.spawn(async move {
                let mut all = Vec::new();
                while let Some(chunk) = within(response.chunk()).await.unwrap() {
                    all.extend(chunk);
                }
                // A client of SSE that is not told `complete` connects again.
                let all = String::from_utf8(all).unwrap();
                assert!(!all.contains("complete"), "{all}");
                Instant::now()
            });
        }
    }

    /// All were sent away in this window, and none of its tenths has half or twice of its share, but for
    /// the last, which is for the last to answer.
    pub(crate) async fn was_sent_away_evenly(mut self, begun: Instant, window: Duration) {
        let mut ends = Vec::new();
        while let Some(ended) = within(self.ended.join_next()).await {
            ends.push(ended.unwrap().duration_since(begun));
        }
        let last = ends.iter().max().unwrap();
        assert!(*last < window, "{last:?} of {window:?}");
        let tenth_of = |end: &Duration| (end.as_secs_f64() / window.as_secs_f64() * 10.0) as usize;
        let mut tenths = [0; 10];
        ends.iter().for_each(|end| tenths[tenth_of(end)] += 1);
        println!("sent away within {last:?}, by tenths {tenths:?}");
        let share = ends.len() / 9;
        let is_even = |closed: &usize| *closed > share / 2 && *closed < share * 2;
        assert!(tenths[..9].iter().all(is_even), "{tenths:?}");
    }
}

async fn two_channel(address: &str, number: usize) -> Socket {
    let mut request = format!("ws://{address}/ws/").into_client_request().unwrap();
    request.headers_mut().insert("x-user", number.into());
    let (mut socket, _) = within(connect_async(request)).await.unwrap();
    let handshake = within(socket.next()).await.unwrap().unwrap();
    assert!(handshake.to_text().unwrap().contains("success"));
    socket
}

async fn transport_ws(address: &str, number: usize) -> Socket {
    let request = format!("ws://{address}/graphql").into_client_request();
    let mut request = request.unwrap();
    let headers = request.headers_mut();
    headers.insert("x-user", number.into());
    let subprotocol = "graphql-transport-ws".parse().unwrap();
    headers.insert("sec-websocket-protocol", subprotocol);
    let (mut socket, _) = within(connect_async(request)).await.unwrap();
    let init = json!({"type": "connection_init"}).to_string();
    within(socket.send(Message::text(init))).await.unwrap();
    let acknowledged = within(socket.next()).await.unwrap().unwrap();
    assert!(acknowledged.to_text().unwrap().contains("connection_ack"));
    socket
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn until_sent_away(mut socket: Socket) -> Instant {
    loop {
        let message = within(socket.next()).await.unwrap().unwrap();
        if message.is_ping() {
            continue;
        }
        assert_eq!(close(message).0, 1001);
        let closed = Instant::now();
        // The answer to the close, and the end.
        while socket.next().await.is_some() {}
        return closed;
    }
}

/// Code and reason of the message, which closes.
pub(crate) fn close(message: Message) -> (u16, String) {
    match message {
        Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
        other => panic!("not closed but {other:?}"),
    }
}
