//! What one client asks or one stream carries is no matter of another's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::hello::Query;
use crate::in_process::{Desk, frames};
use async_graphql::{Data, EmptyMutation, Request, Schema};
use graphex::prelude::*;
use graphex::{Channel, Limits};
use serde_json::Value;
use tokio::sync::Semaphore;

#[derive(Clone, ModelType)]
#[graphex(stream = "messages", serialize_data, lookup(liked_by(id): i64))]
struct Message {
    id: i64,
    room: i64,
    text: String,
}

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i64,
    text: String,
}

/// Answers as often as it is let, and notes what it was asked.
struct Likes {
    answers: Semaphore,
    asked: Mutex<Vec<(i64, i64)>>,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Likes {
    fn new(answers: usize) -> Arc<Self> {
        Arc::new(Self {
            answers: Semaphore::new(answers),
            asked: Mutex::default(),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }
}

impl MessageLookups for Message {
    /// Everybody likes everything; who is negative is slow to say so.
    async fn liked_by(ctx: &LookupContext<'_>, id: i64, who: i64) -> Result<bool> {
        let likes = ctx.data::<Arc<Likes>>()?;
        likes.asked.lock().unwrap().push((id, who));
        let running = likes.running.fetch_add(1, Ordering::Relaxed) + 1;
        likes.most.fetch_max(running, Ordering::Relaxed);
        if who < 0 {
            likes.answers.acquire().await?.forget();
        }
        likes.running.fetch_sub(1, Ordering::Relaxed);
        Ok(true)
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, NoteSubscription);

type Chat = Desk<Schema<Query, EmptyMutation, Subscription>>;

fn chat(likes: &Arc<Likes>, limits: impl FnOnce(&mut Limits)) -> Chat {
    let hub = Hub::builder().model::<Message>().model::<Note>();
    let hub = hub.data(Arc::clone(likes)).limits(limits).build();
    Desk::new(
        hub,
        Schema::new(Query, EmptyMutation, Subscription::default()),
    )
}

fn user(name: &str) -> Identity {
    Identity::new(name)
}

fn message(id: i64, text: impl Into<String>) -> Message {
    Message {
        id,
        room: 7,
        text: text.into(),
    }
}

fn note(id: i64) -> Note {
    Note {
        id,
        text: String::new(),
    }
}

async fn subscribe(chat: &Chat, name: &str, channel: &Channel, field: &str, rest: &str) {
    let document = format!(
        "subscription {{ {field}(channelId: \"{}\", action: ALL_ACTIONS, operation: SUBSCRIBE{rest}) \
         {{ ok error }} }}",
        channel.id().as_str()
    );
    let answer = chat
        .ask(&user(name), Request::new(document), Data::default())
        .await;
    assert_eq!(answer["data"][field]["ok"], true, "{answer}");
}

async fn listening(chat: &Chat, name: &str, filters: &str) -> Channel {
    let channel = chat.hub.connect(user(name)).unwrap();
    let filters = format!(", filters: {filters}");
    subscribe(chat, name, &channel, "messageSubscription", &filters).await;
    channel
}

/// Waits for a notification; its payload.
async fn next(channel: &mut Channel) -> Value {
    let taken = tokio::time::timeout(Duration::from_secs(20), channel.take());
    let mut taken = taken.await.expect("nothing came").unwrap();
    assert_eq!(taken.len(), 1, "{taken:?}");
    let mut frame: Value = serde_json::from_slice(&taken.pop_front().unwrap()).unwrap();
    frame["payload"].take()
}

fn is_resync(payload: &Value) -> bool {
    payload["action"] == "resync"
}

/// A pattern that costs as much as one can.
fn hostile(number: usize) -> String {
    format!("{{ text__regex: \"[ab]*a[ab]{{250}}c{number}\" }}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patterns_cost_their_owner_alone() {
    let mut chat = chat(&Likes::new(0), |_| {});
    let mut greedy = chat.hub.connect(user("greedy")).unwrap();
    for number in 0..100 {
        let filters = format!(", filters: {}", hostile(number));
        subscribe(&chat, "greedy", &greedy, "messageSubscription", &filters).await;
    }
    let mut quiet = chat.hub.connect(user("quiet")).unwrap();
    subscribe(&chat, "quiet", &quiet, "noteSubscription", "").await;
    // Another's pattern on the same stream waits for no more than what is tested already.
    let mut other = listening(&chat, "other", "{ text__iregex: \"A[AB]*$\" }").await;
    for id in 0..3 {
        chat.publish(Action::Create, &message(id, "ab".repeat(5_000)));
        chat.publish(Action::Create, &note(id));
        assert_eq!(next(&mut quiet).await["data"]["id"], id);
        assert_eq!(next(&mut other).await["data"]["id"], id);
    }
    // Most was more than its budget, which it is told.
    assert!(chat.hub.stats().budgets_spent > 0);
    assert!(is_resync(
        &serde_json::from_slice::<Value>(&greedy.take().await.unwrap()[0]).unwrap()["payload"]
    ));
}

#[tokio::test]
async fn changes_come_in_order_whichever_of_them_are_decided_beside_the_lane() {
    let mut chat = chat(&Likes::new(0), |_| {});
    let mut client = listening(&chat, "user", "{ text__regex: \"^a[ab]*$\" }").await;
    for id in 0..20 {
        let length = if id % 3 == 0 { 20_000 } else { 1 };
        chat.publish(Action::Create, &message(id, "a".repeat(length)));
    }
    for id in 0..20 {
        let mut payload = None;
        while payload.is_none() {
            let mut taken = client.take().await.unwrap();
            assert!(taken.len() <= 20 - id);
            payload = taken.pop_front();
            for (frame, id) in payload.iter().chain(&taken).zip(id..) {
                let frame: Value = serde_json::from_slice(frame).unwrap();
                assert_eq!(frame["payload"]["data"]["id"], id);
            }
            if taken.len() == 19 - id {
                return;
            }
            if !taken.is_empty() {
                // They were looked at; the rest is counted from there.
                return rest_in_order(&mut client, id + 1 + taken.len()).await;
            }
        }
    }
}

async fn rest_in_order(client: &mut Channel, mut id: usize) {
    while id < 20 {
        for frame in client.take().await.unwrap() {
            let frame: Value = serde_json::from_slice(&frame).unwrap();
            assert_eq!(frame["payload"]["data"]["id"], id);
            id += 1;
        }
    }
}

#[tokio::test]
async fn patterns_can_be_left_out() {
    let chat = chat(&Likes::new(0), |limits| limits.pattern_bytes = 0);
    let channel = chat.hub.connect(user("user")).unwrap();
    let document = format!(
        "subscription {{ messageSubscription(channelId: \"{}\", action: CREATE, operation: SUBSCRIBE, \
         filters: {{ text__regex: \"a\" }}) {{ ok error }} }}",
        channel.id().as_str()
    );
    let answer = chat
        .ask(&user("user"), Request::new(document), Data::default())
        .await;
    assert_eq!(
        answer["data"]["messageSubscription"]["ok"], false,
        "{answer}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_lookup_waits_for_its_owner_alone() {
    let likes = Likes::new(0);
    let mut chat = chat(&likes, |limits| limits.lookups_per_identity = 4);
    let mut greedy = Vec::new();
    for who in 1..=100 {
        greedy.push(listening(&chat, "greedy", &format!("{{ liked_by: -{who} }}")).await);
    }
    let mut other = listening(&chat, "other", "{ liked_by: 1 }").await;
    let before = tokio::time::Instant::now();
    for id in 0..50 {
        chat.publish(Action::Create, &message(id, ""));
        assert_eq!(next(&mut other).await["data"]["id"], id);
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    // Four of the one and one of the other.
    assert_eq!(likes.most.load(Ordering::Relaxed), 5);
    // Each answer that comes too late is a gap that is told.
    tokio::time::sleep(Duration::from_secs(600)).await;
    for channel in &mut greedy {
        assert!(is_resync(&next(channel).await));
    }
}

#[tokio::test(start_paused = true)]
async fn who_shares_a_lookup_with_a_slow_one_waits_for_its_own() {
    let likes = Likes::new(0);
    let mut chat = chat(&likes, |limits| limits.lookups_per_identity = 1);
    let _slow = listening(&chat, "greedy", "{ liked_by: -1 }").await;
    let _same = listening(&chat, "greedy", "{ liked_by: 5 }").await;
    let mut other = listening(&chat, "other", "{ liked_by: 5 }").await;
    chat.publish(Action::Create, &message(1, ""));
    let before = tokio::time::Instant::now();
    assert_eq!(next(&mut other).await["data"]["id"], 1);
    assert_eq!(before.elapsed(), Duration::ZERO);
    let asked = likes.asked.lock().unwrap();
    let shared = asked.iter().filter(|(_, who)| *who == 5).count();
    assert_eq!(shared, 1, "once for each operand: {asked:?}");
}

#[tokio::test(start_paused = true)]
async fn after_the_answer_nothing_of_the_old_plan_comes() {
    let likes = Likes::new(0);
    let mut chat = chat(&likes, |_| {});
    let mut client = listening(&chat, "user", "{ liked_by: -1 }").await;
    for id in 0..10 {
        chat.publish(Action::Create, &message(id, "secret"));
    }
    chat.delivered().await;
    // The same subscription, with less of each row.
    let rest = ", filters: { liked_by: -1 }, data: [ID]";
    subscribe(&chat, "user", &client, "messageSubscription", rest).await;
    likes.answers.add_permits(100);
    // What was to be decided under the old plan is lost to the new one, which is told.
    assert!(is_resync(&next(&mut client).await));
    chat.publish(Action::Create, &message(10, "secret"));
    let payload = next(&mut client).await;
    assert_eq!(payload["data"], serde_json::json!({ "id": 10 }));
}

#[tokio::test(start_paused = true)]
async fn nothing_that_waits_for_a_lookup_comes_after_a_resync() {
    let likes = Likes::new(0);
    let mut chat = chat(&likes, |limits| {
        limits.publisher_queue = 5;
        limits.lookup_time = Duration::from_secs(60);
    });
    let mut client = listening(&chat, "user", "{ liked_by: -1 }").await;
    chat.publish(Action::Create, &message(1, ""));
    chat.delivered().await;
    // A loss on the stream while the first is undecided.
    for id in 2..20 {
        chat.hub.publish(Action::Create, &message(id, ""));
    }
    assert!(chat.hub.stats().changes_lost > 0);
    assert!(is_resync(&next(&mut client).await));
    likes.answers.add_permits(100);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(frames(&mut client), [""; 0]);
    chat.hub.publish(Action::Create, &message(20, ""));
    assert_eq!(next(&mut client).await["data"]["id"], 20);
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_overflows_is_told_and_bounded() {
    let likes = Likes::new(0);
    let mut chat = chat(&likes, |limits| limits.decision_queue = 100);
    let mut client = listening(&chat, "user", "{ liked_by: -1 }").await;
    let mut other = listening(&chat, "other", "{ liked_by: 1 }").await;
    for id in 0..3_000 {
        chat.publish(Action::Create, &message(id, ""));
        assert_eq!(next(&mut other).await["data"]["id"], id);
    }
    chat.delivered().await;
    assert!(is_resync(&next(&mut client).await));
    let stats = chat.hub.stats();
    assert!(stats.decisions_dropped > 0 && stats.decisions_dropped <= 3_000);
}

/// Clients that cannot take a `resync` never get one, whatever is missing.
#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_tell_of_gaps_tells_of_none() {
    let likes = Likes::new(0);
    let hub = Hub::builder()
        .model::<Message>()
        .model::<Note>()
        .data(likes);
    let hub = hub
        .limits(|limits| limits.publisher_queue = 3)
        .resync(false);
    let schema = Schema::new(Query, EmptyMutation, Subscription::default());
    let chat = Desk::new(hub.build(), schema);
    let mut slow = listening(&chat, "user", "{ liked_by: -1 }").await;
    let mut all = listening(&chat, "user", "{}").await;
    for id in 0..5 {
        chat.hub.publish(Action::Create, &message(id, ""));
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(chat.hub.stats().changes_lost, 2);
    assert!(chat.hub.stats().lookups_failed > 0);
    assert_eq!(frames(&mut slow), [""; 0]);
    assert_eq!(frames(&mut all).len(), 3);
}

#[tokio::test]
async fn a_loss_of_one_stream_is_told_to_that_stream_alone() {
    let chat = chat(&Likes::new(0), |limits| limits.publisher_queue = 3);
    let mut both = chat.hub.connect(user("user")).unwrap();
    subscribe(&chat, "user", &both, "messageSubscription", "").await;
    subscribe(&chat, "user", &both, "noteSubscription", "").await;
    for id in 0..5 {
        chat.hub.publish(Action::Create, &message(id, ""));
    }
    for id in 0..3 {
        chat.hub.publish(Action::Create, &note(id));
    }
    assert_eq!(chat.hub.stats().changes_lost, 2);
    let mut told = Vec::new();
    while told.len() < 7 {
        for frame in both.take().await.unwrap() {
            let frame: Value = serde_json::from_slice(&frame).unwrap();
            let stream = frame["stream"].as_str().unwrap().to_owned();
            let action = frame["payload"]["action"].as_str().unwrap().to_owned();
            told.push((stream, action));
        }
    }
    let of = |stream: &str| -> Vec<_> {
        let of = told.iter().filter(|(of, _)| of == stream);
        of.map(|(_, action)| action.as_str()).collect()
    };
    assert_eq!(of("messages"), ["create", "create", "create", "resync"]);
    assert_eq!(of("notes"), ["create", "create", "create"]);
}

/// The lane of one stream is busy for as long as there are changes, and this runs on one thread.
#[tokio::test]
async fn a_stream_does_not_wait_for_another_that_is_busy() {
    let mut chat = chat(&Likes::new(0), |_| {});
    let mut crowd = Vec::new();
    for number in 0..1_000 {
        let name = format!("user:{}", number / 100);
        let filters = format!("{{ text__contains: \"nobody writes {number}\" }}");
        crowd.push(listening(&chat, &name, &filters).await);
    }
    let mut quiet = chat.hub.connect(user("quiet")).unwrap();
    subscribe(&chat, "quiet", &quiet, "noteSubscription", "").await;
    for id in 0..500 {
        chat.publish(Action::Create, &message(id, "something else"));
    }
    chat.publish(Action::Create, &note(1));
    assert_eq!(next(&mut quiet).await["data"]["id"], 1);
    let published = chat.hub.stats().changes_published;
    assert!(
        published < 100,
        "{published} messages were delivered before the note"
    );
    chat.delivered().await;
}
