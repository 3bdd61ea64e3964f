//! Filters over the real endpoint: what they let through, what is wrong with them, and which
//! subscriptions they tell apart.

use crate::harness;
use crate::harness::{Client, CurrentUser, Server, endpoints};
use crate::hello::Query;
use async_graphql::EmptyMutation;
use chrono::{DateTime, NaiveDate, Utc};
use graphex::Limits;
use graphex::prelude::*;
use serde_json::{Value, json};

#[derive(Clone, ModelType)]
#[graphex(
    stream = "messages",
    label = "chat.message",
    serialize_data,
    scope(tenant),
    index_fields(tenant)
)]
struct Message {
    id: i64,
    tenant: i64,
    room: Option<i32>,
    text: String,
    score: f64,
    pinned: bool,
    day: NaiveDate,
    sent: DateTime<Utc>,
    reference: uuid::Uuid,
    size: u64,
    tags: Vec<String>,
    #[graphex(skip)]
    #[allow(dead_code)]
    secret: String,
}

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let CurrentUser(tenant) = *ctx.data()?;
        Ok(MessageScope { tenant })
    }
}

/// Sends its ids alone.
#[derive(Clone, ModelType)]
#[graphex(stream = "pings", label = "chat.ping", serialize_data = false)]
struct Ping {
    #[allow(dead_code)]
    id: i32,
    #[allow(dead_code)]
    room: i32,
    #[allow(dead_code)]
    text: String,
}

/// Nobody hears of all of its rows at once.
#[derive(Clone, ModelType)]
#[graphex(stream = "entries", serialize_data, authorize)]
struct Entry {
    id: i64,
    room: i64,
    text: String,
}

