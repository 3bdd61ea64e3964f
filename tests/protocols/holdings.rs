//! What clients may hold: channels and memory, by identity, by address, of all anonymous clients and
//! of everybody, through each of the doors.

use crate::harness::{Client, Server, answer, within};
use crate::hello::Query;
use async_graphql::EmptyMutation;
use graphex::axum::Endpoints;
use graphex::prelude::*;
use graphex::{ConnectError, Limits};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i32,
    text: String,
    room: i32,
}

#[derive(MergedSubscription, Default)]
struct Subscription(NoteSubscription, NoteChanges);

const SUBSCRIBE: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";
const UNSUBSCRIBE: &str = "action: ALL_ACTIONS, operation: UNSUBSCRIBE";

/// Clients are who `x-user` says, from where `x-peer` says.
async fn server(limits: impl FnOnce(&mut Limits)) -> Server {
    let hub = Hub::builder().model::<Note>().limits(limits).build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    let app = Endpoints::new(schema, hub.clone()).identity(|request| {
        let header = |name| request.headers.get(name)?.to_str().ok();
        let identity = header("x-user").map_or_else(Identity::anonymous, Identity::new);
        match header("x-peer") {
            Some(peer) => identity.with_peer(peer.parse().unwrap()),
            None => identity,
        }
    });
    Server::start_alone(app.into_router(), hub).await
}

