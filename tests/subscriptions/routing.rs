//! Routing is an optimisation: with and without index fields, with plans found by hash or by
//! scan, subscribers get the same frames.

use crate::dice::Dice;
use crate::hello::Query;
use crate::in_process::{Desk, Prepared, frames};
use crate::proof;
use crate::wishes::{ACTIONS, Forced, Held, Post, Rooms, Table, Wish, payload};
use async_graphql::{Data, EmptyMutation, Executor};
use graphex::prelude::*;
use graphex::{Channel, Identity};
use serde_json::{Value, json};

/// Declares models that differ only in how they are routed.
macro_rules! models {
    ($($model:ident $stream:tt [$($keys:tt)*])*) => {$(
        #[derive(ModelType)]
        #[graphex(stream = $stream, label = "forum.post", serialize_data, $($keys)*)]
        struct $model {
            id: i64,
            tenant: String,
            room: Option<i64>,
            room_name: Option<String>,
            text: String,
        }

        impl From<&Post> for $model {
            fn from(post: &Post) -> Self {
                let Post { id, tenant, room, room_name, text } = post.clone();
                Self { id, tenant, room, room_name, text }
            }
        }
    )*};
}

models! {
    ByBoth "by_both" [scope(tenant, optional(room)), index_fields(tenant, room)]
    ByTenant "by_tenant" [scope(tenant, optional(room)), index_fields(tenant)]
    Plain "plain" [scope(tenant, optional(room))]
    ListedByBoth "listed_by_both" [scope(tenant, any_of(room)), index_fields(tenant, room)]
    ListedByRoom "listed_by_room" [scope(tenant, any_of(room)), index_fields(room)]
    ListedPlain "listed_plain" [scope(tenant, any_of(room))]
    Unpinned "unpinned" []
}

macro_rules! scopes {
    ($variant:ident: $($model:ident $args:ident $scope:ident)*) => {$(
        impl Scoped for $model {
            async fn scope(ctx: &Context<'_>, _: &$args) -> Result<$scope> {
                let Forced { tenant, rooms } = ctx.data::<Forced>()?.clone();
                match rooms {
                    Rooms::$variant(room) => Ok($scope { tenant, room }),
                    _ => Err("a scope of another model".into()),
                }
            }
        }
    )*};
}

scopes! { Optional:
    ByBoth ByBothSubscriptionArgs ByBothScope
    ByTenant ByTenantSubscriptionArgs ByTenantScope
    Plain PlainSubscriptionArgs PlainScope
}
scopes! { AnyOf:
    ListedByBoth ListedByBothSubscriptionArgs ListedByBothScope
    ListedByRoom ListedByRoomSubscriptionArgs ListedByRoomScope
    ListedPlain ListedPlainSubscriptionArgs ListedPlainScope
}

#[derive(MergedSubscription, Default)]
struct Subscription(
    ByBothSubscription,
    ByTenantSubscription,
    PlainSubscription,
    ListedByBothSubscription,
    ListedByRoomSubscription,
    ListedPlainSubscription,
    UnpinnedSubscription,
);

/// The models that one subscriber is compared on; the last has the unpinned wording.
const OPTIONAL: [&str; 4] = ["ByBoth", "ByTenant", "Plain", "Unpinned"];
const ANY_OF: [&str; 4] = ["ListedByBoth", "ListedByRoom", "ListedPlain", "Unpinned"];

fn hub() -> Hub {
    Hub::builder()
        .model::<ByBoth>()
        .model::<ByTenant>()
        .model::<Plain>()
        .model::<ListedByBoth>()
        .model::<ListedByRoom>()
        .model::<ListedPlain>()
        .model::<Unpinned>()
        .limits(|limits| limits.narrowed_topics = 4)
        .build()
}

/// One channel to a model.
struct Route {
    stream: String,
    document: Prepared,
    channel: Channel,
}

