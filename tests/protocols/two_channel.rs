//! The two-channel protocol over real sockets.

use crate::harness;
use std::sync::atomic::Ordering;

use crate::harness::{CurrentUser, Server, endpoints};
use crate::hello::Query;
use async_graphql::EmptyMutation;
use graphex::prelude::*;
use serde_json::{Value, json};

/// A chat message.
#[derive(Clone, ModelType)]
#[graphex(
    stream = "messages",
    label = "chat.message",
    serialize_data,
    scope(tenant, optional(room)),
    index_fields(tenant, room)
)]
struct Message {
    id: i64,
    tenant: i64,
    room: i64,
    text: String,
    #[graphex(skip)]
    #[allow(dead_code)]
    secret: String,
}

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, args: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let user = ctx.data_opt::<CurrentUser>().ok_or("say who you are")?;
        match args.id.as_ref().map(|id| id.as_str()) {
            Some("500") => panic!("this id is not for panicking hooks"),
            Some("501") => Err(std::io::Error::other("relation `rooms` does not exist"))?,
            Some("502") => ctx.data::<std::net::Ipv4Addr>().map(|_| ())?,
            _ => {}
        }
        Ok(MessageScope {
            tenant: user.0 / 100,
            room: (user.0 % 100 > 0).then_some(user.0 % 100),
        })
    }
}

#[derive(Clone, ModelType)]
#[graphex(
    stream = "notes",
    label = "chat.note",
    authorize,
    serialize_data = false
)]
struct Note {
    #[allow(dead_code)]
    id: i64,
}

