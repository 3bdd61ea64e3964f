//! A small service for the tests in `tests/`, and the servers it runs on.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs
)]

mod cluster;
mod load;
mod proxy;
mod server;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use async_graphql::{Context, EmptyMutation, MergedSubscription, Object, Request, Result, Schema};
use graphex::redis::RedisLayer;
use graphex::{Action, Channel, Hub, HubBuilder, Identity, ModelType, Scoped};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

pub use cluster::Cluster;
pub use load::{ALONE, Load};
pub use proxy::Proxy;
pub use server::{Server, command, free_port};

/// Nothing takes this long; a test that waits for it has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("nothing came within the deadline")
}

/// What has no signal is looked at again after this.
pub async fn tick() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

/// The server that `tests/run.sh` started.
pub fn redis_url() -> String {
    variable("GRAPHEX_REDIS_URL")
}

/// The servers of the cluster that `tests/run.sh` started.
pub fn cluster_urls() -> Vec<String> {
    let urls = variable("GRAPHEX_REDIS_CLUSTER_URLS");
    urls.split(',').map(str::to_owned).collect()
}

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run ./tests/run.sh, which starts servers"))
}

/// A prefix that no other test has.
pub fn prefix(test: &str) -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{test}:{}:{}", std::process::id(), since.as_nanos())
}

/// A message with five fields.
#[derive(Clone, Debug, ModelType)]
#[graphex(
    stream = "messages",
    label = "chat.message",
    serialize_data,
    scope(optional(room)),
    index_fields(room)
)]
pub struct Message {
    pub id: i64,
    pub room: i64,
    pub author: i64,
    pub pinned: bool,
    pub text: String,
}

/// Who asks sees one room, or all.
#[derive(Clone, Copy)]
pub struct Room(pub Option<i64>);

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let room = ctx.data_opt::<Room>().and_then(|room| room.0);
        Ok(MessageScope { room })
    }
}

/// On a stream of its own.
#[derive(Clone, Debug, ModelType)]
#[graphex(stream = "notes", label = "chat.note", serialize_data)]
pub struct Note {
    pub id: i64,
    pub text: String,
}

pub fn note(id: i64) -> Note {
    Note {
        id,
        text: format!("note {id}"),
    }
}

pub fn message(id: i64, room: i64) -> Message {
    Message {
        id,
        room,
        author: id % 7,
        pinned: id % 2 == 0,
        text: format!("message {id}"),
    }
}

pub struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
pub struct Subscription(MessageSubscription, MessageChanges, NoteSubscription);

pub type ServiceSchema = Schema<Query, EmptyMutation, Subscription>;

/// Serves until it is dropped.
pub struct Serving(AbortHandle);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One process' part of the service.
#[derive(Clone)]
pub struct Node {
    pub hub: Hub,
    pub schema: ServiceSchema,
}

impl Node {
    pub fn new(hub: Hub) -> Self {
        let schema = Schema::build(Query, EmptyMutation, Subscription::default());
        let schema = schema.data(hub.clone()).finish();
        Self { hub, schema }
    }

    /// On one Redis, as it is.
    pub fn on(url: &str, prefix: &str, change: impl FnOnce(HubBuilder) -> HubBuilder) -> Self {
        Self::with(RedisLayer::new(url).unwrap(), prefix, change)
    }

    pub fn with(
        layer: RedisLayer,
        prefix: &str,
        change: impl FnOnce(HubBuilder) -> HubBuilder,
    ) -> Self {
        let layer = layer.prefix(prefix).unwrap();
        let builder = Hub::builder()
            .model::<Message>()
            .model::<Note>()
            .layer(layer);
        Self::new(change(builder).build())
    }

    /// Serves it over HTTP and WebSockets for as long as the handle is held.
    pub async fn serve(&self) -> (SocketAddr, Serving) {
        let app = graphex::axum::router(self.schema.clone(), self.hub.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (address, Serving(serving.abort_handle()))
    }

    pub fn publish(&self, action: Action, id: i64, room: i64) {
        self.hub.publish(action, &message(id, room));
    }

    /// Waits until it hears itself. Before, other nodes do not find its channels.
    pub async fn ready(&self) {
        within(async {
            while !self.hub.ready() {
                tick().await;
            }
        })
        .await;
    }

    pub fn connect(&self, who: &str) -> Client {
        Client {
            channel: self.hub.connect(Identity::new(who)).unwrap(),
            identity: Identity::new(who),
            frames: VecDeque::new(),
        }
    }

    /// Subscribes to the other stream.
    pub async fn notes(&self, client: &Client) {
        let channel = client.channel.id().as_str();
        let identity = client.identity.clone();
        let answer = self
            .ask_field("noteSubscription", channel, identity, None, EVERYTHING)
            .await;
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// What this node answers when `client` asks it, wherever the client is connected.
    pub async fn ask(&self, client: &Client, room: Option<i64>, arguments: &str) -> Value {
        let channel = client.channel.id().as_str();
        self.ask_for(channel, client.identity.clone(), room, arguments)
            .await
    }

    pub async fn ask_for(
        &self,
        channel: &str,
        identity: Identity,
        room: Option<i64>,
        arguments: &str,
    ) -> Value {
        self.ask_field("messageSubscription", channel, identity, room, arguments)
            .await
    }

    async fn ask_field(
        &self,
        field: &str,
        channel: &str,
        identity: Identity,
        room: Option<i64>,
        arguments: &str,
    ) -> Value {
        let document = format!(
            "subscription {{ {field}(channelId: \"{channel}\", {arguments}) {{ ok error }} }}"
        );
        let request = Request::new(document).data(identity).data(Room(room));
        let answer = within(graphex::execute(&self.schema, request)).await;
        assert_eq!(answer.errors, []);
        answer.data.into_json().unwrap()[field].take()
    }

    /// [`Node::ask`] that must succeed.
    pub async fn done(&self, client: &Client, room: Option<i64>, arguments: &str) {
        let answer = self.ask(client, room, arguments).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// [`Node::ask`] that must be refused; the reason.
    pub async fn refused(&self, client: &Client, arguments: &str) -> String {
        let answer = self.ask(client, None, arguments).await;
        assert_eq!(answer["ok"], false, "{answer}");
        answer["error"].as_str().unwrap().to_owned()
    }
}

pub const EVERYTHING: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";
pub const END_EVERYTHING: &str = "action: ALL_ACTIONS, operation: UNSUBSCRIBE";

/// A channel without a socket.
pub struct Client {
    pub channel: Channel,
    pub identity: Identity,
    frames: VecDeque<Value>,
}

impl Client {
    /// The payload of the next notification.
    pub async fn payload(&mut self) -> Value {
        while self.frames.is_empty() {
            let taken = within(self.channel.take()).await.unwrap();
            let read = |frame: &[u8]| serde_json::from_slice(frame).unwrap();
            self.frames.extend(taken.iter().map(|frame| read(frame)));
        }
        self.frames.pop_front().unwrap()["payload"].take()
    }

    /// The action and the row's id of the next notification.
    pub async fn told(&mut self) -> (String, Value) {
        let mut payload = self.payload().await;
        let action = payload["action"].as_str().unwrap().to_owned();
        (action, payload["data"]["id"].take())
    }
}
