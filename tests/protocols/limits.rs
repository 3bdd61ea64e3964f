//! What a hub and its sockets refuse, close and count.

use crate::harness;
use crate::harness::{Server, endpoints};
use crate::hello::Query;
use async_graphql::EmptyMutation;
use graphex::prelude::*;
use graphex::{Limits, SlowReader, Stats};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i32,
    text: String,
}

const SUBSCRIBE: &str = "action: ALL_ACTIONS, operation: SUBSCRIBE";

async fn server(limits: impl FnOnce(&mut Limits)) -> Server {
    let hub = harness::nodes::build(Hub::builder().model::<Note>().limits(limits));
    let schema = Schema::build(Query, EmptyMutation, NoteSubscription::default()).finish();
    let app = endpoints(schema, &hub).allowed_origins(["https://app.example.com"]);
    Server::start(app.into_router(), hub).await
}

fn note(id: i32, text: &str) -> Note {
    Note {
        id,
        text: text.into(),
    }
}

#[tokio::test]
async fn a_slow_reader_is_closed_with_1013_and_nobody_waits_for_it() {
    let server = server(|limits| {
        limits.outbox_frames = 64;
        limits.slow_reader = SlowReader::Close;
    })
    .await;
    let mut slow = server.connect(None).await;
    let mut healthy = server.connect(None).await;
    server.done(&slow, "noteSubscription", SUBSCRIBE).await;
    server.done(&healthy, "noteSubscription", SUBSCRIBE).await;
    // One does not read while the other does, until the sockets' buffers and the outbox are full.
    let text = "x".repeat(16 * 1024);
    let mut id = 0;
    while server.hub.stats().slow_readers_closed == 0 {
        server.hub.publish(Action::Create, &note(id, &text));
        assert_eq!(healthy.json().await["payload"]["data"]["id"], id);
        id += 1;
        assert!(id < 100_000, "the slow reader is never closed");
    }
    let close = slow.closed().await;
    assert_eq!(
        (close.code, close.reason.as_str()),
        (CloseCode::Again, "reads too slowly")
    );
    server
        .until(|stats| (stats.channels, stats.subscriptions) == (1, 1))
        .await;
    server.hub.publish(Action::Create, &note(-1, ""));
    assert_eq!(healthy.json().await["payload"]["data"]["id"], -1);
    assert_eq!(server.hub.stats().slow_readers_closed, 1);
}

#[tokio::test]
async fn a_reader_that_never_takes_its_close_frame_is_dropped() {
    let server = server(|limits| {
        limits.outbox_frames = 8;
        limits.slow_reader = SlowReader::Close;
        limits.close_wait = std::time::Duration::from_millis(50);
    })
    .await;
    let stuck = server.connect(None).await;
    server.done(&stuck, "noteSubscription", SUBSCRIBE).await;
    let text = "x".repeat(64 * 1024);
    server
        .until(|stats: &Stats| {
            server.hub.publish(Action::Create, &note(1, &text));
            stats.slow_readers_closed == 1
        })
        .await;
    server.until_empty().await;
    drop(stuck);
}

#[tokio::test]
async fn a_full_publisher_queue_counts_what_it_drops() {
    let server = server(|limits| limits.publisher_queue = 10).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    // On this runtime of one thread the publisher cannot run in between.
    for id in 0..15 {
        server.hub.publish(Action::Create, &note(id, ""));
    }
    assert_eq!(server.hub.stats().changes_lost, 5);
    for id in 0..10 {
        assert_eq!(client.json().await["payload"]["data"]["id"], id);
    }
    // Those who are connected are told of the loss, after what had room.
    assert_eq!(client.json().await["payload"]["action"], "resync");
    server.hub.publish(Action::Create, &note(15, ""));
    assert_eq!(client.json().await["payload"]["data"]["id"], 15);
}

#[tokio::test]
async fn an_inbound_frame_over_the_limit_closes_with_1009() {
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    client.send(Frame::text("x".repeat(64 * 1024 + 1))).await;
    assert_eq!(client.closed().await.code, CloseCode::Size);
    server.until_empty().await;
}