impl Authorized for Entry {
    async fn authorize(_: &Context<'_>, args: &EntrySubscriptionArgs) -> Result<()> {
        let filters = &args.filters;
        if filters.is_empty() {
            return Err("name a room".into());
        }
        match filters.get("room") {
            Some(graphex::Value::Int(13)) => Err("this room is closed".into()),
            Some(graphex::Value::Int(_)) => Ok(()),
            _ => {
                let keys: Vec<_> = filters.iter().map(|(key, _)| key).collect();
                Err(format!("name a room beside {}", keys.join(" and ")).into())
            }
        }
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, PingSubscription, EntrySubscription);

async fn server() -> Server {
    server_with(|_| {}).await
}

async fn server_with(limits: impl FnOnce(&mut Limits)) -> Server {
    let hub = harness::nodes::build(
        Hub::builder()
            .model::<Message>()
            .model::<Ping>()
            .model::<Entry>()
            .limits(limits),
    );
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    Server::start(endpoints(schema, &hub).into_router(), hub).await
}

const TENANT: i64 = 1;

fn message(id: i64, room: Option<i32>, text: &str) -> Message {
    Message {
        id,
        tenant: TENANT,
        room,
        text: text.to_owned(),
        score: 1.5,
        pinned: true,
        day: NaiveDate::from_ymd_opt(2026, 3, 4).unwrap(),
        sent: "2026-03-04T05:06:07.89Z".parse().unwrap(),
        reference: uuid::Uuid::from_u128(7),
        size: u64::MAX,
        tags: vec!["a".to_owned()],
        secret: "s3cret".to_owned(),
    }
}

fn ping(id: i32, room: i32, text: &str) -> Ping {
    let text = text.to_owned();
    Ping { id, room, text }
}

const MESSAGES: &str = "messageSubscription";
const SUBSCRIBE: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";
const UNSUBSCRIBE: &str = "action: ALL_ACTIONS, operation: UNSUBSCRIBE";

fn filtered(operation: &str, filters: &str) -> String {
    format!("{operation}, filters: {filters}")
}

/// The ids of the messages that the client was told of until now.
async fn ids(server: &Server, client: &mut Client) -> Vec<Value> {
    // Nothing else asks for this one.
    let last = filtered(SUBSCRIBE, r#"{text: "the last"}"#);
    server.done(client, "pingSubscription", &last).await;
    server.hub.publish(Action::Create, &ping(0, 0, "the last"));
    let mut ids = Vec::new();
    loop {
        let frame = client.json().await;
        if frame["stream"] == "pings" {
            return ids;
        }
        ids.push(frame["payload"]["data"]["id"].clone());
    }
}

/// A subscription by variables of these types; the status and the answer.
async fn with_variables(
    server: &Server,
    client: &Client,
    definitions: &str,
    arguments: &str,
    variables: Value,
) -> (u16, Value) {
    let query = format!(
        "subscription({definitions}) {{ messageSubscription(channelId: \"{}\", {arguments}) \
         {{ ok error }} }}",
        client.channel_id
    );
    let body = json!({"query": query, "variables": variables});
    server.post(client.user, body).await
}

#[tokio::test]
async fn each_lookup_lets_through_what_it_says() {
    let server = server().await;
    let mut client = server.connect(Some(TENANT)).await;
    let row = message(5, Some(7), "Urgent: straße");
    for (filters, expected) in [
        ("{room: 7}", true),
        ("{room__exact: 8}", false),
        ("{room__in: [6, 7]}", true),
        ("{room__in: 7}", true),
        ("{room__in: []}", false),
        ("{room__gt: 7}", false),
        ("{room__gte: 7, room__lte: 7}", true),
        ("{room__lt: 7}", false),
        ("{room__range: [7, 9]}", true),
        ("{room__isnull: false}", true),
        ("{room__isnull: true}", false),
        (r#"{text: "Urgent: straße"}"#, true),
        (r#"{text__iexact: "URGENT: STRASSE"}"#, true),
        (r#"{text__contains: "urgent"}"#, false),
        (r#"{text__icontains: "urgent"}"#, true),
        (r#"{text__startswith: "Urg", text__endswith: "ße"}"#, true),
        (
            r#"{text__istartswith: "urg", text__iendswith: "SSE"}"#,
            true,
        ),
        (r#"{text__regex: "^U.*:"}"#, true),
        (r#"{text__iregex: "STRASSE"}"#, false),
        ("{score: 1.5, score__lt: 2}", true),
        ("{pinned: false}", false),
        (r#"{day: "2026-03-04", day__week_day: 4}"#, true),
        (r#"{day__gt: "2026-03-04"}"#, false),
        (r#"{sent__gte: "2026-03-04T06:06:07+01:00"}"#, true),
        (r#"{sent__date: "2026-03-04", sent__hour: 5}"#, true),
        ("{sent__second: 8}", false),
        (
            r#"{reference: "00000000-0000-0000-0000-000000000007"}"#,
            true,
        ),
        (r#"{size: "18446744073709551615"}"#, true),
        ("{size__gt: 18446744073709551614}", true),
        ("{tags__isnull: false}", true),
        ("{tenant: 2}", false),
    ] {
        server
            .done(&client, MESSAGES, &filtered(SUBSCRIBE, filters))
            .await;
        server.hub.publish(Action::Create, &row);
        let told = !ids(&server, &mut client).await.is_empty();
        assert_eq!(told, expected, "{filters}");
        server
            .done(&client, MESSAGES, &filtered(UNSUBSCRIBE, filters))
            .await;
    }
    assert_eq!(server.hub.stats().subscriptions, 1, "that to the pings");
}

#[tokio::test]
async fn variables_ask_what_literals_ask() {
    let server = server().await;
    let part = "filters: {room: $room, text__icontains: $text}";
    let whole = "filters: $filters";
    for (definitions, filters, variables) in [
        (
            "$room: Int, $text: String",
            part,
            json!({"room": 7, "text": "URG"}),
        ),
        ("$room: Int! = 7, $text: String = \"urg\"", part, json!({})),
        (
            "$filters: MessageFilters",
            whole,
            json!({"filters": {"room": 7, "text__icontains": "urg"}}),
        ),
        (
            "$filters: MessageFilters! = {room__in: 7}",
            whole,
            json!({}),
        ),
    ] {
        let mut client = server.connect(Some(TENANT)).await;
        let arguments = format!("{SUBSCRIBE}, {filters}");
        let answer = with_variables(&server, &client, definitions, &arguments, variables).await;
        assert_eq!(
            answer,
            (
                200,
                json!({"data": {"messageSubscription": {"ok": true, "error": null}}})
            )
        );
        for (id, room) in [(1, Some(8)), (2, None), (3, Some(7))] {
            server
                .hub
                .publish(Action::Create, &message(id, room, "urgent"));
        }
        assert_eq!(ids(&server, &mut client).await, [3], "{definitions}");
    }
}

#[tokio::test]
async fn what_the_schema_does_not_allow_is_400_and_joins_nothing() {
    let server = server().await;
    let client = server.connect(Some(TENANT)).await;
    let not_an_object = "argument `filters` must be an object, as `{field__lookup: value}`";
    for (filters, written, message) in [
        (
            json!({"rom": 1}),
            "{rom: 1}",
            "unknown filter `rom`; did you mean `room`?",
        ),
        (
            json!({"room": 7, "txt__icontains": "x"}),
            r#"{room: 7, txt__icontains: "x"}"#,
            "unknown filter `txt__icontains`; did you mean `text__icontains`?",
        ),
        (
            json!({"text__icontain": "x"}),
            r#"{text__icontain: "x"}"#,
            "unknown filter `text__icontain`; did you mean `text__icontains`?",
        ),
        (
            json!({"pinned__gt": true}),
            "{pinned__gt: true}",
            "unknown filter `pinned__gt`; the lookups of `pinned` are exact, in, isnull",
        ),
        (
            json!({"secret": "s3cret"}),
            r#"{secret: "s3cret"}"#,
            "unknown filter `secret`",
        ),
        (
            json!({"room": "7"}),
            r#"{room: "7"}"#,
            "Invalid value for argument \"filters.room\", expected type \"Int\"",
        ),
        (
            json!({"room__in": [1, "2"]}),
            r#"{room__in: [1, "2"]}"#,
            "Invalid value for argument \"filters.room__in.1\", expected type \"Int\"",
        ),
        (
            json!({"text__isnull": "no"}),
            r#"{text__isnull: "no"}"#,
            "Invalid value for argument \"filters.text__isnull\", expected type \"Boolean\"",
        ),
        (json!("room=7"), "\"room=7\"", not_an_object),
        (json!(3), "3", not_an_object),
        (json!(true), "true", not_an_object),
        (json!([{"room": 7}]), "[{room: 7}]", not_an_object),
    ] {
        let literal = format!(
            "subscription {{ messageSubscription(channelId: \"{}\", {}) {{ ok }} }}",
            client.channel_id,
            filtered(SUBSCRIBE, written)
        );
        let literal = server.post(client.user, json!({"query": literal})).await;
        let arguments = filtered(SUBSCRIBE, "$f");
        let variables = json!({"f": filters});
        let types = "$f: MessageFilters";
        let variable = with_variables(&server, &client, types, &arguments, variables).await;
        for (status, body) in [literal, variable] {
            assert_eq!((status, body.get("data")), (400, None), "{written}: {body}");
            assert_eq!(body["errors"][0]["message"], message, "{written}");
        }
        assert_eq!(server.hub.stats().subscriptions, 0);
    }
    // A name of any length, which a variable can bring, is compared with none of another length.
    let long = "x".repeat(500_000);
    let arguments = filtered(SUBSCRIBE, "$v");
    let variables = json!({"v": {long.as_str(): 1}});
    let (status, body) = with_variables(
        &server,
        &client,
        "$v: MessageFilters",
        &arguments,
        variables,
    )
    .await;
    assert_eq!(status, 400);
    let message = body["errors"][0]["message"].as_str().unwrap();
    assert_eq!(message, format!("unknown filter `{long}`"));
    // A required variable that is absent, and one of another type.
    for (definition, variables) in [("$r: Int!", json!({})), ("$r: String", json!({"r": "7"}))] {
        let arguments = filtered(SUBSCRIBE, "{room: $r}");
        let (status, body) =
            with_variables(&server, &client, definition, &arguments, variables).await;
        assert_eq!(
            (status, body.get("data")),
            (400, None),
            "{definition}: {body}"
        );
    }
    assert_eq!(server.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn a_value_that_the_field_cannot_have_is_refused_with_what_it_can() {
    let server = server().await;
    let client = server.connect(Some(TENANT)).await;
    for (filters, message) in [
        (
            "{room: 2147483648}",
            "the filter `room` must be an integer from -2147483648 to 2147483647",
        ),
        (
            "{room: null}",
            "the filter `room` is null, and nothing compares with null; leave it out, or ask for rows without a value with `room__isnull: true`",
        ),
        (
            "{room__range: [1]}",
            "the filter `room__range` must be a list of two, each an integer from -2147483648 to 2147483647",
        ),
        (
            "{size: -1}",
            "the filter `size` must be an integer from 0 to 18446744073709551615, in a string if it is large",
        ),
        (
            r#"{day__lte: "4.3.2026"}"#,
            "the filter `day__lte` must be a date in a string, as \"2026-03-04\"",
        ),
        (
            r#"{sent: "2026-03-04T05:06:07"}"#,
            "the filter `sent` must be a date and time with its offset in a string, as \"2026-03-04T05:06:07Z\"",
        ),
        (
            r#"{reference__in: ["7"]}"#,
            "the filter `reference__in` must be a list, each of it a UUID in a string",
        ),
        (
            r#"{text__regex: "("}"#,
            "the filter `text__regex` is no regular expression: unclosed group",
        ),
    ] {
        let error = server
            .refused(&client, MESSAGES, &filtered(SUBSCRIBE, filters))
            .await;
        assert_eq!(error, message);
        // It names no subscription either.
        let error = server
            .refused(&client, MESSAGES, &filtered(UNSUBSCRIBE, filters))
            .await;
        assert_eq!(error, message);
    }
    let large = format!("{{text: {}}}", json!("x".repeat(70_000)));
    let error = server
        .refused(&client, MESSAGES, &filtered(SUBSCRIBE, &large))
        .await;
    assert_eq!(
        error,
        "the filters are too large: together their values may take 65536 bytes"
    );
    let absent = filtered(SUBSCRIBE, "{room: $room}");
    let (status, body) = with_variables(&server, &client, "$room: Int", &absent, json!({})).await;
    let error = body["data"]["messageSubscription"]["error"]
        .as_str()
        .unwrap();
    assert_eq!(status, 200);
    assert!(error.ends_with("`room__isnull: true`"), "{error}");
    assert_eq!(server.hub.stats().subscriptions, 0);
}

/// The schema is of no hub, so it has the lookups still; who asks for one is told.
#[tokio::test]
async fn a_hub_may_take_no_patterns_at_all() {
    let server = server_with(|limits| limits.pattern_bytes = 0).await;
    let mut client = server.connect(Some(TENANT)).await;
    for (filters, name) in [
        (r#"{text__regex: "a"}"#, "text__regex"),
        (r#"{text__iregex: ""}"#, "text__iregex"),
        (r#"{text__regex: "(", text: "a"}"#, "text__regex"),
    ] {
        let error = server
            .refused(&client, MESSAGES, &filtered(SUBSCRIBE, filters))
            .await;
        assert_eq!(
            error,
            format!("the filter `{name}` is turned off: this server takes no regular expressions")
        );
    }
    assert_eq!(server.hub.stats().subscriptions, 0);
    // All other filters are there.
    server
        .done(
            &client,
            MESSAGES,
            &filtered(SUBSCRIBE, r#"{text__icontains: "A"}"#),
        )
        .await;
    server
        .hub
        .publish(Action::Update, &message(1, Some(1), "a"));
    assert_eq!(client.json().await["payload"]["data"]["id"], 1);
}

#[tokio::test]
async fn subscriptions_that_differ_in_their_filters_alone_are_two() {
    let server = server().await;
    let mut client = server.connect(Some(TENANT)).await;
    let (of_room, urgent) = ("{room: 7}", r#"{text__icontains: "urgent"}"#);
    for filters in [of_room, urgent, of_room] {
        let arguments = filtered(SUBSCRIBE, filters);
        server.done(&client, MESSAGES, &arguments).await;
    }
    assert_eq!(server.hub.stats().subscriptions, 2);
    let publish = |id, room, text| {
        server
            .hub
            .publish(Action::Update, &message(id, Some(room), text));
    };
    publish(1, 7, "urgent");
    publish(2, 7, "later");
    publish(3, 8, "urgent");
    assert_eq!(ids(&server, &mut client).await, [1, 1, 2, 3]);
    server
        .done(&client, MESSAGES, &filtered(UNSUBSCRIBE, urgent))
        .await;
    publish(4, 7, "urgent");
    publish(5, 8, "urgent");
    assert_eq!(ids(&server, &mut client).await, [4]);
    for other in ["{}", urgent, "{room: 8}", "{room__in: [7]}"] {
        let error = server
            .refused(&client, MESSAGES, &filtered(UNSUBSCRIBE, other))
            .await;
        assert_eq!(error, "no such subscription", "{other}");
    }
    let error = server.refused(&client, MESSAGES, UNSUBSCRIBE).await;
    assert_eq!(error, "no such subscription");
}

#[tokio::test]
async fn the_same_filters_in_other_words_are_the_same_subscription() {
    let server = server().await;
    let mut client = server.connect(Some(TENANT)).await;
    let begun = r#"{room: 7, text__icontains: "a", sent__gt: "2026-03-04T05:00:00Z"}"#;
    let words = [
        r#"{sent__gt: "2026-03-04T05:00:00Z", text__icontains: "a", room: 7}"#,
        r#"{room__exact: 7, text__icontains: "a", sent__gt: "2026-03-04T05:00:00Z"}"#,
        // The same instant.
        r#"{room: 7, text__icontains: "a", sent__gt: "2026-03-04T06:00:00.000+01:00"}"#,
    ];
    for words in words {
        server
            .done(&client, MESSAGES, &filtered(SUBSCRIBE, begun))
            .await;
        let replaced = format!("{}, data: [ID]", filtered(SUBSCRIBE, words));
        server.done(&client, MESSAGES, &replaced).await;
        server
            .hub
            .publish(Action::Create, &message(1, Some(7), "a"));
        assert_eq!(client.json().await["payload"]["data"], json!({"id": 1}));
        server
            .done(&client, MESSAGES, &filtered(UNSUBSCRIBE, words))
            .await;
        assert_eq!(server.hub.stats().subscriptions, 0, "{words}");
    }
    for (definitions, filters, variables) in [
        (
            "$r: Int!, $t: String, $s: DateTime",
            "{sent__gt: $s, room: $r, text__icontains: $t}",
            json!({"r": 7, "t": "a", "s": "2026-03-04T05:00:00Z"}),
        ),
        (
            "$f: MessageFilters",
            "$f",
            json!({"f": {"text__icontains": "a", "room": 7, "sent__gt": "2026-03-04T05:00:00Z"}}),
        ),
    ] {
        server
            .done(&client, MESSAGES, &filtered(SUBSCRIBE, begun))
            .await;
        let arguments = filtered(UNSUBSCRIBE, filters);
        let answer = with_variables(&server, &client, definitions, &arguments, variables).await;
        assert_eq!(
            answer.1["data"]["messageSubscription"]["ok"], true,
            "{answer:?}"
        );
        assert_eq!(server.hub.stats().subscriptions, 0, "{filters}");
    }
}

#[tokio::test]
async fn no_key_is_no_filter() {
    let server = server().await;
    let mut client = server.connect(Some(TENANT)).await;
    let nothing = [
        String::new(),
        ", filters: {}".to_owned(),
        ", filters: null".to_owned(),
    ];
    for begun in &nothing {
        for ended in &nothing {
            server
                .done(&client, MESSAGES, &format!("{SUBSCRIBE}{begun}"))
                .await;
            server.hub.publish(Action::Create, &message(1, None, ""));
            assert_eq!(client.json().await["payload"]["data"]["id"], 1);
            server
                .done(&client, MESSAGES, &format!("{UNSUBSCRIBE}{ended}"))
                .await;
            assert_eq!(server.hub.stats().subscriptions, 0, "{begun} {ended}");
        }
    }
}

#[tokio::test]
async fn filters_hold_beside_id_action_and_data() {
    let server = server().await;
    let mut client = server.connect(Some(TENANT)).await;
    let arguments = "action: UPDATE, operation: SUBSCRIBE, id: 5, filters: {room: 7}, data: [ID]";
    server.done(&client, MESSAGES, arguments).await;
    let publish = |action, id, room| {
        server.hub.publish(action, &message(id, Some(room), ""));
    };
    publish(Action::Create, 5, 7);
    publish(Action::Update, 5, 8);
    publish(Action::Update, 6, 7);
    publish(Action::Delete, 5, 7);
    publish(Action::Update, 5, 7);
    // What is asked about need not be sent.
    let frame = client.json().await;
    let payload = json!({"action": "update", "model": "chat.message", "data": {"id": 5}});
    assert_eq!(frame["payload"], payload);
    assert_eq!(ids(&server, &mut client).await, [0; 0]);
}

#[tokio::test]
async fn a_deleted_row_is_filtered_as_it_was() {
    let server = server().await;
    let mut client = server.connect(Some(TENANT)).await;
    let arguments =
        "action: DELETE, operation: SUBSCRIBE, filters: {room: 7, text__contains: \"x\"}";
    server.done(&client, MESSAGES, arguments).await;
    for (id, room, text) in [(1, 8, "x"), (2, 7, "y"), (3, 7, "x")] {
        server
            .hub
            .publish(Action::Delete, &message(id, Some(room), text));
    }
    assert_eq!(ids(&server, &mut client).await, [3]);
}

#[tokio::test]
async fn rows_are_filtered_by_what_is_not_sent_in_id_only_mode() {
    let server = server().await;
    let mut client = server.connect(None).await;
    let arguments = filtered(SUBSCRIBE, r#"{room__in: [7, 8], text__iendswith: "DONE"}"#);
    server.done(&client, "pingSubscription", &arguments).await;
    for (id, room, text) in [(1, 7, "to do"), (2, 9, "done"), (3, 8, "done")] {
        for action in [Action::Create, Action::Delete] {
            server.hub.publish(action, &ping(id, room, text));
        }
    }
    for action in ["create", "delete"] {
        let expected = format!(
            r#"{{"stream":"pings","payload":{{"action":"{action}","model":"chat.ping","data":{{"id":3}}}}}}"#
        );
        assert_eq!(client.text().await, expected);
    }
}

#[tokio::test]
async fn a_row_that_moves_is_told_while_it_satisfies_the_filters() {
    let server = server().await;
    let mut client = server.connect(Some(TENANT)).await;
    server
        .done(&client, MESSAGES, &filtered(SUBSCRIBE, "{room: 7}"))
        .await;
    for (action, room) in [
        (Action::Create, Some(7)),
        (Action::Update, Some(8)),
        (Action::Update, None),
        (Action::Update, Some(7)),
        (Action::Delete, Some(7)),
    ] {
        server.hub.publish(action, &message(1, room, ""));
    }
    for action in ["create", "update", "delete"] {
        assert_eq!(client.json().await["payload"]["action"], action);
    }
}

#[tokio::test]
async fn hooks_see_the_filters() {
    let server = server().await;
    let client = server.connect(None).await;
    for (filters, error) in [
        ("{}", "name a room"),
        ("{text: \"x\"}", "name a room beside text"),
        (
            "{room__gt: 1, id__in: [2]}",
            "name a room beside id__in and room__gt",
        ),
        ("{room: 13}", "this room is closed"),
        ("{room__exact: 13, text: \"x\"}", "this room is closed"),
    ] {
        let arguments = filtered(SUBSCRIBE, filters);
        let refused = server.refused(&client, "entrySubscription", &arguments);
        assert_eq!(refused.await, error, "{filters}");
    }
    for filters in ["{room: 7}", "{room__exact: 8, text: \"x\"}"] {
        let arguments = filtered(SUBSCRIBE, filters);
        server.done(&client, "entrySubscription", &arguments).await;
    }
    assert_eq!(server.hub.stats().subscriptions, 2);
}
