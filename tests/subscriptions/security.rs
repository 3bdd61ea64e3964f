//! The scope is a boundary: nothing that a client sends widens it, names a field that is kept on
//! the server, or gets past the hooks.

use crate::proof;
use std::sync::{Arc, Mutex};

use crate::dice::Dice;
use crate::in_process::{Desk, frames, literal};
use crate::wishes::{ACTIONS, Forced, Held, Post, Rooms, Table, Wish, payload};
use async_graphql::{Data, EmptyMutation, EmptySubscription, Guard, Object, Request, Variables};
use graphex::prelude::*;
use graphex::{Channel, Identity, Pinned};
use serde_json::{Map, Value, json};

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    label = "forum.post",
    serialize_data,
    authorize,
    scope(tenant, optional(room)),
    index_fields(tenant, room)
)]
struct Message {
    id: i64,
    tenant: String,
    room: Option<i64>,
    room_name: Option<String>,
    text: String,
    #[graphex(skip)]
    #[allow(dead_code)]
    secret: String,
}

const SECRET: &str = "s3cret";

impl From<&Post> for Message {
    fn from(post: &Post) -> Self {
        let Post {
            id,
            tenant,
            room,
            room_name,
            text,
        } = post.clone();
        Self {
            id,
            tenant,
            room,
            room_name,
            text,
            secret: SECRET.to_owned(),
        }
    }
}

/// A stream that a guard of the schema's resolvers protects as well.
#[derive(ModelType)]
#[graphex(stream = "notes", authorize)]
struct Note {
    #[allow(dead_code)]
    id: i64,
}

/// Its scope is a field that is kept on the server.
#[derive(ModelType)]
#[graphex(
    stream = "letters",
    label = "forum.post",
    serialize_data,
    scope(owner),
    index_fields(owner)
)]
struct Letter {
    id: i64,
    #[graphex(skip)]
    owner: String,
}

impl Scoped for Letter {
    async fn scope(ctx: &Context<'_>, _: &LetterSubscriptionArgs) -> Result<LetterScope> {
        let owner = ctx.data::<User>()?.forced.tenant.clone();
        Ok(LetterScope { owner })
    }
}

/// What becomes of whom the hooks ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Welcome,
    Denied,
    Unscoped,
    AuthorizePanics,
    ScopePanics,
    AuthorizeFails,
    ScopeFails,
}

/// Who asks.
#[derive(Clone, Debug)]
struct User {
    forced: Forced,
    fate: Fate,
}

/// A hook, and how many subscriptions and plans it saw.
type Entry = (&'static str, usize, usize);

/// The hooks that ran.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    fn write(ctx: &Context<'_>, hook: &'static str) -> Result<()> {
        let stats = ctx.data::<Hub>()?.stats();
        let Self(entries) = ctx.data()?;
        let entry = (hook, stats.subscriptions, stats.plans);
        entries.lock().unwrap().push(entry);
        Ok(())
    }

    fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn hooks(&self) -> Vec<&'static str> {
        self.take().into_iter().map(|(hook, ..)| hook).collect()
    }
}

impl Authorized for Message {
    async fn authorize(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<()> {
        Journal::write(ctx, "authorize")?;
        match ctx.data::<User>()?.fate {
            Fate::Denied => Err("not you".into()),
            Fate::AuthorizePanics => panic!("this user is for panicking hooks"),
            Fate::AuthorizeFails => Err(diesel::result::Error::NotFound)?,
            _ => Ok(()),
        }
    }
}

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        Journal::write(ctx, "scope")?;
        let User { forced, fate } = ctx.data::<User>()?.clone();
        match (fate, forced.rooms) {
            (Fate::Unscoped, _) => Err("no tenant chosen".into()),
            (Fate::ScopePanics, _) => panic!("this user is for panicking hooks"),
            (Fate::ScopeFails, _) => Err(diesel::result::Error::BrokenTransactionManager)?,
            (_, Rooms::AnyOf(_)) => Err("this stream has one room".into()),
            (_, Rooms::Optional(room)) => Ok(MessageScope {
                tenant: forced.tenant,
                room,
            }),
        }
    }
}

/// A guard as resolvers have it.
struct OfTenant(&'static str);

impl Guard for OfTenant {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        let allowed = ctx.data::<User>()?.forced.tenant == self.0;
        allowed
            .then_some(())
            .ok_or_else(|| "for another tenant".into())
    }
}