#[tokio::test]
async fn a_binary_frame_closes_with_1003() {
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    client.send(Frame::binary(vec![1, 2, 3])).await;
    let close = client.closed().await;
    assert_eq!(
        (close.code, close.reason.as_str()),
        (CloseCode::Unsupported, "binary frames are not supported")
    );
    server.until_empty().await;
}

#[tokio::test]
async fn a_text_frame_is_answered_and_nothing_is_lost() {
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    for text in ["", "not JSON", "{}", "ping"] {
        client.send(Frame::text(text)).await;
        let error = &client.json().await["error"];
        assert_eq!(
            error,
            "this socket only sends; subscribe over HTTP with its channel_id"
        );
    }
    server.hub.publish(Action::Create, &note(1, ""));
    assert_eq!(client.json().await["payload"]["data"]["id"], 1);
}

#[tokio::test]
async fn a_clients_ping_is_answered_and_its_close_too() {
    use futures_util::StreamExt as _;
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    client.send(Frame::Ping("are you there".into())).await;
    let pong = harness::within(client.socket.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(pong, Frame::Pong("are you there".into()));
    client.socket.close(None).await.unwrap();
    assert!(matches!(
        harness::within(client.socket.next()).await,
        Some(Ok(Frame::Close(_)))
    ));
    server.until_empty().await;
}

#[tokio::test]
async fn a_channel_holds_so_many_subscriptions_and_no_more() {
    let server = server(|limits| limits.subscriptions_per_channel = 3).await;
    let client = server.connect(None).await;
    for id in 0..3 {
        server
            .done(
                &client,
                "noteSubscription",
                &format!("{SUBSCRIBE}, id: {id}"),
            )
            .await;
    }
    let error = server
        .refused(&client, "noteSubscription", &format!("{SUBSCRIBE}, id: 3"))
        .await;
    assert_eq!(error, "too many subscriptions: this channel may hold 3");
    // One that is there already may be changed, and one that ends makes room.
    server
        .done(
            &client,
            "noteSubscription",
            &format!("{SUBSCRIBE}, id: 2, data: [ID]"),
        )
        .await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: ALL_ACTIONS, operation: UNSUBSCRIBE, id: 0",
        )
        .await;
    server
        .done(&client, "noteSubscription", &format!("{SUBSCRIBE}, id: 3"))
        .await;
    assert_eq!(server.hub.stats().subscriptions, 3);
}

#[tokio::test]
async fn an_identity_has_so_many_channels_and_no_more() {
    let server = server(|limits| limits.channels_per_identity = 2).await;
    // Each process counts its own, and they take turns.
    let processes = server.sockets();
    let mut channels = Vec::new();
    for _ in 0..2 * processes {
        channels.push(server.connect(Some(1)).await);
    }
    let request = || {
        let mut request = server.ws_request();
        request.headers_mut().insert("x-user", 1.into());
        request
    };
    for _ in 0..processes {
        assert_eq!(server.refused_upgrade(request()).await, 429);
    }
    let _other = server.connect(Some(2)).await;
    for _ in 0..3 {
        server.connect(None).await;
    }
    channels.pop();
    server.until(|stats| stats.channels == 2 * processes).await;
    let mut again = Vec::new();
    for _ in 0..processes {
        again.extend(harness::within(tokio_tungstenite::connect_async(request())).await);
    }
    assert_eq!(again.len(), 1);
}

#[tokio::test]
async fn only_pages_of_the_same_host_or_listed_ones_connect() {
    let server = server(|_| {}).await;
    let with_origin = |origin: &str| {
        let mut request = server.ws_request();
        let origin = origin.replace("{host}", request.uri().authority().unwrap().as_str());
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        request
    };
    for origin in ["https://evil.test", "null", "http://127.0.0.1:1"] {
        assert_eq!(
            server.refused_upgrade(with_origin(origin)).await,
            403,
            "{origin}"
        );
    }
    for origin in ["https://app.example.com", "http://{host}"] {
        let connected = tokio_tungstenite::connect_async(with_origin(origin)).await;
        assert!(connected.is_ok(), "{origin}");
    }
    server.until_empty().await;
}

