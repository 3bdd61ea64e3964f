//! Faults of the engine that graphex follows, each of which must be impossible here. Those
//! that concern one part (HTTP, limits, capture) are tested beside it.

use crate::harness;
use std::sync::Arc;

use crate::harness::{Client, CurrentUser, Server, endpoints};
use crate::hello::Query;
use async_graphql::EmptyMutation;
use graphex::prelude::*;
use serde_json::json;
use tokio::sync::Semaphore;

/// The same rows twice: a narrow stream for everybody, a wide one for managers.
#[derive(Clone, ModelType)]
#[graphex(
    stream = "orders",
    label = "shop.order",
    serialize_data = false,
    scope(owner)
)]
struct Order {
    #[allow(dead_code)]
    id: i64,
    owner: i64,
}

impl Scoped for Order {
    async fn scope(ctx: &Context<'_>, _: &OrderSubscriptionArgs) -> Result<OrderScope> {
        let CurrentUser(owner) = *ctx.data()?;
        Ok(OrderScope { owner })
    }
}

#[derive(Clone, ModelType)]
#[graphex(stream = "all-orders", label = "shop.order", authorize, serialize_data)]
struct AnyOrder {
    id: i64,
    owner: i64,
    #[graphex(rename = "createdBy")]
    created_by: String,
}

impl Authorized for AnyOrder {
    async fn authorize(ctx: &Context<'_>, _: &AnyOrderSubscriptionArgs) -> Result<()> {
        match ctx.data_opt() {
            Some(CurrentUser(1)) => Ok(()),
            _ => Err("managers only".into()),
        }
    }
}

/// What made a writer fail there: a UUID key, bytes.
#[derive(Clone, ModelType)]
#[graphex(stream = "files", serialize_data)]
struct File {
    id: uuid::Uuid,
    content: Vec<u8>,
}

#[derive(MergedSubscription, Default)]
struct Subscription(OrderSubscription, AnyOrderSubscription, FileSubscription);

const EVERYTHING: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";

async fn server() -> Server {
    let models = Hub::builder().model::<Order>().model::<AnyOrder>();
    let hub = harness::nodes::build(models.model::<File>());
    let schema = Schema::build(Query, EmptyMutation, Subscription::default()).finish();
    Server::start(endpoints(schema, &hub).into_router(), hub).await
}

/// The ids of frames up to, not including, the row -1.
async fn ids_until_the_last(client: &mut Client) -> Vec<i64> {
    let mut ids = Vec::new();
    loop {
        match client.json().await["payload"]["data"]["id"]
            .as_i64()
            .unwrap()
        {
            -1 => return ids,
            id => ids.push(id),
        }
    }
}

#[tokio::test]
async fn two_streams_of_the_same_rows_do_not_leak_into_each_other() {
    let server = server().await;
    let mut owner = server.connect(Some(2)).await;
    let mut manager = server.connect(Some(1)).await;
    server.done(&owner, "orderSubscription", EVERYTHING).await;
    server
        .done(&manager, "anyOrderSubscription", EVERYTHING)
        .await;
    let error = server
        .refused(&owner, "anyOrderSubscription", EVERYTHING)
        .await;
    assert_eq!(error, "managers only");
    for (id, owner) in [(1, 2), (2, 3), (-1, 2)] {
        server.hub.publish(Action::Create, &Order { id, owner });
        let created_by = "somebody".into();
        server.hub.publish(
            Action::Create,
            &AnyOrder {
                id,
                owner,
                created_by,
            },
        );
    }
    assert_eq!(ids_until_the_last(&mut owner).await, [1]);
    assert_eq!(ids_until_the_last(&mut manager).await, [1, 2]);
}

#[tokio::test]
async fn a_deleted_row_in_scope_is_told_in_id_only_mode_too() {
    let server = server().await;
    let mut client = server.connect(Some(2)).await;
    server.done(&client, "orderSubscription", EVERYTHING).await;
    server
        .hub
        .publish(Action::Delete, &Order { id: 1, owner: 3 });
    server
        .hub
        .publish(Action::Delete, &Order { id: 2, owner: 2 });
    let frame = client.json().await;
    assert_eq!(
        frame["payload"],
        json!({"action": "delete", "model": "shop.order", "data": {"id": 2}})
    );
}

#[tokio::test]
async fn an_update_before_a_delete_is_told_as_it_was() {
    let server = server().await;
    let mut client = server.connect(Some(1)).await;
    server
        .done(&client, "anyOrderSubscription", EVERYTHING)
        .await;
    let order = |created_by: &str| AnyOrder {
        id: 1,
        owner: 2,
        created_by: created_by.into(),
    };
    server.hub.publish(Action::Update, &order("first"));
    server.hub.publish(Action::Update, &order("second"));
    server.hub.publish(Action::Delete, &order("second"));
    for (action, created_by) in [
        ("update", "first"),
        ("update", "second"),
        ("delete", "second"),
    ] {
        let payload = &client.json().await["payload"];
        assert_eq!(payload["action"], action);
        assert_eq!(payload["data"]["createdBy"], created_by);
    }
}

