//! The kit for tests: clients without sockets, test transactions, faults, and tokio's time.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_graphql::{EmptyMutation, Object};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use futures_util::FutureExt as _;
use graphex::prelude::*;
use graphex::testing::{Client, Faults, Subscriber, publish_uncommitted, uncommitted};
use graphex::{CloseReason, Event, HubBuilder, TypedChange};
use serde_json::json;

diesel::table! {
    messages (id) {
        id -> BigInt,
        room -> BigInt,
        text -> Text,
    }
}

#[derive(Clone, Debug, PartialEq, Queryable, Selectable, Insertable, ModelType)]
#[diesel(table_name = messages)]
#[graphex(
    stream = "messages",
    serialize_data,
    authorize,
    scope(optional(room)),
    lookup(late: bool)
)]
struct Message {
    id: i64,
    room: i64,
    text: String,
}

#[derive(Clone)]
struct Room(i64);

impl Authorized for Message {
    async fn authorize(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<()> {
        match ctx.data::<Identity>()?.name() {
            Some("eve") => Err("not you".into()),
            _ => Ok(()),
        }
    }
}

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let room = ctx.data_opt::<Room>().map(|room| room.0);
        Ok(MessageScope { room })
    }
}

impl MessageLookups for Message {
    async fn late(_: &LookupContext<'_>, _: i64, late: bool) -> Result<bool> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(late)
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
struct Subscription(MessageSubscription, MessageChanges);

type Site = Schema<Query, EmptyMutation, Subscription>;

const ALL: &str = "subscription { messageChanges { action id data { text } } }";

fn message(id: i64) -> Message {
    Message {
        id,
        room: 7,
        text: format!("message {id}"),
    }
}

fn site(change: impl FnOnce(HubBuilder) -> HubBuilder) -> (Hub, Site) {
    let hub = change(Hub::builder().model::<Message>()).build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    (hub, schema)
}

fn connect(hub: &Hub) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    create(&mut conn);
    hub.attach(&mut conn).unwrap();
    conn
}

fn create(conn: &mut SqliteConnection) {
    conn.batch_execute(
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, room BIGINT NOT NULL, text TEXT NOT NULL)",
    )
    .unwrap();
}

fn insert(conn: &mut SqliteConnection, id: i64) -> QueryResult<()> {
    let insert = diesel::insert_into(messages::table).values(message(id));
    insert.broadcast().execute(conn).map(drop)
}

/// `Create 1`, in order.
fn told(changes: &[TypedChange<Message>]) -> Vec<String> {
    let one = |change: &TypedChange<Message>| {
        format!("{:?} {}", change.action(), change.id::<i64>().unwrap())
    };
    changes.iter().map(one).collect()
}

/// What an assertion that fails says.
async fn said(asserting: impl Future<Output = ()>) -> String {
    let failed = AssertUnwindSafe(asserting).catch_unwind().await;
    let failed = failed.expect_err("it holds");
    failed.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test]
async fn a_subscriber_hears_that_and_nobody_else_does() {
    let (hub, schema) = site(|builder| builder);
    let client = Client::new(&hub, &schema);
    let here = client.clone().data(|data| data.insert(Room(7)));
    let there = client.clone().data(|data| data.insert(Room(8)));
    let (mut here, mut there) = (here.subscribe(ALL).await, there.subscribe(ALL).await);
    let mut conn = connect(&hub);
    insert(&mut conn, 1).unwrap();
    insert(&mut conn, 2).unwrap();
    here.receives(json!({"action": "CREATE", "data": {"text": "message 1"}}))
        .await;
    assert_eq!(here.next().await.unwrap()["id"], "2");
    here.receives_nothing().await;
    there.receives_nothing().await;
    drop((here, there));
    assert_eq!(hub.stats().subscriptions, 0);
    assert_eq!(hub.stats().channels, 0);
}

#[tokio::test]
async fn the_two_channel_protocol_is_heard_too() {
    let (hub, schema) = site(|builder| builder);
    let ann = Client::new(&hub, &schema).identity(Identity::new("ann"));
    let mut channel = ann.channel();
    let document = format!(
        "subscription {{ messageSubscription(channelId: \"{}\", action: ALL_ACTIONS, operation: SUBSCRIBE) {{ ok error }} }}",
        channel.id()
    );
    // A channel is driven by who opened it.
    let bob = Client::new(&hub, &schema).identity(Identity::new("bob"));
    let answer = bob.ask(document.as_str()).await.data.into_json().unwrap();
    assert_eq!(answer["messageSubscription"]["ok"], false);
    let answer = ann.ask(document.as_str()).await.data.into_json().unwrap();
    assert_eq!(answer["messageSubscription"]["ok"], true);
    hub.publish(Action::Delete, &message(3));
    let expected =
        json!({"action": "delete", "model": "capture_sqlite.message", "data": {"id": 3}});
    channel.receives(expected).await;
    channel.receives_nothing().await;
    hub.revoke(&Identity::new("ann"), "blocked").await;
    assert!(matches!(channel.closed().await, CloseReason::Revoked(_)));
}

