//! Updates of one row that come too fast: the newest comes in a while, the last always, and none is
//! drawn over a create or a delete.

use std::time::Duration;

use crate::hello::Query;
use crate::until::until;
use async_graphql::{EmptyMutation, Request, Response};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _};
use graphex::Channel;
use graphex::prelude::*;
use serde_json::Value;

const INTERVAL: Duration = Duration::from_millis(100);

/// Where something is.
#[derive(Clone, ModelType)]
#[graphex(stream = "positions", serialize_data)]
struct Position {
    id: i64,
    x: i64,
}

#[derive(MergedSubscription, Default)]
struct Subscription(PositionSubscription, PositionChanges);

struct Site {
    hub: Hub,
    schema: Schema<Query, EmptyMutation, Subscription>,
}

fn site(throttle: Option<Duration>) -> Site {
    let mut builder = Hub::builder().model::<Position>();
    if let Some(interval) = throttle {
        builder = builder.throttle::<Position>(interval);
    }
    let hub = builder.build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    Site { hub, schema }
}

impl Site {
    async fn two_channel(&self) -> Channel {
        let channel = self.hub.connect(Identity::anonymous()).unwrap();
        let id = channel.id().as_str();
        let document = format!(
            "subscription {{ positionSubscription(channelId: \"{id}\", operation: SUBSCRIBE, action: ALL_ACTIONS) {{ ok error }} }}"
        );
        let answer = graphex::execute(&self.schema, Request::new(document)).await;
        let answer = answer.data.into_json().unwrap();
        assert_eq!(answer["positionSubscription"]["ok"], true, "{answer}");
        channel
    }

    /// A subscription of the standard protocols, which has joined.
    async fn changes(&self, arguments: &str) -> BoxStream<'static, Response> {
        let document =
            format!("subscription {{ positionChanges{arguments} {{ action id data {{ x }} }} }}");
        let before = self.hub.stats().subscriptions;
        let mut stream = self.schema.execute_stream(document).peekable();
        let polled = futures_util::poll!(std::pin::Pin::new(&mut stream).peek());
        assert!(polled.is_pending(), "{polled:?}");
        assert_eq!(self.hub.stats().subscriptions, before + 1);
        stream.boxed()
    }

    async fn write(&self, action: Action, id: i64, x: i64) {
        self.hub.publish(action, &Position { id, x });
        // Delivered before time goes on; `flush` would let go what is held back.
        until(|| self.hub.stats().changes_waiting == 0).await;
    }

    async fn update(&self, id: i64, x: i64) {
        self.write(Action::Update, id, x).await;
    }
}

/// All that is there: action, key and x.
async fn told(channel: &mut Channel) -> Vec<(String, i64, i64)> {
    let taken = tokio::time::timeout(Duration::ZERO, channel.take()).await;
    let frames = taken.map(Result::unwrap).unwrap_or_default();
    let event = |frame: &[u8]| {
        let frame: Value = serde_json::from_slice(frame).unwrap();
        let payload = &frame["payload"];
        (
            payload["action"].as_str().unwrap().to_owned(),
            payload["data"]["id"].as_i64().unwrap(),
            payload["data"]["x"].as_i64().unwrap(),
        )
    };
    frames.iter().map(|frame| event(frame)).collect()
}

