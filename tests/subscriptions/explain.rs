//! `Hub::explain` names what decides, for each kind of no, and says yes to what is delivered.

use std::sync::Arc;
use std::time::Duration;

use crate::hello::Query;
use crate::until::until;
use async_graphql::{EmptyMutation, Request};
use graphex::prelude::*;
use graphex::{Channel, Explanation, Limits, Reason, TermKind};

/// A message of a tenant.
#[derive(Clone, ModelType)]
#[graphex(
    stream = "messages",
    serialize_data,
    scope(tenant),
    lookup(known: bool)
)]
struct Message {
    id: i64,
    tenant: i64,
    room: i64,
    text: String,
}

impl Scoped for Message {
    async fn scope(_: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        Ok(MessageScope { tenant: 1 })
    }
}

impl MessageLookups for Message {
    async fn known(_: &LookupContext<'_>, _: i64, _: bool) -> Result<bool> {
        Err("on purpose".into())
    }
}

/// Of another stream.
#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i64,
}

/// Of a hub of its own, or of none.
#[derive(Clone, ModelType)]
#[graphex(stream = "others")]
struct Other {
    id: i64,
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, NoteSubscription);

struct Site {
    hub: Hub,
    schema: Schema<Query, EmptyMutation, Subscription>,
}

fn site(limits: impl FnOnce(&mut Limits)) -> Site {
    let hub = Hub::builder()
        .model::<Message>()
        .model::<Note>()
        .limits(limits)
        .build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    Site { hub, schema }
}

fn user() -> Identity {
    Identity::new("user:1")
}

fn message(id: i64, tenant: i64, room: i64, text: &str) -> Message {
    let text = text.to_owned();
    Message {
        id,
        tenant,
        room,
        text,
    }
}

impl Site {
    fn connect(&self) -> Channel {
        self.hub.connect(user()).unwrap()
    }

    async fn subscribe(&self, to: &Channel, field: &str, arguments: &str) {
        let id = to.id().as_str();
        let document = format!(
            "subscription {{ {field}(channelId: \"{id}\", operation: SUBSCRIBE, {arguments}) {{ ok error }} }}"
        );
        let request = Request::new(document).data(user());
        let answer = graphex::execute(&self.schema, request).await;
        let answer = answer.data.into_json().unwrap();
        assert_eq!(answer[field]["ok"], true, "{answer}");
    }

    async fn messages(&self, arguments: &str) -> Channel {
        let channel = self.connect();
        self.subscribe(&channel, "messageSubscription", arguments)
            .await;
        channel
    }

    async fn explain(&self, to: &Channel, message: &Message) -> Explanation {
        let id = to.id().as_str();
        self.hub.explain(Action::Update, message, id).await
    }

    async fn reason(&self, to: &Channel, message: &Message) -> Reason {
        self.explain(to, message).await.reason
    }
}

#[tokio::test]
async fn each_term_that_says_no_is_named() {
    let site = site(|_| {});
    let filters = r#"action: UPDATE, filters: {room__in: [7, 8], text__icontains: "Urgent"}"#;
    let channel = site.messages(filters).await;
    let reason = async |message| site.reason(&channel, &message).await;
    let field = "tenant";
    assert_eq!(reason(message(1, 1, 7, "URGENT!")).await, Reason::Delivered);
    assert_eq!(
        reason(message(1, 2, 7, "urgent")).await,
        Reason::Scope { field }
    );
    let key = "room__in".to_owned();
    assert_eq!(
        reason(message(1, 1, 9, "urgent")).await,
        Reason::Filter { key }
    );
    let key = "text__icontains".to_owned();
    assert_eq!(
        reason(message(1, 1, 7, "later")).await,
        Reason::Filter { key }
    );
    // The server's comes before the client's.
    assert_eq!(
        reason(message(1, 2, 9, "later")).await,
        Reason::Scope { field }
    );
    let deleted = message(1, 1, 7, "urgent");
    let id = channel.id().as_str();
    let explanation = site.hub.explain(Action::Delete, &deleted, id).await;
    let action = Action::Delete;
    assert_eq!(explanation.reason, Reason::Action { action });

    let one_row = site.messages("action: UPDATE, id: 5").await;
    let reason = site.reason(&one_row, &message(6, 1, 7, "urgent")).await;
    assert_eq!(reason, Reason::Id);
    let reason = site.reason(&one_row, &message(5, 1, 7, "urgent")).await;
    assert_eq!(reason, Reason::Delivered);
}

