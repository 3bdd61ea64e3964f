//! One WebSocket of the two-channel protocol, over any sink and stream of messages.
//!
//! The socket only sends: notifications, pings, and an answer to whoever writes into it. A
//! task of its own reads, so that a full socket does not keep the server from hearing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, close_code};
use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at, timeout};

use crate::hub::{CloseReason, Connection};
use crate::limits::Limits;

/// Answers to what the client should not have sent that may wait for the writer.
const INBOUND_QUEUE: usize = 16;

/// What the reader tells the writer.
#[derive(Debug)]
enum Inbound {
    Text,
    Binary,
    /// A frame over [`Limits::inbound_frame`], or one that is no WebSocket.
    Broken {
        too_large: bool,
    },
}

/// Why a session ends.
#[derive(Debug)]
enum End {
    /// The server closes, with a code of RFC 6455, section 7.4, and a reason.
    Close(u16, &'static str),
    /// The client closed; its close frame wants an answer.
    Closed,
    /// Nothing can be sent to the client any more.
    Gone,
}

/// Runs a session to its end. When this returns, or is dropped, the channel has left
/// everything.
pub(super) async fn run<S, R, E>(mut connection: Connection, sink: S, stream: R, limits: &Limits)
where
    S: Sink<Message> + Unpin,
    R: Stream<Item = Result<Message, E>> + Unpin + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    let unanswered = Arc::new(AtomicU32::new(0));
    let (inbox, inbound) = mpsc::channel(INBOUND_QUEUE);
    let reading = read(stream, inbox, Arc::clone(&unanswered));
    let mut reader = Reader(tokio::spawn(reading));
    let mut session = Session {
        sink,
        inbound,
        unanswered,
        limits,
    };
    let end = session.deliver(&mut connection).await;
    // The client may take its time for the close; its subscriptions end now.
    drop(connection);
    match end {
        End::Close(code, reason) => session.close(code, reason, &mut reader).await,
        // The library has queued the answer; closing sends it.
        End::Closed => drop(timeout(limits.close_wait, session.sink.close()).await),
        End::Gone => {}
    }
}

/// The reading task; it ends with its session.
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn read<R, E>(mut stream: R, inbox: mpsc::Sender<Inbound>, unanswered: Arc<AtomicU32>)
where
    R: Stream<Item = Result<Message, E>> + Unpin,
    E: std::error::Error,
{
    while let Some(message) = stream.next().await {
        unanswered.store(0, Ordering::Relaxed);
        let event = match message {
            Ok(Message::Text(_)) => Inbound::Text,
            Ok(Message::Binary(_)) => Inbound::Binary,
            // Pings are answered by the WebSocket library.
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(Message::Close(_)) => return,
            Err(error) => Inbound::Broken {
                too_large: is_too_large(&error),
            },
        };
        let ends = matches!(event, Inbound::Broken { .. });
        if inbox.send(event).await.is_err() || ends {
            return;
        }
    }
}

/// axum hides the error type of its WebSocket library; its text is what tells the size limit.
fn is_too_large(error: &dyn std::error::Error) -> bool {
    error.to_string().contains("too long")
}

struct Session<'l, S> {
    sink: S,
    inbound: mpsc::Receiver<Inbound>,
    /// Pings since the client was last heard.
    unanswered: Arc<AtomicU32>,
    limits: &'l Limits,
}

impl<S: Sink<Message> + Unpin> Session<'_, S> {
    /// Sends the handshake, then what the hub delivers, until one side ends it.
    async fn deliver(&mut self, connection: &mut Connection) -> End {
        let id = connection.id().as_str();
        // An id is hexadecimal digits.
        let handshake = format!("{{\"channel_id\": \"{id}\", \"connect\": \"success\"}}");
        if let Err(end) = self.send([Message::text(handshake)], connection).await {
            return end;
        }
        let period = self.limits.ping_interval;
        let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let messages = tokio::select! {
                taken = connection.take() => match taken {
                    Ok(frames) => frames.into_iter().filter_map(text).collect(),
                    Err(reason) => return end_of(reason),
                },
                event = self.inbound.recv() => match event {
                    None => return End::Closed,
                    Some(Inbound::Text) => vec![Message::text(
                        r#"{"error": "this socket only sends; subscribe over HTTP with its channel_id"}"#,
                    )],
                    Some(Inbound::Binary) => {
                        return End::Close(close_code::UNSUPPORTED, "binary frames are not supported");
                    }
                    Some(Inbound::Broken { too_large: true }) => {
                        return End::Close(close_code::SIZE, "frame too large");
                    }
                    Some(Inbound::Broken { too_large: false }) => {
                        return End::Close(close_code::PROTOCOL, "not a WebSocket frame");
                    }
                },
                _ = ticks.tick() => {
                    if self.unanswered.fetch_add(1, Ordering::Relaxed) >= self.limits.missed_pings {
                        tracing::debug!(channel = ?connection.id(), "a dead peer is dropped");
                        return End::Gone;
                    }
                    vec![Message::Ping(Bytes::new())]
                }
            };
            if let Err(end) = self.send(messages, connection).await {
                return end;
            }
        }
    }

    /// Sends the messages with one flush. A client that does not take them in the time in
    /// which it would have to answer pings is dead.
    async fn send(
        &mut self,
        messages: impl IntoIterator<Item = Message>,
        connection: &Connection,
    ) -> Result<(), End> {
        let patience = self.limits.ping_interval * (self.limits.missed_pings + 1);
        let sink = &mut self.sink;
        let sending = async {
            for message in messages {
                sink.feed(message).await?;
            }
            sink.flush().await
        };
        tokio::select! {
            sent = timeout(patience, sending) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(End::Gone),
            },
            reason = connection.closed() => Err(end_of(reason)),
        }
    }

    /// Sends the close frame and waits for the client's, for a while.
    async fn close(&mut self, code: u16, reason: &'static str, reader: &mut Reader) {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        let wait: Duration = self.limits.close_wait;
        let closing = async {
            if self.sink.send(Message::Close(Some(frame))).await.is_ok() {
                // Nobody reads the inbox any more, so the reader must not wait for it.
                self.inbound.close();
                let _ = (&mut reader.0).await;
            }
        };
        if timeout(wait, closing).await.is_err() {
            tracing::debug!(code, "the client did not take the close frame in time");
        }
    }
}

fn end_of(reason: CloseReason) -> End {
    match reason {
        CloseReason::SlowReader => End::Close(close_code::AGAIN, "reads too slowly"),
    }
}

/// Frames are JSON texts, which are UTF-8.
fn text(frame: Bytes) -> Option<Message> {
    Utf8Bytes::try_from(frame).ok().map(Message::Text)
}

#[cfg(test)]
mod tests;