/// Moves time and lets what is due then happen.
async fn after(time: Duration) {
    tokio::time::sleep(time).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_updates_a_second_eleven_come_and_the_last_one() {
    let site = site(Some(INTERVAL));
    let mut client = site.two_channel().await;
    let mut events = Vec::new();
    for x in 0..1_000 {
        site.update(1, x).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        events.extend(told(&mut client).await);
    }
    assert!((10..=11).contains(&events.len()), "{}", events.len());
    // The first at once, then the newest of each tenth of a second.
    assert_eq!(events[0], ("update".to_owned(), 1, 0));
    let xs: Vec<_> = events.iter().map(|(_, _, x)| *x).collect();
    assert!(xs.is_sorted());
    assert!(
        xs.windows(2)
            .all(|pair| (80..=120).contains(&(pair[1] - pair[0]))),
        "{xs:?}"
    );
    after(INTERVAL).await;
    let last = told(&mut client).await;
    assert_eq!(last, [("update".to_owned(), 1, 999)]);
    after(INTERVAL * 5).await;
    assert_eq!(told(&mut client).await, []);
    // A row that rested is told at once again.
    site.update(1, 1_000).await;
    assert_eq!(told(&mut client).await, [("update".to_owned(), 1, 1_000)]);
}

#[tokio::test(start_paused = true)]
async fn no_update_is_drawn_over_a_create_or_a_delete() {
    let site = site(Some(INTERVAL));
    let mut client = site.two_channel().await;
    site.write(Action::Create, 1, 0).await;
    for x in 1..=5 {
        site.update(1, x).await;
    }
    site.write(Action::Delete, 1, 5).await;
    site.write(Action::Create, 1, 6).await;
    site.update(1, 7).await;
    site.update(1, 8).await;
    let event = |action: &str, x| (action.to_owned(), 1, x);
    let expected = [
        event("create", 0),
        event("update", 5),
        event("delete", 5),
        event("create", 6),
    ];
    assert_eq!(told(&mut client).await, expected);
    after(INTERVAL).await;
    assert_eq!(told(&mut client).await, [event("update", 8)]);
}

#[tokio::test(start_paused = true)]
async fn rows_do_not_wait_for_each_other() {
    let site = site(Some(INTERVAL));
    let mut client = site.two_channel().await;
    for id in 1..=50 {
        site.update(id, 0).await;
        site.update(id, 1).await;
    }
    let event = |id, x| ("update".to_owned(), id, x);
    let first: Vec<_> = (1..=50).map(|id| event(id, 0)).collect();
    assert_eq!(told(&mut client).await, first);
    after(INTERVAL).await;
    let then: Vec<_> = (1..=50).map(|id| event(id, 1)).collect();
    assert_eq!(told(&mut client).await, then);
}

/// Who subscribes again is told first what is held back, and nothing older afterwards.
#[tokio::test(start_paused = true)]
async fn who_subscribes_again_loses_nothing_and_gets_nothing_old() {
    let site = site(Some(INTERVAL));
    let mut client = site.two_channel().await;
    let id = client.id().as_str().to_owned();
    site.update(1, 0).await;
    site.update(1, 1).await;
    let document = format!(
        "subscription {{ positionSubscription(channelId: \"{id}\", operation: SUBSCRIBE, action: ALL_ACTIONS) {{ ok }} }}"
    );
    graphex::execute(&site.schema, Request::new(document)).await;
    let event = |x| ("update".to_owned(), 1, x);
    assert_eq!(told(&mut client).await, [event(0), event(1)]);
    site.update(1, 2).await;
    after(INTERVAL * 3).await;
    assert_eq!(told(&mut client).await, [event(2)]);
}

async fn xs(stream: &mut BoxStream<'static, Response>) -> Vec<i64> {
    let mut xs = Vec::new();
    while let Ok(Some(response)) = tokio::time::timeout(Duration::ZERO, stream.next()).await {
        let data = response.data.into_json().unwrap();
        xs.push(data["positionChanges"]["data"]["x"].as_i64().unwrap());
    }
    xs
}

#[tokio::test(start_paused = true)]
async fn a_client_asks_for_one_and_others_do_not_wait() {
    let site = site(None);
    let mut slow = site.changes("(throttle: 500)").await;
    let mut fast = site.changes("").await;
    for x in 0..20 {
        site.update(1, x).await;
        after(Duration::from_millis(100)).await;
    }
    assert_eq!(xs(&mut fast).await, (0..20).collect::<Vec<_>>());
    let slowed = xs(&mut slow).await;
    assert!((4..=5).contains(&slowed.len()), "{slowed:?}");
    after(Duration::from_secs(1)).await;
    let last = xs(&mut slow).await;
    assert_eq!(slowed.iter().chain(&last).last(), Some(&19));
    drop((slow, fast));
    assert_eq!(site.hub.stats().plans, 0);
}

#[tokio::test(start_paused = true)]
async fn the_servers_is_the_least_and_the_limit_the_most() {
    let site = site(Some(INTERVAL));
    let mut impatient = site.changes("(throttle: 1)").await;
    for x in 0..10 {
        site.update(1, x).await;
    }
    assert_eq!(xs(&mut impatient).await, [0]);
    after(INTERVAL).await;
    assert_eq!(xs(&mut impatient).await, [9]);
    for asked in ["60001", "-1"] {
        let document = format!("subscription {{ positionChanges(throttle: {asked}) {{ id }} }}");
        let mut stream = site.schema.execute_stream(document);
        let error = stream.next().await.unwrap().errors.remove(0).message;
        let expected = match asked {
            "-1" => "argument `throttle` must be a number of milliseconds",
            _ => "`throttle` must be a number of milliseconds from 0 to 60000",
        };
        assert_eq!(error, expected);
    }
    assert_eq!(site.hub.stats().subscriptions, 1);
}

#[tokio::test(start_paused = true)]
async fn a_channel_subscribes_so_often_a_second() {
    let hub = Hub::builder()
        .model::<Position>()
        .limits(|limits| limits.subscribes_per_second = 3)
        .build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    let channel = hub.connect(Identity::anonymous()).unwrap();
    let subscribe = async || {
        let id = channel.id().as_str();
        let document = format!(
            "subscription {{ positionSubscription(channelId: \"{id}\", operation: SUBSCRIBE, action: CREATE) {{ error }} }}"
        );
        let answer = graphex::execute(&schema, Request::new(document)).await;
        answer.data.into_json().unwrap()["positionSubscription"]["error"].clone()
    };
    for _ in 0..3 {
        assert_eq!(subscribe().await, Value::Null);
    }
    let expected = "too many subscriptions at once: this channel may make 3 a second; try again";
    assert_eq!(subscribe().await, expected);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(subscribe().await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn flush_lets_go_what_is_held_back() {
    let site = site(Some(INTERVAL));
    let mut client = site.two_channel().await;
    let mut other = site.changes("(throttle: 500)").await;
    for (id, x) in [(1, 0), (2, 0), (2, 1), (1, 1), (1, 2)] {
        site.update(id, x).await;
    }
    let update = |id, x| ("update".to_owned(), id, x);
    assert_eq!(told(&mut client).await, [update(1, 0), update(2, 0)]);
    site.hub.flush().await;
    assert_eq!(told(&mut client).await, [update(2, 1), update(1, 2)]);
    let mut heard = Vec::new();
    for _ in 0..4 {
        let event = other.next().await.unwrap().data.into_json().unwrap();
        heard.push(event["positionChanges"]["data"]["x"].as_i64().unwrap());
    }
    assert_eq!(heard, [0, 0, 1, 2]);
    // Nothing comes twice, and the throttle goes on from now.
    after(INTERVAL * 10).await;
    assert_eq!(told(&mut client).await, []);
    site.update(1, 3).await;
    site.update(1, 4).await;
    assert_eq!(told(&mut client).await, [update(1, 3)]);
    after(INTERVAL).await;
    assert_eq!(told(&mut client).await, [update(1, 4)]);
}

#[tokio::test(start_paused = true)]
async fn who_is_drained_gets_what_is_held_back_first() {
    let site = site(Some(INTERVAL * 1_000));
    let mut clients = [site.two_channel().await, site.two_channel().await];
    site.update(1, 0).await;
    site.update(1, 1).await;
    let update = |x| ("update".to_owned(), 1, x);
    for client in &mut clients {
        assert_eq!(told(client).await, [update(0)]);
    }
    let hub = site.hub.clone();
    let drained = tokio::spawn(async move { hub.drain(Duration::from_secs(1)).await });
    // Both share a plan: it goes to the second with the first, and what comes later before its own end.
    after(Duration::from_millis(10)).await;
    site.update(1, 2).await;
    assert_eq!(told(&mut clients[0]).await, [update(1)]);
    assert_eq!(told(&mut clients[1]).await, [update(1)]);
    // Either may be the first to go.
    if clients[1].closed().now_or_never().is_some() {
        clients.reverse();
    }
    after(Duration::from_millis(500)).await;
    assert_eq!(told(&mut clients[1]).await, [update(2)]);
    for client in &mut clients {
        assert_eq!(
            client.take().await.unwrap_err(),
            graphex::CloseReason::GoingAway
        );
    }
    drop(clients);
    drained.await.unwrap();
}
