//! A server on a free port, a WebSocket client and an HTTP client that others wrote.

#![allow(dead_code, reason = "each test target uses its part")]

pub(crate) mod nodes;

use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use futures_util::{SinkExt as _, StreamExt as _};
use graphex::axum::Endpoints;
use graphex::{Hub, Identity, Stats};
use nodes::Nodes;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::until::until;

/// Nothing here takes this long; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("nothing came within the deadline")
}

/// Who asks, from the header `x-user`.
#[derive(Clone)]
pub(crate) struct CurrentUser(pub(crate) i64);

/// Endpoints that take the user from the header `x-user`.
pub(crate) fn endpoints<E: async_graphql::Executor>(schema: E, hub: &Hub) -> Endpoints<E> {
    let user = |parts: &axum::http::request::Parts| -> Option<i64> {
        parts.headers.get("x-user")?.to_str().ok()?.parse().ok()
    };
    Endpoints::new(schema, hub.clone())
        .identity(move |parts| match user(parts) {
            Some(id) => Identity::new(format!("user:{id}")),
            None => Identity::anonymous(),
        })
        .data(move |parts, data| {
            if let Some(id) = user(parts) {
                data.insert(CurrentUser(id));
            }
        })
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) hub: Nodes,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    /// One process, or as many as [`nodes`] are asked for.
    pub(crate) async fn start(app: axum::Router, hub: Hub) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hub = Nodes::start(address, hub).await;
        let app = app.merge(hub.router());
        Self::serve(listener, app, hub).await
    }

    /// One process in any case, for a hub that was not built by [`nodes::build`].
    pub(crate) async fn start_alone(app: axum::Router, hub: Hub) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hub = Nodes::alone(listener.local_addr().unwrap(), hub);
        Self::serve(listener, app, hub).await
    }

    async fn serve(listener: TcpListener, app: axum::Router, hub: Nodes) -> Self {
        let address = listener.local_addr().unwrap();
        if nodes::is_child() {
            nodes::serve_as_child(listener, app).await;
        }
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            hub,
            serving,
        }
    }

    /// How many processes have the channels.
    pub(crate) fn sockets(&self) -> usize {
        self.hub.sockets()
    }

    /// A request to `/graphql`, to be sent with whatever body and headers.
    pub(crate) fn request(&self, method: reqwest::Method) -> reqwest::RequestBuilder {
        reqwest::Client::new().request(method, format!("http://{}/graphql", self.hub.next_http()))
    }

    /// POSTs a GraphQL request as this user; the status and the answer.
    pub(crate) async fn post(&self, user: Option<i64>, body: Value) -> (u16, Value) {
        let mut request = self.request(reqwest::Method::POST).json(&body);
        if let Some(user) = user {
            request = request.header("x-user", user);
        }
        answer(request).await
    }

    /// The confirmation of a subscription document; its `$channel` is filled in.
    pub(crate) async fn confirm(&self, client: &Client, document: &str) -> Value {
        let document = document.replace("$channel", &client.channel_id);
        let (status, body) = self.post(client.user, json!({ "query": document })).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(body.get("errors"), None, "{body}");
        let data = body["data"].as_object().expect("there is data").clone();
        assert_eq!(data.len(), 1);
        data.into_iter().next().unwrap().1
    }

    /// Subscribes or unsubscribes with these arguments besides `channelId`.
    pub(crate) async fn control(&self, client: &Client, field: &str, arguments: &str) -> Value {
        let document = format!(
            "subscription {{ {field}(channelId: \"$channel\", {arguments}) {{ ok error stream operation action }} }}"
        );
        self.confirm(client, &document).await
    }

    /// [`Server::control`] that must succeed.
    pub(crate) async fn done(&self, client: &Client, field: &str, arguments: &str) {
        let confirmation = self.control(client, field, arguments).await;
        assert_eq!(confirmation["ok"], true, "{confirmation}");
        assert_eq!(confirmation["error"], Value::Null);
    }

    /// [`Server::control`] that must be refused; the reason.
    pub(crate) async fn refused(&self, client: &Client, field: &str, arguments: &str) -> String {
        let before = self.hub.stats();
        let confirmation = self.control(client, field, arguments).await;
        assert_eq!(confirmation["ok"], false, "{confirmation}");
        assert_eq!(self.hub.stats().subscriptions, before.subscriptions);
        confirmation["error"]
            .as_str()
            .expect("there is an error")
            .to_owned()
    }

    pub(crate) fn ws_request(&self) -> tokio_tungstenite::tungstenite::handshake::client::Request {
        format!("ws://{}/ws/", self.hub.next_socket())
            .into_client_request()
            .unwrap()
    }

    pub(crate) async fn connect(&self, user: Option<i64>) -> Client {
        let mut request = self.ws_request();
        if let Some(user) = user {
            request.headers_mut().insert("x-user", user.into());
        }
        let (socket, _) = within(connect_async_with_config(request, None, true))
            .await
            .unwrap();
        let mut client = Client {
            socket,
            user,
            channel_id: String::new(),
        };
        let handshake = client.json().await;
        assert_eq!(handshake["connect"], "success");
        client.channel_id = handshake["channel_id"].as_str().unwrap().to_owned();
        client
    }

    /// The status with which the upgrade is refused.
    pub(crate) async fn refused_upgrade(
        &self,
        request: tokio_tungstenite::tungstenite::handshake::client::Request,
    ) -> u16 {
        match within(tokio_tungstenite::connect_async(request)).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("not refused but failed: {error}"),
            Ok(_) => panic!("not refused"),
        }
    }

    /// Waits until the hub's statistics satisfy the condition.
    pub(crate) async fn until(&self, condition: impl Fn(&Stats) -> bool) -> Stats {
        let mut stats = self.hub.stats();
        within(until(|| {
            stats = self.hub.stats();
            condition(&stats)
        }))
        .await;
        stats
    }

    /// As [`Server::until_empty`], where it is the clock that ends things. It is driven by
    /// sleeping: a paused clock stands still as long as somebody is busy.
    pub(crate) async fn until_empty_on_a_paused_clock(&self) {
        for _ in 0..3_600 {
            if self.hub.stats().channels == 0 {
                return self.until_empty().await;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        panic!("a channel is still open: {:?}", self.hub.stats());
    }

    /// Waits until nothing is left of any client.
    pub(crate) async fn until_empty(&self) {
        self.until(|stats| {
            (
                stats.channels,
                stats.subscriptions,
                stats.plans,
                stats.topics,
            ) == (0, 0, 0, 0)
        })
        .await;
    }
}

/// Sends the request; the status and the JSON answer.
pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = within(request.send()).await.unwrap();
    let status = response.status().as_u16();
    let text = within(response.text()).await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

pub(crate) struct Client {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) user: Option<i64>,
    pub(crate) channel_id: String,
}

impl Client {
    pub(crate) async fn send(&mut self, message: Message) {
        within(self.socket.send(message)).await.unwrap();
    }

    /// The next text frame as it is.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("not a text frame: {other:?}"),
            }
        }
    }

    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The close frame with which the server ends the channel; frames before it are skipped.
    pub(crate) async fn closed(&mut self) -> CloseFrame {
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Close(frame))) => return frame.expect("a close frame has a code"),
                Some(Ok(_)) => {}
                other => panic!("ended without a close frame: {other:?}"),
            }
        }
    }
}
