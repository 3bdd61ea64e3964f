//! Listening in the process: typed changes, within a scope and filters, and gaps that are told.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use graphex::prelude::*;
use graphex::{Event, FieldError, ListenError, Listener, TypedChange};

#[derive(Clone, Debug, PartialEq, ModelType, serde::Deserialize)]
#[graphex(
    stream = "orders",
    serialize_data,
    scope(tenant, optional(room)),
    index_fields(tenant, room),
    lookup(odd: bool)
)]
struct Order {
    id: i64,
    tenant: i64,
    room: Option<i64>,
    total: f64,
    note: String,
    #[graphex(opaque)]
    tags: Vec<(String, i32)>,
}

impl Scoped for Order {
    async fn scope(_: &Context<'_>, _: &OrderSubscriptionArgs) -> Result<OrderScope> {
        panic!("the process is not asked")
    }
}

impl OrderLookups for Order {
    async fn odd(_: &LookupContext<'_>, id: i64, odd: bool) -> Result<bool> {
        Ok((id % 2 == 1) == odd)
    }
}

#[derive(Clone, Debug, PartialEq, ModelType)]
#[graphex(stream = "notes")]
struct Note {
    #[graphex(rename = "number")]
    id: String,
    #[graphex(skip)]
    secret: String,
}

fn order(id: i64) -> Order {
    Order {
        id,
        tenant: 1,
        room: Some(2),
        total: f64::from(i32::try_from(id).unwrap()) + 0.5,
        note: format!("order {id}"),
        tags: vec![("a".into(), 1)],
    }
}

fn hub() -> Hub {
    Hub::builder().model::<Order>().model::<Note>().build()
}

fn changes<M>(events: Vec<Event<M>>) -> Vec<TypedChange<M>> {
    let change = |events| match events {
        Event::Change(change) => change,
        Event::Gap => panic!("a gap"),
        _ => panic!("something new"),
    };
    events.into_iter().map(change).collect()
}

async fn ids(hub: &Hub, listener: &mut Listener<Order>) -> Vec<i64> {
    hub.flush().await;
    let events = changes(listener.take_ready());
    events.iter().map(|change| change.id().unwrap()).collect()
}

#[tokio::test]
async fn a_change_is_had_as_the_model_and_by_its_fields() {
    let hub = hub();
    let mut listener = hub.subscribe::<Order>().await.unwrap();
    hub.publish(Action::Update, &order(7));
    let Some(Event::Change(change)) = listener.next().await else {
        panic!("no change")
    };
    assert_eq!(change.action(), Action::Update);
    assert_eq!(change.row().unwrap(), order(7));
    assert_eq!(change.id::<i64>().unwrap(), 7);
    assert_eq!(change.get::<Option<i64>>("room").unwrap(), Some(2));
    assert_eq!(change.get_before::<i64>("tenant").unwrap(), None);
    assert!(!change.enters() && !change.leaves());
    let error = change.get::<i64>("rom").unwrap_err();
    assert!(matches!(error, FieldError::Unknown { .. }), "{error}");
    let error = change.get::<i64>("note").unwrap_err().to_string();
    assert_eq!(error, "the field `note` of `Order` holds no `i64`");

    #[derive(serde::Deserialize)]
    struct Part {
        note: String,
    }
    assert_eq!(change.read::<Part>().unwrap().note, "order 7");
}

#[tokio::test]
async fn hidden_fields_are_not_captured_and_renamed_ones_have_their_name() {
    let hub = hub();
    let mut listener = hub.subscribe::<Note>().await.unwrap();
    let note = Note {
        id: "a".into(),
        secret: "s".into(),
    };
    hub.publish(Action::Create, &note);
    hub.flush().await;
    let events = changes(listener.take_ready());
    assert_eq!(events[0].get::<String>("number").unwrap(), "a");
    assert!(events[0].get::<String>("secret").is_err());
    assert_eq!(
        events[0].captured().value(0),
        &graphex::Value::Text("a".into())
    );
}

