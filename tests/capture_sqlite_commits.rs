//! What others feel of a transaction whose `COMMIT` takes its time.

#![cfg(feature = "diesel")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod capture;
#[path = "capture/sqlite.rs"]
mod database;
mod in_process;
mod until;

use std::sync::mpsc;
use std::thread::JoinHandle;

use async_graphql::{Data, EmptyMutation, Request, Schema};
use capture::{Note, NoteSubscription, Query, notes};
use database::connect;
use diesel::connection::InstrumentationEvent;
use diesel::prelude::*;
use graphex::prelude::*;
use graphex::{Channel, Hub};
use in_process::Desk;
use serde_json::Value;

const BULK: i64 = 2_000;

type Notes = Desk<Schema<Query, EmptyMutation, NoteSubscription>>;

fn desk() -> Notes {
    let hub = Hub::builder().model::<Note>();
    let hub = hub.limits(|limits| limits.publisher_queue = 10);
    let schema = Schema::new(Query, EmptyMutation, NoteSubscription::default());
    Desk::new(hub.build(), schema)
}

async fn subscribed(desk: &Notes) -> Channel {
    let user = Identity::new("user");
    let channel = desk.hub.connect(user.clone()).unwrap();
    let document = format!(
        "subscription {{ noteSubscription(channelId: \"{}\", action: ALL_ACTIONS, \
         operation: SUBSCRIBE) {{ ok }} }}",
        channel.id().as_str()
    );
    let answer = desk.ask(&user, Request::new(document), Data::default());
    assert_eq!(answer.await["data"]["noteSubscription"]["ok"], true);
    channel
}

/// What the channel is told: ids, and nothing for a `resync`.
async fn told(channel: &mut Channel, count: usize) -> Vec<Option<i64>> {
    let mut told = Vec::new();
    while told.len() < count {
        let taken = tokio::time::timeout(std::time::Duration::from_secs(20), channel.take());
        for frame in taken.await.expect("nothing came").unwrap() {
            let frame: Value = serde_json::from_slice(&frame).unwrap();
            told.push(frame["payload"]["data"]["id"].as_i64());
        }
    }
    told
}

/// A writer of many rows that has begun its `COMMIT`, and ends it when it is let.
struct Committing {
    go: mpsc::Sender<()>,
    writer: JoinHandle<()>,
}

impl Committing {
    fn begin(hub: &Hub, ids: std::ops::Range<i64>) -> Self {
        let (go, gone) = mpsc::channel();
        let (reached, at_commit) = mpsc::channel();
        let hub = hub.clone();
        let writer = std::thread::spawn(move || {
            let mut conn = connect();
            let waits = move |event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::StartQuery { query, .. } = event
                    && query.to_string() == "COMMIT"
                {
                    reached.send(()).unwrap();
                    gone.recv().unwrap();
                }
            };
            hub.attach_with(&mut conn, waits).unwrap();
            let written = conn.transaction(|conn| {
                for id in ids {
                    diesel::insert_into(notes::table)
                        .values(Note::new(id, "bulk"))
                        .broadcast()
                        .execute(conn)?;
                }
                QueryResult::Ok(())
            });
            written.unwrap();
        });
        at_commit.recv().unwrap();
        Self { go, writer }
    }

    fn end(self) {
        self.go.send(()).unwrap();
        self.writer.join().unwrap();
    }
}

#[tokio::test]
async fn others_lose_nothing_to_a_bulk_that_commits() {
    let desk = desk();
    let mut channel = subscribed(&desk).await;
    let bulk = Committing::begin(&desk.hub, 0..BULK);
    for id in -5..0 {
        desk.hub.publish(Action::Create, &Note::new(id, "other"));
        assert_eq!(told(&mut channel, 1).await, [Some(id)]);
    }
    bulk.end();
    // One transaction alone has room, in the queue; the outbox says what it had none for.
    let bulk = told(&mut channel, 1_000).await;
    assert!(
        bulk.iter()
            .copied()
            .zip(0..)
            .all(|(id, nth)| id == Some(nth))
    );
    assert_eq!(desk.hub.stats().changes_lost, 0);
}

#[tokio::test]
async fn a_commit_that_hangs_hides_no_loss_of_others() {
    let desk = desk();
    let mut channel = subscribed(&desk).await;
    let hangs = Committing::begin(&desk.hub, 0..1);
    // On this runtime of one thread nothing leaves the queue meanwhile.
    for id in 1..20 {
        desk.hub.publish(Action::Create, &Note::new(id, "other"));
    }
    let mut expected: Vec<_> = (1..=10).map(Some).collect();
    expected.push(None);
    assert_eq!(told(&mut channel, 11).await, expected);
    hangs.end();
    assert_eq!(told(&mut channel, 1).await, [Some(0)]);
}

#[tokio::test]
async fn what_waits_for_a_commit_of_its_row_comes_after_it() {
    let desk = desk();
    let mut channel = subscribed(&desk).await;
    let first = Committing::begin(&desk.hub, 7..8);
    desk.hub.publish(Action::Update, &Note::new(7, "later"));
    desk.hub.publish(Action::Update, &Note::new(8, "another"));
    assert_eq!(told(&mut channel, 1).await, [Some(8)]);
    first.end();
    assert_eq!(told(&mut channel, 2).await, [Some(7), Some(7)]);
}

/// The memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Migrations, cron jobs and shells share the models with the service, and nothing feeds a hub of theirs.
#[cfg(target_os = "linux")]
#[test]
fn a_program_without_a_runtime_keeps_nothing_of_what_it_writes() {
    const LENGTH: usize = 50_000;
    let hub = Hub::builder().model::<Note>();
    // Room is not what bounds it.
    let hub = hub
        .limits(|limits| limits.publisher_queue = usize::MAX)
        .build();
    let mut conn = connect();
    hub.attach(&mut conn).unwrap();
    let note = Note::new(1, "");
    diesel::insert_into(notes::table)
        .values(&note)
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    let before = resident();
    for number in 0..4_000_u32 {
        let text = format!("{number:0width$}", width = LENGTH);
        // Alone, in a transaction, in one that rolls back, and told by hand: 50 MB each.
        let write = |conn: &mut SqliteConnection| {
            diesel::update(notes::table.find(1))
                .set(notes::text.eq(&text))
                .broadcast()
                .execute(conn)
        };
        let written = match number % 4 {
            0 => write(&mut conn),
            1 => conn.transaction(write),
            2 => conn
                .transaction(|conn| -> QueryResult<usize> {
                    write(conn)?;
                    Err(diesel::result::Error::RollbackTransaction)
                })
                .or(Ok(1)),
            _ => {
                hub.publish(Action::Update, &Note::new(1, &text));
                Ok(1)
            }
        };
        assert_eq!(written, Ok(1));
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 40_000_000, "{grown} bytes");
}