#[tokio::test]
async fn a_name_that_is_not_snake_case_survives_projection() {
    let server = server().await;
    let mut client = server.connect(Some(1)).await;
    let arguments = format!("{EVERYTHING}, data: [CREATED_BY]");
    server
        .done(&client, "anyOrderSubscription", &arguments)
        .await;
    let created_by = "ann".into();
    server.hub.publish(
        Action::Create,
        &AnyOrder {
            id: 1,
            owner: 2,
            created_by,
        },
    );
    assert_eq!(
        client.json().await["payload"]["data"],
        json!({"createdBy": "ann"})
    );
}

#[tokio::test]
async fn a_uuid_key_and_bytes_are_values_like_others() {
    let server = server().await;
    let mut client = server.connect(None).await;
    let id = uuid::Uuid::from_u128(7);
    server
        .done(
            &client,
            "fileSubscription",
            &format!("{EVERYTHING}, id: \"{id}\""),
        )
        .await;
    let error = server
        .refused(&client, "fileSubscription", &format!("{EVERYTHING}, id: 7"))
        .await;
    assert_eq!(error, "`id` must be a UUID");
    for id in [uuid::Uuid::from_u128(8), id] {
        let content = vec![0, 255];
        server.hub.publish(Action::Create, &File { id, content });
    }
    assert_eq!(
        client.json().await["payload"]["data"],
        json!({"id": id.to_string(), "content": [0, 255]})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_writers_lose_nothing_for_a_healthy_reader() {
    const WRITERS: i64 = 4;
    const EACH: i64 = 2_500;
    // A database write takes its time; a bare loop would outrun any reader. So a writer takes
    // a permit of each reader, which gives it back when it has read the frame.
    const AHEAD: usize = 500;
    let server = server().await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect(Some(2)).await;
        server.done(&client, "orderSubscription", EVERYTHING).await;
        let permits = Arc::new(Semaphore::new(AHEAD));
        let given_back = Arc::clone(&permits);
        let reading = tokio::spawn(async move {
            let mut ids = Vec::new();
            for _ in 0..WRITERS * EACH {
                let frame = client.json().await;
                ids.push(frame["payload"]["data"]["id"].as_i64().unwrap());
                given_back.add_permits(1);
            }
            ids
        });
        readers.push((permits, reading));
    }
    let permits: Vec<_> = readers
        .iter()
        .map(|(permits, _)| Arc::clone(permits))
        .collect();
    let writing: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (hub, permits) = (server.hub.clone(), permits.clone());
            tokio::spawn(async move {
                for id in writer * EACH..(writer + 1) * EACH {
                    for permits in &permits {
                        harness::within(permits.acquire()).await.unwrap().forget();
                    }
                    hub.publish(Action::Create, &Order { id, owner: 2 });
                }
            })
        })
        .collect();
    for writer in writing {
        writer.await.unwrap();
    }
    for (_, reading) in readers {
        let ids = reading.await.unwrap();
        for writer in 0..WRITERS {
            let of_writer: Vec<_> = ids.iter().filter(|id| **id / EACH == writer).collect();
            assert_eq!(of_writer.len() as i64, EACH);
            assert!(of_writer.is_sorted(), "out of order");
        }
    }
    assert_eq!(server.hub.stats().changes_lost, 0);
}

#[tokio::test]
async fn four_hundred_channels_are_held_and_served() {
    let server = server().await;
    let mut clients = Vec::new();
    for _ in 0..400 {
        let client = server.connect(None).await;
        server.done(&client, "fileSubscription", EVERYTHING).await;
        clients.push(client);
    }
    // Three actions, in each process that has some of them.
    assert_eq!(server.hub.stats().plans, 3 * server.sockets());
    let id = uuid::Uuid::from_u128(1);
    let content = Vec::new();
    server.hub.publish(Action::Create, &File { id, content });
    for client in &mut clients {
        assert_eq!(client.json().await["stream"], "files");
    }
    drop(clients);
    server.until_empty().await;
}

#[tokio::test]
async fn a_writer_does_not_wait_for_the_fan_out() {
    let server = server().await;
    let mut client = server.connect(Some(2)).await;
    server.done(&client, "orderSubscription", EVERYTHING).await;
    server
        .hub
        .publish(Action::Create, &Order { id: 1, owner: 2 });
    // On this runtime of one thread the fan-out has had no turn yet.
    assert_eq!(server.hub.stats().frames_queued, 0);
    client.json().await;
    assert_eq!(server.hub.stats().frames_queued, 1);
}

#[tokio::test]
async fn an_unknown_path_is_404_to_a_websocket() {
    let server = server().await;
    let mut request = server.ws_request();
    *request.uri_mut() = format!("ws://{}/ws/nowhere/", server.address)
        .parse()
        .unwrap();
    assert_eq!(server.refused_upgrade(request).await, 404);
}