#[tokio::test]
async fn scope_filters_id_and_actions_say_what_is_heard() {
    let hub = hub();
    let asking = || hub.subscribe::<Order>();
    let scope = |tenant, room: Option<i64>| OrderScope {
        tenant,
        room: room.map_or(graphex::Pinned::Anything, graphex::Pinned::Only),
    };
    let mut all = asking().await.unwrap();
    let mut here = asking().scope(scope(1, None)).await.unwrap();
    let mut room = asking().scope(scope(1, Some(3))).await.unwrap();
    let mut other = asking().scope(scope(2, None)).await.unwrap();
    let mut one = asking().id(2_i64).await.unwrap();
    let mut large = asking()
        .filter("total__gte", 2.0)
        .filter("note__icontains", "ORDER")
        .await
        .unwrap();
    let mut some = asking().filter("id__in", vec![1_i64, 3]).await.unwrap();
    let mut odd = asking().filter("odd", true).await.unwrap();
    let mut deleted = asking().actions([Action::Delete]).await.unwrap();
    let mut nothing = asking().actions([]).await.unwrap();
    for id in 1..=3 {
        hub.publish(Action::Create, &order(id));
    }
    let moved = Order {
        room: Some(3),
        ..order(4)
    };
    hub.publish(Action::Delete, &moved);
    assert_eq!(ids(&hub, &mut all).await, [1, 2, 3, 4]);
    assert_eq!(ids(&hub, &mut here).await, [1, 2, 3, 4]);
    assert_eq!(ids(&hub, &mut room).await, [4]);
    assert_eq!(ids(&hub, &mut other).await, [0_i64; 0]);
    assert_eq!(ids(&hub, &mut one).await, [2]);
    assert_eq!(ids(&hub, &mut large).await, [2, 3, 4]);
    assert_eq!(ids(&hub, &mut some).await, [1, 3]);
    assert_eq!(ids(&hub, &mut deleted).await, [4]);
    assert_eq!(ids(&hub, &mut nothing).await, [0_i64; 0]);
    // Custom lookups are decided beside the stream.
    for expected in [1, 3] {
        let Some(Event::Change(change)) = odd.next().await else {
            panic!("no change")
        };
        assert_eq!(change.id::<i64>().unwrap(), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_said() {
    let hub = Hub::builder().model::<Order>().build();
    let error = hub.subscribe::<Note>().await.unwrap_err();
    assert!(matches!(error, ListenError::UnknownModel { model: "Note" }));
    let asking = || hub.subscribe::<Order>();
    for (asking, expected) in [
        (asking().filter("rom", 1_i64), "`Order` has no filter `rom`"),
        (
            asking().filter("room", "x"),
            "the filter `room` of `Order` does not take Text(\"x\")",
        ),
        (
            asking().filter("room__range", vec![1_i64]),
            "the filter `room__range` of `Order` does not take",
        ),
        (
            asking().filter("room", None::<i64>),
            "the filter `room` of `Order` does not take Null",
        ),
        (
            asking().filter("note__regex", "("),
            "the filter `note__regex` of `Order` ",
        ),
        (asking().id(String::from("x")), "the primary key of `Order`"),
    ] {
        let error = asking.await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn what_does_not_fit_is_a_gap_in_its_place_also_where_clients_are_told_of_none() {
    for resync in [true, false] {
        let builder = Hub::builder().model::<Order>().resync(resync);
        let hub = builder.limits(|limits| limits.outbox_frames = 3).build();
        let mut slow = hub.subscribe::<Order>().await.unwrap();
        let mut quick = hub.subscribe::<Order>().await.unwrap();
        for id in 1..=5 {
            hub.publish(Action::Create, &order(id));
            assert_eq!(ids(&hub, &mut quick).await, [id]);
        }
        let events = slow.take_ready();
        assert_eq!(events.len(), 4, "{events:?}");
        assert!(matches!(events[3], Event::Gap));
        hub.publish(Action::Create, &order(6));
        assert_eq!(ids(&hub, &mut slow).await, [6]);
    }
}

#[tokio::test]
async fn a_loss_in_the_queue_is_a_gap() {
    let builder = Hub::builder().model::<Order>().resync(false);
    let hub = builder.limits(|limits| limits.publisher_queue = 2).build();
    let mut listener = hub.subscribe::<Order>().await.unwrap();
    for id in 1..=5 {
        hub.publish(Action::Create, &order(id));
    }
    hub.flush().await;
    let events = listener.take_ready();
    assert!(
        events.iter().any(|one| matches!(one, Event::Gap)),
        "{events:?}"
    );
    assert!(hub.stats().changes_lost > 0);
}

#[tokio::test]
async fn dropped_it_has_left() {
    let hub = hub();
    let listener = hub.subscribe::<Order>().await.unwrap();
    let stats = hub.stats();
    assert_eq!(
        (stats.subscriptions, stats.plans, stats.channels),
        (1, 3, 0)
    );
    drop(listener);
    let stats = hub.stats();
    assert_eq!((stats.subscriptions, stats.plans, stats.topics), (0, 0, 0));
}

#[tokio::test]
async fn it_is_no_client() {
    let builder = Hub::builder().model::<Order>();
    let builder = builder.throttle::<Order>(Duration::from_secs(3600));
    let hub = builder
        .limits(|limits| {
            limits.channels = 0;
            limits.anonymous_bytes = 0;
        })
        .build();
    let mut listener = hub.subscribe::<Order>().await.unwrap();
    assert!(hub.channels_of(&Identity::anonymous()).is_empty());
    hub.rescope(&Identity::anonymous()).await;
    hub.drain(Duration::ZERO).await;
    // It hears what is written to the end, and all of it.
    for _ in 0..3 {
        hub.publish(Action::Update, &order(1));
    }
    assert_eq!(ids(&hub, &mut listener).await, [1, 1, 1]);
}

#[tokio::test]
async fn a_wait_that_is_dropped_loses_nothing() {
    let hub = hub();
    let mut listener = hub.subscribe::<Order>().await.unwrap();
    for id in 1..=100 {
        assert!(listener.next().now_or_never().is_none());
        hub.publish(Action::Create, &order(id));
        let change = changes(listener.next().await.into_iter().collect());
        assert_eq!(change[0].id::<i64>().unwrap(), id);
    }
}

#[tokio::test]
async fn it_is_a_stream_that_wakes_who_waits() {
    let hub = hub();
    let listener = hub.subscribe::<Order>().await.unwrap();
    let events = tokio::spawn(listener.take(1_000).collect::<Vec<_>>());
    for id in 1..=1_000 {
        hub.publish(Action::Create, &order(id));
        if id % 7 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let events = changes(events.await.unwrap());
    let ids: Vec<i64> = events.iter().map(|change| change.id().unwrap()).collect();
    assert_eq!(ids, (1..=1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn equal_listeners_share_a_plan_and_nothing_is_encoded_for_them() {
    let hub = hub();
    let mut listeners = Vec::new();
    for _ in 0..10 {
        listeners.push(hub.subscribe::<Order>().await.unwrap());
    }
    assert_eq!(hub.stats().plans, 3);
    hub.publish(Action::Create, &order(1));
    for listener in &mut listeners {
        assert_eq!(ids(&hub, listener).await, [1]);
    }
    assert_eq!(hub.stats().frames_encoded, 0);
}
