//! Whatever is lost on the way to a subscriber, it is told between what is missing and what
//! follows, and nothing older comes after: with bulks, lookups that fail and are slow, patterns,
//! readers that do not read, and queues that are far too small, in any order.

use crate::proof;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::dice::Dice;
use crate::hello::Query;
use crate::until::until;
use async_graphql::{EmptyMutation, Request, Schema};
use futures_util::FutureExt as _;
use graphex::prelude::*;
use graphex::{Channel, Stats};
use serde_json::Value;

/// Changes carry ascending ids, so a frame says which change it is of.
#[derive(Clone, ModelType)]
#[graphex(stream = "posts", serialize_data, lookup(vouched(id): i64))]
struct Post {
    id: i64,
    room: i64,
    text: String,
}

/// What the lookup of the posts does next.
#[derive(Default)]
struct Registry(Mutex<Option<Dice>>);

impl PostLookups for Post {
    async fn vouched(ctx: &LookupContext<'_>, id: i64, operand: i64) -> Result<bool> {
        let registry = ctx.data::<Arc<Registry>>()?;
        let choice = registry.0.lock().unwrap().as_mut().unwrap().below(40);
        match choice {
            0 => return Err("the registry is closed".into()),
            1 => panic!("the registry burns"),
            2 => std::future::pending().await,
            3..10 => tokio::time::sleep(Duration::from_millis(7)).await,
            10..20 => tokio::task::yield_now().await,
            _ => {}
        }
        Ok(vouches(id, operand))
    }
}

fn vouches(id: i64, operand: i64) -> bool {
    id % 3 == operand
}

/// What a subscriber asks for, as GraphQL and as a test of a post.
#[derive(Clone, Copy, Debug)]
enum Asked {
    All,
    Room(i64),
    Pattern(i64),
    Vouched(i64),
    VouchedInRoom(i64, i64),
}

impl Asked {
    fn any(dice: &mut Dice) -> Self {
        let number = i64::try_from(dice.below(3)).unwrap();
        match dice.below(5) {
            0 => Self::All,
            1 => Self::Room(number),
            2 => Self::Pattern(number),
            3 => Self::Vouched(number),
            _ => Self::VouchedInRoom(number, i64::try_from(dice.below(3)).unwrap()),
        }
    }

    fn filters(self) -> String {
        match self {
            Self::All => "{}".to_owned(),
            Self::Room(room) => format!("{{ room: {room} }}"),
            Self::Pattern(digit) => format!("{{ text__regex: \"^[a-z]*{digit}[0-9 x]*$\" }}"),
            Self::Vouched(operand) => format!("{{ vouched: {operand} }}"),
            Self::VouchedInRoom(operand, room) => format!("{{ vouched: {operand}, room: {room} }}"),
        }
    }

    fn wants(self, post: &Post) -> bool {
        match self {
            Self::All => true,
            Self::Room(room) => post.room == room,
            Self::Pattern(digit) => post.text.starts_with(&format!("post{digit}")),
            Self::Vouched(operand) => vouches(post.id, operand),
            Self::VouchedInRoom(operand, room) => vouches(post.id, operand) && post.room == room,
        }
    }
}

/// A subscriber, and what it was told.
struct Listener {
    channel: Channel,
    asked: Asked,
    /// The last change that was published before it subscribed.
    since: i64,
    told: Vec<Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Post(i64),
    /// With the last change whose delivery was over when it was told.
    Gap(i64),
}

impl Listener {
    /// Takes what is there.
    fn take(&mut self, hub: &Hub) {
        let Some(taken) = self.channel.take().now_or_never() else {
            return;
        };
        // Ids ascend from one, so the last of so many changes has at least this id.
        let delivered = i64::try_from(hub.stats().changes_published).unwrap();
        for frame in taken.expect("the channel is open") {
            let frame: Value = serde_json::from_slice(&frame).unwrap();
            let payload = &frame["payload"];
            self.told.push(match payload["data"]["id"].as_i64() {
                Some(id) => Told::Post(id),
                None => {
                    assert_eq!(payload["action"], "resync");
                    Told::Gap(delivered)
                }
            });
        }
    }

    fn check(&self, posts: &[Post]) {
        let wanted: Vec<_> = posts
            .iter()
            .filter(|post| post.id > self.since && self.asked.wants(post))
            .map(|post| post.id)
            .collect();
        let (mut next, mut gap, mut oldest) = (0, false, 0);
        for told in &self.told {
            match *told {
                Told::Gap(delivered) => {
                    gap = true;
                    oldest = delivered;
                }
                Told::Post(id) => {
                    let found = wanted[next..].iter().position(|wanted| *wanted == id);
                    let skipped = found.unwrap_or_else(|| {
                        panic!("{id} is doubled, out of order or not asked for: {self:?}")
                    });
                    assert!(
                        skipped == 0 || gap,
                        "{skipped} before {id} untold: {self:?}"
                    );
                    assert!(id > oldest, "{id} is older than a resync: {self:?}");
                    next += skipped + 1;
                    gap = false;
                }
            }
        }
        assert!(next == wanted.len() || gap, "the last are untold: {self:?}");
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} since {}: {:?}", self.asked, self.since, self.told)
    }
}

