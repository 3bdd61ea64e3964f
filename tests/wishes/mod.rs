//! Random subscriptions to the posts of many tenants, and what a plain reading of them gives.

#![allow(dead_code, reason = "each test target uses its part")]

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use graphex::{Action, Pinned};
use serde_json::{Map, Value, json};

use crate::dice::Dice;

/// One of them would be another tenant's topic if it were not encoded.
pub(crate) const TENANTS: [&str; 4] = ["a", "b", "a&room=1", "é:%"];
const ROOMS: [Option<i64>; 6] = [None, Some(0), Some(1), Some(2), Some(3), Some(4)];
const TEXTS: [&str; 6] = ["", "urgent", "URGENT!", "Straße", "a.b", "two\nlines"];
const IDS: usize = 12;

/// More values than a subscription has narrowed topics or a plan has places in its index.
const MANY: i64 = 70;

const FIELDS: [&str; 5] = ["ID", "TENANT", "ROOM", "ROOM_NAME", "TEXT"];

pub(crate) const ACTIONS: [(&str, &[Action]); 4] = [
    ("CREATE", &[Action::Create]),
    ("UPDATE", &[Action::Update]),
    ("DELETE", &[Action::Delete]),
    (
        "ALL_ACTIONS",
        &[Action::Create, Action::Update, Action::Delete],
    ),
];

/// The first more often than the others, so that rows and subscribers meet.
fn tenant(dice: &mut Dice) -> String {
    let tenant = if dice.one_in(2) {
        0
    } else {
        dice.below(TENANTS.len())
    };
    TENANTS[tenant].to_owned()
}

/// A row, before it is one of a model.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) id: i64,
    pub(crate) tenant: String,
    pub(crate) room: Option<i64>,
    /// The room as text, so that a regular expression can ask for it.
    pub(crate) room_name: Option<String>,
    pub(crate) text: String,
}

impl Post {
    fn random(id: i64, dice: &mut Dice) -> Self {
        let room = dice.pick(&ROOMS);
        Self {
            id,
            tenant: tenant(dice),
            room,
            room_name: room.map(|room| room.to_string()),
            text: dice.pick(&TEXTS).to_owned(),
        }
    }
}

/// The rows that there are.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<i64, Post>);

impl Table {
    /// Creates, updates or deletes a row; an update may move it to another tenant or room.
    pub(crate) fn write(&mut self, dice: &mut Dice) -> (Action, Post) {
        let id = i64::try_from(dice.below(IDS)).unwrap();
        let post = Post::random(id, dice);
        if self.0.contains_key(&id) && dice.one_in(3) {
            return (Action::Delete, self.0.remove(&id).unwrap());
        }
        match self.0.insert(id, post.clone()) {
            None => (Action::Create, post),
            Some(_) => (Action::Update, post),
        }
    }
}

/// What a scope forces on a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forced {
    pub(crate) tenant: String,
    pub(crate) rooms: Rooms,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rooms {
    /// `optional(room)`.
    Optional(Pinned<i64>),
    /// `any_of(room)`.
    AnyOf(Vec<Option<i64>>),
}

impl Forced {
    pub(crate) fn random_optional(dice: &mut Dice) -> Self {
        let room = if dice.one_in(2) {
            dice.pick(&ROOMS).into()
        } else {
            Pinned::Anything
        };
        Self {
            tenant: tenant(dice),
            rooms: Rooms::Optional(room),
        }
    }

    pub(crate) fn random_any_of(dice: &mut Dice) -> Self {
        let rooms = match dice.below(6) {
            0 => Vec::new(),
            1 => (0..MANY).map(Some).collect(),
            _ => dice.some(&ROOMS, 6),
        };
        Self {
            tenant: tenant(dice),
            rooms: Rooms::AnyOf(rooms),
        }
    }