#[tokio::test]
async fn all_terms_are_told_with_what_they_ask_and_what_the_row_has() {
    let site = site(|_| {});
    let arguments = r#"action: UPDATE, id: 5, filters: {room: 7, text__regex: "^a"}"#;
    let channel = site.messages(arguments).await;
    let explanation = site.explain(&channel, &message(5, 1, 8, "abc")).await;
    let text = "\
no: the filter `room` leaves the row out
  subscription to update: no: the filter `room` leaves the row out
    scope `tenant`: asks for 1, the row has 1: holds
    id `id`: asks for 5, the row has 5: holds
    filter `room`: asks for 7, the row has 8: does not hold
    filter `text__regex`: asks for \"^a\", the row has \"abc\": holds";
    assert_eq!(explanation.to_string(), text);
    let kinds: Vec<_> = explanation.subscriptions[0]
        .terms
        .iter()
        .map(|term| term.kind)
        .collect();
    let expected = [
        TermKind::Scope,
        TermKind::Id,
        TermKind::Filter,
        TermKind::Filter,
    ];
    assert_eq!(kinds, expected);
    assert!(!explanation.is_delivered());
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let site = site(|_| {});
    let row = message(1, 1, 7, "a");
    let nowhere = site.hub.explain(Action::Update, &row, "no such id").await;
    assert_eq!(nowhere.reason, Reason::NoChannel);
    let channel = site.connect();
    assert_eq!(site.reason(&channel, &row).await, Reason::NotJoined);
    site.subscribe(&channel, "noteSubscription", "action: ALL_ACTIONS")
        .await;
    let joined = vec!["notes"];
    let reason = site.reason(&channel, &row).await;
    assert_eq!(reason, Reason::AnotherStream { joined });
    let id = channel.id().as_str();
    let unknown = site.hub.explain(Action::Update, &Other { id: 1 }, id).await;
    assert_eq!(unknown.reason, Reason::UnknownModel { model: "Other" });

    let served = Arc::new(["notes".to_owned()].into());
    let notes = site.hub.connect_to(user(), served).unwrap();
    let stream = "messages";
    assert_eq!(
        site.reason(&notes, &row).await,
        Reason::NotServed { stream }
    );

    assert_eq!(site.hub.channels_of(&user()).len(), 2);
    assert_eq!(site.hub.channels_of(&Identity::anonymous()), []);
    site.hub.revoke(&user(), "you are out").await;
    let reason = site.reason(&channel, &row).await;
    assert_eq!(reason.to_string(), "no: the channel is closed: you are out");
    let id = channel.id().clone();
    drop((channel, notes));
    let gone = site.hub.explain(Action::Update, &row, id.as_str()).await;
    assert_eq!(gone.reason, Reason::NoChannel);
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_has_a_gap() {
    let site = site(|limits| limits.outbox_frames = 4);
    let mut channel = site.messages("action: UPDATE").await;
    let row = message(1, 1, 7, "a");
    assert_eq!(site.reason(&channel, &row).await, Reason::Delivered);
    (0..10).for_each(|id| site.hub.publish(Action::Update, &message(id, 1, 7, "a")));
    let overflowed = until(|| site.hub.stats().overflows > 0);
    tokio::time::timeout(Duration::from_secs(20), overflowed)
        .await
        .unwrap();
    assert_eq!(site.reason(&channel, &row).await, Reason::Overflow);
    // Told of it, it goes on.
    channel.take().await.unwrap();
    assert_eq!(site.reason(&channel, &row).await, Reason::Delivered);
}

#[tokio::test]
async fn a_budget_that_is_spent_and_a_lookup_that_fails_are_named() {
    let site = site(|limits| limits.pattern_work = 10);
    let large = "x".repeat(100_000);
    let arguments = r#"action: UPDATE, filters: {text__regex: "(a|b)+c"}"#;
    let channel = site.messages(arguments).await;
    let reason = site.reason(&channel, &message(1, 1, 7, &large)).await;
    let key = "text__regex".to_owned();
    assert_eq!(reason, Reason::BudgetSpent { key });
    let arguments = "action: UPDATE, filters: {known: true}";
    let channel = site.messages(arguments).await;
    let reason = site.reason(&channel, &message(1, 1, 7, "a")).await;
    let key = "known".to_owned();
    assert_eq!(reason, Reason::LookupFailed { key });
}

/// What is explained is what happens.
#[tokio::test]
async fn it_says_yes_to_what_is_delivered_and_no_to_the_rest() {
    let site = site(|_| {});
    let mut subscriptions = Vec::new();
    for arguments in [
        "action: UPDATE",
        "action: CREATE",
        "action: ALL_ACTIONS, id: 2",
        "action: UPDATE, filters: {room: 1}",
        "action: UPDATE, filters: {room__gte: 1, text__startswith: \"b\"}",
        "action: UPDATE, filters: {tenant: 2}",
        "action: UPDATE, filters: {text__iregex: \"^B\"}",
    ] {
        subscriptions.push(site.messages(arguments).await);
    }
    let (mut delivered, mut explained) = (0, 0);
    for case in 0..81_i64 {
        let (id, tenant, room) = (case % 3, 1 + case / 3 % 3 % 2, case / 9 % 3);
        let row = message(id, tenant, room, ["a", "b", "c"][(case / 27) as usize]);
        let before = site.hub.stats();
        site.hub.publish(Action::Update, &row);
        site.hub.flush().await;
        delivered += site.hub.stats().frames_queued - before.frames_queued;
        for channel in &subscriptions {
            explained += u64::from(site.explain(channel, &row).await.is_delivered());
        }
        for channel in &mut subscriptions {
            let _ = tokio::time::timeout(Duration::ZERO, channel.take()).await;
        }
        assert_eq!(delivered, explained, "of {id} {tenant} {room} {}", row.text);
    }
    assert!(delivered > 50, "{delivered}");
}

/// Without a log there is one row, and a throttle that holds back is named.
#[tokio::test(start_paused = true)]
async fn an_update_that_is_held_back_comes_later() {
    let interval = Duration::from_millis(500);
    let hub = Hub::builder()
        .model::<Message>()
        .model::<Note>()
        .throttle::<Note>(interval)
        .build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    let site = Site { hub, schema };
    let channel = site.connect();
    site.subscribe(&channel, "noteSubscription", "action: ALL_ACTIONS")
        .await;
    let id = channel.id().as_str();
    let reason = async |action, row: i64| {
        let explanation = site.hub.explain(action, &Note { id: row }, id).await;
        explanation.reason
    };
    assert_eq!(reason(Action::Update, 1).await, Reason::Delivered);
    site.hub.publish(Action::Update, &Note { id: 1 });
    site.hub.flush().await;
    let held = reason(Action::Update, 1).await;
    assert_eq!(held, Reason::Throttled { interval });
    assert_eq!(
        held.to_string(),
        "later: an update of the row went less than 500 ms ago; the newest is told then"
    );
    assert_eq!(reason(Action::Delete, 1).await, Reason::Delivered);
    assert_eq!(reason(Action::Update, 2).await, Reason::Delivered);
    tokio::time::sleep(interval).await;
    assert_eq!(reason(Action::Update, 1).await, Reason::Delivered);
    // There is no log, and so no row before.
    let (before, now) = (message(1, 1, 8, "a"), message(1, 1, 7, "a"));
    let channel = site.messages("action: UPDATE, filters: {room: 7}").await;
    let id = channel.id().as_str();
    let entered = site.hub.explain_update(&before, &now, id).await;
    assert_eq!(entered.reason, Reason::Delivered);
    let key = "room".to_owned();
    let left = site.hub.explain_update(&now, &before, id).await;
    assert_eq!(left.reason, Reason::Filter { key });
}