#[tokio::test]
async fn a_channel_that_closes_before_it_subscribes_joins_nothing() {
    let server = server(|_| {}).await;
    for _ in 0..50 {
        let client = server.connect(None).await;
        let harness::Client {
            socket,
            user,
            channel_id,
        } = client;
        let gone = harness::Client {
            socket: server.connect(None).await.socket,
            user,
            channel_id,
        };
        // Closing and subscribing race; whoever wins, nothing stays.
        let closing = tokio::spawn(async move {
            let mut socket = socket;
            let _ = socket.close(None).await;
        });
        server.control(&gone, "noteSubscription", SUBSCRIBE).await;
        closing.await.unwrap();
    }
    server.until_empty().await;
}

/// Reads all notes up to this id; none may be missing.
async fn reads_all(client: &mut harness::Client, last: i32) {
    for id in 0..=last {
        assert_eq!(client.json().await["payload"]["data"]["id"], id);
    }
}

#[tokio::test]
async fn a_bulk_of_rows_does_not_close_a_client_that_reads() {
    bulk().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_of_rows_does_not_close_a_client_that_reads_on_many_threads() {
    bulk().await;
}

async fn bulk() {
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    server.done(&client, "noteSubscription", SUBSCRIBE).await;
    for (rows, bytes) in [(20_000, 50), (1_000, 3_000)] {
        let hub = server.hub.clone();
        // From a blocking thread, as Diesel writes.
        let writing = tokio::task::spawn_blocking(move || {
            for id in 0..rows {
                hub.publish(Action::Create, &note(id, &"x".repeat(bytes)));
            }
        });
        reads_all(&mut client, rows - 1).await;
        writing.await.unwrap();
    }
    assert_eq!(server.hub.stats().slow_readers_closed, 0);
    assert_eq!(server.hub.stats().changes_lost, 0);
}

#[tokio::test]
async fn changes_that_nobody_hears_leave_the_runtime_to_others() {
    let server = server(|_| {}).await;
    let _channel = server.connect(None).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (hub, stopped) = (server.hub.clone(), stop.clone());
    let writing = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            hub.publish(Action::Create, &note(1, ""));
        }
    });
    // Each turn would wait for the writer's end if delivery did not yield.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writing.join().unwrap();
}

#[tokio::test]
async fn one_large_row_has_room_and_disconnects_nobody() {
    let server = server(|_| {}).await;
    let mut idle = server.connect(None).await;
    server.done(&idle, "noteSubscription", SUBSCRIBE).await;
    let large = "x".repeat(3 * 1024 * 1024);
    for id in 0..3 {
        server.hub.publish(Action::Create, &note(id, &large));
        let frame = idle.json().await;
        assert_eq!(frame["payload"]["data"]["id"], id);
        assert_eq!(frame["payload"]["data"]["text"], large);
    }
    assert_eq!(server.hub.stats().overflows, 0);
}

#[tokio::test]
async fn bytes_that_wait_are_limited_too() {
    let server = server(|limits| {
        limits.outbox_bytes = 100_000;
        limits.slow_reader = SlowReader::Close;
    })
    .await;
    let mut slow = server.connect(None).await;
    server.done(&slow, "noteSubscription", SUBSCRIBE).await;
    // Until the sockets' buffers are full.
    let text = "x".repeat(60_000);
    server
        .until(|stats| {
            server.hub.publish(Action::Create, &note(1, &text));
            stats.slow_readers_closed == 1
        })
        .await;
    assert_eq!(slow.closed().await.code, CloseCode::Again);
    server.until_empty().await;
}