    fn holds(&self, post: &Post) -> bool {
        let room_holds = match &self.rooms {
            Rooms::Optional(Pinned::Anything) => true,
            Rooms::Optional(Pinned::Nothing) => false,
            Rooms::Optional(Pinned::Only(room)) => post.room == Some(*room),
            Rooms::AnyOf(rooms) => post.room.is_some() && rooms.contains(&post.room),
        };
        post.tenant == self.tenant && room_holds
    }

    /// The same as filters that pin no field to certain values.
    fn as_filters(&self) -> Vec<(&'static str, Value)> {
        let mut filters = vec![("tenant__range", json!([self.tenant, self.tenant]))];
        let names: Vec<_> = match &self.rooms {
            Rooms::Optional(Pinned::Anything) => return filters,
            Rooms::Optional(Pinned::Nothing) => Vec::new(),
            Rooms::Optional(Pinned::Only(room)) => vec![room.to_string()],
            Rooms::AnyOf(rooms) => rooms.iter().flatten().map(i64::to_string).collect(),
        };
        filters.push(("room_name__regex", json!(one_of(&names))));
        filters
    }
}

/// A regular expression for exactly these texts.
fn one_of(texts: &[impl AsRef<str>]) -> String {
    if texts.is_empty() {
        // Behind a character is not the start of the text.
        return r".\A".to_owned();
    }
    let escaped = texts.iter().map(|text| {
        let escaped = text.as_ref().chars().map(u32::from);
        escaped.map(|code| format!(r"\x{{{code:x}}}")).collect()
    });
    format!("^(?:{})$", escaped.collect::<Vec<String>>().join("|"))
}

/// One filter.
#[derive(Clone)]
pub(crate) struct Ask {
    key: &'static str,
    operand: Value,
    /// The same by filters that pin no field to certain values.
    unpinned: Vec<(&'static str, Value)>,
    holds: Rc<dyn Fn(&Post) -> bool>,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.operand)
    }
}

impl Ask {
    fn new(
        key: &'static str,
        operand: Value,
        unpinned: Vec<(&'static str, Value)>,
        holds: impl Fn(&Post) -> bool + 'static,
    ) -> Self {
        let holds = Rc::new(holds);
        Self {
            key,
            operand,
            unpinned,
            holds,
        }
    }

    /// A filter that is no pin by itself.
    fn condition(
        key: &'static str,
        operand: Value,
        holds: impl Fn(&Post) -> bool + 'static,
    ) -> Self {
        Self::new(key, operand.clone(), vec![(key, operand)], holds)
    }

    fn random(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::of_the_room(dice),
            1 => Self::of_the_tenant(dice),
            2 => Self::of_the_text(dice),
            _ => Self::of_the_id(dice),
        }
    }

    fn of_the_room(dice: &mut Dice) -> Self {
        let room = i64::try_from(dice.below(5)).unwrap();
        match dice.below(5) {
            0 | 1 => {
                let unpinned = vec![("room__gte", json!(room)), ("room__lte", json!(room))];
                let key = dice.pick(&["room", "room__exact"]);
                Self::new(key, json!(room), unpinned, move |post| {
                    post.room == Some(room)
                })
            }
            2 => {
                let rooms: Vec<_> = match dice.below(4) {
                    0 => (0..MANY).collect(),
                    _ => dice.some(&[0, 1, 2, 3, 4], 6),
                };
                let names: Vec<_> = rooms.iter().map(i64::to_string).collect();
                let unpinned = vec![("room_name__iregex", json!(one_of(&names)))];
                Self::new("room__in", json!(rooms), unpinned, move |post| {
                    post.room.is_some_and(|room| rooms.contains(&room))
                })
            }
            3 => {
                let expected = dice.one_in(2);
                Self::condition("room__isnull", json!(expected), move |post| {
                    post.room.is_none() == expected
                })
            }
            _ => Self::condition("room__gt", json!(room), move |post| {
                post.room.is_some_and(|found| found > room)
            }),
        }
    }

