//! Members come and go: their subscriptions are made again, and have what SQL has for them.

use crate::proof;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::database::sqlite_file::File;
use crate::dice::Dice;
use crate::harness::{CurrentUser, Server, endpoints, within};
use crate::streams::graphql_ws::Raw;
use async_graphql::{EmptyMutation, Object};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::prelude::*;
use graphex::{ChangeLog, CloseReason, Identity, LogSchema};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

diesel::table! { posts (id) { id -> BigInt, room -> BigInt, text -> Text, } }

/// A post, of which the members of its room hear.
#[derive(Clone, Queryable, Selectable, ModelType)]
#[diesel(table_name = posts)]
#[graphex(
    stream = "posts",
    serialize_data,
    scope(any_of(room)),
    index_fields(room)
)]
struct Post {
    id: i64,
    room: i64,
    text: String,
}

/// The rooms of each user.
#[derive(Clone, Default)]
struct Members(Arc<Mutex<BTreeMap<i64, BTreeSet<i64>>>>);

impl Members {
    fn rooms(&self, user: i64) -> BTreeSet<i64> {
        self.0
            .lock()
            .unwrap()
            .get(&user)
            .cloned()
            .unwrap_or_default()
    }
}

impl Scoped for Post {
    async fn scope(ctx: &Context<'_>, _: &PostSubscriptionArgs) -> Result<PostScope> {
        let rooms = ctx.data::<Members>()?.rooms(ctx.data::<CurrentUser>()?.0);
        Ok(PostScope {
            room: rooms.into_iter().collect(),
        })
    }
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(PostSubscription, PostChanges);

impl File {
    fn with_posts(name: &str) -> Self {
        let file = Self::new(&format!("rescope-{name}"));
        let mut conn = file.connect();
        conn.batch_execute(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE posts (id INTEGER PRIMARY KEY, room INTEGER NOT NULL, text TEXT NOT NULL)",
        )
        .unwrap();
        LogSchema::sqlite()
            .model::<Post>()
            .install(&mut conn)
            .unwrap();
        file
    }

    fn connect(&self) -> SqliteConnection {
        let mut conn = SqliteConnection::establish(&self.path()).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 20000; PRAGMA synchronous = OFF")
            .unwrap();
        conn
    }

    async fn serve(&self, members: &Members) -> Server {
        let path = self.path();
        let log = ChangeLog::sqlite(move || SqliteConnection::establish(&path));
        let hub = Hub::builder()
            .model::<Post>()
            .change_log(log)
            .limits(|limits| limits.outbox_frames = 100_000)
            .try_build()
            .unwrap();
        let schema = Schema::build(Query, EmptyMutation, Subscription::default())
            .data(hub.clone())
            .data(members.clone())
            .finish();
        Server::start_alone(endpoints(schema, &hub).into_router(), hub).await
    }

    /// What SQL has for a member of these rooms.
    fn stored(&self, rooms: &BTreeSet<i64>) -> Rows {
        let stored: Vec<(i64, i64, String)> = posts::table
            .filter(posts::room.eq_any(rooms))
            .load(&mut self.connect())
            .unwrap();
        let row = |(id, room, text)| (id, (room, text));
        stored.into_iter().map(row).collect()
    }
}

type Rows = BTreeMap<i64, (i64, String)>;

/// A client that keeps its rows and its cursor, and connects again when it is closed.
struct Client {
    user: i64,
    raw: Raw,
    cursor: Option<String>,
    rows: Rows,
}

const POSTS: &str = "subscription { postChanges(snapshot: true) { action id data { room text } } }";

impl Client {
    async fn connect(server: &Server, user: i64) -> Self {
        let (cursor, rows) = (None, Rows::new());
        let raw = Self::socket(server, user, None).await;
        Self {
            user,
            raw,
            cursor,
            rows,
        }
    }

    async fn socket(server: &Server, user: i64, cursor: Option<&str>) -> Raw {
        let mut raw = server.socket_as(Some(user)).await;
        let after = cursor.map_or(json!({}), |cursor| json!({ "a": cursor }));
        let payload = json!({"graphex": {"after": after}});
        raw.send(json!({"type": "connection_init", "payload": payload}))
            .await;
        assert_eq!(raw.next().await, json!({"type": "connection_ack"}));
        raw.subscribe("a", POSTS).await;
        raw
    }

    /// Hears the next message; whether it was closed, with 1012.
    async fn hear(&mut self, server: &Server) -> bool {
        match self.raw.receive().await {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                let payload = &message["payload"];
                let cursor = payload["extensions"]["graphex"]["cursor"].as_str();
                self.cursor = cursor.map(str::to_owned).or(self.cursor.take());
                self.apply(&payload["data"]["postChanges"]);
                false
            }
            Message::Close(Some(frame)) => {
                assert_eq!(u16::from(frame.code), 1012);
                // None yet where the subscription was not made before.
                let cursor = self.cursor.as_deref();
                assert!([None, Some("v1.0.0.0")].contains(&cursor), "{cursor:?}");
                self.raw = Self::socket(server, self.user, self.cursor.as_deref()).await;
                true
            }
            other => panic!("not a text but {other:?}"),
        }
    }

