//! graphql-transport-ws: the upgrade, and what its sockets run on.

mod session;

use std::any::TypeId;
use std::panic::AssertUnwindSafe;

use ::http::header::UPGRADE;
use ::http::request::Parts;
use async_graphql::{Data, Executor};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts as _, Request};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::Value;

use super::admission::Admission;
use super::protocol::{INTERNAL_ERROR, SUBPROTOCOL, SUBPROTOCOL_NOT_ACCEPTABLE};
use super::socket::Close;
use super::{AddData, OnConnect};
use crate::hooks::is_sentence;
use crate::hub::{Hub, Identity};

/// Read buffer of a socket, in bytes: room for a few documents. The library's default,
/// 128 KiB, is cleared on every read.
const READ_BUFFER: usize = 4 * 1024;

/// The WebSocket endpoint of graphql-transport-ws.
#[derive(Clone)]
pub(super) struct TransportWs<E> {
    pub(super) schema: E,
    pub(super) add_data: AddData,
    pub(super) on_connect: Option<OnConnect>,
    pub(super) renews: bool,
    pub(super) admission: Admission,
}

/// Whether this asks for a WebSocket (RFC 6455, section 4.1; RFC 8441, section 5).
pub(super) fn is_upgrade(request: &Request) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || request.method() == ::http::Method::CONNECT
}

impl<E: Executor> TransportWs<E> {
    pub(super) async fn handle(self, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        if let Some(refusal) = self.admission.refuse_origin(&parts) {
            return refusal;
        }
        match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => self.upgrade(upgrade, parts),
            Err(rejection) => rejection.into_response(),
        }
    }

    fn upgrade(self, upgrade: WebSocketUpgrade, parts: Parts) -> Response {
        let hub = self.admission.hub.clone();
        let inbound = hub.limits().inbound_frame;
        let upgrade = upgrade
            .protocols([SUBPROTOCOL])
            .read_buffer_size(READ_BUFFER)
            .max_message_size(inbound)
            .max_frame_size(inbound)
            .on_failed_upgrade(|error| tracing::debug!(%error, "a WebSocket upgrade failed"));
        if upgrade.selected_protocol().is_none() {
            return self.admission.close(upgrade, SUBPROTOCOL_NOT_ACCEPTABLE);
        }
        let identity = (self.admission.identity)(&parts);
        let channel = match self.admission.connect(identity.clone(), SUBPROTOCOL) {
            Ok(channel) => channel,
            Err(error) => return self.admission.refuse(upgrade, &error),
        };
        let application = Application {
            hub: hub.clone(),
            identity,
            add_data: self.add_data,
            on_connect: self.on_connect,
            renews: self.renews,
            parts,
        };
        upgrade.on_upgrade(move |socket| async move {
            let (sink, stream) = socket.split();
            session::run(
                self.schema,
                application,
                channel,
                sink,
                stream,
                hub.limits(),
            )
            .await;
        })
    }
}

/// What makes the data of a connection.
#[derive(Clone)]
pub(super) struct Application {
    hub: Hub,
    identity: Identity,
    add_data: AddData,
    on_connect: Option<OnConnect>,
    /// Whether `on_connect` is asked again about the payload of a ping.
    renews: bool,
    parts: Parts,
}

/// What the application made of a client.
pub(super) struct Admitted {
    /// What its operations may use.
    data: Data,
    /// Who it is, where `on_connect` says so.
    identity: Option<Identity>,
}

impl Application {
    /// Asks the application about a client that says this of itself.
    fn connect(self, payload: Value) -> BoxFuture<'static, Result<Admitted, Close>> {
        let Self {
            hub,
            identity,
            add_data,
            on_connect,
            parts,
            ..
        } = self;
        let connecting = async move {
            let mut data = match on_connect {
                Some(on_connect) => on_connect(payload, parts).await.map_err(refused)?,
                None => {
                    let mut data = Data::default();
                    add_data(&parts, &mut data);
                    data
                }
            };
            data.insert(hub);
            let named = data.get(&TypeId::of::<Identity>());
            let named = named.and_then(|named| named.downcast_ref::<Identity>().cloned());
            if named.is_none() {
                data.insert(identity);
            }
            let identity = named;
            Ok(Admitted { data, identity })
        };
        let connecting = AssertUnwindSafe(connecting)
            .catch_unwind()
            .map(|connected| {
                connected.unwrap_or_else(|_| {
                    tracing::error!("`on_connect` panicked; its socket is closed");
                    Err(INTERNAL_ERROR)
                })
            });
        connecting.boxed()
    }
}

/// A sentence is for the client; an error that came from elsewhere is for the log.
fn refused(error: async_graphql::Error) -> Close {
    if is_sentence(&error) {
        tracing::debug!(error = %error.message, "`on_connect` refuses a connection");
        return Close::forbidden(error.message);
    }
    tracing::error!(error = %error.message, "`on_connect` failed; its socket is closed");
    Close::forbidden("Forbidden")
}

#[cfg(test)]
mod tests;
