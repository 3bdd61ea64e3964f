//! The end of a right in every process.

use std::time::{Duration, Instant, SystemTime};

use graphex::redis::RedisLayer;
use graphex::{CloseReason, Identity};
use graphex_redis_tests::{EVERYTHING, Node, cluster_urls, prefix, redis_url, tick, within};

fn node(prefix: &str) -> Node {
    Node::on(&redis_url(), prefix, |hub| hub)
}

async fn until_refused(node: &Node, who: &str) {
    within(async {
        while node.hub.connect(Identity::new(who)).is_ok() {
            tick().await;
        }
    })
    .await;
}

async fn until_taken(node: &Node, who: &str) {
    within(async {
        while node.hub.connect(Identity::new(who)).is_err() {
            tick().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_one_process_revokes_ends_in_all() {
    let prefix = prefix("rights");
    let (one, other) = (node(&prefix), node(&prefix));
    one.ready().await;
    other.ready().await;
    for run in 0..20 {
        let who = format!("user:{run}");
        let mut client = other.connect(&who);
        let stays = other.connect("stays");
        one.done(&client, None, EVERYTHING).await;
        one.publish(graphex::Action::Create, run, 1);
        client.told().await;
        let begun = Instant::now();
        one.hub
            .revoke(&Identity::new(who.as_str()), "you are blocked")
            .await;
        let reason = within(client.channel.closed()).await;
        assert_eq!(reason.to_string(), "you are blocked");
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        until_refused(&other, &who).await;
        until_refused(&one, &who).await;
        // By whichever process, it is given back in all.
        other.hub.lift(&Identity::new(who.as_str())).await;
        until_taken(&one, &who).await;
        until_taken(&other, &who).await;
        drop(stays);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_for_an_identity_changes_in_all_processes() {
    let prefix = prefix("rescoped");
    let (one, other) = (node(&prefix), node(&prefix));
    one.ready().await;
    other.ready().await;
    let mut stays = other.connect("stays");
    one.done(&stays, None, EVERYTHING).await;
    for run in 0..20 {
        let who = format!("user:{run}");
        let mut clients = [one.connect(&who), other.connect(&who)];
        for client in &clients {
            one.done(client, None, EVERYTHING).await;
        }
        let begun = Instant::now();
        one.hub.rescope(&Identity::new(who.as_str())).await;
        for client in &mut clients {
            // What it was subscribed to is told that it is not good any more.
            let frames = within(client.channel.take()).await.unwrap();
            assert_eq!(frames.len(), 1);
            assert!(frames[0].windows(6).any(|window| window == b"resync"));
            let reason = within(client.channel.take()).await.unwrap_err();
            assert_eq!(reason, CloseReason::Rescoped);
        }
        assert!(begun.elapsed() < Duration::from_secs(1));
        // It may come again at once, here and there.
        drop(clients);
        let again = [one.connect(&who), other.connect(&who)];
        one.publish(graphex::Action::Create, run, 1);
        stays.told().await;
        drop(again);
    }
}

#[tokio::test]
async fn a_process_that_comes_later_is_told() {
    let prefix = prefix("later");
    let one = node(&prefix);
    one.ready().await;
    one.hub
        .revoke(&Identity::new("ann"), "you are blocked")
        .await;
    let later = node(&prefix);
    later.ready().await;
    until_refused(&later, "ann").await;
}

#[tokio::test]
async fn a_request_over_one_process_renews_a_channel_of_another() {
    let prefix = prefix("renewed");
    let (one, other) = (node(&prefix), node(&prefix));
    one.ready().await;
    other.ready().await;
    let until = |left| {
        let end = SystemTime::now() + Duration::from_millis(left);
        Identity::new("ann").with_expiry(end)
    };
    let mut client = other.hub.connect(until(1_000)).unwrap();
    let answer = one
        .ask_for(client.id().as_str(), until(60_000), None, EVERYTHING)
        .await;
    assert_eq!(answer["ok"], true, "{answer}");
    let mut witness = other.hub.connect(until(1_050)).unwrap();
    assert_eq!(within(witness.closed()).await, CloseReason::Expired);
    one.publish(graphex::Action::Create, 1, 1);
    assert_eq!(within(client.take()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_right_ends_in_all_processes_of_a_cluster() {
    let prefix = prefix("rights");
    let node = || {
        let urls = cluster_urls();
        let layer = RedisLayer::cluster(urls.iter().map(String::as_str)).unwrap();
        Node::with(layer, &prefix, |hub| hub)
    };
    let (one, other) = (node(), node());
    one.ready().await;
    other.ready().await;
    let mut client = other.connect("ann");
    let ann = Identity::new("ann");
    one.hub.revoke(&ann, "you are blocked").await;
    let reason = within(client.channel.closed()).await;
    assert_eq!(reason.to_string(), "you are blocked");
    other.hub.lift(&ann).await;
    until_taken(&one, "ann").await;
}