    fn of_the_tenant(dice: &mut Dice) -> Self {
        if dice.one_in(2) {
            let tenant = dice.pick(&TENANTS);
            let unpinned = vec![
                ("tenant__gte", json!(tenant)),
                ("tenant__lte", json!(tenant)),
            ];
            return Self::new("tenant", json!(tenant), unpinned, move |post| {
                post.tenant == tenant
            });
        }
        let tenants = dice.some(&TENANTS, 4);
        let unpinned = vec![("tenant__regex", json!(one_of(&tenants)))];
        Self::new("tenant__in", json!(tenants), unpinned, move |post| {
            tenants.contains(&post.tenant.as_str())
        })
    }

    fn of_the_text(dice: &mut Dice) -> Self {
        let text = dice.pick(&TEXTS);
        match dice.below(4) {
            0 => {
                let unpinned = vec![("text__gte", json!(text)), ("text__lte", json!(text))];
                Self::new("text", json!(text), unpinned, move |post| post.text == text)
            }
            1 => {
                let texts = dice.some(&TEXTS, 5);
                let unpinned = vec![("text__regex", json!(one_of(&texts)))];
                Self::new("text__in", json!(texts), unpinned, move |post| {
                    texts.contains(&post.text.as_str())
                })
            }
            2 => Self::condition("text__icontains", json!(text.to_lowercase()), move |post| {
                post.text.to_uppercase().contains(&text.to_uppercase())
            }),
            _ => Self::condition("text__startswith", json!(text), move |post| {
                post.text.starts_with(text)
            }),
        }
    }

    fn of_the_id(dice: &mut Dice) -> Self {
        let first = i64::try_from(dice.below(IDS)).unwrap();
        if dice.one_in(2) {
            let unpinned = vec![("id__gte", json!(first)), ("id__lt", json!(first + 1))];
            return Self::new("id", json!(first), unpinned, move |post| post.id == first);
        }
        let end = first + i64::try_from(dice.below(5)).unwrap();
        let ids: Vec<_> = (first..end).collect();
        let unpinned = vec![("id__gte", json!(first)), ("id__lte", json!(end - 1))];
        Self::new("id__in", json!(ids), unpinned, move |post| {
            ids.contains(&post.id)
        })
    }
}

/// What a subscriber wants and what is forced on it.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) id: Option<i64>,
    asks: Vec<Ask>,
    pub(crate) forced: Forced,
    pub(crate) data: Option<Vec<&'static str>>,
}

impl Wish {
    pub(crate) fn random(forced: Forced, dice: &mut Dice) -> Self {
        let mut asks: Vec<Ask> = Vec::new();
        for _ in 0..dice.pick(&[0, 1, 1, 2, 3]) {
            let new = Ask::random(dice);
            // Each key once, in either wording.
            let keys = |ask: &Ask| ask.unpinned.iter().map(|(key, _)| *key).collect::<Vec<_>>();
            let taken: Vec<_> = asks.iter().flat_map(keys).collect();
            if !keys(&new).iter().any(|key| taken.contains(key)) {
                asks.push(new);
            }
        }
        let id = dice.one_in(4).then(|| dice.below(IDS).try_into().unwrap());
        let mut wish = Self {
            id,
            asks,
            forced,
            data: None,
        };
        wish.change_data(dice);
        wish
    }

    pub(crate) fn change_data(&mut self, dice: &mut Dice) {
        self.data = dice.one_in(2).then(|| dice.some(&FIELDS, 4));
    }

    /// What tells the subscriptions of one channel apart.
    pub(crate) fn identity(&self) -> String {
        let exact = |key: &'static str| key.strip_suffix("__exact").unwrap_or(key);
        let mut filters: Vec<_> = self
            .asks
            .iter()
            .map(|ask| format!("{}: {}", exact(ask.key), ask.operand))
            .collect();
        filters.sort();
        format!("{:?} {filters:?}", self.id)
    }