impl Route {
    fn new(hub: &Hub, model: &str) -> Self {
        let small = |name: &str| name[..1].to_lowercase() + &name[1..];
        let document = format!(
            "subscription($channel: String!, $action: ActionSubscriptionEnum!, \
             $operation: OperationSubscriptionEnum!, $id: ID, $filters: {model}Filters, \
             $data: [{model}Fields]) {{ {}Subscription(channelId: $channel, action: $action, \
             operation: $operation, id: $id, filters: $filters, data: $data) {{ ok error }} }}",
            small(model)
        );
        let snake = |letter: char| match letter.is_uppercase() {
            true => format!("_{}", letter.to_lowercase()),
            false => letter.to_string(),
        };
        Self {
            stream: small(model).chars().map(snake).collect(),
            document: Prepared::new(&document),
            channel: hub.connect(Identity::anonymous()).unwrap(),
        }
    }

    /// Whether it was done.
    async fn control<E: Executor>(
        &self,
        desk: &Desk<E>,
        operation: &str,
        action: &str,
        (id, filters): (Option<i64>, Value),
        wish: &Wish,
    ) -> bool {
        let variables = json!({
            "channel": self.channel.id().as_str(), "action": action, "operation": operation,
            "id": id, "filters": filters, "data": wish.data,
        });
        let mut data = Data::default();
        data.insert(wish.forced.clone());
        let request = self.document.with(variables.clone());
        let answer = desk.ask(&Identity::anonymous(), request, data).await;
        let confirmations = answer["data"].as_object();
        let confirmation = confirmations.and_then(|all| all.values().next());
        let confirmation = confirmation.unwrap_or_else(|| panic!("{variables}: {answer}"));
        let error = &confirmation["error"];
        assert!(
            error.is_null() || error == "no such subscription",
            "{variables}: {error}"
        );
        confirmation["ok"] == true
    }
}

/// A subscriber, with a channel for each model that it is compared on.
struct Subscriber {
    routes: Vec<Route>,
    forced: fn(&mut Dice) -> Forced,
    held: Held,
}

impl Subscriber {
    fn new(hub: &Hub, models: &[&str], forced: fn(&mut Dice) -> Forced) -> Self {
        Self {
            routes: models.iter().map(|model| Route::new(hub, model)).collect(),
            forced,
            held: Held::default(),
        }
    }

    /// One step: it subscribes, changes what it has, or ends something.
    async fn step<E: Executor>(&mut self, desk: &Desk<E>, dice: &mut Dice) {
        let new = Wish::random((self.forced)(dice), dice);
        let (action, actions) = dice.pick(&ACTIONS);
        let known = self.held.pick(dice);
        match (dice.below(8), known) {
            (0 | 1, Some(mut known)) => {
                known.change_data(dice);
                if dice.one_in(2) {
                    known.forced = new.forced;
                }
                self.subscribe(desk, (action, actions), &known, dice).await;
            }
            (2..5, Some(mut known)) if self.held.len() > 4 => {
                // The scope is no part of what a subscription is called by.
                known.forced = new.forced;
                self.unsubscribe(desk, (action, actions), &known, dice)
                    .await;
            }
            (5, _) => self.unsubscribe(desk, (action, actions), &new, dice).await,
            (_, Some(known)) if self.held.len() > 20 => {
                self.unsubscribe(desk, ACTIONS[3], &known, dice).await;
            }
            _ => self.subscribe(desk, (action, actions), &new, dice).await,
        }
    }

    async fn subscribe<E: Executor>(
        &mut self,
        desk: &Desk<E>,
        (action, actions): (&str, &[Action]),
        wish: &Wish,
        dice: &mut Dice,
    ) {
        let (unpinned, pinned) = self.routes.split_last().unwrap();
        for route in pinned {
            let named = (wish.id, wish.filters(dice));
            assert!(route.control(desk, "SUBSCRIBE", action, named, wish).await);
        }
        // There the scope is among the filters, so that another one is another subscription.
        for one in actions {
            let replaced = self.held.get(wish, *one);
            if let Some(old) = replaced.filter(|old| old.forced != wish.forced) {
                Self::end_unpinned(unpinned, desk, *one, old).await;
            }
        }
        let named = (None, wish.unpinned_filters());
        assert!(
            unpinned
                .control(desk, "SUBSCRIBE", action, named, wish)
                .await
        );
        self.held.subscribe(actions, wish);
    }