impl Authorized for Note {
    async fn authorize(ctx: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<()> {
        match ctx.data_opt::<CurrentUser>() {
            Some(CurrentUser(31)) => {
                // Only this user is counted.
                harness::nodes::ASKED.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Some(CurrentUser(666)) => Err("not you".into()),
            Some(_) => Ok(()),
            None => Err("log in first".into()),
        }
    }
}

#[derive(Clone, ModelType)]
#[graphex(stream = "pings")]
struct Ping {
    #[allow(dead_code)]
    id: String,
}

#[derive(MergedSubscription, Default)]
struct Subscription(MessageSubscription, NoteSubscription, PingSubscription);

fn hub() -> Hub {
    let models = Hub::builder().model::<Message>().model::<Note>();
    harness::nodes::build(models.model::<Ping>())
}

async fn server() -> Server {
    let hub = hub();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    Server::start(endpoints(schema, &hub).into_router(), hub).await
}

fn message(id: i64, tenant: i64, room: i64, text: &str) -> Message {
    Message {
        id,
        tenant,
        room,
        text: text.into(),
        secret: "s3cret".into(),
    }
}

const EVERYTHING: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";
const END_EVERYTHING: &str = "action: ALL_ACTIONS, operation: UNSUBSCRIBE";

#[tokio::test]
async fn the_handshake_is_the_first_and_only_unasked_frame() {
    let server = server().await;
    let mut first = server.connect(None).await;
    let second = server.connect(None).await;
    assert_ne!(first.channel_id, second.channel_id);
    assert!(first.channel_id.len() * 4 >= 128, "{}", first.channel_id);
    server.hub.publish(
        Action::Create,
        &Ping {
            id: "unasked".into(),
        },
    );
    server.done(&first, "pingSubscription", EVERYTHING).await;
    server
        .hub
        .publish(Action::Create, &Ping { id: "asked".into() });
    assert_eq!(first.json().await["payload"]["data"]["id"], "asked");
}

#[tokio::test]
async fn the_confirmation_is_a_plain_graphql_answer() {
    let server = server().await;
    let client = server.connect(Some(100)).await;
    let confirmation = server
        .control(&client, "messageSubscription", EVERYTHING)
        .await;
    assert_eq!(
        confirmation,
        json!({"ok": true, "error": null, "stream": "messages", "operation": "SUBSCRIBE", "action": "ALL_ACTIONS"})
    );
}

#[tokio::test]
async fn aliases_fragments_variables_and_operation_names_work() {
    let server = server().await;
    let client = server.connect(Some(100)).await;
    let query = r"
        query Other { hello }
        fragment R on MessageSubscription { fine: ok ... on MessageSubscription { stream } }
        subscription S($channel: String!, $action: ActionSubscriptionEnum!, $data: [MessageFields], $no: Boolean = false) {
            answer: messageSubscription(channelId: $channel, action: $action, operation: SUBSCRIBE, data: $data) {
                __typename ...R error @include(if: $no) operation @skip(if: $no)
            }
        }";
    let variables = json!({"channel": client.channel_id, "action": "UPDATE", "data": ["TEXT"]});
    let body = json!({"query": query, "variables": variables, "operationName": "S"});
    let (status, answer) = server.post(client.user, body).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({"data": {"answer": {
            "__typename": "MessageSubscription", "fine": true, "stream": "messages", "operation": "SUBSCRIBE",
        }}})
    );
    // In the order of the document.
    let text = answer.to_string();
    assert!(text.find("__typename") < text.find("fine"));
}

#[tokio::test]
async fn frames_of_full_payloads_are_exact() {
    let server = server().await;
    let mut client = server.connect(Some(742)).await;
    server
        .done(&client, "messageSubscription", EVERYTHING)
        .await;
    for (action, name) in [
        (Action::Create, "create"),
        (Action::Update, "update"),
        (Action::Delete, "delete"),
    ] {
        server
            .hub
            .publish(action, &message(5, 7, 42, "hi \"there\" é"));
        assert_eq!(
            client.text().await,
            format!(
                r#"{{"stream":"messages","payload":{{"action":"{name}","model":"chat.message","data":{{"id":5,"tenant":7,"room":42,"text":"hi \"there\" é"}}}}}}"#
            )
        );
    }
}

#[tokio::test]
async fn frames_of_id_only_payloads_are_exact() {
    let server = server().await;
    let mut client = server.connect(Some(1)).await;
    server.done(&client, "noteSubscription", EVERYTHING).await;
    server.hub.publish(Action::Delete, &Note { id: 5 });
    assert_eq!(
        client.text().await,
        r#"{"stream":"notes","payload":{"action":"delete","model":"chat.note","data":{"id":5}}}"#
    );
}

#[tokio::test]
async fn a_subscription_to_one_action_gets_no_other() {
    let server = server().await;
    let mut client = server.connect(Some(1)).await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: UPDATE, operation: SUBSCRIBE",
        )
        .await;
    server.hub.publish(Action::Create, &Note { id: 1 });
    server.hub.publish(Action::Delete, &Note { id: 1 });
    server.hub.publish(Action::Update, &Note { id: 2 });
    assert_eq!(client.json().await["payload"]["data"]["id"], 2);
}

#[tokio::test]
async fn unsubscribe_ends_exactly_its_subscription() {
    let server = server().await;
    let mut client = server.connect(Some(1)).await;
    server.done(&client, "noteSubscription", EVERYTHING).await;
    server
        .done(&client, "noteSubscription", &format!("{EVERYTHING}, id: 5"))
        .await;
    server.hub.publish(Action::Create, &Note { id: 5 });
    for _ in 0..2 {
        assert_eq!(client.json().await["payload"]["data"]["id"], 5);
    }
    server
        .done(&client, "noteSubscription", END_EVERYTHING)
        .await;
    server.hub.publish(Action::Create, &Note { id: 6 });
    server.hub.publish(Action::Update, &Note { id: 5 });
    assert_eq!(
        client.json().await["payload"],
        json!({"action": "update", "model": "chat.note", "data": {"id": 5}})
    );
    server
        .done(
            &client,
            "noteSubscription",
            &format!("{END_EVERYTHING}, id: 5"),
        )
        .await;
    assert_eq!(server.hub.stats().subscriptions, 0);
    assert_eq!(server.hub.stats().plans, 0);
}

