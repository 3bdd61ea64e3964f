//! A server whose notes have a change log.

#![allow(dead_code, reason = "each test target uses its part")]

use async_graphql::{EmptyMutation, Object};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::HubBuilder;
use graphex::prelude::*;
use serde_json::{Value, json};

use super::harness::{CurrentUser, Server, endpoints};
use super::streams::graphql_ws::Raw;
use super::streams::sse::Body;
pub(crate) use crate::database::Store;

diesel::table! {
    notes (id) {
        id -> BigInt,
        owner -> BigInt,
        room -> BigInt,
        text -> Text,
    }
}

/// A note, of which its owner hears; who has no name hears of all.
#[derive(Clone, Queryable, Selectable, ModelType)]
#[diesel(table_name = notes)]
#[graphex(stream = "notes", serialize_data, scope(optional(owner)))]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) owner: i64,
    pub(crate) room: i64,
    pub(crate) text: String,
}

impl Scoped for Note {
    async fn scope(ctx: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<NoteScope> {
        let owner = ctx.data_opt::<CurrentUser>().map(|user| user.0);
        Ok(NoteScope { owner })
    }
}

/// A model whose table is known, and that no log has.
#[derive(Clone, ModelType)]
#[graphex(stream = "drafts", table = "drafts", serialize_data)]
pub(crate) struct Draft {
    pub(crate) id: i64,
}

pub(crate) struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
pub(crate) struct Subscription(
    NoteSubscription,
    NoteChanges,
    DraftSubscription,
    DraftChanges,
);

impl Store {
    pub(crate) fn run(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap();
    }

    /// Inserts notes of owner 1 in room 7 with these ids.
    pub(crate) fn insert(&self, ids: impl IntoIterator<Item = i64>) {
        let values: Vec<_> = ids
            .into_iter()
            .map(|id| format!("({id}, 1, 7, 'note {id}')"))
            .collect();
        self.run(&format!("INSERT INTO notes VALUES {}", values.join(", ")));
    }

    /// A server that reads this log, from now on.
    pub(crate) async fn serve(&self) -> Server {
        self.serve_with(|builder| builder).await
    }

    pub(crate) async fn serve_with(&self, change: impl FnOnce(HubBuilder) -> HubBuilder) -> Server {
        let log = self.log().without::<Draft>();
        let builder = Hub::builder().model::<Note>().model::<Draft>();
        let hub = change(builder).change_log(log).try_build().unwrap();
        let schema = Schema::build(Query, EmptyMutation, Subscription::default())
            .data(hub.clone())
            .finish();
        Server::start_alone(endpoints(schema, &hub).into_router(), hub).await
    }
}

/// The event of a result, and the cursor beside it.
pub(crate) fn event(result: &Value) -> (Value, Option<String>) {
    assert_eq!(result.get("errors"), None, "{result}");
    let cursor = result["extensions"]["graphex"]["cursor"].as_str();
    (
        result["data"]["noteChanges"].clone(),
        cursor.map(str::to_owned),
    )
}

/// `CREATE 5 note 5`, `RESYNC`.
pub(crate) fn told(event: &Value) -> String {
    let parts = ["action", "id"].map(|key| event[key].as_str());
    let parts = parts.into_iter().chain([event["data"]["text"].as_str()]);
    parts.flatten().collect::<Vec<_>>().join(" ")
}

/// A client of graphql-transport-ws with one subscription, which keeps its last cursor.
pub(crate) struct Listener {
    pub(crate) raw: Raw,
    pub(crate) cursor: Option<String>,
}

pub(crate) const NOTES: &str = "subscription { noteChanges { action id data { text } } }";

impl Listener {
    pub(crate) async fn join(server: &Server, query: &str) -> Self {
        let before = server.hub.stats().subscriptions;
        let mut raw = server.acknowledged().await;
        raw.subscribe("a", query).await;
        server
            .until(|stats| stats.subscriptions == before + 1)
            .await;
        Self { raw, cursor: None }
    }

    /// Loses its connection; its last cursor.
    pub(crate) async fn drop_out(self, server: &Server) -> Option<String> {
        let before = server.hub.stats().subscriptions;
        drop(self.raw);
        server.until(|stats| stats.subscriptions < before).await;
        self.cursor
    }

    pub(crate) async fn event(&mut self) -> Value {
        let (event, cursor) = event(&self.raw.next_of("a").await);
        self.cursor = cursor.or(self.cursor.take());
        event
    }

    pub(crate) async fn told(&mut self) -> String {
        told(&self.event().await)
    }
}

/// The next event of a stream of its own: what is told, and its `id`.
pub(crate) async fn sent(body: &mut Body) -> (String, Option<String>) {
    loop {
        let block = body.until("\n\n").await.expect("the stream goes on");
        if block == ":" {
            continue;
        }
        let line = |name: &str| {
            let mut lines = block.lines();
            lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned()))
        };
        assert_eq!(line("event").as_deref(), Some("next"), "{block}");
        let result = serde_json::from_str(&line("data").unwrap()).unwrap();
        let (event, cursor) = event(&result);
        assert_eq!(line("id"), cursor, "{block}");
        return (told(&event), cursor);
    }
}

/// `connectionParams` with these cursors.
pub(crate) fn after(cursors: &Value) -> Value {
    json!({"graphex": {"after": cursors}})
}
