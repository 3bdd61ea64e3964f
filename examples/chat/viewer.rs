//! Who asks.
//!
//! FOR THIS EXAMPLE ALONE a request says who it is in a header, `x-user: 1`, and is believed.
//! In an application of yours, read a session cookie or verify a token here instead.

use axum::http::{HeaderMap, request};
use diesel::prelude::*;
use graphex::prelude::*;
use serde_json::Value;

use crate::database::Database;
use crate::models::User;
use crate::schema::users;

/// What the headers of a request say about its sender.
pub(crate) struct Viewer {
    user: Option<String>,
    room: Option<String>,
}

impl Viewer {
    /// Reads the headers `x-user` and `x-room`.
    pub(crate) fn of(request: &request::Parts) -> Self {
        Self {
            user: header(&request.headers, "x-user"),
            room: header(&request.headers, "x-room"),
        }
    }

    /// Reads the same names from what a client of graphql-transport-ws says when it connects,
    /// because a browser cannot send headers with a WebSocket; else the headers.
    pub(crate) fn connecting(request: &request::Parts, payload: &Value) -> Self {
        let said = |name: &str| payload[name].as_str().map(str::to_owned);
        Self {
            user: said("x-user").or_else(|| header(&request.headers, "x-user")),
            room: said("x-room").or_else(|| header(&request.headers, "x-room")),
        }
    }

    /// What a WebSocket's `channel_id` is bound to: only a request with the same identity can
    /// subscribe on that channel, even if somebody else learns its id.
    pub(crate) fn identity(&self) -> Identity {
        match self.user_id() {
            Ok(id) => Identity::new(format!("user:{id}")),
            Err(_) => Identity::anonymous(),
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

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn number(header: &str, text: &str) -> Result<i32> {
    let number = text.trim().parse();
    number
        .map_err(|_| format!("the header `{header}` must be a number, as in `{header}: 1`").into())
}
