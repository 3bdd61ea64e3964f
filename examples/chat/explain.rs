//! Why a user receives a message, or does not: `/explain?user=1&message=5`, with `&action=delete` for
//! another action than an update. It tells what the scope is and what the row has, so in an
//! application of yours it is for operators alone; here anybody may ask.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::routing::get;
use diesel::prelude::*;
use graphex::prelude::*;
use serde::Deserialize;

use crate::database::Database;
use crate::models::Message;
use crate::schema::messages;

#[derive(Deserialize)]
struct Asked {
    user: i32,
    message: i32,
    action: Option<String>,
}

pub(crate) fn router(hub: Hub, database: Database) -> Router {
    let explained = async move |Query(asked): Query<Asked>| {
        let answered = explain(&hub, &database, asked).await;
        answered.map_err(|error| (StatusCode::NOT_FOUND, error.message))
    };
    Router::new().route("/explain", get(explained))
}

async fn explain(hub: &Hub, database: &Database, asked: Asked) -> Result<String> {
    let Asked {
        user,
        message,
        action,
    } = asked;
    let action = match action.as_deref() {
        Some("create") => Action::Create,
        Some("delete") => Action::Delete,
        _ => Action::Update,
    };
    let found = messages::table.find(message).select(Message::as_select());
    let found = database.run(move |conn| found.first(conn).optional());
    let found = found.await?.ok_or("there is no such message")?;
    let channels = hub.channels_of(&Identity::new(format!("user:{user}")));
    let mut text = format!("user {user} has {} channels here\n", channels.len());
    for channel in channels {
        let explanation = hub.explain(action, &found, channel.as_str()).await;
        writeln!(text, "{channel:?}: {explanation}")?;
    }
    Ok(text)
}
