use super::*;
use crate::change::{Action, Change, Row};
use crate::cursor::ScopedCursor;
use crate::filters::Filters;
use crate::hooks::Permit;
use crate::hub::channels::ChannelState;
use crate::hub::{Channel, Hub, Identity, Subscription};
use crate::model::{Model, Payload};
use crate::value::{Field as _, Value};

static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

/// The change of this position in a log.
fn change(position: u64) -> Arc<Change> {
    let row = Row::from([Value::Int(position.into())]);
    let mut change = Change::unlogged(&MODEL, Action::Create, row);
    change.cursor = Some(cursor(position));
    change.position = Some(position);
    Arc::new(change)
}

fn cursor(position: u64) -> Cursor {
    Cursor {
        log: 1,
        position,
        token: position,
    }
}

async fn deliver(hub: &Hub, position: u64) {
    let change = change(position);
    let topics: Vec<_> = Topic::published(&change).collect();
    let lane = hub.engine.lanes.get(MODEL.stream).unwrap();
    hub.engine.deliver_on(lane, &topics, &change).await;
    lane.flush();
}

/// A client that goes on after this position.
async fn late(hub: &Hub, position: u64) -> Channel {
    let channel = hub.connect(Identity::anonymous()).unwrap();
    let permit = Permit::carried(&MODEL, Default::default());
    let subscription = Subscription {
        actions: vec![Action::Create],
        id: None,
        filters: Filters::default(),
        throttle: None,
    };
    let begin = Begin {
        place: Place::After(ScopedCursor {
            cursor: cursor(position),
            scope: 0,
        }),
        ..Begin::default()
    };
    let joined = hub.subscribe_channel(&channel.state, permit, &subscription, None, begin);
    joined.await.unwrap();
    channel
}

fn stands(channel: &ChannelState) -> bool {
    let subscriptions = lock(&channel.subscriptions);
    let mut seats = subscriptions
        .held
        .values()
        .flat_map(|held| held.seats.iter().flatten());
    seats.all(Seat::is_listed)
}

/// Lets all tasks go as far as they can.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_change_waits_for_one_that_catches_up_at_most() {
    const LATE: usize = 50;
    let mut builder = Hub::builder();
    builder.models.push(&MODEL);
    let hub = builder.build();
    deliver(&hub, 1).await;
    deliver(&hub, 2).await;
    // A step of the lane is under way, for which all wait.
    let lane = Arc::clone(&hub.engine.lanes[MODEL.stream]);
    let step = lane.delivering.lock().await;
    let mut channels = Vec::new();
    for _ in 0..LATE {
        channels.push(late(&hub, 1).await);
    }
    settle().await;
    let states: Vec<_> = channels.iter().map(|one| Arc::clone(&one.state)).collect();
    let delivering = {
        let (hub, states) = (hub.clone(), states.clone());
        tokio::spawn(async move {
            deliver(&hub, 3).await;
            states.iter().filter(|state| stands(state)).count()
        })
    };
    settle().await;
    assert!(!states.iter().any(|state| stands(state)));
    drop(step);
    let before = delivering.await.unwrap();
    assert!(before <= 2, "the change has waited for {before}");
    while !states.iter().all(|state| stands(state)) {
        tokio::task::yield_now().await;
    }
    // Whoever stood before it, and whoever came later, has each change once.
    deliver(&hub, 4).await;
    for mut channel in channels {
        let mut told = Vec::new();
        while told.len() < 3 {
            told.extend(channel.take().await.unwrap());
        }
        let told: Vec<_> = told
            .iter()
            .map(|frame| {
                let frame: serde_json::Value = serde_json::from_slice(frame).unwrap();
                frame["payload"]["data"]["id"].as_i64().unwrap()
            })
            .collect();
        assert_eq!(told, [2, 3, 4]);
    }
}
