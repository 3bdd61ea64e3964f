//! A chat that is killed in the middle of its writes, and what is in its log afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use graphex::__private::{RawLog, RawRead};
use graphex::{ChangeLog, Cursor};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::dice::Dice;
use crate::proof;
use crate::replica::Replica;

/// The texts of messages by id.
type Messages = BTreeMap<i64, String>;

/// The texts that the server has acknowledged.
type Acknowledged = Arc<Mutex<Messages>>;

/// Starts the server, writes to it and kills it, again and again. Whoever goes on in its log where
/// the life before had come to is told all that was committed.
pub(crate) async fn write_and_kill(
    start: impl AsyncFn() -> (Child, String),
    log: &ChangeLog,
    stored: impl FnOnce() -> Vec<Stored>,
) {
    let kills = proof::steps(20);
    let mut dice = Dice::new(3);
    let acknowledged = Acknowledged::default();
    let mut replica = Replica::default();
    let mut cursor = None;
    for round in 0..=kills {
        let (mut process, address) = start().await;
        cursor = Some(match &cursor {
            None => RawLog::open(log, None).unwrap().unwrap().cursor(),
            Some(cursor) => read_on(log, cursor, &mut replica),
        });
        if round == kills {
            break;
        }
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let name = format!("{round} {writer}");
                tokio::spawn(write(address.clone(), name, Arc::clone(&acknowledged)))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + dice.below(150) as u64)).await;
        // SIGKILL.
        process.kill().await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
    }
    assert_eq!(replica.faults, Vec::<String>::new());
    let told = messages(&replica);
    let stored = stored().into_iter().map(|row| (row.id, row.text));
    assert_eq!(told, stored.collect::<Messages>());
    let acknowledged = acknowledged.lock().unwrap();
    for (id, text) in acknowledged.iter() {
        assert_eq!(told.get(id), Some(text), "it was acknowledged");
    }
    assert!(acknowledged.len() > kills, "hardly anything was written");
    println!(
        "{} messages, {} acknowledged, {kills} kills",
        told.len(),
        acknowledged.len()
    );
}

/// What was committed after the cursor; where it ends.
fn read_on(log: &ChangeLog, cursor: &Cursor, replica: &mut Replica) -> Cursor {
    let raw = RawLog::open(log, Some(cursor)).unwrap();
    let mut raw = raw.expect("the cursor is gone");
    loop {
        match raw.read().unwrap() {
            RawRead::Page(page) => page.iter().for_each(|entry| replica.apply(entry)),
            RawRead::End => return raw.cursor(),
            RawRead::Gap => panic!("a gap"),
        }
    }
}

/// Writes until the server is gone.
async fn write(address: String, name: String, acknowledged: Acknowledged) {
    for number in 0.. {
        let text = format!("{name} {number}");
        let query = format!("mutation {{ createMessage(room: 1, text: \"{text}\") {{ id }} }}");
        let Some(body) = ask(&address, &query).await else {
            return;
        };
        if let Some(id) = body["data"]["createMessage"]["id"].as_i64() {
            acknowledged.lock().unwrap().insert(id, text);
        }
    }
}

/// The answer of a server that may be killed meanwhile.
async fn ask(address: &str, query: &str) -> Option<Value> {
    let request = reqwest::Client::new()
        .post(format!("http://{address}/graphql"))
        .header("x-user", 1)
        .json(&json!({"query": query}));
    request.send().await.ok()?.json().await.ok()
}

fn messages(replica: &Replica) -> Messages {
    let rows = replica.rows.iter();
    let messages = rows.filter(|((stream, _), _)| stream == "messages");
    let text = |json: &str| {
        let row: Value = serde_json::from_str(json).unwrap();
        row["text"].as_str().unwrap().to_owned()
    };
    messages.map(|((_, id), json)| (*id, text(json))).collect()
}

/// Selects what is in the table.
pub(crate) const STORED: &str = "SELECT CAST(id AS BIGINT) AS id, text FROM messages";

/// A row of [`STORED`].
#[derive(QueryableByName)]
pub(crate) struct Stored {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    text: String,
}
