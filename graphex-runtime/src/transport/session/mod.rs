//! One WebSocket of the two-channel protocol, over any sink and stream of messages.
//!
//! The socket only sends: notifications, pings, and an answer to whoever writes into it.

use axum::extract::ws::{Message, close_code};
use futures_util::{Sink, Stream};

use super::socket::{Close, End, Inbound, Socket, text};
use crate::hub::{Channel, Taken};
use crate::limits::Limits;

/// Runs a session to its end. When this returns, or is dropped, the channel has left
/// everything.
pub(super) async fn run<S, R, E>(mut channel: Channel, sink: S, stream: R, limits: &Limits)
where
    S: Sink<Message> + Unpin,
    R: Stream<Item = Result<Message, E>> + Unpin + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    let notifier = channel.notifier();
    let mut socket = Socket::new(sink, stream, move || notifier.notify(), limits);
    let Err(end) = deliver(&mut socket, &mut channel).await;
    // The client may take its time for the close; its subscriptions end now.
    let present = channel.present();
    drop(channel);
    socket.end(end, Some(present)).await;
}

/// Sends the handshake, then what the hub delivers, until one side ends it.
async fn deliver<S: Sink<Message> + Unpin>(
    socket: &mut Socket<'_, S>,
    channel: &mut Channel,
) -> Result<std::convert::Infallible, End> {
    let id = channel.id().as_str();
    // An id is hexadecimal digits.
    let handshake = format!("{{\"channel_id\": \"{id}\", \"connect\": \"success\"}}");
    socket.send([Message::text(handshake)], channel).await?;
    loop {
        let Taken {
            frames, notified, ..
        } = channel.taken().await?;
        let mut messages: Vec<_> = frames.filter_map(text).collect();
        if notified {
            for inbound in socket.inbound() {
                messages.push(match inbound? {
                    Inbound::Text(_) => Message::text(
                        r#"{"error": "this socket only sends; subscribe over HTTP with its channel_id"}"#,
                    ),
                    Inbound::Binary => {
                        let reason = "binary frames are not supported";
                        return Err(Close::new(close_code::UNSUPPORTED, reason).into());
                    }
                    Inbound::Due(ping) => ping,
                });
            }
        }
        socket.send(messages, channel).await?;
    }
}

#[cfg(test)]
mod tests;