    async fn unsubscribe<E: Executor>(
        &mut self,
        desk: &Desk<E>,
        (action, actions): (&str, &[Action]),
        wish: &Wish,
        dice: &mut Dice,
    ) {
        let (unpinned, pinned) = self.routes.split_last().unwrap();
        for one in actions {
            if let Some(old) = self.held.get(wish, *one) {
                Self::end_unpinned(unpinned, desk, *one, old).await;
            }
        }
        let ended = self.held.unsubscribe(actions, wish);
        for route in pinned {
            let named = (wish.id, wish.filters(dice));
            let done = route
                .control(desk, "UNSUBSCRIBE", action, named, wish)
                .await;
            assert_eq!(done, ended, "{} {wish:?}", route.stream);
        }
    }

    async fn end_unpinned<E: Executor>(
        unpinned: &Route,
        desk: &Desk<E>,
        action: Action,
        wish: &Wish,
    ) {
        let named = (None, wish.unpinned_filters());
        let action = action.name().to_uppercase();
        let done = unpinned.control(desk, "UNSUBSCRIBE", &action, named, wish);
        assert!(done.await);
    }

    /// Each channel has got what a plain reading of its subscriptions gives, in order.
    fn check(&mut self, changes: &[(Action, Post)]) -> usize {
        let expected = changes
            .iter()
            .map(|(action, post)| self.held.payloads(*action, post));
        let expected: Vec<_> = expected.collect();
        for Route {
            stream, channel, ..
        } in &mut self.routes
        {
            let frames = frames(channel);
            let mut got = frames.iter().map(|frame| payload(stream, frame));
            for (expected, change) in expected.iter().zip(changes) {
                let mut of_change: Vec<_> = got.by_ref().take(expected.len()).collect();
                of_change.sort_unstable();
                assert_eq!(of_change, *expected, "{stream} {change:?} {:#?}", self.held);
            }
            assert_eq!(got.next(), None, "{stream} {changes:?} {:#?}", self.held);
        }
        expected.iter().map(Vec::len).sum()
    }
}

fn publish<E: Executor>(desk: &mut Desk<E>, action: Action, post: &Post) {
    desk.publish(action, &ByBoth::from(post));
    desk.publish(action, &ByTenant::from(post));
    desk.publish(action, &Plain::from(post));
    desk.publish(action, &ListedByBoth::from(post));
    desk.publish(action, &ListedByRoom::from(post));
    desk.publish(action, &ListedPlain::from(post));
    desk.publish(action, &Unpinned::from(post));
}

#[tokio::test]
async fn sets_of_subscriptions_get_the_same_frames_however_they_are_routed() {
    let (sets, mut dice) = (proof::steps(1_000), Dice::new());
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    let mut desk = Desk::new(hub(), schema);
    let (mut table, mut subscribers, mut told) = (Table::default(), Vec::new(), 0);
    for set in 0..sets {
        if set % 100 == 0 {
            subscribers.clear();
            let stats = desk.hub.stats();
            let left = (
                stats.channels,
                stats.subscriptions,
                stats.plans,
                stats.topics,
            );
            assert_eq!(left, (0, 0, 0, 0), "what left has left nothing behind");
            for _ in 0..2 {
                let optional = Subscriber::new(&desk.hub, &OPTIONAL, Forced::random_optional);
                let any_of = Subscriber::new(&desk.hub, &ANY_OF, Forced::random_any_of);
                subscribers.extend([optional, any_of]);
            }
        }
        let stepping = dice.below(subscribers.len());
        subscribers[stepping].step(&desk, &mut dice).await;
        let changes: Vec<_> = (0..3).map(|_| table.write(&mut dice)).collect();
        for (action, post) in &changes {
            publish(&mut desk, *action, post);
        }
        desk.delivered().await;
        for subscriber in &mut subscribers {
            told += subscriber.check(&changes);
        }
    }
    assert!(told > sets, "the subscriptions match something: {told}");
    eprintln!("{told} frames for each way of routing");
}
