//! A raw client of graphql-transport-ws: it sends what a test says and can tell silence.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::harness::{Server, within};

pub(crate) struct Raw {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pings: u64,
}

impl Server {
    pub(crate) fn graphql_ws_request(
        &self,
        subprotocol: Option<&str>,
    ) -> tokio_tungstenite::tungstenite::handshake::client::Request {
        let mut request = format!("ws://{}/graphql", self.hub.next_socket())
            .into_client_request()
            .unwrap();
        if let Some(subprotocol) = subprotocol {
            let headers = request.headers_mut();
            headers.insert("sec-websocket-protocol", subprotocol.parse().unwrap());
        }
        request
    }

    /// A socket on which nothing has been sent.
    pub(crate) async fn socket(&self) -> Raw {
        self.socket_as(None).await
    }

    pub(crate) async fn socket_as(&self, user: Option<i64>) -> Raw {
        let mut request = self.graphql_ws_request(Some("graphql-transport-ws"));
        if let Some(user) = user {
            request.headers_mut().insert("x-user", user.into());
        }
        let (socket, response) = within(connect_async_with_config(request, None, true))
            .await
            .unwrap();
        let chosen = &response.headers()["sec-websocket-protocol"];
        assert_eq!(chosen, "graphql-transport-ws");
        Raw { socket, pings: 0 }
    }

    /// A socket that is acknowledged.
    pub(crate) async fn acknowledged(&self) -> Raw {
        self.acknowledged_as(None).await
    }

    pub(crate) async fn acknowledged_as(&self, user: Option<i64>) -> Raw {
        let mut raw = self.socket_as(user).await;
        raw.send(json!({"type": "connection_init"})).await;
        assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
        raw
    }
}

impl Raw {
    pub(crate) fn new(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self { socket, pings: 0 }
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        within(self.socket.send(message)).await.unwrap();
    }

    pub(crate) async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({"id": id, "type": "subscribe", "payload": {"query": query}}))
            .await;
    }

    pub(crate) async fn complete(&mut self, id: &str) {
        self.send(json!({"id": id, "type": "complete"})).await;
    }

    pub(crate) async fn receive(&mut self) -> Message {
        within(self.socket.next()).await.unwrap().unwrap()
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// The next message is a `next` of this operation; its payload.
    pub(crate) async fn next_of(&mut self, id: &str) -> Value {
        let mut message = self.next().await;
        let expected = (&json!("next"), &json!(id));
        assert_eq!((&message["type"], &message["id"]), expected, "{message}");
        message["payload"].take()
    }

    /// The next message is a `next` of this operation with this data.
    pub(crate) async fn data(&mut self, id: &str, data: Value) {
        assert_eq!(self.next_of(id).await, json!({ "data": data }));
    }

    /// The next message is an `error` of this operation; the first error's text.
    pub(crate) async fn error_of(&mut self, id: &str) -> String {
        let message = self.next().await;
        let expected = (&json!("error"), &json!(id));
        assert_eq!((&message["type"], &message["id"]), expected, "{message}");
        let errors = message["payload"].as_array().expect("a list of errors");
        errors[0]["message"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn completed(&mut self, id: &str) {
        assert_eq!(self.next().await, json!({"type": "complete", "id": id}));
    }

    /// The server has heard all that was sent and has nothing to say to it.
    pub(crate) async fn silent(&mut self) {
        // What an operation has to say may come a turn after what the socket hears.
        for _ in 0..2 {
            self.pings += 1;
            let payload = json!({"barrier": self.pings});
            self.send(json!({"type": "ping", "payload": payload})).await;
            assert_eq!(
                self.next().await,
                json!({"type": "pong", "payload": payload})
            );
        }
    }

    /// The server closes, without another message: code and reason.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("not closed but {other:?}"),
            }
        }
    }

    /// Closes as a client does that has no more questions; what the server answers.
    pub(crate) async fn close(mut self) -> Option<Message> {
        within(self.socket.close(None)).await.unwrap();
        loop {
            match within(self.socket.next()).await {
                Some(Ok(message @ Message::Close(_))) => return Some(message),
                Some(Ok(_)) => {}
                _ => return None,
            }
        }
    }
}
