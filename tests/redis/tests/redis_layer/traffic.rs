//! What goes over Redis, as Redis itself counts it, and what nodes make of what they do not know.

#![allow(clippy::print_stdout)]

use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt as _;
use graphex::{Action, Identity};
use graphex_redis_tests::{EVERYTHING, Node, Server, prefix, tick, within};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// Without probes, which would be counted too.
fn quiet(redis: &Server, prefix: &str) -> Node {
    Node::on(&redis.url(), prefix, |builder| {
        builder.limits(|limits| {
            limits.probe_interval = Duration::from_secs(3_600);
            limits.leave_grace = Duration::ZERO;
        })
    })
}

/// How often the server was given this command.
async fn calls(redis: &Server, command: &str) -> u64 {
    let info: String = redis.command(&["INFO", "commandstats"]).await.unwrap();
    let line = format!("cmdstat_{command}:calls=");
    let calls = info
        .lines()
        .find_map(|found| found.strip_prefix(line.as_str()));
    calls.map_or(0, |calls| calls.split(',').next().unwrap().parse().unwrap())
}

async fn channels(redis: &Server, prefix: &str) -> Vec<String> {
    let pattern = format!("{prefix}:*");
    let mut names: Vec<String> = redis
        .command(&["PUBSUB", "CHANNELS", &pattern])
        .await
        .unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn a_node_hears_only_the_topics_that_its_channels_need() {
    let (redis, prefix) = (Server::start().await, prefix("narrow"));
    let nodes = [
        quiet(&redis, &prefix),
        quiet(&redis, &prefix),
        quiet(&redis, &prefix),
    ];
    let [writer, first, second] = &nodes;
    first.ready().await;
    second.ready().await;
    let (mut one, mut two) = (first.connect("ann"), second.connect("bob"));
    let create = "action: CREATE, operation: SUBSCRIBE";
    writer.done(&one, Some(1), create).await;
    writer.done(&two, Some(2), create).await;
    let topic = |rest: &str| format!("{prefix}:topic:{{messages}}-create{rest}");
    let topics: Vec<_> = channels(&redis, &prefix).await;
    let topics: Vec<_> = topics
        .iter()
        .filter(|name| name.contains(":topic:"))
        .collect();
    // Each has one listener, and nobody listens to the coarse one.
    assert_eq!(topics, [&topic(":room=1"), &topic(":room=2")]);
    let names = [topic(""), topic(":room=1"), topic(":room=2")];
    let mut command = vec!["PUBSUB", "NUMSUB"];
    command.extend(names.iter().map(String::as_str));
    let listeners: Vec<(String, u64)> = redis.command(&command).await.unwrap();
    let listeners: Vec<_> = listeners.into_iter().map(|(_, count)| count).collect();
    assert_eq!(listeners, [0, 1, 1]);
    // Each node has one connection to publish and one to receive, with two topics of its own and
    // those of its channels.
    let clients: String = redis.command(&["CLIENT", "LIST"]).await.unwrap();
    let field = |line: &str, name: &str| -> u64 {
        let field = line
            .split(' ')
            .find_map(|field| field.strip_prefix(name))
            .unwrap();
        field.parse().unwrap()
    };
    let mut subscribed: Vec<_> = clients.lines().map(|line| field(line, "sub=")).collect();
    subscribed.sort_unstable();
    assert_eq!(subscribed, [0, 0, 0, 0, 2, 3, 3]);

    let before = calls(&redis, "publish").await;
    for id in 0..100 {
        writer.publish(Action::Create, id, 2);
    }
    for id in 0..100 {
        assert_eq!(two.told().await.1, id);
    }
    let published = calls(&redis, "publish").await - before;
    assert!(
        (2..=200).contains(&published),
        "{published} publishes for 100 changes"
    );
    println!("{published} publishes for 100 changes of one room at once");
    // And not more than two when nothing can share a message.
    let before = calls(&redis, "publish").await;
    for id in 0..100 {
        writer.publish(Action::Create, id, 1 + id % 2);
    }
    for id in (1..100).step_by(2) {
        assert_eq!(two.told().await.1, id);
    }
    assert_eq!(calls(&redis, "publish").await - before, 200);
    // The other saw its own alone, and its node was sent nothing else.
    for id in (0..100).step_by(2) {
        assert_eq!(one.told().await.1, id);
    }
    // The last one out leaves the topic.
    drop(one);
    within(async { while channels(&redis, &prefix).await.contains(&topic(":room=1")) {} }).await;
}

#[tokio::test]
async fn bulk_changes_go_in_few_round_trips() {
    let (redis, prefix) = (Server::start().await, prefix("bulk"));
    let (writer, listener) = (quiet(&redis, &prefix), quiet(&redis, &prefix));
    let mut client = listener.connect("ann");
    listener.ready().await;
    writer.done(&client, None, EVERYTHING).await;
    let reads = async || -> u64 {
        let info: String = redis.command(&["INFO", "stats"]).await.unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_reads_processed:"));
        line.unwrap().parse().unwrap()
    };
    let before = reads().await;
    // Rooms change, so that there are two publishes for each.
    for id in 0..1_000 {
        writer.publish(Action::Create, id, id % 2);
    }
    for id in 0..1_000 {
        assert_eq!(client.told().await.1, id);
    }
    let reads = reads().await - before;
    println!("the server read {reads} times for 2,000 publishes");
    assert!(reads < 200, "{reads}");
}

/// The bytes of a message as another version writes it: independent of graphex' own code.
fn written(version: u8, least: u8, stream: &str, id: u8, added: &[u8]) -> Vec<u8> {
    let mut message = vec![b'g', version, least, 1];
    message.extend(added);
    message.extend([1, 1, 77, 2, 1, id]);
    message.extend([3, u8::try_from(stream.len()).unwrap()]);
    message.extend(stream.bytes());
    message.extend(b"\x04\x06create");
    // A field that this version does not have, and of the others only two.
    message.extend(b"\x05\x11\x05extra\x02id\x04text\x02zz");
    message.extend([6, 16, 5, 3]);
    message.extend(b"new");
    message.extend([3, 1, id, 5, 2]);
    message.extend(b"hi");
    // Of a kind that this version does not know.
    message.extend([200, 2, 0, 0]);
    message
}

async fn send(redis: &Server, name: &str, message: &[u8]) {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd("PUBLISH");
    let reached: u64 = command
        .arg(name)
        .arg(message)
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(reached, 1);
}

#[tokio::test]
async fn two_versions_of_the_wire_form_exchange_changes() {
    let (redis, prefix) = (Server::start().await, prefix("versions"));
    let node = quiet(&redis, &prefix);
    let mut client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    let name = format!("{prefix}:topic:{{messages}}-create");
    // From a later version: more parts, more fields, more kinds of values.
    let added = b"\xe8\x07\x04data";
    send(&redis, &name, &written(2, 1, "messages", 5, added)).await;
    let payload = client.payload().await;
    let expected = serde_json::json!({"action": "create", "model": "chat.message", "data": {
        "id": 5, "room": null, "author": null, "pinned": null, "text": "hi",
    }});
    assert_eq!(payload, expected);
    // To a later version: what it needs is where it was, whatever this one adds.
    let reader = redis::Client::open(redis.url()).unwrap();
    let mut reader = reader.get_async_pubsub().await.unwrap();
    reader.subscribe(&name).await.unwrap();
    node.publish(Action::Create, 6, 1);
    let message = within(reader.on_message().next()).await.unwrap();
    let message = message.get_payload_bytes();
    assert_eq!(&message[..4], b"g\x01\x01\x01");
    let (mut rest, mut parts) = (&message[4..], Vec::new());
    while let [tag, length, left @ ..] = rest {
        let (part, left) = left.split_at(usize::from(*length));
        parts.push((*tag, part));
        rest = left;
    }
    let part = |tag: u8| parts.iter().find(|part| part.0 == tag).unwrap().1;
    assert_eq!(part(3), b"messages");
    assert_eq!(part(4), b"create");
    assert_eq!(part(5), b"\x02id\x04room\x06author\x06pinned\x04text");
    assert!(part(6).starts_with(&[3, 1, 6, 3, 1, 1]));
    assert_eq!(client.told().await.1, 6);
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_and_ignored() {
    let (redis, prefix) = (Server::start().await, prefix("garbage"));
    let node = quiet(&redis, &prefix);
    let mut client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    let name = format!("{prefix}:topic:{{messages}}-create");
    let own = &client.channel.id().as_str()[..16];
    let own = format!("{prefix}:node:{{{own}}}");
    let everyone = format!("{prefix}:all");
    let whole = written(1, 1, "messages", 9, b"");
    let mut unreadable = 0;
    for garbage in [
        &b""[..],
        b"hello",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"g\x01\x01\x63",
        // A length that is longer than all there is.
        b"g\x01\x01\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        &whole[..whole.len() - 1],
    ] {
        for name in [&name, &own, &everyone] {
            send(&redis, name, garbage).await;
            unreadable += 1;
        }
    }
    // A version and a stream that are not known here.
    send(&redis, &name, &written(9, 9, "messages", 10, b"")).await;
    send(&redis, &name, &written(1, 1, "elsewhere", 11, b"")).await;
    unreadable += 2;
    // The last comes through.
    node.publish(Action::Create, 12, 1);
    assert_eq!(client.told().await.1, 12);
    within(async {
        while node.hub.stats().messages_unreadable < unreadable {
            tick().await;
        }
    })
    .await;
    assert_eq!(node.hub.stats().messages_unreadable, unreadable);
}

const PROCESS: &str = "GRAPHEX_TEST_PROCESS";

/// What each process of the following test runs: one channel, until it is killed.
#[tokio::test]
async fn one_process_of_several() {
    let Ok(place) = std::env::var(PROCESS) else {
        return;
    };
    let (url, prefix) = place.split_once(' ').unwrap();
    let node = Node::on(url, prefix, |builder| builder);
    let client = node.connect("ann");
    node.done(&client, None, EVERYTHING).await;
    println!("channel {}", client.channel.id().as_str());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn killed_processes_leave_nothing_in_redis() {
    let (redis, prefix) = (Server::start().await, prefix("traces"));
    let node = Node::on(&redis.url(), &prefix, |builder| builder);
    let (mut processes, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "traffic::one_process_of_several", "--nocapture"])
            .env(PROCESS, format!("{} {prefix}", redis.url()))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let id = loop {
            let line = within(lines.next_line()).await.unwrap().unwrap();
            if let Some((_, id)) = line.split_once("channel ") {
                break id.to_owned();
            }
        };
        let identity = Identity::new("ann");
        let answer = node.ask_for(&id, identity, Some(1), EVERYTHING).await;
        assert_eq!(answer["ok"], true, "{answer}");
        ids.push(id);
        processes.push((process, lines));
    }
    node.publish(Action::Create, 1, 1);
    for (process, _) in &mut processes {
        process.kill().await.unwrap();
    }
    within(async {
        for id in ids {
            loop {
                let identity = Identity::new("ann");
                let answer = node.ask_for(&id, identity, None, EVERYTHING).await;
                let error = answer["error"].as_str().unwrap();
                if error.starts_with("unknown channel") {
                    break;
                }
            }
        }
    })
    .await;
    drop(node);
    within(async { while !channels(&redis, &prefix).await.is_empty() {} }).await;
    let keys: u64 = redis.command(&["DBSIZE"]).await.unwrap();
    assert_eq!(keys, 0);
}

/// A program that writes and ends at once.
#[tokio::test]
async fn what_was_flushed_is_heard_after_its_process_has_ended() {
    let (redis, prefix) = (Server::start().await, prefix("flush"));
    let listening = Node::on(&redis.url(), &prefix, |builder| {
        builder.limits(|limits| {
            limits.outbox_frames = usize::MAX;
            limits.outbox_bytes = usize::MAX;
        })
    });
    listening.ready().await;
    let mut client = listening.connect("ann");
    listening.done(&client, None, EVERYTHING).await;
    const CHANGES: i64 = 100_000;
    let writing = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let node = Node::on(&redis.url(), &prefix, |builder| builder);
            for id in 1..=CHANGES {
                node.publish(Action::Create, id, 1);
                // Less than the queue has room for.
                if id % 50_000 == 0 {
                    node.hub.flush().await;
                }
            }
        });
        redis
    });
    for id in 1..=CHANGES {
        assert_eq!(client.told().await, ("create".to_owned(), id.into()));
    }
    drop(writing.join().unwrap());
}