/// A WebSocket with these headers, or the answer that it gets instead.
async fn connect(
    server: &Server,
    headers: &[(&'static str, &str)],
) -> Result<Client, (u16, String)> {
    let mut request = server.ws_request();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    match within(tokio_tungstenite::connect_async(request)).await {
        Ok((socket, _)) => {
            let mut client = Client {
                socket,
                user: None,
                channel_id: String::new(),
            };
            let handshake = client.json().await;
            client.channel_id = handshake["channel_id"].as_str().unwrap().to_owned();
            Ok(client)
        }
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Err((response.status().as_u16(), String::from_utf8(body).unwrap()))
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn an_address_has_so_many_channels_and_another_has_room() {
    let server = server(|limits| limits.channels_per_peer = 2).await;
    let from = async |peer| connect(&server, &[("x-peer", peer)]).await;
    let mut first = from("192.0.2.1").await.unwrap();
    let second = from("::ffff:192.0.2.1").await.unwrap();
    let error = "too many connections from this address: 2 may be open; close one";
    let refusal = from("192.0.2.1").await.err();
    assert_eq!(refusal, Some((429, error.to_owned())));
    // A stream is a channel too.
    let stream = server
        .request(Method::POST)
        .header("x-peer", "192.0.2.1")
        .header("accept", "text/event-stream")
        .json(&json!({"query": "subscription { noteChanges { id } }"}));
    let (status, body) = answer(stream).await;
    assert_eq!(
        (status, &body["errors"][0]["message"]),
        (429, &json!(error))
    );
    // A client has its IPv6 network to itself, and no more.
    let _network = [
        from("2001:db8::1").await.unwrap(),
        from("2001:db8::2:3").await.unwrap(),
    ];
    assert!(from("2001:db8::4").await.is_err());
    let _other = from("2001:db8:0:1::1").await.unwrap();
    // Who closes makes room.
    first.socket.close(None).await.unwrap();
    server.until(|stats| stats.channels == 4).await;
    let _again = from("192.0.2.1").await.unwrap();
    drop(second);
}

#[tokio::test]
async fn a_client_that_moves_to_another_address_keeps_its_channel() {
    let server = server(|_| {}).await;
    for user in [None, Some("a")] {
        let user = user.map(|user| ("x-user", user));
        let at = |peer| {
            user.into_iter()
                .chain([("x-peer", peer)])
                .collect::<Vec<_>>()
        };
        let client = connect(&server, &at("192.0.2.1")).await.unwrap();
        let query = format!(
            "subscription {{ noteSubscription(channelId: \"{}\", {SUBSCRIBE}) {{ ok }} }}",
            client.channel_id
        );
        let request = server
            .request(Method::POST)
            .json(&json!({ "query": query }));
        let headers = at("2001:db8::1").into_iter();
        let request = headers.fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        let (_, body) = answer(request).await;
        assert_eq!(body["data"]["noteSubscription"]["ok"], true, "{body}");
    }
}

#[tokio::test]
async fn all_anonymous_clients_have_so_many_channels_and_everybody_has() {
    let server = server(|limits| {
        limits.anonymous_channels = 2;
        limits.channels = 4;
    })
    .await;
    let mut open = Vec::new();
    for peer in ["192.0.2.1", "192.0.2.2"] {
        open.push(connect(&server, &[("x-peer", peer)]).await.unwrap());
    }
    let refused = connect(&server, &[("x-peer", "192.0.2.3")]).await.err();
    let error = "too many clients are not logged in: 2 may be connected; log in, or try later";
    assert_eq!(refused, Some((429, error.to_owned())));
    for user in ["a", "b"] {
        open.push(connect(&server, &[("x-user", user)]).await.unwrap());
    }
    let refused = connect(&server, &[("x-user", "c")]).await.err();
    let error = "this server is full: 4 connections are open; try again later";
    assert_eq!(refused, Some((503, error.to_owned())));
    let identity = Identity::new("d");
    let refused = server.hub.own.connect(identity).unwrap_err();
    assert_eq!(refused, ConnectError::Full { limit: 4 });
    drop(open);
    server.until_empty().await;
    assert!(connect(&server, &[("x-user", "c")]).await.is_ok());
}

fn text_filter(number: usize, length: usize) -> String {
    let text = "x".repeat(length);
    format!("{SUBSCRIBE}, filters: {{text__contains: \"{number}{text}\"}}")
}

#[tokio::test]
async fn an_identity_holds_so_much_memory_over_all_its_channels() {
    let server = server(|limits| limits.bytes_per_identity = 200_000).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push(connect(&server, &[]).await.unwrap());
    }
    // Anonymous clients without an address each have as much.
    for client in &clients {
        for number in 0..3 {
            let filter = text_filter(number, 50_000);
            server.done(client, "noteSubscription", &filter).await;
        }
        let filter = text_filter(3, 60_000);
        let error = server.refused(client, "noteSubscription", &filter).await;
        let expected = "too much is held: subscriptions and connections may take 200000 bytes; \
                        end some";
        assert_eq!(error, expected);
        // What ends makes room.
        let ended = text_filter(0, 50_000).replace(SUBSCRIBE, UNSUBSCRIBE);
        server.done(client, "noteSubscription", &ended).await;
        server.done(client, "noteSubscription", &filter).await;
    }
    // With a name they share it, and by whatever protocol.
    let user = [("x-user", "7")];
    let mut two_channel = connect(&server, &user).await.unwrap();
    two_channel.user = Some(7);
    for number in 0..2 {
        let filter = text_filter(number, 50_000);
        server.done(&two_channel, "noteSubscription", &filter).await;
    }
    let mut socket = server.acknowledged_as(Some(7)).await;
    let text = "x".repeat(60_000);
    let query = format!("subscription {{ noteChanges(filters: {{text: \"{text}\"}}) {{ id }} }}");
    socket.subscribe("a", &query).await;
    let error = socket.error_of("a").await;
    assert!(error.starts_with("too much is held"), "{error}");
    // When all have left nothing is counted any more.
    drop((clients, two_channel, socket));
    server.until_empty().await;
    let mut socket = server.acknowledged_as(Some(7)).await;
    socket.subscribe("a", &query).await;
    server.until(|stats| stats.subscriptions == 1).await;
}

#[tokio::test]
async fn what_is_not_in_the_filters_is_counted_too() {
    let server = server(|limits| limits.bytes_per_identity = 300_000).await;
    // The id of an operation, which is in each of its frames.
    let mut socket = server.acknowledged_as(Some(1)).await;
    let id = |number: usize| format!("{number}{}", "x".repeat(40_000));
    let query = "subscription { noteChanges { id } }";
    for number in 1..=3 {
        socket.subscribe(&id(number), query).await;
        server.until(|stats| stats.subscriptions == number).await;
    }
    socket.subscribe(&id(4), query).await;
    let error = socket.error_of(&id(4)).await;
    assert!(error.starts_with("too much is held"), "{error}");
    // The aliases of fields, which are in each of its frames.
    let mut socket = server.acknowledged_as(Some(2)).await;
    let query = |number: usize| {
        let alias = |field: usize| format!("{}_{number}_{field}: id ", "a".repeat(240));
        let fields: String = (0..200).map(alias).collect();
        format!("subscription {{ noteChanges {{ {fields} }} }}")
    };
    for number in 1..=2 {
        socket.subscribe(&number.to_string(), &query(number)).await;
        server
            .until(|stats| stats.subscriptions == 3 + number)
            .await;
    }
    socket.subscribe("3", &query(3)).await;
    let error = socket.error_of("3").await;
    assert!(error.starts_with("too much is held"), "{error}");
    // What a pattern is compiled to.
    let client = connect(&server, &[]).await.unwrap();
    let pattern = |text: &str| format!("{SUBSCRIBE}, filters: {{text__regex: \"{text}\"}}");
    for text in ["a", "b"] {
        let pattern = pattern(text);
        server.done(&client, "noteSubscription", &pattern).await;
    }
    let error = server
        .refused(&client, "noteSubscription", &pattern("c"))
        .await;
    assert!(error.starts_with("too much is held"), "{error}");
}

#[tokio::test]
async fn filters_of_one_set_are_one_subscription() {
    let server = server(|_| {}).await;
    let mut client = connect(&server, &[]).await.unwrap();
    let rooms = |rooms: &str| format!("{SUBSCRIBE}, filters: {{room__in: [{rooms}]}}");
    for order in ["1, 2", "2, 1", "2, 2, 1"] {
        server
            .done(&client, "noteSubscription", &rooms(order))
            .await;
    }
    assert_eq!(server.hub.stats().subscriptions, 1);
    let note = |id, room| Note {
        id,
        text: String::new(),
        room,
    };
    for (id, room) in [(1, 3), (2, 2)] {
        server.hub.publish(Action::Create, &note(id, room));
    }
    let frame: Value = client.json().await;
    assert_eq!(frame["payload"]["data"]["id"], 2);
}
