//! The GraphQL schema: queries and mutations of one's company, and the stream.

use async_graphql::{Context, Object, Result};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use graphex::BroadcastDsl as _;
use graphex::Hub;
use graphex::prelude::Schema;

use crate::database::{self, Pool};
use crate::models::{Message, MessageChanges};
use crate::tables::messages;
use crate::viewer::Viewer;

pub(crate) type MessengerSchema = Schema<Query, Mutation, MessageChanges>;

/// The schema over this database.
pub(crate) fn build(hub: &Hub, pool: Pool) -> MessengerSchema {
    Schema::build(Query, Mutation, MessageChanges::default())
        .data(hub.clone())
        .data(pool)
        .finish()
}

/// The root of all queries.
pub(crate) struct Query;

#[Object]
impl Query {
    /// The last messages of one's company, the newest first.
    async fn messages(&self, ctx: &Context<'_>) -> Result<Vec<Message>> {
        let viewer = Viewer::of(ctx)?;
        let mut conn = database::connection(ctx).await?;
        let own = messages::table.filter(messages::company.eq(viewer.company));
        let last = own.order(messages::id.desc()).limit(100);
        let last = last.select(Message::as_select());
        last.load(&mut conn).await.map_err(database::failed)
    }
}

/// The root of all mutations. What they write is told when it is committed: `.broadcast()` has the
/// log read at once.
pub(crate) struct Mutation;

#[Object]
impl Mutation {
    /// Writes to everybody in one's company.
    async fn send(&self, ctx: &Context<'_>, text: String) -> Result<Message> {
        let viewer = Viewer::of(ctx)?;
        let mut conn = database::connection(ctx).await?;
        let message = (
            messages::company.eq(viewer.company),
            messages::author.eq(viewer.id),
            messages::text.eq(text),
        );
        let insert = diesel::insert_into(messages::table).values(message);
        let sent = insert.broadcast().get_result(&mut conn).await;
        sent.map_err(database::failed)
    }

    /// Changes a message of one's own; null when there is none.
    async fn edit(&self, ctx: &Context<'_>, id: i64, text: String) -> Result<Option<Message>> {
        let viewer = Viewer::of(ctx)?;
        let mut conn = database::connection(ctx).await?;
        let own = messages::table.filter(messages::author.eq(viewer.id));
        let update = diesel::update(own.find(id)).set(messages::text.eq(text));
        let edited = update.broadcast().get_result(&mut conn).await;
        edited.optional().map_err(database::failed)
    }

    /// Removes a message of one's own; `false` when there is none.
    async fn remove(&self, ctx: &Context<'_>, id: i64) -> Result<bool> {
        let viewer = Viewer::of(ctx)?;
        let mut conn = database::connection(ctx).await?;
        let own = messages::table.filter(messages::author.eq(viewer.id));
        let delete = diesel::delete(own.find(id));
        let removed = delete.broadcast().execute(&mut conn).await;
        Ok(removed.map_err(database::failed)? > 0)
    }
}