/// Of one in ten texts the patterns are too costly for the lane.
fn length(dice: &mut Dice) -> usize {
    let most = if dice.one_in(10) { 8_000 } else { 60 };
    dice.below(most)
}

struct Run {
    hub: Hub,
    schema: Schema<Query, EmptyMutation, PostSubscription>,
    listeners: Vec<Listener>,
    posts: Vec<Post>,
}

impl Run {
    fn new(dice: &mut Dice) -> Self {
        let registry = Arc::new(Registry(Mutex::new(Some(dice.split()))));
        let (queue, frames, decisions) =
            (5 + dice.below(40), 2 + dice.below(30), 1 + dice.below(20));
        let work = dice.pick(&[400, 4_000, 20_000_000]);
        let hub = Hub::builder().model::<Post>().data(registry);
        let hub = hub.limits(|limits| {
            limits.publisher_queue = queue;
            limits.outbox_frames = frames;
            limits.decision_queue = decisions;
            limits.pattern_work = work;
            limits.lookup_time = Duration::from_millis(50);
            limits.resync_interval = Duration::from_millis(20);
        });
        Self {
            hub: hub.build(),
            schema: Schema::new(Query, EmptyMutation, PostSubscription::default()),
            listeners: Vec::new(),
            posts: Vec::new(),
        }
    }

    /// As an owner that perhaps others are, too.
    async fn subscribe(&mut self, dice: &mut Dice) {
        let identity = Identity::new(format!("user:{}", dice.below(3)));
        let channel = self.hub.connect(identity.clone()).unwrap();
        let asked = Asked::any(dice);
        let document = format!(
            "subscription {{ postSubscription(channelId: \"{}\", action: ALL_ACTIONS, \
             operation: SUBSCRIBE, filters: {}, data: [ID]) {{ ok error }} }}",
            channel.id().as_str(),
            asked.filters()
        );
        // What was published before and waits is delivered before or after: nobody can tell.
        self.rest().await;
        let since = self.last();
        let request = Request::new(document).data(self.hub.clone()).data(identity);
        let answer = graphex::execute(&self.schema, request).await;
        let answer = answer.data.into_json().unwrap();
        assert_eq!(answer["postSubscription"]["ok"], true, "{answer}");
        self.listeners.push(Listener {
            channel,
            asked,
            since,
            told: Vec::new(),
        });
    }

    fn last(&self) -> i64 {
        i64::try_from(self.posts.len()).unwrap()
    }

    fn publish(&mut self, dice: &mut Dice, count: usize) {
        for _ in 0..count {
            let id = self.last() + 1;
            let post = Post {
                id,
                room: i64::try_from(dice.below(3)).unwrap(),
                text: format!("post{}{}", dice.below(3), " x".repeat(length(dice))),
            };
            let action = dice.pick(&[Action::Create, Action::Update, Action::Delete]);
            self.hub.publish(action, &post);
            self.posts.push(post);
        }
    }

    /// Waits until what was published has left the queue.
    async fn rest(&self) {
        let left = || {
            let stats = self.hub.stats();
            stats.changes_published + stats.changes_lost
        };
        until(|| left() == self.posts.len() as u64).await;
    }

    fn take(&mut self, position: usize) {
        self.listeners[position].take(&self.hub);
    }

    async fn end(mut self) {
        // All that can still come has come: lookups have failed at the latest.
        for _ in 0..5 {
            self.rest().await;
            for position in 0..self.listeners.len() {
                self.take(position);
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        for listener in &self.listeners {
            listener.check(&self.posts);
        }
        let hub = self.hub.clone();
        drop(self);
        let stats = hub.stats();
        assert_eq!((stats.channels, stats.subscriptions), (0, 0));
        assert_eq!((stats.plans, stats.topics), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn every_gap_is_told_where_it_is() {
    let mut dice = Dice::new();
    let mut total = Stats::default();
    for _ in 0..proof::steps(200) {
        let mut run = Run::new(&mut dice);
        for _ in 0..60 {
            match dice.below(10) {
                0 => run.subscribe(&mut dice).await,
                1 => {
                    let many = dice.below(80);
                    run.publish(&mut dice, many);
                }
                2..6 => {
                    let few = 1 + dice.below(4);
                    run.publish(&mut dice, few);
                }
                6 | 7 => {
                    if !run.listeners.is_empty() {
                        let position = dice.below(run.listeners.len());
                        run.take(position);
                    }
                }
                8 => tokio::time::sleep(Duration::from_millis(dice.below(30) as u64)).await,
                _ => {
                    for _ in 0..dice.below(20) {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
        let hub = run.hub.clone();
        run.end().await;
        let stats = hub.stats();
        total.changes_lost += stats.changes_lost;
        total.overflows += stats.overflows;
        total.lookups_failed += stats.lookups_failed;
        total.decisions_dropped += stats.decisions_dropped;
        total.budgets_spent += stats.budgets_spent;
        total.resyncs += stats.resyncs;
        total.frames_queued += stats.frames_queued;
    }
    eprintln!("{total:?}");
    // Each kind of loss happened, or this proves nothing of it.
    for losses in [
        total.changes_lost,
        total.overflows,
        total.lookups_failed,
        total.decisions_dropped,
        total.budgets_spent,
    ] {
        assert!(losses > 0, "{total:?}");
    }
}
