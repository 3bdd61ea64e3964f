//! Who asks: over HTTP by the header `Authorization`, over a WebSocket by the payload of
//! `connection_init`, since a browser cannot send headers with one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use async_graphql::Data;
use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header::AUTHORIZATION, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use graphex::prelude::*;
use serde_json::{Value, json};

use crate::token::{TokenError, Tokens};

/// A user who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    pub(crate) id: i64,
    pub(crate) company: i64,
    /// Then the channels of this login are closed.
    pub(crate) expires_at: SystemTime,
}

impl Viewer {
    /// Who sent the operation that runs.
    pub(crate) fn of<'c>(ctx: &Context<'c>) -> Result<&'c Self> {
        ctx.data_opt::<Self>()
            .ok_or_else(|| "log in first: POST /login gives a token".into())
    }

    fn identity(&self) -> Identity {
        Identity::new(format!("user:{}", self.id)).with_expiry(self.expires_at)
    }
}

/// A middleware: whoever sends a token that is not good is told so; without one it is nobody.
pub(crate) async fn authenticate(
    State(tokens): State<Arc<Tokens>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(header) = request.headers().get(AUTHORIZATION) else {
        return next.run(request).await;
    };
    match bearer(header.to_str().ok(), &tokens) {
        Ok(viewer) => {
            request.extensions_mut().insert(viewer);
            next.run(request).await
        }
        Err(error) => {
            let error = json!({ "errors": [{ "message": error.to_string() }] });
            (StatusCode::UNAUTHORIZED, Json(error)).into_response()
        }
    }
}

/// What a WebSocket's operations see: the one whose token its client sends,
/// `{"authorization": "Bearer …"}`.
pub(crate) fn connecting(payload: &Value, tokens: &Tokens) -> Result<Data> {
    let viewer = bearer(payload["authorization"].as_str(), tokens);
    // A sentence of its own, and so one that the client is told.
    let viewer = viewer.map_err(|error| error.to_string())?;
    let mut data = Data::default();
    data.insert(viewer.identity());
    data.insert(viewer);
    Ok(data)
}

/// Whose request it is, for what the limits of one client count.
pub(crate) fn identity(request: &Parts) -> Identity {
    if let Some(viewer) = request.extensions.get::<Viewer>() {
        return viewer.identity();
    }
    match request.extensions.get::<ConnectInfo<SocketAddr>>() {
        Some(ConnectInfo(address)) => Identity::anonymous().with_peer(address.ip()),
        None => Identity::anonymous(),
    }
}

fn bearer(text: Option<&str>, tokens: &Tokens) -> Result<Viewer, TokenError> {
    let token = text.and_then(|text| text.strip_prefix("Bearer "));
    tokens.read(token.ok_or(TokenError::Invalid)?)
}
