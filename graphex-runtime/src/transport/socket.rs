//! A WebSocket as both protocols need it: read by a task of its own, written with one flush
//! for all that is there, pinged, and closed in both directions. Reading has its own task, so that
//! a full socket does not keep the server from hearing, and so have the pings' times: a session
//! waits for one thing alone.

use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, close_code};
use bytes::Bytes;
use futures_util::{FutureExt as _, Sink, SinkExt as _, Stream, StreamExt as _};
use tokio::sync::mpsc::{self, error::TryRecvError};
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::timing::{period, write_timeout};
use crate::deadline::deadline;
use crate::error::CloseReason;
use crate::hub::{Channel, Present};
use crate::limits::Limits;

/// "Forbidden", of graphql-transport-ws and, on this server, of both protocols.
const FORBIDDEN: u16 = 4403;

/// What the client sent that may wait for the session.
const INBOUND_QUEUE: usize = 16;

/// Time for a close frame to arrive where nothing can be read any more: closing a connection with
/// unread data resets it, and what is on the way with it.
const ARRIVAL: Duration = Duration::from_millis(500);

/// Why the server closes, with a code of RFC 6455, section 7.4, or of a subprotocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl Close {
    pub(super) const fn new(code: u16, reason: &'static str) -> Self {
        let reason = Cow::Borrowed(reason);
        Self { code, reason }
    }

    /// The client has no right to be connected: the code of graphql-transport-ws for it, which
    /// its clients take for a reason to get a new token and connect again.
    pub(super) fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        let (code, reason) = (FORBIDDEN, reason.into());
        Self { code, reason }
    }
}

impl From<CloseReason> for Close {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::SlowReader => Self::new(close_code::AGAIN, "reads too slowly"),
            CloseReason::GoingAway => Self::new(close_code::AWAY, "this server is going away"),
            CloseReason::Rescoped => Self::new(close_code::RESTART, "what you may see has changed"),
            reason @ (CloseReason::Revoked(_) | CloseReason::Expired) => {
                Self::forbidden(reason.to_string())
            }
        }
    }
}

/// Why a session ends.
#[derive(Debug)]
pub(super) enum End {
    /// The server closes.
    Close(Close),
    /// The client closed; its close frame wants an answer.
    Closed,
    /// Nothing can be sent to the client any more.
    Gone,
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

impl From<CloseReason> for End {
    fn from(reason: CloseReason) -> Self {
        Self::Close(reason.into())
    }
}

/// What there is to do for a session.
#[derive(Debug)]
pub(super) enum Inbound {
    Text(Utf8Bytes),
    Binary,
    /// It is time for this ping.
    Due(Message),
}

/// What the reader tells the session.
#[derive(Debug)]
enum Received {
    Text(Utf8Bytes),
    Binary,
    /// It is time for a ping.
    Due,
    /// Something that the library could not read.
    Broken(Close),
}

pub(super) struct Socket<'l, S> {
    sink: S,
    inbound: mpsc::Receiver<Received>,
    /// Ends with its session.
    reader: AbortOnDropHandle<()>,
    /// Pings since the client last sent something.
    unanswered: Arc<AtomicU32>,
    limits: &'l Limits,
}

impl<'l, S: Sink<Message> + Unpin> Socket<'l, S> {
    /// `notify` is called when [`Socket::inbound`] has something.
    pub(super) fn new<R, E>(
        sink: S,
        stream: R,
        notify: impl Fn() + Send + Sync + 'static,
        limits: &'l Limits,
    ) -> Self
    where
        R: Stream<Item = Result<Message, E>> + Unpin + Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        let unanswered = Arc::new(AtomicU32::new(0));
        let (inbox, inbound) = mpsc::channel(INBOUND_QUEUE);
        let period = period(limits.ping_interval);
        let mut pings = interval_at(deadline(period), period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let alive = Arc::clone(&unanswered);
        let reading = async move {
            read(stream, inbox, pings, &alive, &notify).await;
            // The queue has ended, which is something to handle too.
            notify();
        };
        let reader = AbortOnDropHandle::new(tokio::spawn(reading));
        Self {
            sink,
            inbound,
            reader,
            unanswered,
            limits,
        }
    }

    /// What the client has sent or the time brought, without waiting; at most as much as fits
    /// into the queue, and its end, so that nobody else waits for a client that never stops. What
    /// comes later notifies again; what is there now does not, so all of it has to be read.
    pub(super) fn inbound(&mut self) -> impl Iterator<Item = Result<Inbound, End>> {
        (0..=INBOUND_QUEUE).map_while(|_| match self.inbound.try_recv() {
            Ok(Received::Text(text)) => Some(Ok(Inbound::Text(text))),
            Ok(Received::Binary) => Some(Ok(Inbound::Binary)),
            Ok(Received::Due) => Some(self.ping()),
            Ok(Received::Broken(close)) => Some(Err(End::Close(close))),
            Err(TryRecvError::Disconnected) => Some(Err(End::Closed)),
            Err(TryRecvError::Empty) => None,
        })
    }

