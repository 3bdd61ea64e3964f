//! One client beside the other, each with a protocol of its own, and however many processes there
//! are: all are told the same.

use crate::harness::Client as TwoChannel;
use crate::streams::graphql_ws::Raw;
use crate::streams::sse::Body;
use crate::streams::{Fixture, start_with};
use graphex::prelude::*;
use serde_json::{Value, json};

const OWNER: i64 = 1;

/// Clients of each protocol; where there are several processes, of different ones.
const EACH: usize = 3;

const NOTES: &str = "subscription { noteChanges { action id data { text } } }";
const MULTIPART: &str = "multipart/mixed;subscriptionSpec=1.0,application/json";

enum Client {
    TwoChannel(TwoChannel),
    GraphqlWs(Raw),
    Sse(Body),
    Multipart(Body),
}

#[derive(Debug, PartialEq)]
enum Told {
    Change { action: String, text: String },
    Resync,
}

impl Client {
    /// What it is told next, in whichever form.
    async fn told(&mut self) -> Told {
        let result = match self {
            Self::TwoChannel(client) => {
                let payload = client.json().await["payload"].take();
                let action = payload["action"].as_str().unwrap().to_uppercase();
                if action == "RESYNC" {
                    assert_eq!(payload.as_object().unwrap().len(), 2, "{payload}");
                    return Told::Resync;
                }
                return change(&action, &payload["data"]);
            }
            Self::GraphqlWs(raw) => raw.next_of("a").await,
            Self::Sse(body) => {
                let (name, result) = body.event().await.unwrap();
                assert_eq!(name, "next");
                result
            }
            Self::Multipart(body) => {
                let part = body.until("\r\n--graphql").await.unwrap();
                let (_, part) = part.split_once("\r\n\r\n").unwrap();
                let mut part: Value = serde_json::from_str(part).unwrap();
                part["payload"].take()
            }
        };
        let event = &result["data"]["noteChanges"];
        if event["action"] == "RESYNC" {
            // An event like others: a result with errors or without data ends some clients.
            let event = json!({"action": "RESYNC", "id": null, "data": null});
            assert_eq!(result, json!({"data": {"noteChanges": event}}));
            return Told::Resync;
        }
        change(event["action"].as_str().unwrap(), &event["data"])
    }
}

fn change(action: &str, data: &Value) -> Told {
    let text = data["text"].as_str().unwrap().to_owned();
    let action = action.to_owned();
    Told::Change { action, text }
}

async fn clients(server: &Fixture) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..EACH {
        let client = server.connect(Some(OWNER)).await;
        let everything = "action: ALL_ACTIONS, operation: SUBSCRIBE";
        server.done(&client, "noteSubscription", everything).await;
        clients.push(Client::TwoChannel(client));
        let mut raw = server.acknowledged_as(Some(OWNER)).await;
        raw.subscribe("a", NOTES).await;
        clients.push(Client::GraphqlWs(raw));
        clients.push(Client::Sse(server.events_as(OWNER, NOTES).await));
        let request = server.ask_for(MULTIPART, NOTES).header("x-user", OWNER);
        let mut body = Body::of(request).await;
        assert_eq!(body.until("\r\n--graphql").await.unwrap(), "");
        clients.push(Client::Multipart(body));
    }
    server.joined(clients.len()).await;
    clients
}

fn created(number: i32) -> Told {
    change("CREATE", &json!({"text": number.to_string()}))
}

#[tokio::test]
async fn a_change_is_told_once_and_in_order() {
    let server = start_with(|_| {}).await;
    let mut clients = clients(&server).await;
    for number in 0..50 {
        let text = number.to_string();
        server.change(Action::Create, number % 5, OWNER, &text);
        server.change(Action::Create, number % 5, OWNER + 1, "of another");
    }
    server.change(Action::Delete, 1, OWNER, "the last");
    for client in &mut clients {
        for number in 0..50 {
            assert_eq!(client.told().await, created(number));
        }
        let last = change("DELETE", &json!({"text": "the last"}));
        assert_eq!(client.told().await, last);
    }
    drop(clients);
    server.until_empty().await;
}

#[tokio::test]
async fn who_may_have_missed_changes_is_told_so_and_goes_on() {
    let server = start_with(|limits| limits.publisher_queue = 10).await;
    let mut clients = clients(&server).await;
    // On this runtime of one thread nothing is taken from the queue in between.
    for number in 0..15 {
        server.change(Action::Create, number, OWNER, &number.to_string());
    }
    for client in &mut clients {
        for number in 0..10 {
            assert_eq!(client.told().await, created(number));
        }
        assert_eq!(client.told().await, Told::Resync);
    }
    server.change(Action::Create, 15, OWNER, "15");
    for client in &mut clients {
        assert_eq!(client.told().await, created(15));
    }
}