#[tokio::test]
async fn who_is_denied_is_told_as_clients_are() {
    let (hub, schema) = site(|builder| builder);
    let eve = Client::new(&hub, &schema).identity(Identity::new("eve"));
    let answer = eve.try_subscribe(ALL).await.unwrap_err();
    assert_eq!(answer.errors[0].message, "not you");
    let said = said(async { drop(eve.subscribe(ALL).await) }).await;
    assert!(
        said.contains("tests/capture_sqlite/testing.rs") && said.contains("not you"),
        "{said}"
    );
    assert!(eve.try_subscribe("subscription { nothing }").await.is_err());
    assert_eq!(hub.stats().channels, 0);
}

#[tokio::test]
async fn an_assertion_that_fails_says_what_was_heard_and_where() {
    let (hub, schema) = site(|builder| builder);
    let mut all = Client::new(&hub, &schema).subscribe(ALL).await;
    hub.publish(Action::Create, &message(1));
    let other = said(all.receives(json!({"id": "2"}))).await;
    assert!(other.contains("tests/capture_sqlite/testing.rs"), "{other}");
    assert!(
        other.contains(r#""id":"1""#) && other.contains(r#"not {"id":"2"}"#),
        "{other}"
    );
    hub.publish(Action::Create, &message(1));
    let something = said(all.receives_nothing()).await;
    assert!(something.contains("message 1"), "{something}");
    let (hub, schema) = site(|builder| builder);
    let user = Identity::new("user");
    let client = Client::new(&hub, &schema).identity(user.clone());
    let mut gone = client.subscribe(ALL).await;
    hub.revoke(&user, "blocked").await;
    let closed = said(gone.receives(json!({}))).await;
    assert!(closed.contains("blocked"), "{closed}");
}

#[tokio::test(start_paused = true)]
async fn nothing_takes_no_time_to_be_heard_where_time_is_paused() {
    let (hub, schema) = site(|builder| builder);
    let mut all = Client::new(&hub, &schema).subscribe(ALL).await;
    let nothing = said(all.receives(json!({}))).await;
    assert!(nothing.contains("received nothing"), "{nothing}");
}

#[tokio::test]
async fn what_a_lookup_decides_is_waited_for() {
    let (hub, schema) = site(|builder| builder);
    let late = "subscription { messageChanges(filters: { late: true }) { id } }";
    let mut late = Client::new(&hub, &schema).subscribe(late).await;
    hub.publish(Action::Create, &message(1));
    late.receives(json!({"id": "1"})).await;
}

#[tokio::test]
async fn a_test_transaction_says_what_it_would_tell() {
    let (hub, schema) = site(|builder| builder);
    let mut all = Client::new(&hub, &schema).subscribe(ALL).await;
    let mut conn = connect(&hub);
    conn.begin_test_transaction().unwrap();
    assert!(uncommitted::<Message, _>(&mut conn).unwrap().is_empty());
    insert(&mut conn, 1).unwrap();
    conn.transaction(|conn| insert(conn, 2)).unwrap();
    let rolled_back = conn.transaction(|conn| {
        insert(conn, 3)?;
        // Its savepoint is open.
        let changes = uncommitted::<Message, _>(conn)?;
        assert_eq!(told(&changes), ["Create 1", "Create 2"]);
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    assert!(rolled_back.is_err());
    diesel::delete(messages::table.find(1))
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    let changes = uncommitted::<Message, _>(&mut conn).unwrap();
    assert_eq!(told(&changes), ["Create 1", "Create 2", "Delete 1"]);
    assert_eq!(changes[1].get::<String>("text").unwrap(), "message 2");
    // Nobody is told, until the test wants it.
    all.receives_nothing().await;
    assert_eq!(publish_uncommitted(&mut conn).unwrap(), 3);
    assert_eq!(publish_uncommitted(&mut conn).unwrap(), 0);
    for (action, id) in [("CREATE", "1"), ("CREATE", "2"), ("DELETE", "1")] {
        all.receives(json!({"action": action, "id": id})).await;
    }
    all.receives_nothing().await;
    insert(&mut conn, 4).unwrap();
    let changes = uncommitted::<Message, _>(&mut conn).unwrap();
    assert_eq!(told(&changes), ["Create 4"]);
    // It ends as all of them do.
    drop(conn);
    all.receives_nothing().await;
}

#[tokio::test]
async fn a_pool_whose_connections_are_in_test_transactions_says_it_too() {
    let (hub, _) = site(|builder| builder);
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(hub.customizer()))
        .build(ConnectionManager::<SqliteConnection>::new(":memory:"))
        .unwrap();
    {
        let mut conn = pool.get().unwrap();
        create(&mut conn);
        conn.begin_test_transaction().unwrap();
        diesel::insert_into(messages::table)
            .values(message(1))
            .broadcast()
            .execute(&mut conn)
            .unwrap();
    }
    let mut conn = pool.get().unwrap();
    let changes = uncommitted::<Message, _>(&mut conn).unwrap();
    assert_eq!(told(&changes), ["Create 1"]);
}

#[test]
fn who_is_not_attached_would_tell_nothing() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    assert!(uncommitted::<Message, _>(&mut conn).unwrap().is_empty());
    assert_eq!(publish_uncommitted(&mut conn).unwrap(), 0);
}

#[tokio::test]
async fn an_ordinary_transaction_tells_the_same_first_and_then_commits_it() {
    let (hub, schema) = site(|builder| builder);
    let mut all = Client::new(&hub, &schema).subscribe(ALL).await;
    let mut conn = connect(&hub);
    conn.transaction(|conn| {
        insert(conn, 1)?;
        assert_eq!(told(&uncommitted::<Message, _>(conn)?), ["Create 1"]);
        QueryResult::Ok(())
    })
    .unwrap();
    all.receives(json!({"id": "1"})).await;
    all.receives_nothing().await;
}

async fn faulty() -> (Faults, Hub, Subscriber) {
    let faults = Faults::new();
    let (hub, schema) = site(|builder| builder.faults(&faults));
    let all = Client::new(&hub, &schema).subscribe(ALL).await;
    (faults, hub, all)
}

#[tokio::test(start_paused = true)]
async fn faults_lose_repeat_and_delay_on_purpose() {
    let (faults, hub, mut all) = faulty().await;
    let publish = |id| hub.publish(Action::Create, &message(id));
    faults.lose(1);
    (1..=2).for_each(publish);
    // What comes before the gap is taken is part of it.
    all.receives(json!({"action": "RESYNC"})).await;
    all.receives_nothing().await;
    faults.lose_silently(1);
    (3..=4).for_each(publish);
    all.receives(json!({"id": "4"})).await;
    faults.duplicate(1);
    (5..=6).for_each(publish);
    for id in ["5", "5", "6"] {
        all.receives(json!({"id": id})).await;
    }
    all.receives_nothing().await;
    faults.delay(Duration::from_secs(3600));
    let begun = tokio::time::Instant::now();
    publish(7);
    all.receives(json!({"id": "7"})).await;
    assert!(begun.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn a_layer_that_is_held_or_away_lets_nothing_pass() {
    let (faults, hub, mut all) = faulty().await;
    let mut listener = hub.subscribe::<Message>().await.unwrap();
    let publish = |id| hub.publish(Action::Create, &message(id));
    faults.hold();
    publish(1);
    assert!(hub.flush().now_or_never().is_none());
    assert!(listener.take_ready().is_empty());
    faults.release();
    all.receives(json!({"id": "1"})).await;
    assert_eq!(listener.take_ready().len(), 1);
    faults.disconnect();
    assert!(!hub.ready());
    assert!(hub.subscribe::<Message>().await.is_err());
    publish(2);
    assert!(hub.flush().now_or_never().is_none());
    faults.reconnect();
    assert!(hub.ready());
    all.receives(json!({"action": "RESYNC"})).await;
    let heard = listener.take_ready();
    assert!(matches!(&heard[..], [Event::Gap]), "{heard:?}");
    publish(3);
    all.receives(json!({"id": "3"})).await;
}

#[tokio::test(start_paused = true)]
async fn time_is_the_tests() {
    let minute = Duration::from_secs(60);
    let (hub, schema) = site(|builder| builder.throttle::<Message>(minute));
    let mut all = Client::new(&hub, &schema).subscribe(ALL).await;
    for text in ["a", "b", "c"] {
        let text = text.to_owned();
        hub.publish(Action::Update, &Message { text, ..message(1) });
    }
    all.receives(json!({"data": {"text": "a"}})).await;
    all.receives_nothing().await;
    tokio::time::sleep(minute).await;
    all.receives(json!({"data": {"text": "c"}})).await;
    all.receives_nothing().await;
}

/// The shortest test there is, again and again.
async fn five_lines() {
    let (hub, schema) = site(|builder| builder);
    let ann = Client::new(&hub, &schema);
    let room = "subscription { messageChanges(filters: { room: 7 }) { data { text } } }";
    let mut room = ann.subscribe(room).await;
    hub.publish(Action::Create, &message(1));
    room.receives(json!({"data": {"text": "message 1"}})).await;
    hub.publish(
        Action::Create,
        &Message {
            room: 8,
            ..message(2)
        },
    );
    room.receives_nothing().await;
}

#[tokio::test]
async fn a_thousand_times() {
    for _ in 0..1_000 {
        five_lines().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_times_where_time_is_paused() {
    for _ in 0..1_000 {
        five_lines().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_times_on_several_threads() {
    for _ in 0..1_000 {
        five_lines().await;
    }
}