#[tokio::test]
async fn all_actions_is_the_three_actions() {
    let server = server().await;
    let mut client = server.connect(Some(1)).await;
    server.done(&client, "noteSubscription", EVERYTHING).await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: CREATE, operation: SUBSCRIBE",
        )
        .await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: UPDATE, operation: UNSUBSCRIBE",
        )
        .await;
    server.hub.publish(Action::Create, &Note { id: 1 });
    server.hub.publish(Action::Update, &Note { id: 1 });
    server.hub.publish(Action::Delete, &Note { id: 1 });
    assert_eq!(client.json().await["payload"]["action"], "create");
    assert_eq!(client.json().await["payload"]["action"], "delete");
    server
        .done(&client, "noteSubscription", END_EVERYTHING)
        .await;
    assert_eq!(server.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn unsubscribe_of_nothing_says_so() {
    let server = server().await;
    let client = server.connect(Some(1)).await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: CREATE, operation: SUBSCRIBE, id: 5",
        )
        .await;
    for arguments in [
        END_EVERYTHING.to_owned(),
        "action: UPDATE, operation: UNSUBSCRIBE, id: 5".to_owned(),
        format!("{END_EVERYTHING}, id: 6"),
    ] {
        let error = server
            .refused(&client, "noteSubscription", &arguments)
            .await;
        assert_eq!(error, "no such subscription");
    }
}

#[tokio::test]
async fn data_projects_and_a_later_one_replaces_it() {
    let server = server().await;
    let mut client = server.connect(Some(700)).await;
    for (data, expected) in [
        ("[TEXT, ID, TEXT, null]", json!({"id": 5, "text": "hi"})),
        ("TEXT", json!({"text": "hi"})),
        ("[]", json!({"id": 5, "tenant": 7, "room": 1, "text": "hi"})),
        ("[ROOM]", json!({"room": 1})),
        (
            "null",
            json!({"id": 5, "tenant": 7, "room": 1, "text": "hi"}),
        ),
    ] {
        let arguments = format!("{EVERYTHING}, data: {data}");
        server
            .done(&client, "messageSubscription", &arguments)
            .await;
        server.hub.publish(Action::Create, &message(5, 7, 1, "hi"));
        assert_eq!(client.json().await["payload"]["data"], expected, "{data}");
        assert_eq!(server.hub.stats().subscriptions, 1);
    }
    server.hub.publish(Action::Create, &message(5, 7, 1, "hi"));
    let frame = client.text().await;
    // In the model's order whatever the order asked.
    assert!(
        frame.ends_with(r#"{"id":5,"tenant":7,"room":1,"text":"hi"}}}"#),
        "{frame}"
    );
}

#[tokio::test]
async fn an_id_restricts_to_its_row() {
    let server = server().await;
    let mut client = server.connect(Some(700)).await;
    server
        .done(
            &client,
            "messageSubscription",
            &format!("{EVERYTHING}, id: \"5\""),
        )
        .await;
    server.hub.publish(Action::Create, &message(4, 7, 1, ""));
    server
        .hub
        .publish(Action::Create, &message(5, 8, 1, "another tenant's"));
    server.hub.publish(Action::Delete, &message(5, 7, 1, ""));
    assert_eq!(client.json().await["payload"]["action"], "delete");
}

#[tokio::test]
async fn an_id_that_cannot_be_a_key_is_refused() {
    let server = server().await;
    let client = server.connect(Some(1)).await;
    for id in ["\"\"", "\"five\"", "\"5.0\"", "\"99999999999999999999\""] {
        let arguments = format!("{EVERYTHING}, id: {id}");
        let error = server
            .refused(&client, "noteSubscription", &arguments)
            .await;
        assert_eq!(error, "`id` must be an integer that the key can hold");
    }
    let error = server
        .refused(
            &client,
            "pingSubscription",
            &format!("{EVERYTHING}, id: \"\""),
        )
        .await;
    assert_eq!(error, "`id` must be a string of 1 to 1,024 bytes");
}

#[tokio::test]
async fn the_scope_holds_on_narrowed_and_coarse_topics() {
    let server = server().await;
    let mut in_room = server.connect(Some(701)).await;
    let mut in_tenant = server.connect(Some(700)).await;
    server
        .done(&in_room, "messageSubscription", EVERYTHING)
        .await;
    server
        .done(&in_tenant, "messageSubscription", EVERYTHING)
        .await;
    server
        .hub
        .publish(Action::Create, &message(1, 8, 1, "another tenant's"));
    server
        .hub
        .publish(Action::Create, &message(2, 7, 2, "another room's"));
    server
        .hub
        .publish(Action::Create, &message(3, 7, 1, "theirs"));
    assert_eq!(in_room.json().await["payload"]["data"]["id"], 3);
    assert_eq!(in_tenant.json().await["payload"]["data"]["id"], 2);
    assert_eq!(in_tenant.json().await["payload"]["data"]["id"], 3);
}

#[tokio::test]
async fn equal_subscribers_share_one_plan_and_one_encoding() {
    let server = server().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let client = server.connect(Some(701)).await;
        server
            .done(
                &client,
                "messageSubscription",
                "action: CREATE, operation: SUBSCRIBE",
            )
            .await;
        clients.push(client);
    }
    // One in each process that has some of them.
    let plans = server.sockets();
    assert_eq!(server.hub.stats().plans, plans);
    server.hub.publish(Action::Create, &message(1, 7, 1, ""));
    for client in &mut clients {
        client.json().await;
    }
    let stats = server.hub.stats();
    assert_eq!(stats.frames_encoded, plans as u64);
    assert_eq!(stats.frames_queued, 20);
}