    fn apply(&mut self, event: &Value) {
        let id = || event["id"].as_str().unwrap().parse().unwrap();
        let row = || {
            let data = &event["data"];
            (
                data["room"].as_i64().unwrap(),
                data["text"].as_str().unwrap().to_owned(),
            )
        };
        match event["action"].as_str().unwrap() {
            "READY" => {}
            "RESYNC" => self.rows.clear(),
            "SNAPSHOT" | "CREATE" | "ENTER" => {
                assert_eq!(self.rows.insert(id(), row()), None, "{event}");
            }
            "UPDATE" => assert!(self.rows.insert(id(), row()).is_some(), "{event}"),
            "LEAVE" | "DELETE" => assert!(self.rows.remove(&id()).is_some(), "{event}"),
            other => panic!("{other}"),
        }
    }

    /// Until it has heard of this post.
    async fn until(&mut self, server: &Server, id: i64) {
        within(async {
            while !self.rows.contains_key(&id) {
                self.hear(server).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn whose_scope_has_changed_is_closed_and_begins_anew() {
    let file = File::with_posts("closed");
    let members = Members::default();
    members.0.lock().unwrap().insert(1, [1].into());
    let server = file.serve(&members).await;
    let mut conn = file.connect();
    conn.batch_execute("INSERT INTO posts VALUES (1, 1, 'a'), (2, 2, 'b')")
        .unwrap();
    let mut client = Client::connect(&server, 1).await;
    client.until(&server, 1).await;
    let mut other = server.socket_as(Some(2)).await;
    other.send(json!({"type": "connection_init"})).await;
    other.next().await;
    let mut body = server.events_as(1, POSTS).await;
    let two_channel = server.connect(Some(1)).await;
    server
        .until(|stats| (stats.channels, stats.subscriptions) == (4, 2))
        .await;
    members.0.lock().unwrap().insert(1, [2].into());
    server.hub.own.rescope(&Identity::new("user:1")).await;
    assert!(!client.hear(&server).await || client.rows.len() == 1);
    client.until(&server, 2).await;
    assert_eq!(client.rows, file.stored(&[2].into()));
    let rest = body.rest().await;
    let last = rest.trim_end().rsplit("\n\n").next().unwrap();
    assert!(
        last.contains("RESYNC") && last.ends_with("id: v1.0.0.0"),
        "{last}"
    );
    other.silent().await;
    drop(two_channel);
    // Whoever asks by hand is told why.
    let mut channel = server.hub.own.connect(Identity::new("user:9")).unwrap();
    server.hub.own.rescope(&Identity::new("user:9")).await;
    assert_eq!(channel.take().await, Err(CloseReason::Rescoped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_have_what_sql_has_for_them_beside_writers() {
    const USERS: i64 = 4;
    let file = File::with_posts("members");
    let members = Members::default();
    for user in 1..=USERS {
        members.0.lock().unwrap().insert(user, [1, 9].into());
    }
    // Two, as of two processes.
    let servers = [file.serve(&members).await, file.serve(&members).await];
    let mut dice = Dice::new();
    let stop = Arc::<AtomicBool>::default();
    let writing = {
        let (stop, mut conn, mut dice) = (Arc::clone(&stop), file.connect(), dice.split());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let (id, room) = (1 + dice.below(30), 1 + dice.below(4));
                let text = dice.pick(&["a", "b", "c"]);
                let statement = match dice.below(4) {
                    0 => format!(
                        "INSERT INTO posts VALUES ({id}, {room}, '{text}') ON CONFLICT DO NOTHING"
                    ),
                    1 => format!("DELETE FROM posts WHERE id = {id}"),
                    2 => format!("UPDATE posts SET room = {room} WHERE id = {id}"),
                    _ => format!("UPDATE posts SET text = '{text}' WHERE id = {id}"),
                };
                conn.batch_execute(&statement).unwrap();
                std::thread::sleep(std::time::Duration::from_micros(300));
            }
        })
    };
    let mut clients = Vec::new();
    for user in 1..=USERS {
        for server in &servers {
            clients.push((Client::connect(server, user).await, server));
        }
    }
    let mut conn = file.connect();
    for step in 0..proof::steps(60) {
        let user = 1 + dice.below(USERS as usize) as i64;
        let mut rooms: BTreeSet<i64> = (1..=4).filter(|_| dice.one_in(2)).collect();
        // Each hears of the end of the step.
        rooms.insert(9);
        members.0.lock().unwrap().insert(user, rooms);
        for server in &servers {
            server
                .hub
                .own
                .rescope(&Identity::new(format!("user:{user}")))
                .await;
        }
        if step % 4 != 0 {
            continue;
        }
        let last = 1_000 + step as i64;
        // The one before goes: a run of any length has a table of one size.
        conn.batch_execute(&format!(
            "DELETE FROM posts WHERE id >= 1000; INSERT INTO posts VALUES ({last}, 9, 'last')"
        ))
        .unwrap();
        for (client, server) in &mut clients {
            client.until(server, last).await;
            let rooms = members.rooms(client.user);
            // Of what it may not see it has nothing.
            for (room, _) in client.rows.values() {
                assert!(rooms.contains(room), "{room} of {rooms:?}");
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    writing.join().unwrap();
    conn.batch_execute("INSERT INTO posts VALUES (1000000, 9, 'last')")
        .unwrap();
    for (client, server) in &mut clients {
        client.until(server, 1_000_000).await;
        assert_eq!(client.rows, file.stored(&members.rooms(client.user)));
    }
}
