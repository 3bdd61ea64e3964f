//! Rows that begin and cease to be a subscription's: its rows are those of SQL.

use crate::proof;
use std::collections::BTreeMap;

use crate::database::Conn;
use crate::dice::Dice;
use crate::harness::Server;
use crate::logged::{Store, event};
use crate::streams::graphql_ws::Raw;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::Value;

/// What subscribers ask, and the same in SQL.
const ASKED: [(Option<i64>, &str, &str); 6] = [
    (None, "", "TRUE"),
    (Some(1), "", "owner = 1"),
    (Some(2), ", filters: {room: 7}", "owner = 2 AND room = 7"),
    (None, ", filters: {room__in: [7, 8]}", "room IN (7, 8)"),
    (
        None,
        ", filters: {text__regex: \"^a.*b\"}",
        "text LIKE 'a%b%'",
    ),
    (
        Some(1),
        ", filters: {room__gt: 7, id__gt: 2}",
        "owner = 1 AND room > 7 AND id > 2",
    ),
];

/// Notes of these ids and beyond are the last; each subscription has one of them.
const LAST: i64 = 1_000_000;

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    text: String,
}

/// A client that keeps the rows of its subscription, by its events alone.
struct Keeper {
    raw: Raw,
    rows: BTreeMap<i64, String>,
}

impl Keeper {
    async fn join(server: &Server, user: Option<i64>, arguments: &str) -> Self {
        let query = format!(
            "subscription {{ noteChanges(ready: true{arguments}) {{ action id before {{ id owner room text }} changed data {{ text }} }} }}"
        );
        let mut raw = server.acknowledged_as(user).await;
        raw.subscribe("a", &query).await;
        let rows = BTreeMap::new();
        Self { raw, rows }
    }

    /// Applies events until this one.
    async fn keep_until(&mut self, end: &str) {
        while self.keep_next().await != end {}
    }

    /// Applies the next event; its action.
    async fn keep_next(&mut self) -> String {
        let (event, _) = event(&self.raw.next_of("a").await);
        let action = event["action"].as_str().unwrap().to_owned();
        let Some(id) = event["id"].as_str() else {
            return action;
        };
        let id = id.parse().unwrap();
        let text = event["data"]["text"].as_str().map(str::to_owned);
        let had = match &*action {
            "CREATE" | "ENTER" | "UPDATE" => self.rows.insert(id, text.unwrap()),
            "DELETE" | "LEAVE" => self.rows.remove(&id),
            other => panic!("{other}"),
        };
        let is_new = ["CREATE", "ENTER"].contains(&&*action);
        assert_eq!(had.is_none(), is_new, "{event}");
        if action == "UPDATE" {
            assert_eq!(event["before"]["text"].as_str(), had.as_deref());
        } else {
            let nulls = (&Value::Null, &Value::Null);
            assert_eq!((&event["before"], &event["changed"]), nulls);
        }
        if action == "LEAVE" {
            assert_eq!(event["data"], Value::Null);
        }
        action
    }
}

/// The rows that SQL gives.
fn stored(file: &Store, condition: &str) -> BTreeMap<i64, String> {
    let query = format!("SELECT id, text FROM notes WHERE {condition}");
    let rows: Vec<Stored> = diesel::sql_query(query).load(&mut file.connect()).unwrap();
    rows.into_iter().map(|row| (row.id, row.text)).collect()
}

fn step(conn: &mut Conn, dice: &mut Dice) {
    let (id, owner, room) = (1 + dice.below(6), 1 + dice.below(2), 7 + dice.below(3));
    let text = dice.pick(&["ab", "axb", "b", "c"]);
    let statement = match dice.below(5) {
        0 => format!(
            "INSERT INTO notes VALUES ({id}, {owner}, {room}, '{text}') ON CONFLICT DO NOTHING"
        ),
        1 => format!("DELETE FROM notes WHERE id = {id}"),
        2 => format!("UPDATE notes SET owner = {owner} WHERE id = {id}"),
        3 => format!("UPDATE notes SET room = {room} WHERE id <= {id}"),
        _ => format!("UPDATE notes SET text = '{text}', room = {room} WHERE id = {id}"),
    };
    conn.batch_execute(&statement).unwrap();
}

/// Changes of a round.
const STEPS: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_of_a_subscription_are_those_of_sql() {
    let file = Store::new("passages");
    let server = file
        .serve_with(|builder| builder.limits(|limits| limits.outbox_frames = 100_000))
        .await;
    let mut keepers = Vec::new();
    for (user, arguments, condition) in ASKED {
        let mut keeper = Keeper::join(&server, user, arguments).await;
        keeper.keep_until("READY").await;
        keepers.push((keeper, condition));
    }
    let mut dice = Dice::new();
    for round in 0..proof::steps(1) as i64 {
        // A cursor is of the scope in which it was given.
        let mut begun = BTreeMap::new();
        for user in [None, Some(1), Some(2)] {
            let mut keeper = Keeper::join(&server, user, "").await;
            let (_, cursor) = event(&keeper.raw.next_of("a").await);
            begun.insert(user, cursor.unwrap());
        }
        let before = ASKED.map(|(_, _, condition)| stored(&file, condition));
        let mut conn = file.connect();
        let writing = std::thread::spawn(move || {
            (0..STEPS).for_each(|_| step(&mut conn, &mut dice));
            dice
        });
        dice = writing.join().unwrap();
        let mut late = Vec::new();
        for ((user, arguments, condition), rows) in ASKED.into_iter().zip(before) {
            let arguments = format!(", after: \"{}\"{arguments}", begun[&user]);
            let keeper = Keeper {
                rows,
                ..Keeper::join(&server, user, &arguments).await
            };
            late.push((keeper, condition));
        }
        let last = LAST + 2 * round;
        file.run(&format!("DELETE FROM notes WHERE id >= {LAST}"));
        file.run(&format!(
            "INSERT INTO notes VALUES ({last}, 1, 8, 'ab'), ({last} + 1, 2, 7, 'ab')"
        ));
        for (keeper, condition) in late.iter_mut().chain(&mut keepers) {
            while !keeper.rows.keys().any(|id| *id >= last) {
                keeper.keep_next().await;
            }
            let mut rows = stored(&file, condition);
            // Of the last two it may have had one.
            rows.retain(|id, _| *id < LAST);
            let kept = keeper.rows.iter().filter(|(id, _)| **id < LAST);
            assert!(kept.eq(&rows), "{:?} {rows:?} {condition}", keeper.rows);
        }
    }
    assert_eq!(server.hub.stats().resyncs, 0);
}
