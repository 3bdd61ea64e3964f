//! What holds for every layer. A case gets a service of as many nodes as it wants.

use graphex::{Action, Identity};
use graphex_redis_tests::{END_EVERYTHING, EVERYTHING, Node, note, tick, within};
use serde_json::json;

use super::{Change, Service};

const DEFAULT: Change = |_| {};
const ACTIONS: [Action; 3] = [Action::Create, Action::Update, Action::Delete];
const UNKNOWN: &str =
    "unknown channel: connect to the WebSocket again and use the `channel_id` it sends";

async fn two(service: Service) -> (Node, Node) {
    for node in &service.nodes {
        node.ready().await;
    }
    let mut nodes = service.nodes.into_iter();
    (nodes.next().unwrap(), nodes.next().unwrap())
}

pub(crate) async fn changes_of_one_node_arrive_once_and_in_order(
    make: impl Fn(usize, Change) -> Service,
) {
    let (writer, listener) = two(make(2, |limits| {
        limits.outbox_frames = 10_000;
        limits.outbox_bytes = 10_000_000;
    }))
    .await;
    let mut client = listener.connect("ann");
    listener.done(&client, None, EVERYTHING).await;
    // Rows that change their room and all actions: other topics, one order.
    for id in 0..3_000_i64 {
        let action = ACTIONS[usize::try_from(id % 3).unwrap()];
        writer.publish(action, id, id % 5);
    }
    for id in 0..3_000_i64 {
        let action = ACTIONS[usize::try_from(id % 3).unwrap()];
        assert_eq!(client.told().await, (action.to_string(), json!(id)));
    }
}

pub(crate) async fn a_subscriber_of_one_room_and_one_of_all_see_each_change_once(
    make: impl Fn(usize, Change) -> Service,
) {
    let (writer, listener) = two(make(2, DEFAULT)).await;
    let (mut one, mut all) = (listener.connect("ann"), listener.connect("bob"));
    listener.done(&one, Some(1), EVERYTHING).await;
    listener.done(&all, None, EVERYTHING).await;
    for id in 0..100 {
        writer.publish(Action::Update, id, id % 2);
    }
    for id in 0..100 {
        assert_eq!(all.told().await.1, id);
    }
    for id in (1..100).step_by(2) {
        assert_eq!(one.told().await.1, id);
    }
}

pub(crate) async fn who_has_joined_misses_nothing_that_comes_after(
    make: impl Fn(usize, Change) -> Service,
) {
    let (writer, listener) = two(make(2, DEFAULT)).await;
    let mut client = listener.connect("ann");
    for room in 0..50 {
        listener.done(&client, Some(room), EVERYTHING).await;
        writer.publish(Action::Create, room, room);
        assert_eq!(client.told().await.1, room);
        listener.done(&client, None, END_EVERYTHING).await;
    }
}

pub(crate) async fn who_has_left_hears_nothing_more_and_may_come_back(
    make: impl Fn(usize, Change) -> Service,
) {
    let (writer, listener) = two(make(2, DEFAULT)).await;
    let (mut leaver, mut other) = (listener.connect("ann"), listener.connect("bob"));
    listener.done(&leaver, None, EVERYTHING).await;
    listener.done(&other, None, EVERYTHING).await;
    for round in 0..20 {
        listener.done(&leaver, None, END_EVERYTHING).await;
        writer.publish(Action::Create, round * 2, 1);
        assert_eq!(other.told().await.1, round * 2);
        listener.done(&leaver, None, EVERYTHING).await;
        writer.publish(Action::Create, round * 2 + 1, 1);
        assert_eq!(other.told().await.1, round * 2 + 1);
        assert_eq!(leaver.told().await.1, round * 2 + 1);
    }
}

pub(crate) async fn a_topic_is_left_after_the_grace_and_can_be_joined_again(
    make: impl Fn(usize, Change) -> Service,
) {
    // No grace: every leave is sent, and joins come while leaves are under way.
    let (writer, listener) = two(make(2, |limits| {
        limits.leave_grace = std::time::Duration::ZERO;
    }))
    .await;
    let mut client = listener.connect("ann");
    for round in 0..100 {
        listener.done(&client, Some(1), EVERYTHING).await;
        writer.publish(Action::Create, round, 1);
        assert_eq!(client.told().await.1, round);
        listener.done(&client, None, END_EVERYTHING).await;
    }
}

pub(crate) async fn any_node_answers_for_a_channel(make: impl Fn(usize, Change) -> Service) {
    let nodes = make(3, DEFAULT).nodes;
    nodes[0].ready().await;
    let mut client = nodes[0].connect("ann");
    for (asked, writer) in [(1, 2), (2, 1), (0, 1), (1, 0)] {
        nodes[asked].done(&client, None, EVERYTHING).await;
        nodes[writer].publish(Action::Create, 1, 1);
        assert_eq!(client.told().await.0, "create");
        nodes[writer].done(&client, None, END_EVERYTHING).await;
        let refused = nodes[asked].refused(&client, END_EVERYTHING).await;
        assert_eq!(refused, "no such subscription");
        assert_eq!(nodes[0].hub.stats().subscriptions, 0);
    }
}