#[tokio::test]
async fn one_channel_carries_many_streams() {
    let server = server().await;
    let mut client = server.connect(Some(700)).await;
    server
        .done(&client, "messageSubscription", EVERYTHING)
        .await;
    server.done(&client, "noteSubscription", EVERYTHING).await;
    server.hub.publish(Action::Create, &message(1, 7, 1, ""));
    server.hub.publish(Action::Create, &Note { id: 1 });
    assert_eq!(client.json().await["stream"], "messages");
    assert_eq!(client.json().await["stream"], "notes");
}

#[tokio::test]
async fn an_endpoint_serves_only_its_streams() {
    let hub = hub();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    let app = endpoints(schema, &hub).streams(["pings"]).into_router();
    let server = Server::start(app, hub).await;
    let client = server.connect(Some(1)).await;
    server.done(&client, "pingSubscription", EVERYTHING).await;
    let error = server
        .refused(&client, "noteSubscription", EVERYTHING)
        .await;
    assert_eq!(error, "stream `notes` is not served by this endpoint");
}

#[tokio::test]
async fn a_model_the_hub_does_not_have_is_refused() {
    let hub = harness::nodes::build(Hub::builder().model::<Ping>());
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    let server = Server::start(endpoints(schema, &hub).into_router(), hub).await;
    let client = server.connect(Some(1)).await;
    let error = server
        .refused(&client, "noteSubscription", EVERYTHING)
        .await;
    assert_eq!(error, "stream `notes` is not served by this endpoint");
    server.hub.publish(Action::Create, &Note { id: 1 });
    assert_eq!(server.hub.stats().changes_unregistered, 1);
}

