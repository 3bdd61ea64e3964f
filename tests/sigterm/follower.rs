//! A client that follows the messages, and goes on in another process when it is sent away.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Place;
use crate::harness::within;

const QUERY: &str = "subscription { messageChanges(ready: true) { action data { text } } }";

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Its connection, over one of three protocols.
enum Link {
    TransportWs(Socket),
    Sse(reqwest::Response, String),
    TwoChannel(Socket),
}

pub(super) struct Follower {
    number: usize,
    link: Link,
    cursor: String,
}

/// What it is told: an action in capitals, a text, and where it is then.
struct Told {
    action: String,
    text: String,
    cursor: String,
}

impl Told {
    fn of(event: &Value, cursor: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            action: text(&event["action"]).to_uppercase(),
            text: text(&event["data"]["text"]),
            cursor: text(cursor),
        }
    }

    fn of_result(result: &Value) -> Self {
        let cursor = &result["extensions"]["graphex"]["cursor"];
        Self::of(&result["data"]["messageChanges"], cursor)
    }
}

impl Follower {
    /// Has joined when this returns: it misses nothing from here on.
    pub(super) async fn join(place: &Place, number: usize) -> Self {
        let mut link = Link::open(place, number, None).await;
        let ready = link.next().await.expect("it stands");
        assert_eq!(ready.action, "READY");
        let cursor = ready.cursor;
        Self {
            number,
            link,
            cursor,
        }
    }

    /// Follows to the last message, in the second place once it is sent away from the first; how often it
    /// was.
    pub(super) async fn follow(
        mut self,
        first: Place,
        second: Place,
        written: watch::Receiver<usize>,
    ) -> usize {
        let (mut seen, mut moved) = (0, 0);
        loop {
            let Some(told) = self.link.next().await else {
                assert_eq!(moved, 0, "{} is sent away once", first.http);
                moved += 1;
                self.link = Link::open(&second, self.number, Some(&self.cursor)).await;
                continue;
            };
            match told.action.as_str() {
                "READY" => continue,
                "CREATE" if told.text == "the last" => break,
                "CREATE" => {}
                other => panic!("{other} after {seen}"),
            }
            seen += 1;
            assert_eq!(told.text, seen.to_string(), "neither hole nor double");
            self.cursor = told.cursor;
        }
        assert_eq!(seen, *written.borrow());
        moved
    }
}

impl Link {
    async fn open(place: &Place, number: usize, after: Option<&str>) -> Self {
        let user = 1 + number % 2;
        match number % 3 {
            0 => Self::transport_ws(place, user, after).await,
            1 => Self::sse(place, user, after).await,
            _ => Self::two_channel(place, user, after).await,
        }
    }

    async fn transport_ws(place: &Place, user: usize, after: Option<&str>) -> Self {
        let request = format!("ws://{}/graphql?user={user}", place.http).into_client_request();
        let mut request = request.unwrap();
        let subprotocol = "graphql-transport-ws".parse().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", subprotocol);
        let (mut socket, _) = within(connect_async(request)).await.unwrap();
        let after = after.map_or(json!({}), |after| json!({ "a": after }));
        let payload = json!({ "graphex": { "after": after } });
        for message in [
            json!({"type": "connection_init", "payload": payload}),
            json!({"type": "subscribe", "id": "a", "payload": {"query": QUERY}}),
        ] {
            if message["type"] == "subscribe" {
                let acknowledged = within(socket.next()).await.unwrap().unwrap();
                assert!(acknowledged.to_text().unwrap().contains("connection_ack"));
            }
            let message = Message::text(message.to_string());
            within(socket.send(message)).await.unwrap();
        }
        Self::TransportWs(socket)
    }

    async fn sse(place: &Place, user: usize, after: Option<&str>) -> Self {
        let mut request = reqwest::Client::new()
            .post(format!("http://{}/graphql", place.http))
            .header("x-user", user)
            .header("accept", "text/event-stream")
            .json(&json!({ "query": QUERY }));
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let response = within(request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        Self::Sse(response, String::new())
    }

    async fn two_channel(place: &Place, user: usize, after: Option<&str>) -> Self {
        let request = format!("ws://{}/ws/?user={user}", place.ws);
        let (mut socket, _) = within(connect_async(request)).await.unwrap();
        let handshake = within(socket.next()).await.unwrap().unwrap();
        let handshake: Value = serde_json::from_str(handshake.to_text().unwrap()).unwrap();
        let channel = handshake["channel_id"].as_str().unwrap();
        let begin = after.map_or("ready: true".to_owned(), |after| {
            format!("after: \"{after}\"")
        });
        let query = format!(
            "subscription {{ messageSubscription(channelId: \"{channel}\", action: CREATE, operation: SUBSCRIBE, data: [ID, TEXT], {begin}) {{ ok error }} }}"
        );
        let answer = place.ask(user, &query).await;
        assert_eq!(answer["messageSubscription"]["ok"], true, "{answer}");
        Self::TwoChannel(socket)
    }

    /// What it is told next; nothing when it is sent away.
    async fn next(&mut self) -> Option<Told> {
        match self {
            Self::TransportWs(socket) => loop {
                let message = text(socket).await?;
                match message["type"].as_str() {
                    Some("ping") => {
                        let pong = Message::text(json!({"type": "pong"}).to_string());
                        // The connection may be closed by now.
                        let _ = socket.send(pong).await;
                    }
                    _ => return Some(Told::of_result(&message["payload"])),
                }
            },
            Self::TwoChannel(socket) => {
                let payload = text(socket).await?["payload"].take();
                Some(Told::of(&payload, &payload["cursor"]))
            }
            Self::Sse(response, buffer) => loop {
                if let Some((block, rest)) = buffer.split_once("\n\n") {
                    let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                    let told =
                        data.map(|data| Told::of_result(&serde_json::from_str(data).unwrap()));
                    *buffer = rest.to_owned();
                    match told {
                        Some(told) => return Some(told),
                        None => continue,
                    }
                }
                let chunk = within(response.chunk()).await.unwrap()?;
                buffer.push_str(std::str::from_utf8(&chunk).unwrap());
            },
        }
    }
}

/// The next message; nothing when the server goes away.
async fn text(socket: &mut Socket) -> Option<Value> {
    loop {
        match within(socket.next()).await.unwrap().unwrap() {
            Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => {
                assert_eq!(u16::from(frame.unwrap().code), 1001);
                return None;
            }
            _ => {}
        }
    }
}