pub(crate) async fn unknown_foreign_and_closed_channels_get_the_same_answer_at_any_node(
    make: impl Fn(usize, Change) -> Service,
) {
    let (asked, owner) = two(make(2, DEFAULT)).await;
    let client = owner.connect("ann");
    let id = client.channel.id().as_str().to_owned();
    let (node, secret) = id.split_at(16);
    let ids = [
        id.clone(),
        String::new(),
        "nonsense".to_owned(),
        node.to_owned(),
        format!("{node}{}", "0".repeat(secret.len())),
        id.to_uppercase(),
    ];
    for id in &ids {
        for operation in [EVERYTHING, END_EVERYTHING] {
            let answer = asked
                .ask_for(id, Identity::new("eve"), None, operation)
                .await;
            assert_eq!(answer, json!({"ok": false, "error": UNKNOWN}), "{id}");
        }
    }
    let anonymous = asked
        .ask_for(&id, Identity::anonymous(), None, EVERYTHING)
        .await;
    assert_eq!(anonymous["error"], UNKNOWN);
    drop(client);
    let closed = asked
        .ask_for(&id, Identity::new("ann"), None, EVERYTHING)
        .await;
    assert_eq!(closed["error"], UNKNOWN);
    assert_eq!(owner.hub.stats().subscriptions, 0);
}

pub(crate) async fn the_scope_is_that_of_the_node_that_was_asked(
    make: impl Fn(usize, Change) -> Service,
) {
    let (asked, owner) = two(make(2, DEFAULT)).await;
    let mut client = owner.connect("ann");
    asked.done(&client, Some(7), EVERYTHING).await;
    for (id, room) in [(1, 8), (2, 7), (3, 9), (4, 7)] {
        asked.publish(Action::Create, id, room);
    }
    assert_eq!(client.told().await.1, 2);
    assert_eq!(client.told().await.1, 4);
    // Subscribed again, it is the new one alone.
    asked.done(&client, Some(8), EVERYTHING).await;
    for (id, room) in [(5, 7), (6, 8)] {
        asked.publish(Action::Create, id, room);
    }
    assert_eq!(client.told().await.1, 6);
    assert_eq!(owner.hub.stats().subscriptions, 1);
}

pub(crate) async fn filters_ids_and_data_reach_the_channel(
    make: impl Fn(usize, Change) -> Service,
) {
    let (asked, owner) = two(make(2, DEFAULT)).await;
    let mut client = owner.connect("ann");
    for (arguments, expected) in [
        ("id: 5", vec![5]),
        ("filters: {room__in: [1, 3]}", vec![1, 3]),
        ("filters: {text__icontains: \"AGE 4\", author: 4}", vec![4]),
        ("filters: {text__regex: \"[67]$\", id__gte: 7}", vec![7]),
    ] {
        let both = |operation| format!("action: CREATE, operation: {operation}, {arguments}");
        asked.done(&client, None, &both("SUBSCRIBE")).await;
        for id in 0..8 {
            asked.publish(Action::Create, id, id);
        }
        for id in expected {
            assert_eq!(client.told().await.1, id, "{arguments}");
        }
        asked.done(&client, None, &both("UNSUBSCRIBE")).await;
    }
    let data = format!("{EVERYTHING}, data: [TEXT, ROOM]");
    asked.done(&client, None, &data).await;
    asked.publish(Action::Delete, 1, 2);
    let payload = client.payload().await;
    assert_eq!(
        payload,
        json!({"action": "delete", "model": "chat.message", "data": {"room": 2, "text": "message 1"}})
    );
}

pub(crate) async fn the_limits_of_the_channel_hold_at_any_node(
    make: impl Fn(usize, Change) -> Service,
) {
    let (asked, owner) = two(make(2, |limits| limits.subscriptions_per_channel = 2)).await;
    let client = owner.connect("ann");
    for id in [1, 2, 1] {
        let arguments = format!("{EVERYTHING}, id: {id}");
        asked.done(&client, None, &arguments).await;
    }
    let refused = asked
        .refused(&client, &format!("{EVERYTHING}, id: 3"))
        .await;
    assert_eq!(refused, "too many subscriptions: this channel may hold 2");
    let refused = asked
        .refused(&client, &format!("{EVERYTHING}, id: \"x\""))
        .await;
    assert_eq!(refused, "`id` must be an integer that the key can hold");
}