#[tokio::test]
async fn a_denial_is_an_answer_and_joins_nothing() {
    let server = server().await;
    let denied = server.connect(Some(666)).await;
    let confirmation = server
        .control(&denied, "noteSubscription", EVERYTHING)
        .await;
    assert_eq!(
        confirmation,
        json!({"ok": false, "error": "not you", "stream": "notes", "operation": "SUBSCRIBE", "action": "ALL_ACTIONS"})
    );
    let anonymous = server.connect(None).await;
    let error = server
        .refused(&anonymous, "messageSubscription", EVERYTHING)
        .await;
    assert_eq!(error, "say who you are");
    assert_eq!(server.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn authorize_is_asked_once_on_subscribe_and_not_on_unsubscribe() {
    let server = server().await;
    let client = server.connect(Some(31)).await;
    server.done(&client, "noteSubscription", EVERYTHING).await;
    assert_eq!(server.hub.asked(), 1);
    server
        .done(&client, "noteSubscription", END_EVERYTHING)
        .await;
    assert_eq!(server.hub.asked(), 1);
}

#[tokio::test]
async fn what_fails_in_a_hook_stays_on_the_server() {
    let server = server().await;
    let mut client = server.connect(Some(700)).await;
    for id in [500, 501, 502] {
        let arguments = format!("{EVERYTHING}, id: {id}");
        let error = server
            .refused(&client, "messageSubscription", &arguments)
            .await;
        assert_eq!(
            error,
            "the subscription failed on the server; its log says why"
        );
    }
    // The process and the channel live on.
    server
        .done(&client, "messageSubscription", EVERYTHING)
        .await;
    server.hub.publish(Action::Create, &message(1, 7, 1, ""));
    client.json().await;
}

#[tokio::test]
async fn unknown_foreign_and_closed_channels_get_the_same_answer() {
    let server = server().await;
    let mut unknown = server.connect(Some(1)).await;
    let victim = server.connect(Some(2)).await;
    let own = unknown.channel_id.clone();
    let mut answers = Vec::new();
    for operation in [EVERYTHING, END_EVERYTHING] {
        for id in [
            "nonsense",
            "",
            &victim.channel_id,
            &victim.channel_id.to_uppercase(),
        ] {
            id.clone_into(&mut unknown.channel_id);
            answers.push(
                server
                    .refused(&unknown, "noteSubscription", operation)
                    .await,
            );
        }
    }
    let mut closed = server.connect(Some(1)).await;
    closed.socket.close(None).await.unwrap();
    server.until(|stats| stats.channels == 2).await;
    answers.push(
        server
            .refused(&closed, "noteSubscription", EVERYTHING)
            .await,
    );
    answers.dedup();
    assert_eq!(
        answers,
        ["unknown channel: connect to the WebSocket again and use the `channel_id` it sends"]
    );
    // An anonymous caller who knows the id of a user's channel is foreign too.
    let anonymous = harness::Client {
        user: None,
        ..victim
    };
    server
        .refused(&anonymous, "pingSubscription", EVERYTHING)
        .await;
    unknown.channel_id = own;
    server.done(&unknown, "noteSubscription", EVERYTHING).await;
}

#[tokio::test]
async fn a_disconnect_leaves_everything() {
    let server = server().await;
    let polite = server.connect(Some(700)).await;
    let rude = server.connect(Some(700)).await;
    for client in [&polite, &rude] {
        server.done(client, "messageSubscription", EVERYTHING).await;
        server
            .done(client, "noteSubscription", &format!("{EVERYTHING}, id: 5"))
            .await;
    }
    assert_eq!(server.hub.stats().subscriptions, 4);
    let harness::Client { mut socket, .. } = polite;
    socket.close(None).await.unwrap();
    drop(rude);
    server.until_empty().await;
}

#[tokio::test]
async fn subscribing_and_leaving_in_a_loop_shows_no_foreign_row() {
    let server = server().await;
    let mut client = server.connect(Some(701)).await;
    let hub = server.hub.clone();
    let writing = tokio::spawn(async move {
        for id in 0..2_000 {
            hub.publish(Action::Create, &message(id, 7 + id % 2, 1 + id % 3, ""));
            if id % 16 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    while !writing.is_finished() {
        server
            .done(&client, "messageSubscription", EVERYTHING)
            .await;
        server
            .done(&client, "messageSubscription", END_EVERYTHING)
            .await;
    }
    writing.await.unwrap();
    server
        .done(&client, "messageSubscription", EVERYTHING)
        .await;
    server
        .hub
        .publish(Action::Delete, &message(-1, 7, 1, "the last"));
    loop {
        let frame = client.json().await;
        let data = &frame["payload"]["data"];
        assert_eq!((&data["tenant"], &data["room"]), (&json!(7), &json!(1)));
        if data["id"] == -1 {
            break;
        }
    }
}

#[tokio::test]
async fn variables_carry_integers_of_64_bits() {
    let server = server().await;
    let mut client = server.connect(Some(700)).await;
    let query = "subscription ($channel: String!, $filters: MessageFilters) {
        messageSubscription(channelId: $channel, action: CREATE, operation: SUBSCRIBE, filters: $filters, data: [ROOM]) { ok error }
    }";
    let variables = json!({"channel": client.channel_id, "filters": {"room": i64::MAX}});
    let body = json!({"query": query, "variables": variables});
    let (_, answer) = server.post(client.user, body).await;
    assert_eq!(
        answer["data"]["messageSubscription"],
        json!({"ok": true, "error": null})
    );
    for room in [i64::MAX - 1, i64::MAX] {
        server.hub.publish(Action::Create, &message(1, 7, room, ""));
    }
    let frame = client.json().await;
    assert_eq!(frame["payload"]["data"]["room"], i64::MAX);
}

#[tokio::test]
async fn the_schema_is_the_documented_one() {
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    let sdl = schema.sdl();
    for part in [
        "enum ActionSubscriptionEnum {\n\tCREATE\n\tUPDATE\n\tDELETE\n\tALL_ACTIONS\n}",
        "enum OperationSubscriptionEnum {\n\tSUBSCRIBE\n\tUNSUBSCRIBE\n}",
        "enum MessageFields {\n\tID\n\tTENANT\n\tROOM\n\tTEXT\n}",
    ] {
        assert!(sdl.contains(part), "{part} is not in {sdl}");
    }
    // An id-only model has no fields to choose, and nothing hidden is in the schema at all.
    assert!(!sdl.contains("NoteFields"), "{sdl}");
    // A model that does not say which mode it wants has the one of the cargo feature.
    let full_by_default = cfg!(feature = "serialize-data");
    assert_eq!(sdl.contains("enum PingFields"), full_by_default);
    assert!(!sdl.to_lowercase().contains("secret"), "{sdl}");
    let query = r#"{ __type(name: "Subscription") { fields { name description type { name }
        args { name type { kind name ofType { name } } } } } }"#;
    let answer = schema
        .execute(query)
        .await
        .into_result()
        .unwrap()
        .data
        .into_json()
        .unwrap();
    let fields = answer["__type"]["fields"].as_array().unwrap();
    let field = fields
        .iter()
        .find(|field| field["name"] == "messageSubscription")
        .unwrap();
    assert_eq!(field["description"], "A chat message.");
    assert_eq!(field["type"]["name"], "MessageSubscription");
    let args: Vec<_> = field["args"]
        .as_array()
        .unwrap()
        .iter()
        .map(|arg| arg["name"].clone())
        .collect();
    assert_eq!(
        Value::from(args),
        json!([
            "channelId",
            "action",
            "operation",
            "id",
            "filters",
            "data",
            "ready"
        ])
    );
    let field = fields
        .iter()
        .find(|field| field["name"] == "noteSubscription")
        .unwrap();
    assert_eq!(field["description"], "Subscription Type for Note model");
    assert_eq!(field["args"].as_array().unwrap().len(), 6);
}
