//! Who asks.
//!
//! FOR THIS EXAMPLE ALONE a request says who it is in a header, `x-user: 1`, and is believed.
//! So it is in a query parameter, `?user=1`, for a browser cannot send headers with a WebSocket.
//! In an application of yours, read a session cookie or verify a token here instead.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Query};
use axum::http::request;
use diesel::prelude::*;
use graphex::prelude::*;
use serde_json::Value;

use crate::database::Database;
use crate::models::User;
use crate::schema::users;

/// What a request says about its sender.
pub(crate) struct Viewer {
    user: Option<String>,
    room: Option<String>,
    address: Option<IpAddr>,
}

impl Viewer {
    /// Reads the headers `x-user` and `x-room`, or the parameters `user` and `room`.
    pub(crate) fn of(request: &request::Parts) -> Self {
        Self {
            user: said(request, "user"),
            room: said(request, "room"),
            address: address(request),
        }
    }

    /// Reads the headers' names from what a client of graphql-transport-ws says when it connects,
    /// because a browser cannot send headers with a WebSocket; else the request.
    pub(crate) fn connecting(request: &request::Parts, payload: &Value) -> Self {
        let told = |name: &str| payload[name].as_str().map(str::to_owned);
        Self {
            user: told("x-user").or_else(|| said(request, "user")),
            room: told("x-room").or_else(|| said(request, "room")),
            address: address(request),
        }
    }

    /// What a WebSocket's `channel_id` is bound to: only a request with the same identity can
    /// subscribe on that channel, even if somebody else learns its id.
    pub(crate) fn identity(&self) -> Identity {
        match self.user_id() {
            Ok(id) => Identity::new(format!("user:{id}")),
            // What the anonymous hold is counted on where they come from.
            Err(_) => match self.address {
                Some(address) => Identity::anonymous().with_peer(address),
                None => Identity::anonymous(),
            },
        }
    }

    /// The user, from the database.
    pub(crate) async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        let id = self.user_id()?;
        let database = ctx.data::<Database>()?;
        let user = database
            .run(move |conn| {
                let user = users::table.find(id).select(User::as_select());
                user.first(conn).optional()
            })
            .await?;
        user.ok_or_else(|| {
            format!("the header `x-user` names user {id}, who does not exist").into()
        })
    }

    /// The room, if the sender wants to see but one.
    pub(crate) fn room(&self) -> Result<Option<i32>> {
        let room = self.room.as_deref();
        // A typo must not show more than asked for, so it is an error and not "all rooms".
        room.map(|text| number("x-room", text)).transpose()
    }

    fn user_id(&self) -> Result<i32> {
        match &self.user {
            Some(text) => number("x-user", text),
            None => Err("say who you are with the header `x-user: 1`".into()),
        }
    }
}

fn said(request: &request::Parts, name: &str) -> Option<String> {
    if let Some(value) = request.headers.get(format!("x-{name}")) {
        return Some(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let parameters = Query::<HashMap<String, String>>::try_from_uri(&request.uri);
    parameters.ok()?.0.remove(name)
}

/// Where the connection comes from, which `serve.rs` says. Behind a proxy that is the proxy: read the
/// header in which it tells the client's address, and only if the connection is the proxy's.
fn address(request: &request::Parts) -> Option<IpAddr> {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(peer)| peer.ip())
}

fn number(header: &str, text: &str) -> Result<i32> {
    let number = text.trim().parse();
    number
        .map_err(|_| format!("the header `{header}` must be a number, as in `{header}: 1`").into())
}
