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

/// A time that no session lasts; longer ones do not fit into every clock.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the reader tells the writer.
#[derive(Debug)]
enum Inbound {
    Text,
    Binary,
    /// Something that the library could not read; the code to close with and why.
    Broken(u16, &'static str),
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
            Err(error) => broken(&error),
        };
        let ends = matches!(event, Inbound::Broken(..));
        // When the session closes, the rest is read and thrown away: closing a socket with
        // unread data would reset it and take the close frame with it.
        let _ = inbox.send(event).await;
        if ends {
            return;
        }
    }
}

/// axum hides the error type of its WebSocket library; its text is what tells the cases apart.
fn broken(error: &dyn std::error::Error) -> Inbound {
    let text = error.to_string();
    if text.contains("too long") {
        Inbound::Broken(close_code::SIZE, "frame too large")
    } else if text.contains("UTF-8") {
        Inbound::Broken(close_code::INVALID, "text that is not UTF-8")
    } else {
        Inbound::Broken(close_code::PROTOCOL, "not a WebSocket frame")
    }
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
        let period = self.ping_interval();
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
                    Some(Inbound::Broken(code, reason)) => return End::Close(code, reason),
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

    /// Zero turns pings off: far enough away.
    fn ping_interval(&self) -> Duration {
        let interval = self.limits.ping_interval;
        if interval.is_zero() {
            FAR
        } else {
            interval.min(FAR)
        }
    }

    /// Sends the messages with one flush. A client that takes nothing in the time in which it
    /// would have to answer pings is dead.
    async fn send(
        &mut self,
        messages: impl IntoIterator<Item = Message>,
        connection: &mut Connection,
    ) -> Result<(), End> {
        let pings = self.limits.missed_pings.saturating_add(1);
        let patience = self.ping_interval().saturating_mul(pings).min(FAR);
        let sink = &mut self.sink;
        let sending = async {
            for message in messages {
                timeout(patience, sink.feed(message)).await.ok()?.ok()?;
            }
            timeout(patience, sink.flush()).await.ok()?.ok()
        };
        tokio::select! {
            sent = sending => sent.ok_or(End::Gone),
            reason = connection.closed() => Err(end_of(reason)),
        }
    }

    /// Sends the close frame and waits for the client's, for a while.
    async fn close(&mut self, code: u16, reason: &'static str, reader: &mut Reader) {
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        };
        self.inbound.close();
        let unreadable = [close_code::SIZE, close_code::INVALID, close_code::PROTOCOL];
        let unreadable = unreadable.contains(&code);
        let closing = async {
            if self.sink.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
            if unreadable {
                // The client's answer cannot be read, but ours has to arrive.
                std::future::pending::<()>().await;
            }
            let _ = (&mut reader.0).await;
        };
        if timeout(self.limits.close_wait, closing).await.is_err() {
            tracing::debug!(code, "no answer to the close frame");
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