    fn ping(&self) -> Result<Inbound, End> {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) >= self.limits.missed_pings {
            tracing::debug!("a dead peer is dropped");
            return Err(End::Gone);
        }
        Ok(Inbound::Due(Message::Ping(Bytes::new())))
    }

    /// Sends the messages with one flush. A client that takes nothing in the time in which it
    /// would have to answer pings is dead.
    pub(super) async fn send(
        &mut self,
        messages: impl IntoIterator<Item = Message>,
        channel: &mut Channel,
    ) -> Result<(), End> {
        let limit = write_timeout(self.limits);
        let sink = &mut self.sink;
        let sending = async {
            for message in messages {
                within(limit, poll_fn(|cx| sink.poll_ready_unpin(cx))).await?;
                sink.start_send_unpin(message).ok()?;
            }
            within(limit, poll_fn(|cx| sink.poll_flush_unpin(cx))).await
        };
        tokio::select! {
            biased;
            sent = sending => sent.ok_or(End::Gone)?,
            reason = channel.closed() => return Err(reason.into()),
        }
        channel.sent();
        Ok(())
    }

    /// Says goodbye as `end` says, for who was present so long. Called when the session has left
    /// everything: the client may take its time.
    pub(super) async fn end(mut self, end: End, present: Option<Present>) {
        let _present = present;
        match end {
            End::Close(close) => self.close(close).await,
            // The library has queued the answer; closing sends it.
            End::Closed => drop(timeout(self.limits.close_wait, self.sink.close()).await),
            End::Gone => {}
        }
    }

    /// Sends the close frame and waits for the client's, for a while.
    async fn close(&mut self, close: Close) {
        let Close { code, reason } = close;
        let frame = CloseFrame {
            code,
            reason: short(&reason).into(),
        };
        self.inbound.close();
        let unreadable =
            [close_code::SIZE, close_code::INVALID, close_code::PROTOCOL].contains(&code);
        let closing = async {
            if self.sink.send(Message::Close(Some(frame))).await.is_err() {
                return;
            }
            if unreadable {
                return sleep(ARRIVAL).await;
            }
            let _ = (&mut self.reader).await;
        };
        if timeout(self.limits.close_wait, closing).await.is_err() {
            tracing::debug!(code, "no answer to the close frame");
        }
    }
}

/// Waits for something that is most often there already: only if it is not, a timer is started.
async fn within<E>(
    limit: Duration,
    mut sink: impl Future<Output = Result<(), E>> + Unpin,
) -> Option<()> {
    match (&mut sink).now_or_never() {
        Some(done) => done.ok(),
        None => timeout(limit, sink).await.ok()?.ok(),
    }
}

/// A control frame carries 125 bytes, two of them the code (RFC 6455, section 5.5).
fn short(reason: &str) -> &str {
    let end = (0..=123).rev().find(|&end| reason.is_char_boundary(end));
    reason.get(..end.unwrap_or(0)).unwrap_or(reason)
}

async fn read<R, E>(
    mut stream: R,
    inbox: mpsc::Sender<Received>,
    mut pings: Interval,
    unanswered: &AtomicU32,
    notify: &(impl Fn() + Sync),
) where
    R: Stream<Item = Result<Message, E>> + Unpin,
    E: std::error::Error,
{
    loop {
        let message = tokio::select! {
            message = stream.next() => message,
            _ = pings.tick() => {
                // A session that has not read what is there cannot have sent the last ping.
                if inbox.capacity() == INBOUND_QUEUE && inbox.try_send(Received::Due).is_ok() {
                    notify();
                }
                continue;
            }
        };
        let Some(message) = message else { return };
        unanswered.store(0, Ordering::Relaxed);
        let event = match message {
            Ok(Message::Text(text)) => Received::Text(text),
            Ok(Message::Binary(_)) => Received::Binary,
            // Pings are answered by the WebSocket library.
            Ok(Message::Ping(_) | Message::Pong(_)) => continue,
            Ok(Message::Close(_)) => return,
            Err(error) => Received::Broken(broken(&error)),
        };
        let ends = matches!(event, Received::Broken(..));
        // When the session closes, the rest is read and thrown away: closing a socket with
        // unread data would reset it and take the close frame with it.
        if inbox.send(event).await.is_ok() {
            notify();
        }
        if ends {
            return;
        }
    }
}

/// axum hides the error type of its WebSocket library; its text is what tells the cases apart.
fn broken(error: &dyn std::error::Error) -> Close {
    let text = error.to_string();
    if text.contains("too long") {
        Close::new(close_code::SIZE, "frame too large")
    } else if text.contains("UTF-8") {
        Close::new(close_code::INVALID, "text that is not UTF-8")
    } else {
        Close::new(close_code::PROTOCOL, "not a WebSocket frame")
    }
}

/// Frames are JSON texts, which are UTF-8.
pub(super) fn text(frame: Bytes) -> Option<Message> {
    Utf8Bytes::try_from(frame).ok().map(Message::Text)
}

#[cfg(test)]
mod tests;