pub(crate) async fn a_loss_is_told_to_every_node(make: impl Fn(usize, Change) -> Service) {
    let (writer, listener) = two(make(2, |limits| limits.publisher_queue = 10)).await;
    let (mut here, mut there) = (writer.connect("ann"), listener.connect("bob"));
    writer.done(&here, None, EVERYTHING).await;
    listener.done(&there, None, EVERYTHING).await;
    // On this runtime of one thread nothing is taken from the queue in between.
    for id in 0..15 {
        writer.publish(Action::Create, id, 1);
    }
    for client in [&mut here, &mut there] {
        for id in 0..10 {
            assert_eq!(client.told().await.1, id);
        }
        let told = client.payload().await;
        assert_eq!(told, json!({"action": "resync", "model": "chat.message"}));
    }
    assert_eq!(writer.hub.stats().changes_lost, 5);
    writer.publish(Action::Create, 15, 1);
    assert_eq!(there.told().await.1, 15);
}

pub(crate) async fn a_node_that_ends_takes_its_channels_with_it(
    make: impl Fn(usize, Change) -> Service,
) {
    // A request that comes while the node ends has no answer.
    let soon: Change = |limits| limits.answer_time = std::time::Duration::from_millis(500);
    let mut nodes = make(2, soon).nodes;
    let owner = nodes.pop().unwrap();
    owner.ready().await;
    let client = owner.connect("ann");
    nodes[0].done(&client, None, EVERYTHING).await;
    let id = client.channel.id().as_str().to_owned();
    drop((client, owner));
    // Its connection is closed when its tasks have ended.
    within(async {
        loop {
            let identity = Identity::new("ann");
            let answer = nodes[0].ask_for(&id, identity, None, EVERYTHING).await;
            if answer["error"] == UNKNOWN {
                return;
            }
            tick().await;
        }
    })
    .await;
}

pub(crate) async fn a_hub_is_ready_when_it_hears_the_layer(
    make: impl Fn(usize, Change) -> Service,
) {
    let (node, _) = two(make(2, DEFAULT)).await;
    let client = node.connect("ann");
    // Confirmed, so it is heard.
    node.done(&client, None, EVERYTHING).await;
    assert!(node.hub.ready());
}

pub(crate) async fn streams_are_delivered_beside_each_other(
    make: impl Fn(usize, Change) -> Service,
) {
    let (writer, listener) = two(make(2, DEFAULT)).await;
    let (mut one, mut other) = (listener.connect("ann"), listener.connect("bob"));
    listener.done(&one, None, EVERYTHING).await;
    listener.notes(&other).await;
    for id in 0..200 {
        writer.publish(Action::Create, id, 1);
        writer.hub.publish(Action::Update, &note(id));
    }
    for id in 0..200 {
        assert_eq!(other.told().await, ("update".to_owned(), json!(id)));
        assert_eq!(one.told().await, ("create".to_owned(), json!(id)));
    }
}

pub(crate) async fn who_moves_between_topics_sees_each_change_once(
    make: impl Fn(usize, Change) -> Service,
) {
    const CHANGES: i64 = 3_000;
    let (writer, listener) = two(make(2, |limits| {
        limits.outbox_frames = 10_000;
        limits.outbox_bytes = 10_000_000;
    }))
    .await;
    let mut client = listener.connect("ann");
    listener.done(&client, None, EVERYTHING).await;
    // Neighbours go to other topics, so that each change is two messages.
    let writing = async {
        for id in 0..CHANGES {
            writer.publish(ACTIONS[usize::try_from(id % 2).unwrap()], id, 1);
            tokio::task::yield_now().await;
        }
    };
    // The same subscription, on the narrowed topic and on the coarse one.
    let moving = async {
        for _ in 0..60 {
            listener.done(&client, Some(1), EVERYTHING).await;
            listener.done(&client, None, EVERYTHING).await;
        }
    };
    tokio::join!(writing, moving);
    for id in 0..CHANGES {
        assert_eq!(client.told().await.1, id);
    }
}

pub(crate) async fn no_duration_is_too_long(make: impl Fn(usize, Change) -> Service) {
    let (writer, listener) = two(make(2, |limits| {
        for limit in [
            &mut limits.leave_grace,
            &mut limits.join_time,
            &mut limits.answer_time,
            &mut limits.lookup_time,
            &mut limits.close_wait,
        ] {
            *limit = std::time::Duration::MAX;
        }
    }))
    .await;
    let mut client = listener.connect("ann");
    for round in 0..3 {
        writer.done(&client, Some(1), EVERYTHING).await;
        writer.publish(Action::Create, round, 1);
        assert_eq!(client.told().await.1, round);
        writer.done(&client, None, END_EVERYTHING).await;
    }
    // No timer can be so long either; the first of them comes at once.
    let (node, _) = two(make(2, |limits| {
        limits.probe_interval = std::time::Duration::MAX;
    }))
    .await;
    let client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
}
