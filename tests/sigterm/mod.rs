//! The example programs are ended while many clients are connected: all are sent away inside the window, also
//! beside some who do not read, and whoever goes on elsewhere has missed nothing.

mod follower;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::crowd::Crowd;
use crate::harness::within;
use crate::proof;
use follower::Follower;

/// What both examples take.
const WINDOW: Duration = Duration::from_secs(10);
/// What a supervisor gives them to end, as the guide has it.
const GRACE: Duration = Duration::from_secs(30);
/// How many do not read, as which of the examples' users, who is of a tenant of its own.
const STUCK: usize = 5;
const SILENT: usize = 3;

/// Where a service listens: for requests and streams, and for the two-channel protocol's WebSockets.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) http: String,
    pub(crate) ws: String,
}

impl Place {
    /// What this user's operation answers.
    pub(crate) async fn ask(&self, user: usize, query: &str) -> Value {
        self.post(user, &json!({ "query": query })).await
    }

    async fn post(&self, user: usize, body: &Value) -> Value {
        let request = reqwest::Client::new()
            .post(format!("http://{}/graphql", self.http))
            .header("x-user", user)
            .json(body);
        let response = within(request.send()).await.unwrap();
        let answer: Value = within(response.json()).await.unwrap();
        assert_eq!(answer.get("errors"), None, "{answer}");
        answer["data"].clone()
    }
}

/// Ends the processes that serve the first place, with as many clients as `tests/proof` says: 500 sockets and 50
/// streams, or ten times as many. Both places have one change log.
pub(crate) async fn ends_with_all(processes: Vec<Child>, first: &Place, second: &Place) {
    let (sockets, streams) = (proof::steps(500), proof::steps(50));
    let crowd = Crowd::connect_to(&first.http, &first.ws, sockets, streams).await;
    let (written, progress) = watch::channel(0);
    let mut followers = JoinSet::new();
    for number in 0..(sockets / 10).min(150) {
        let follower = Follower::join(first, number).await;
        followers.spawn(follower.follow(first.clone(), second.clone(), progress.clone()));
    }
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(who_does_not_read(&first.http).await);
    }
    fill(second).await;

    let (stop, stopped) = watch::channel(false);
    let writing = tokio::spawn(write(second.clone(), written, stopped));
    // Something is on its way when it begins.
    within(progress.clone().wait_for(|written| *written >= 10))
        .await
        .unwrap();
    let begun = Instant::now();
    for process in &processes {
        let id = process.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-TERM", &id]).status();
        assert!(within(kill).await.unwrap().success());
    }
    crowd.was_sent_away_evenly(begun, WINDOW).await;
    for mut process in processes {
        let left = GRACE.saturating_sub(begun.elapsed());
        let ended = tokio::time::timeout(left, process.wait()).await;
        assert_eq!(ended.expect("it ends in time").unwrap().code(), Some(0));
    }
    println!("the programs have ended after {:?}", begun.elapsed());
    drop(stuck);
    stop.send_replace(true);
    let written = within(writing).await.unwrap();
    let mut moved = 0;
    while let Some(follower) = within(followers.join_next()).await {
        moved += follower.unwrap();
    }
    println!("{written} messages, of which {moved} followers have missed none");
    assert_eq!(moved, (sockets / 10).min(150), "each has gone on elsewhere");
}

/// Writes messages, numbered from 1, until it is told to stop, and one that says so; how many.
async fn write(
    place: Place,
    written: watch::Sender<usize>,
    stopped: watch::Receiver<bool>,
) -> usize {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    while !*stopped.borrow() {
        ticks.tick().await;
        let next = *written.borrow() + 1;
        let mutation = format!("mutation {{ createMessage(room: 1, text: \"{next}\") {{ id }} }}");
        place.ask(1, &mutation).await;
        written.send_replace(next);
    }
    place
        .ask(
            1,
            "mutation { createMessage(room: 1, text: \"the last\") { id } }",
        )
        .await;
    *written.borrow()
}

/// Subscribes to the messages of another tenant, and never reads.
async fn who_does_not_read(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let query = "subscription { messageChanges { id data { text } } }";
    let body = json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\nx-user: {SILENT}\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 17];
    within(stream.read_exact(&mut head)).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK\r\n");
    stream
}

/// Writes more than the buffers of two sockets take, to those who do not read alone.
async fn fill(place: &Place) {
    let text = "x".repeat(1_000_000);
    for _ in 0..16 {
        let query = "mutation ($text: String!) { createMessage(room: 1, text: $text) { id } }";
        let body = json!({ "query": query, "variables": { "text": text } });
        place.post(SILENT, &body).await;
    }
}