impl Authorized for Note {
    async fn authorize(ctx: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<()> {
        OfTenant("a").check(ctx).await
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, NoteSubscription, LetterSubscription);

struct Query;

#[Object]
impl Query {
    #[graphql(guard = "OfTenant(\"a\")")]
    async fn hello(&self) -> &str {
        "world"
    }
}

type Site = Desk<Schema<Query, EmptyMutation, Subscription>>;

fn site() -> Site {
    let hub = Hub::builder()
        .model::<Message>()
        .model::<Note>()
        .model::<Letter>()
        .build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    Desk::new(hub, schema)
}

struct Client {
    channel: Channel,
    identity: Identity,
    user: User,
    journal: Journal,
}

impl Client {
    /// Of this tenant, in this room of it or in all.
    fn new(site: &Site, tenant: &str, room: Pinned<i64>) -> Self {
        let identity = Identity::new(format!("{tenant} {room:?}"));
        let forced = Forced {
            tenant: tenant.to_owned(),
            rooms: Rooms::Optional(room),
        };
        Self {
            channel: site.hub.connect(identity.clone()).unwrap(),
            identity,
            user: User {
                forced,
                fate: Fate::Welcome,
            },
            journal: Journal::default(),
        }
    }

    /// The answer to a document, in which `$channel` is the client's own.
    async fn ask(&self, site: &Site, document: &str, variables: Value) -> Value {
        let id = format!("\"{}\"", self.channel.id().as_str());
        let request = Request::new(document.replace("$channel", &id));
        self.send(site, request, variables).await
    }

    async fn send(&self, site: &Site, request: Request, variables: Value) -> Value {
        let request = request.variables(Variables::from_json(variables));
        let mut data = Data::default();
        data.insert(self.user.clone());
        data.insert(self.journal.clone());
        site.ask(&self.identity, request, data).await
    }

    /// Subscribes or unsubscribes with these arguments; why not, if it could not.
    async fn control(&self, site: &Site, operation: &str, arguments: &str) -> Option<String> {
        let document = format!(
            "subscription {{ messageSubscription(channelId: $channel, action: ALL_ACTIONS, \
             operation: {operation}, {arguments}) {{ ok error }} }}"
        );
        refusal(&self.ask(site, &document, json!({})).await)
    }

    /// The ids of the rows that the client was told of.
    fn ids(&mut self) -> Vec<i64> {
        let frames = frames(&mut self.channel);
        let id = |frame: String| {
            let frame: Value = serde_json::from_str(&frame).unwrap();
            frame["payload"]["data"]["id"].as_i64().unwrap()
        };
        frames.into_iter().map(id).collect()
    }
}

/// Why a subscription was not made, if it was not.
fn refusal(answer: &Value) -> Option<String> {
    if let Some(errors) = answer["errors"].as_array() {
        return Some(errors[0]["message"].as_str().unwrap().to_owned());
    }
    let confirmations = answer["data"].as_object().expect("data or errors");
    let confirmation = confirmations.values().next().unwrap();
    let error = confirmation["error"].as_str().map(str::to_owned);
    assert_eq!(confirmation["ok"], error.is_none(), "{answer}");
    error
}

fn message(id: i64, tenant: &str, room: i64) -> Message {
    Message::from(&Post {
        id,
        tenant: tenant.to_owned(),
        room: Some(room),
        room_name: Some(room.to_string()),
        text: "hello".to_owned(),
    })
}

/// Rows of two tenants, in two rooms each: 1 and 2 are the own, the rest is foreign.
async fn publish_rows(site: &mut Site) {
    for (id, tenant, room) in [(1, "a", 1), (2, "a", 2), (3, "b", 1), (4, "b", 2)] {
        site.publish(Action::Create, &message(id, tenant, room));
    }
    site.delivered().await;
}

#[tokio::test]
async fn a_filter_on_a_scoped_field_can_only_narrow() {
    let mut site = site();
    let cases: &[(&str, &[i64])] = &[
        ("filters: {}", &[1, 2]),
        ("filters: null", &[1, 2]),
        (r#"filters: {tenant: "a"}"#, &[1, 2]),
        (r#"filters: {tenant: "b"}"#, &[]),
        (r#"filters: {tenant__exact: "b"}"#, &[]),
        (r#"filters: {tenant: "a", tenant__exact: "b"}"#, &[]),
        // async-graphql takes the last of two equal keys.
        (r#"filters: {tenant: "a", tenant: "b"}"#, &[]),
        (r#"filters: {tenant: "b", tenant: "a"}"#, &[1, 2]),
        (r#"filters: {tenant__in: ["b"]}"#, &[]),
        (r#"filters: {tenant__in: "b"}"#, &[]),
        (r#"filters: {tenant__in: ["a", "b"]}"#, &[1, 2]),
        (r#"filters: {tenant__in: []}"#, &[]),
        ("filters: {tenant__isnull: true}", &[]),
        ("filters: {tenant__isnull: false}", &[1, 2]),
        (r#"filters: {tenant__gte: ""}"#, &[1, 2]),
        (r#"filters: {tenant__gt: "a"}"#, &[]),
        (r#"filters: {tenant__range: ["a", "b"]}"#, &[1, 2]),
        (r#"filters: {tenant__regex: "a|b"}"#, &[1, 2]),
        (r#"filters: {tenant__regex: "(?i)B"}"#, &[]),
        (r#"filters: {tenant__iexact: "B"}"#, &[]),
        (r#"filters: {tenant__contains: ""}"#, &[1, 2]),
        ("filters: {room: 2}", &[2]),
        ("filters: {room__in: [2, 1, 3]}", &[1, 2]),
        ("id: 3", &[]),
        ("id: 1", &[1]),
        (r#"id: 3, filters: {tenant: "b"}"#, &[]),
        ("id: 1, filters: {id__in: [1, 3]}", &[1]),
    ];
    for (arguments, expected) in cases {
        let mut everywhere = Client::new(&site, "a", Pinned::Anything);
        let mut in_room = Client::new(&site, "a", Pinned::Only(1));
        for client in [&everywhere, &in_room] {
            let refused = client.control(&site, "SUBSCRIBE", arguments).await;
            assert_eq!(refused, None, "{arguments}");
        }
        publish_rows(&mut site).await;
        assert_eq!(everywhere.ids(), *expected, "{arguments}");
        let in_its_room: Vec<_> = expected.iter().filter(|id| **id == 1).copied().collect();
        assert_eq!(in_room.ids(), in_its_room, "{arguments}");
    }
}

#[tokio::test]
async fn an_alias_is_only_a_name() {
    let mut site = site();
    let mut client = Client::new(&site, "a", Pinned::Anything);
    // Under the name of a stream that this user may have too.
    let document = "subscription { noteSubscription: messageSubscription(channelId: $channel, \
         action: CREATE, operation: SUBSCRIBE, filters: {tenant__in: [\"a\", \"b\"]}) \
         { error: ok ok: error } }";
    let answer = client.ask(&site, document, json!({})).await;
    let confirmation = json!({"noteSubscription": {"error": true, "ok": null}});
    assert_eq!(answer["data"], confirmation);
    assert_eq!(client.journal.hooks(), ["authorize", "scope"]);
    publish_rows(&mut site).await;
    assert_eq!(client.ids(), [1, 2]);
}

#[tokio::test]
async fn only_the_operation_that_is_named_runs() {
    let mut site = site();
    let mut client = Client::new(&site, "a", Pinned::Anything);
    let document = |channel: &str| {
        let field = |room: i64| {
            format!(
                "messageSubscription(channelId: {channel}, action: CREATE, operation: SUBSCRIBE, \
                 filters: {{room: {room}}}) {{ ok error }}"
            )
        };
        let (one, two) = (field(1), field(2));
        format!("subscription One {{ {one} }} subscription Two {{ {two} }}")
    };
    let document = document(&format!("\"{}\"", client.channel.id().as_str()));
    for name in [None, Some("Three"), Some("")] {
        let mut request = Request::new(&document);
        request.operation_name = name.map(str::to_owned);
        let answer = client.send(&site, request, json!({})).await;
        assert!(refusal(&answer).is_some(), "{answer}");
        assert_eq!(
            (site.hub.stats().subscriptions, client.journal.hooks()),
            (0, vec![])
        );
    }
    let request = Request::new(&document).operation_name("Two");
    assert_eq!(refusal(&client.send(&site, request, json!({})).await), None);
    assert_eq!(client.journal.hooks(), ["authorize", "scope"]);
    publish_rows(&mut site).await;
    assert_eq!(client.ids(), [2]);
}

/// Why a request with these variable definitions and arguments is refused, if it is; refused, it
/// has joined nothing.
async fn with_variables(
    site: &Site,
    client: &Client,
    definitions: &str,
    arguments: &str,
    variables: Value,
) -> Option<String> {
    let before = site.hub.stats();
    let definitions = match definitions {
        "" => String::new(),
        some => format!("({some})"),
    };
    let document = format!(
        "subscription{definitions} {{ messageSubscription(channelId: $channel, action: CREATE, \
         operation: SUBSCRIBE, {arguments}) {{ ok error }} }}"
    );
    let refused = refusal(&client.ask(site, &document, variables).await);
    if refused.is_some() {
        let stats = site.hub.stats();
        let joined = (stats.subscriptions, stats.plans, stats.topics);
        assert_eq!(joined, (before.subscriptions, before.plans, before.topics));
        assert_eq!(client.journal.hooks(), [""; 0]);
    }
    refused
}

#[tokio::test]
async fn a_variable_is_what_it_holds_and_nothing_else() {
    let mut site = site();
    let one = "filters: {tenant: $t}";
    let whole = "filters: $f";
    let cases: &[(&str, &str, Value, &[i64])] = &[
        ("$t: String", one, json!({"t": "a"}), &[1, 2]),
        ("$t: String!", one, json!({"t": "b"}), &[]),
        ("$t: String = \"b\"", one, json!({}), &[]),
        ("$t: String = \"b\"", one, json!({"t": "a"}), &[1, 2]),
        (
            "$t: [String!]",
            "filters: {tenant__in: $t}",
            json!({"t": ["a", "b"]}),
            &[1, 2],
        ),
        (
            "$t: String!",
            "filters: {tenant__in: [\"b\", $t]}",
            json!({"t": "a"}),
            &[1, 2],
        ),
        (
            "$f: MessageFilters",
            whole,
            json!({"f": {"tenant": "b"}}),
            &[],
        ),
        ("$f: MessageFilters", whole, json!({"f": {"room": 2}}), &[2]),
        (
            "$f: MessageFilters = {tenant: \"b\"}",
            whole,
            json!({}),
            &[],
        ),
        (
            "$f: MessageFilters = {room: 1}",
            whole,
            json!({"f": {}}),
            &[1, 2],
        ),
        // An argument that is absent as a whole is no filter; the scope holds.
        ("$f: MessageFilters", whole, json!({}), &[1, 2]),
        ("$f: MessageFilters", whole, json!({"f": null}), &[1, 2]),
        ("$i: ID", "id: $i", json!({"i": 3}), &[]),
        ("$i: ID", "id: $i", json!({}), &[1, 2]),
    ];
    for (definitions, arguments, variables, expected) in cases {
        let mut client = Client::new(&site, "a", Pinned::Anything);
        let refused = with_variables(&site, &client, definitions, arguments, variables.clone());
        assert_eq!(refused.await, None, "{definitions} {arguments} {variables}");
        publish_rows(&mut site).await;
        assert_eq!(
            client.ids(),
            *expected,
            "{definitions} {arguments} {variables}"
        );
    }
}

#[tokio::test]
async fn a_variable_that_is_absent_or_null_in_a_filter_is_an_error() {
    let site = site();
    let client = Client::new(&site, "a", Pinned::Anything);
    for (definition, variables) in [
        ("$r: Int", json!({})),
        ("$r: Int", json!({"r": null})),
        ("$r: Int = null", json!({})),
        ("$r: Int = 1", json!({"r": null})),
    ] {
        for (arguments, key) in [
            ("filters: {room: $r}", "room"),
            ("filters: {tenant: \"a\", room__gt: $r}", "room__gt"),
        ] {
            let refused =
                with_variables(&site, &client, definition, arguments, variables.clone()).await;
            let expected = format!(
                "the filter `{key}` is null, and nothing compares with null; leave it out, or ask \
                 for rows without a value with `room__isnull: true`"
            );
            assert_eq!(
                refused,
                Some(expected),
                "{definition} {arguments} {variables}"
            );
        }
    }
    let whole = json!({"f": {"room": null}});
    let refused = with_variables(&site, &client, "$f: MessageFilters", "filters: $f", whole);
    assert!(refused.await.unwrap().contains("`room__isnull: true`"));
    let in_list = "filters: {room__in: [1, $r]}";
    let refused = with_variables(&site, &client, "$r: Int", in_list, json!({})).await;
    assert!(refused.unwrap().contains("`room__in`"));
    let required = "filters: {room: $r}";
    let refused = with_variables(&site, &client, "$r: Int!", required, json!({})).await;
    assert_eq!(refused.unwrap(), "Variable r is not defined.");
}

/// Filters that must not be taken, whatever else is beside them.
fn hostile_filters() -> Vec<Value> {
    let many: Vec<_> = (0..3_000).collect();
    vec![
        json!({"secret": SECRET}),
        json!({"secret__startswith": "s"}),
        json!({"secret__isnull": false}),
        json!({"secret__regex": ".*"}),
        json!({"SECRET": SECRET}),
        json!({"message__secret": SECRET}),
        json!({"tenant__secret": SECRET}),
        json!({"owner__password__startswith": "s"}),
        json!({"__typename": "Message"}),
        json!({"OR": [{"tenant": "b"}]}),
        json!({"tenant__ne": "a"}),
        json!({"tenant__": "a"}),
        json!({"tenant": null}),
        json!({"tenant__in": null}),
        json!({"tenant__in": [null]}),
        json!({"tenant__in": [["a"]]}),
        json!({"tenant": ["a"]}),
        json!({"tenant": {"in": ["a", "b"]}}),
        json!({"tenant__isnull": 1}),
        json!({"room": "1"}),
        json!({"room": 1.5}),
        json!({"room": true}),
        json!({"room": 9_223_372_036_854_775_808_u64}),
        json!({"room__in": "1"}),
        json!({"room__range": 1}),
        json!({"room__range": [1]}),
        json!({"room__range": [1, 2, 3]}),
        json!({"room__in": many}),
        json!({"text": "x".repeat(70_000)}),
        json!({"text__regex": "("}),
        json!({"text__regex": "x".repeat(70_000)}),
        json!({"text__regex": "(a{999}){999}"}),
        json!({"text__iregex": r"\w{900}{900}"}),
        json!({"text__regex": "(".repeat(200) + &")".repeat(200)}),
        json!({"text__regex": r"(a)\1"}),
        json!({"text__regex": r"(?=a)"}),
    ]
}

/// What is no filters at all.
fn hostile_shapes() -> Vec<Value> {
    vec![
        json!("kind=3"),
        json!(""),
        json!(3),
        json!(true),
        json!([]),
        json!([{"room": 1}]),
        json!([["room", 1]]),
    ]
}

#[tokio::test]
async fn filters_that_name_what_they_may_not_or_have_the_wrong_shape_join_nothing() {
    let site = site();
    let client = Client::new(&site, "a", Pinned::Anything);
    for filters in hostile_filters().into_iter().chain(hostile_shapes()) {
        let mut written = vec![(literal(&filters), "", json!({}))];
        written.push(("$f".to_owned(), "$f: MessageFilters", json!({"f": filters})));
        if let Value::Object(entries) = &filters {
            // Beside an absent variable async-graphql checks nothing of the argument.
            let (key, value) = entries.iter().next().unwrap();
            let beside = format!("{{{key}: {}, room__gte: $r}}", literal(value));
            written.push((beside, "$r: Int", json!({})));
        }
        for (filters, definitions, variables) in written {
            let arguments = format!("filters: {filters}");
            let refused = with_variables(&site, &client, definitions, &arguments, variables).await;
            let refused = refused.unwrap_or_else(|| panic!("{arguments} is taken"));
            assert!(refused.contains("filter"), "{arguments}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_skipped_field_cannot_be_named() {
    let site = site();
    let client = Client::new(&site, "a", Pinned::Anything);
    for (definitions, arguments, variables) in [
        ("", "data: [SECRET]", json!({})),
        ("", "data: SECRET", json!({})),
        ("", "data: [ID, SECRET]", json!({})),
        (
            "($d: [MessageFields])",
            "data: $d",
            json!({"d": ["SECRET"]}),
        ),
        ("($d: [MessageFields])", "data: $d", json!({"d": "SECRET"})),
        (
            "($d: MessageFields)",
            "data: [ID, $d]",
            json!({"d": "SECRET"}),
        ),
        ("($d: [MessageFields] = [SECRET])", "data: $d", json!({})),
        ("", "filters: {secret: \"s3cret\"}", json!({})),
    ] {
        let document = format!(
            "subscription{definitions} {{ messageSubscription(channelId: $channel, action: CREATE, \
             operation: SUBSCRIBE, {arguments}) {{ ok error }} }}"
        );
        let refused = refusal(&client.ask(&site, &document, variables).await);
        assert!(refused.is_some(), "{document}");
        assert_eq!(site.hub.stats().subscriptions, 0);
    }
    let refused = client
        .control(&site, "SUBSCRIBE", "filters: {secret__startswith: \"s\"}")
        .await;
    assert_eq!(refused.unwrap(), "unknown filter `secret__startswith`");
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    assert!(!schema.sdl().to_lowercase().contains("secret"));
}

#[tokio::test]
async fn a_skipped_field_of_the_scope_holds_and_cannot_be_named() {
    let mut site = site();
    let mut client = Client::new(&site, "a", Pinned::Anything);
    let document = |definitions: &str, arguments: &str| {
        format!(
            "subscription{definitions} {{ letterSubscription(channelId: $channel, action: CREATE, \
             operation: SUBSCRIBE, {arguments}) {{ ok error }} }}"
        )
    };
    for (definitions, arguments, named) in [
        ("", "filters: {id: 1, owner: \"b\"}", "`owner`"),
        (
            "",
            "filters: {owner__startswith: \"b\"}",
            "`owner__startswith`",
        ),
        ("", "filters: {owner__isnull: false}", "`owner__isnull`"),
        (
            "($o: Int)",
            "filters: {owner: \"b\", id__gt: $o}",
            "`owner`",
        ),
        ("", "data: [OWNER]", "\"OWNER\""),
    ] {
        let document = document(definitions, arguments);
        let refused = refusal(&client.ask(&site, &document, json!({})).await).unwrap();
        assert!(refused.contains(named), "{arguments}: {refused}");
        assert_eq!(site.hub.stats().subscriptions, 0);
    }
    let document = document("", "filters: {id__gt: 0}");
    assert_eq!(
        refusal(&client.ask(&site, &document, json!({})).await),
        None
    );
    for (id, owner) in [(1, "b"), (2, "a")] {
        let owner = owner.to_owned();
        site.publish(Action::Create, &Letter { id, owner });
    }
    site.delivered().await;
    let expected = r#"{"action":"create","model":"forum.post","data":{"id":2}}"#;
    let frames = frames(&mut client.channel);
    let payloads: Vec<_> = frames
        .iter()
        .map(|frame| payload("letters", frame))
        .collect();
    assert_eq!(payloads, [expected]);
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    assert!(!schema.sdl().to_lowercase().contains("owner"));
}

#[tokio::test]
async fn a_regular_expression_takes_linear_time() {
    let mut site = site();
    let mut client = Client::new(&site, "a", Pinned::Anything);
    // A backtracking engine would take 2^4096 steps.
    let bomb = r#"filters: {text__regex: "^(a+)+$"}"#;
    assert_eq!(client.control(&site, "SUBSCRIBE", bomb).await, None);
    for (id, end) in [(1, "!"), (2, "")] {
        let text = "a".repeat(4_096) + end;
        let message = Message {
            text,
            ..message(id, "a", 1)
        };
        site.publish(Action::Create, &message);
    }
    site.delivered().await;
    assert_eq!(client.ids(), [2]);
}

#[tokio::test]
async fn a_document_of_any_depth_is_answered() {
    let site = site();
    let client = Client::new(&site, "a", Pinned::Anything);
    for depth in [10, 1_000, 100_000] {
        for (open, close) in [("[", "]"), ("{room: ", "}")] {
            let value = open.repeat(depth) + "1" + &close.repeat(depth);
            let arguments = format!("filters: {{room__in: {value}}}");
            let refused = client.control(&site, "SUBSCRIBE", &arguments).await;
            assert!(refused.is_some());
        }
    }
    assert_eq!(site.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn a_foreign_channel_cannot_be_driven() {
    let mut site = site();
    let mut victim = Client::new(&site, "a", Pinned::Anything);
    assert_eq!(victim.control(&site, "SUBSCRIBE", "id: 1").await, None);
    let attacker = Client::new(&site, "b", Pinned::Anything);
    let id = victim.channel.id().as_str().to_owned();
    for operation in ["SUBSCRIBE", "UNSUBSCRIBE"] {
        for (definitions, channel, variables) in [
            ("", format!("\"{id}\""), json!({})),
            ("($c: String!)", "$c".to_owned(), json!({"c": id})),
            (
                &*format!("($c: String! = \"{id}\")"),
                "$c".to_owned(),
                json!({}),
            ),
        ] {
            let document = format!(
                "subscription{definitions} {{ messageSubscription(channelId: {channel}, \
                 action: ALL_ACTIONS, operation: {operation}, id: 1) {{ ok error }} }}"
            );
            let answer = attacker.ask(&site, &document, variables).await;
            let expected = "unknown channel: connect to the WebSocket again and use the \
                            `channel_id` it sends";
            assert_eq!(refusal(&answer).unwrap(), expected);
        }
    }
    assert_eq!(attacker.journal.hooks(), [""; 0]);
    publish_rows(&mut site).await;
    assert_eq!(victim.ids(), [1]);
    assert_eq!(site.hub.stats().subscriptions, 1);
}

#[tokio::test]
async fn each_hook_runs_once_per_subscribe_and_sees_nothing_joined() {
    let site = site();
    let client = Client::new(&site, "a", Pinned::Anything);
    // How many subscriptions and plans there are before each: the third is the first one again.
    for (arguments, held) in [("id: 1", 0), ("id: 2", 1), ("id: 1", 2)] {
        assert_eq!(client.control(&site, "SUBSCRIBE", arguments).await, None);
        let seen = [("authorize", held, held * 3), ("scope", held, held * 3)];
        assert_eq!(client.journal.take(), seen, "{arguments}");
    }
    for (arguments, refused) in [("id: 1", false), ("id: 1", true), ("id: 2", false)] {
        let answer = client.control(&site, "UNSUBSCRIBE", arguments).await;
        assert_eq!(answer.is_some(), refused);
        assert_eq!(client.journal.take(), []);
    }
    assert_eq!(site.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn a_hook_that_says_no_or_fails_joins_nothing() {
    let mut site = site();
    let mut client = Client::new(&site, "a", Pinned::Anything);
    let internal = "the subscription failed on the server; its log says why";
    for (fate, error, hooks) in [
        (Fate::Denied, "not you", &["authorize"][..]),
        (Fate::AuthorizePanics, internal, &["authorize"]),
        (Fate::AuthorizeFails, internal, &["authorize"]),
        (Fate::Unscoped, "no tenant chosen", &["authorize", "scope"]),
        (Fate::ScopePanics, internal, &["authorize", "scope"]),
        (Fate::ScopeFails, internal, &["authorize", "scope"]),
    ] {
        client.user.fate = fate;
        let answer = client.control(&site, "SUBSCRIBE", "id: 1").await;
        assert_eq!(answer.as_deref(), Some(error), "{fate:?}");
        assert_eq!(client.journal.hooks(), hooks, "{fate:?}");
        let stats = site.hub.stats();
        assert_eq!((stats.subscriptions, stats.plans, stats.topics), (0, 0, 0));
    }
    // Nobody has paid for it but that request.
    client.user.fate = Fate::Welcome;
    assert_eq!(client.control(&site, "SUBSCRIBE", "id: 1").await, None);
    publish_rows(&mut site).await;
    assert_eq!(client.ids(), [1]);
}

#[tokio::test]
async fn who_is_denied_later_keeps_what_is_there_and_can_end_it() {
    let mut site = site();
    let mut client = Client::new(&site, "a", Pinned::Anything);
    assert_eq!(
        client
            .control(&site, "SUBSCRIBE", "filters: {room: 1}")
            .await,
        None
    );
    client.user.fate = Fate::Denied;
    let again = client
        .control(&site, "SUBSCRIBE", "filters: {room: 1}")
        .await;
    assert_eq!(again.unwrap(), "not you");
    publish_rows(&mut site).await;
    assert_eq!(client.ids(), [1]);
    client.user.forced.tenant = "b".to_owned();
    let ended = client
        .control(&site, "UNSUBSCRIBE", "filters: {room: 1}")
        .await;
    assert_eq!(ended, None);
    publish_rows(&mut site).await;
    assert_eq!(client.ids(), [0; 0]);
    let stats = site.hub.stats();
    assert_eq!((stats.subscriptions, stats.plans, stats.topics), (0, 0, 0));
}

#[tokio::test]
async fn subscribing_again_after_the_scope_has_changed_replaces_it() {
    let mut site = site();
    let mut client = Client::new(&site, "a", Pinned::Anything);
    assert_eq!(
        client.control(&site, "SUBSCRIBE", "filters: {}").await,
        None
    );
    client.user.forced.tenant = "b".to_owned();
    publish_rows(&mut site).await;
    assert_eq!(client.ids(), [1, 2], "until it asks again");
    assert_eq!(
        client.control(&site, "SUBSCRIBE", "filters: {}").await,
        None
    );
    publish_rows(&mut site).await;
    assert_eq!(client.ids(), [3, 4]);
    client.user.forced.tenant = "c".to_owned();
    assert_eq!(
        client.control(&site, "UNSUBSCRIBE", "filters: {}").await,
        None
    );
    assert_eq!(site.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn a_guard_of_the_schema_serves_in_authorize() {
    let site = site();
    let document = "subscription { noteSubscription(channelId: $channel, action: CREATE, \
                    operation: SUBSCRIBE) { ok error } }";
    let insider = Client::new(&site, "a", Pinned::Anything);
    let outsider = Client::new(&site, "b", Pinned::Anything);
    let answer = outsider.ask(&site, document, json!({})).await;
    assert_eq!(refusal(&answer).unwrap(), "for another tenant");
    assert_eq!(site.hub.stats().subscriptions, 0);
    assert_eq!(
        refusal(&insider.ask(&site, document, json!({})).await),
        None
    );
    // The very guard of a resolver.
    let answer = outsider.ask(&site, "{ hello }", json!({})).await;
    assert_eq!(answer["errors"][0]["message"], "for another tenant");
    assert_eq!(
        insider.ask(&site, "{ hello }", json!({})).await["data"]["hello"],
        "world"
    );
}

#[tokio::test]
async fn a_root_field_behind_a_directive_or_a_fragment_joins_nothing() {
    let site = site();
    let client = Client::new(&site, "a", Pinned::Anything);
    let field = "messageSubscription(channelId: $channel, action: CREATE, operation: SUBSCRIBE)";
    for document in [
        format!("subscription {{ {field} @skip(if: true) {{ ok error }} }}"),
        format!("subscription {{ {field} @include(if: false) {{ ok error }} }}"),
        format!("subscription {{ ... {{ {field} {{ ok error }} }} }}"),
        format!("subscription {{ a: {field} {{ ok }} b: {field} {{ ok }} }}"),
        format!("query {{ {field} {{ ok error }} }}"),
        format!("mutation {{ {field} {{ ok error }} }}"),
    ] {
        let answer = client.ask(&site, &document, json!({})).await;
        assert!(refusal(&answer).is_some(), "{document}");
        assert_eq!(site.hub.stats().subscriptions, 0, "{document}");
    }
    let skipped = format!("subscription {{ {field} @skip(if: true) {{ ok error }} }}");
    let answer = client.ask(&site, &skipped, json!({})).await;
    let expected = "the subscription gave no answer: `@skip` or `@include` leaves its field out";
    assert_eq!(refusal(&answer).unwrap(), expected);
}

#[tokio::test]
async fn a_schema_without_the_stream_joins_nothing() {
    let site = site();
    let client = Client::new(&site, "a", Pinned::Anything);
    let other = Schema::build(Query, EmptyMutation, EmptySubscription).finish();
    let document = format!(
        "subscription {{ messageSubscription(channelId: \"{}\", action: CREATE, \
         operation: SUBSCRIBE) {{ ok error }} }}",
        client.channel.id().as_str()
    );
    let other = Desk::new(site.hub.clone(), other);
    let answer = other.ask(&client.identity, Request::new(document), Data::default());
    assert!(refusal(&answer.await).is_some());
    assert_eq!(site.hub.stats().subscriptions, 0);
}

/// One client of the random steps, and what it must be told.
struct Walker {
    client: Client,
    held: Held,
}

impl Walker {
    /// Sends the wish in one of its wordings.
    async fn control(
        &self,
        site: &Site,
        operation: &str,
        (action, filters): (&str, &Value),
        wish: &Wish,
        dice: &mut Dice,
    ) -> Option<String> {
        let (mut definitions, mut variables) = (Vec::new(), Map::new());
        let mut arguments = Vec::new();
        let data = wish
            .data
            .as_ref()
            .map(|data| format!("[{}]", data.join(", ")));
        let id = wish.id.map(|id| json!(id));
        for (name, ty, value, written) in [
            ("id", "ID", json!(id), json!(id).to_string()),
            (
                "filters",
                "MessageFilters",
                filters.clone(),
                literal(filters),
            ),
            (
                "data",
                "[MessageFields]",
                json!(wish.data),
                data.unwrap_or("null".to_owned()),
            ),
        ] {
            if dice.one_in(2) {
                arguments.push(format!("{name}: ${name}"));
                definitions.push(format!("${name}: {ty}"));
                variables.insert(name.to_owned(), value);
            } else {
                arguments.push(format!("{name}: {written}"));
            }
        }
        let document = format!(
            "subscription{} {{ messageSubscription(channelId: $channel, action: {action}, \
             operation: {operation}, {}) {{ ok error }} }}",
            if definitions.is_empty() {
                String::new()
            } else {
                format!("({})", definitions.join(", "))
            },
            arguments.join(", ")
        );
        let answer = self.client.ask(site, &document, variables.into()).await;
        refusal(&answer)
    }

    /// Something that is allowed, which the hooks hear of exactly when it subscribes.
    async fn step(&mut self, site: &Site, dice: &mut Dice) {
        let new = Wish::random(self.client.user.forced.clone(), dice);
        let (action, actions) = dice.pick(&ACTIONS);
        let known = self.held.pick(dice);
        let leaves = dice.one_in(3) || self.held.len() > 15;
        let mut wish = known.filter(|_| leaves || dice.one_in(4)).unwrap_or(new);
        let filters = wish.filters(dice);
        if leaves {
            let ended = self.held.unsubscribe(actions, &wish);
            let sent = (action, &filters);
            let refused = self.control(site, "UNSUBSCRIBE", sent, &wish, dice).await;
            let expected = (!ended).then_some("no such subscription");
            assert_eq!(refused.as_deref(), expected, "{wish:?}");
            assert_eq!(self.client.journal.hooks(), [""; 0]);
        } else {
            wish.change_data(dice);
            let sent = (action, &filters);
            let refused = self.control(site, "SUBSCRIBE", sent, &wish, dice).await;
            assert_eq!(refused, None, "{wish:?}");
            assert_eq!(self.client.journal.hooks(), ["authorize", "scope"]);
            self.held.subscribe(actions, &wish);
        }
    }

    /// Something that is not allowed, alone or beside what is; no hook hears of it.
    async fn trespass(&self, site: &Site, hostile: &[Value], dice: &mut Dice) {
        let wish = Wish::random(self.client.user.forced.clone(), dice);
        let mut filters = dice.pick(hostile);
        if let (Value::Object(hostile), Value::Object(harmless)) =
            (&mut filters, wish.filters(dice))
        {
            for (key, value) in harmless {
                hostile.entry(key).or_insert(value);
            }
        }
        if dice.one_in(5) {
            filters = dice.pick(&hostile_shapes());
        }
        let before = site.hub.stats();
        let operation = dice.pick(&["SUBSCRIBE", "UNSUBSCRIBE"]);
        let (action, _) = dice.pick(&ACTIONS);
        let refused = self.control(site, operation, (action, &filters), &wish, dice);
        assert!(refused.await.is_some(), "{filters}");
        let after = site.hub.stats();
        assert_eq!(
            (after.subscriptions, after.plans),
            (before.subscriptions, before.plans)
        );
        assert_eq!(self.client.journal.hooks(), [""; 0]);
    }

    fn check(&mut self, action: Action, post: &Post) -> usize {
        let frames = frames(&mut self.client.channel);
        let own = post.tenant == self.client.user.forced.tenant;
        assert!(
            own || frames.is_empty(),
            "{post:?} has reached another tenant"
        );
        assert!(!frames.iter().any(|frame| frame.contains(SECRET)));
        let payloads = frames.iter().map(|frame| payload("messages", frame));
        let mut payloads: Vec<_> = payloads.collect();
        payloads.sort_unstable();
        assert_eq!(
            payloads,
            self.held.payloads(action, post),
            "{:#?}",
            self.held
        );
        frames.len()
    }
}

#[tokio::test]
async fn over_random_steps_nobody_is_told_what_is_not_theirs() {
    let mut dice = Dice::new();
    let mut site = site();
    let clients = [
        ("a", Pinned::Anything),
        ("a", Pinned::Only(1)),
        ("a", Pinned::Nothing),
        ("b", Pinned::Anything),
        ("a&room=1", Pinned::Only(0)),
        ("é:%", Pinned::Anything),
    ];
    let mut walkers: Vec<_> = clients
        .into_iter()
        .map(|(tenant, room)| Walker {
            client: Client::new(&site, tenant, room),
            held: Held::default(),
        })
        .collect();
    let (hostile, mut table, mut told) = (hostile_filters(), Table::default(), 0);
    let turns = proof::steps(1_000);
    for _ in 0..turns {
        let turn = dice.below(walkers.len());
        if dice.one_in(3) {
            walkers[turn].trespass(&site, &hostile, &mut dice).await;
        } else {
            walkers[turn].step(&site, &mut dice).await;
        }
        let (action, post) = table.write(&mut dice);
        site.publish(action, &Message::from(&post));
        site.delivered().await;
        for walker in &mut walkers {
            told += walker.check(action, &post);
        }
    }
    assert!(
        told > turns / 10,
        "the subscriptions match something: {told}"
    );
    drop(walkers);
    let stats = site.hub.stats();
    assert_eq!((stats.subscriptions, stats.plans, stats.topics), (0, 0, 0));
}
