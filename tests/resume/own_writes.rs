//! The position of what a client has written itself, with a change log in SQLite.

use crate::logged;
use std::sync::{Arc, Mutex};

use crate::database::Conn;
use crate::harness::{Server, endpoints};
use crate::logged::{Listener, Note, NoteChanges, NoteSubscription, Query, Store};
use async_graphql::Object;
use diesel::connection::SimpleConnection as _;
use graphex::Cursor;
use graphex::prelude::*;
use serde_json::{Value, json};

/// Writes on a connection that nothing is attached to.
struct Mutation(Arc<Mutex<Conn>>);

#[Object]
impl Mutation {
    async fn add(&self, ids: Vec<i64>) -> i32 {
        let rows = ids.iter().map(|id| format!("({id}, 1, 7, 'mine')"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        let mut conn = self.0.lock().unwrap();
        conn.batch_execute(&format!("INSERT INTO notes VALUES {rows}"))
            .unwrap();
        1
    }

    async fn fails(&self) -> Result<i32> {
        Err("it failed".into())
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(NoteSubscription, NoteChanges);

async fn serve(file: &Store, has_log: bool) -> Server {
    let builder = Hub::builder().model::<Note>();
    let hub = if has_log {
        builder.change_log(file.log()).try_build().unwrap()
    } else {
        builder.build()
    };
    let mutation = Mutation(Arc::new(Mutex::new(file.connect())));
    let schema = Schema::build(Query, mutation, Subscription::default())
        .data(hub.clone())
        .finish();
    Server::start_alone(endpoints(schema, &hub).into_router(), hub).await
}

fn cursor(answer: &Value) -> String {
    let cursor = answer["extensions"]["graphex"]["cursor"].as_str();
    let cursor = cursor.unwrap_or_else(|| panic!("no cursor: {answer}"));
    cursor.parse::<Cursor>().unwrap();
    cursor.to_owned()
}

fn position(cursor: &str) -> u64 {
    cursor.split('.').nth(2).unwrap().parse().unwrap()
}

#[tokio::test]
async fn the_answer_to_a_mutation_says_where_the_stream_has_it() {
    let file = Store::new("own");
    let server = serve(&file, true).await;
    let mut listener = Listener::join(&server, logged::NOTES).await;
    let (status, answer) = server
        .post(None, json!({"query": "mutation { add(ids: [1, 2]) }"}))
        .await;
    assert_eq!((status, &answer["data"]), (200, &json!({"add": 1})));
    let written = cursor(&answer);
    assert_eq!(listener.told().await, "CREATE 1 mine");
    assert_ne!(listener.cursor.as_ref(), Some(&written));
    assert_eq!(listener.told().await, "CREATE 2 mine");
    assert_eq!(listener.cursor, Some(written.clone()));
    // Over a WebSocket, and with a batch.
    let mut raw = server.acknowledged().await;
    raw.subscribe("m", "mutation { add(ids: [3]) }").await;
    let answer = raw.next_of("m").await;
    assert_eq!(listener.told().await, "CREATE 3 mine");
    assert_eq!(listener.cursor, Some(cursor(&answer)));
    raw.completed("m").await;
    let one = |id| json!({"query": format!("mutation {{ add(ids: [{id}]) }}")});
    let (_, answers) = server.post(None, json!([one(4), one(5)])).await;
    for (id, answer) in [4, 5].iter().zip(answers.as_array().unwrap()) {
        assert_eq!(listener.told().await, format!("CREATE {id} mine"));
        assert_eq!(listener.cursor, Some(cursor(answer)));
    }
    // One begins after it.
    let after = logged::NOTES.replace("noteChanges", &format!("noteChanges(after: \"{written}\")"));
    let mut late = Listener::join(&server, &after).await;
    assert_eq!(late.told().await, "CREATE 3 mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_writes_at_once_is_told_a_position_that_is_not_too_early() {
    let file = Store::new("own-crowd");
    let server = serve(&file, true).await;
    let mut listener = Listener::join(&server, logged::NOTES).await;
    let answers = futures_util::future::join_all((1..=40).map(|id| {
        let body = json!({"query": format!("mutation {{ add(ids: [{id}]) }}")});
        let server = &server;
        async move { (id, server.post(None, body).await.1) }
    }));
    let mut written = std::collections::HashMap::new();
    for (id, answer) in answers.await {
        written.insert(id.to_string(), position(&cursor(&answer)));
    }
    for _ in 0..40 {
        let event = listener.event().await;
        let at = position(listener.cursor.as_deref().unwrap());
        let id = event["id"].as_str().unwrap();
        assert!(at <= written[id], "{id} is at {at}");
    }
}

#[tokio::test]
async fn what_writes_nothing_or_nowhere_has_no_position() {
    let file = Store::new("own-not");
    let server = serve(&file, true).await;
    for (query, expected) in [
        ("{ hello }", json!({"data": {"hello": "world"}})),
        ("mutation { nothing }", Value::Null),
    ] {
        let (_, answer) = server.post(None, json!({ "query": query })).await;
        assert_eq!(answer.get("extensions"), None, "{answer}");
        if !expected.is_null() {
            assert_eq!(answer, expected);
        }
    }
    // It may have written before it failed.
    let (_, answer) = server
        .post(None, json!({"query": "mutation { fails }"}))
        .await;
    cursor(&answer);
    let server = serve(&file, false).await;
    let (_, answer) = server
        .post(None, json!({"query": "mutation { add(ids: [9]) }"}))
        .await;
    assert_eq!(answer, json!({"data": {"add": 1}}));
}