    /// The filters as a client sends them, in any order.
    pub(crate) fn filters(&self, dice: &mut Dice) -> Value {
        let mut asks: Vec<_> = self.asks.iter().collect();
        if dice.one_in(2) {
            asks.reverse();
        }
        if asks.is_empty() && dice.one_in(2) {
            return Value::Null;
        }
        object(asks.iter().map(|ask| (ask.key, ask.operand.clone())))
    }

    /// Filters that mean the same with the scope and the id, and pin nothing.
    pub(crate) fn unpinned_filters(&self) -> Value {
        let scope = self.forced.as_filters();
        let id = self.id.map(|id| ("id__range", json!([id, id])));
        let asks = self.asks.iter().flat_map(|ask| ask.unpinned.clone());
        object(scope.into_iter().chain(id).chain(asks))
    }

    fn holds(&self, post: &Post) -> bool {
        let asked = self.id.is_none_or(|id| id == post.id);
        asked && self.forced.holds(post) && self.asks.iter().all(|ask| (ask.holds)(post))
    }

    /// The payload of the frame that it gets for this change.
    fn payload(&self, action: Action, post: &Post) -> Option<String> {
        if !self.holds(post) {
            return None;
        }
        let values = [
            ("ID", json!(post.id)),
            ("TENANT", json!(post.tenant)),
            ("ROOM", json!(post.room)),
            ("ROOM_NAME", json!(post.room_name)),
            ("TEXT", json!(post.text)),
        ];
        let data = self.data.as_ref().filter(|data| !data.is_empty());
        let sent = values
            .iter()
            .filter(|(field, _)| data.is_none_or(|data| data.contains(field)))
            .map(|(field, value)| format!("\"{}\":{value}", field.to_lowercase()));
        let sent = sent.collect::<Vec<_>>().join(",");
        let action = action.name();
        Some(format!(
            r#"{{"action":"{action}","model":"forum.post","data":{{{sent}}}}}"#
        ))
    }
}

fn object(entries: impl Iterator<Item = (&'static str, Value)>) -> Value {
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// What a channel is subscribed to, action by action.
#[derive(Debug, Default)]
pub(crate) struct Held(BTreeMap<(String, &'static str), Wish>);

impl Held {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn pick(&self, dice: &mut Dice) -> Option<Wish> {
        let all: Vec<_> = self.0.values().collect();
        (!all.is_empty()).then(|| dice.pick(&all).clone())
    }

    pub(crate) fn get(&self, wish: &Wish, action: Action) -> Option<&Wish> {
        self.0.get(&(wish.identity(), action.name()))
    }

    pub(crate) fn subscribe(&mut self, actions: &[Action], wish: &Wish) {
        for action in actions {
            let key = (wish.identity(), action.name());
            self.0.insert(key, wish.clone());
        }
    }

    /// Whether there was something to end.
    pub(crate) fn unsubscribe(&mut self, actions: &[Action], wish: &Wish) -> bool {
        let identity = wish.identity();
        let ended = actions
            .iter()
            .filter_map(|action| self.0.remove(&(identity.clone(), action.name())));
        ended.count() > 0
    }

    /// The payloads of the frames that a change brings, sorted: between the subscriptions of
    /// one channel there is no order.
    pub(crate) fn payloads(&self, action: Action, post: &Post) -> Vec<String> {
        let held = self.0.iter();
        let told = held.filter(|((_, held), _)| *held == action.name());
        let payloads = told.filter_map(|(_, wish)| wish.payload(action, post));
        let mut payloads: Vec<_> = payloads.collect();
        payloads.sort();
        payloads
    }
}

/// The payload of a frame of this stream.
pub(crate) fn payload<'f>(stream: &str, frame: &'f str) -> &'f str {
    let start = format!(r#"{{"stream":"{stream}","payload":"#);
    let payload = frame.strip_prefix(&start);
    let payload = payload.and_then(|payload| payload.strip_suffix('}'));
    payload.unwrap_or_else(|| panic!("{frame} is not of the stream {stream}"))
}