#[tokio::test]
async fn a_bulk_that_is_too_fast_for_a_client_is_a_gap_and_not_the_end() {
    // Between processes it is the layer's queue that would be full first.
    let hub = Hub::builder().model::<Note>();
    let hub = hub.limits(|limits| limits.outbox_frames = 64).build();
    let schema = Schema::build(Query, EmptyMutation, NoteSubscription::default()).finish();
    let server = Server::start_alone(endpoints(schema, &hub).into_router(), hub).await;
    let mut slow = server.connect(None).await;
    let mut other = server.connect(None).await;
    server.done(&slow, "noteSubscription", SUBSCRIBE).await;
    server
        .done(&other, "noteSubscription", &format!("{SUBSCRIBE}, id: -1"))
        .await;
    // Until the sockets' buffers and the outbox are full.
    let text = "x".repeat(16 * 1024);
    let mut last = 0;
    while server.hub.stats().overflows == 0 {
        last += 1;
        server.hub.publish(Action::Create, &note(last, &text));
        tokio::task::yield_now().await;
        assert!(last < 100_000, "the slow reader never loses anything");
    }
    // Nobody else waits or loses.
    server.hub.publish(Action::Create, &note(-1, ""));
    assert_eq!(other.json().await["payload"]["data"]["id"], -1);
    // It gets what had room, in order, then the one resync.
    let mut id = 1;
    loop {
        let frame = slow.json().await;
        if frame["payload"]["action"] == "resync" {
            break;
        }
        assert_eq!(frame["payload"]["data"]["id"], id);
        id += 1;
    }
    assert!(id <= last);
    server.hub.publish(Action::Create, &note(last + 1, ""));
    assert_eq!(slow.json().await["payload"]["data"]["id"], last + 1);
    let stats = server.hub.stats();
    assert_eq!((stats.resyncs, stats.slow_readers_closed), (1, 0));
}

#[tokio::test]
async fn a_close_frame_arrives_however_much_was_sent_before_it() {
    use futures_util::SinkExt as _;
    let server = server(|_| {}).await;
    let mut client = server.connect(None).await;
    for _ in 0..200 {
        if client
            .socket
            .feed(Frame::binary(vec![0; 1_000]))
            .await
            .is_err()
        {
            break;
        }
    }
    let _ = client.socket.flush().await;
    assert_eq!(client.closed().await.code, CloseCode::Unsupported);
    let mut client = server.connect(None).await;
    let _ = client
        .socket
        .send(Frame::text("x".repeat(4 * 1024 * 1024)))
        .await;
    assert_eq!(client.closed().await.code, CloseCode::Size);
    server.until_empty().await;
}

#[test]
fn a_hub_outlives_the_runtime_it_was_built_in() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let hub = Hub::builder().model::<Note>().build();
    // Before any runtime there can be no subscriber.
    hub.publish(Action::Create, &note(0, "nobody's"));
    for id in 1..3 {
        runtime().block_on(async {
            let schema = Schema::build(Query, EmptyMutation, NoteSubscription::default()).finish();
            let app = endpoints(schema, &hub).into_router();
            let server = Server::start_alone(app, hub.clone()).await;
            let mut client = server.connect(None).await;
            server.done(&client, "noteSubscription", SUBSCRIBE).await;
            hub.publish(Action::Create, &note(id, ""));
            assert_eq!(client.json().await["payload"]["data"]["id"], id);
        });
    }
    assert_eq!(hub.stats().changes_lost, 0);
}

/// Nothing more can be read, and so the answer to the close frame is not waited for as long.
#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_code_and_ends_the_connection() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = server(|limits| {
        limits.inbound_frame = 1_000;
        limits.close_wait = std::time::Duration::from_secs(60);
    })
    .await;
    let upgrade = "GET /ws/ HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                   sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    let mut large = vec![0x81, 0xfe, 0x10, 0, 0, 0, 0, 0];
    large.extend([b'x'; 0x1000]);
    for (code, frame) in [
        // An opcode that there is not.
        (1002_u16, vec![0x83, 0x80, 0, 0, 0, 0]),
        // A masked text frame of one byte, 0xff under a mask of zeros.
        (1007, vec![0x81, 0x81, 0, 0, 0, 0, 0xff]),
        (1009, large),
    ] {
        let mut socket = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        socket.write_all(upgrade.as_bytes()).await.unwrap();
        socket.write_all(&frame).await.unwrap();
        let mut answer = Vec::new();
        harness::within(async {
            // To the end, which a reset is too.
            while socket
                .read_buf(&mut answer)
                .await
                .is_ok_and(|read| read > 0)
            {}
        })
        .await;
        // A close frame: opcode 8, its length, then the code.
        let is_close = |bytes: &[u8]| bytes[0] == 0x88 && bytes[2..] == code.to_be_bytes();
        assert!(answer.windows(4).any(is_close), "{code}: {answer:?}");
    }
}
