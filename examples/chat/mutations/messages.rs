//! Messages: single rows, many rows in one statement, and a transaction that fails.

use async_graphql::{Context, Error, Object, Result};
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use graphex::prelude::*;

use super::missing;
use crate::database::Database;
use crate::models::{Message, MessagePatch, NewMessage};
use crate::schema::messages;
use crate::viewer::Viewer;

#[derive(Default)]
pub(super) struct MessageMutation;

#[Object]
impl MessageMutation {
    /// Writes a message into a room of the user's tenant.
    async fn create_message(
        &self,
        ctx: &Context<'_>,
        room: i32,
        text: String,
        #[graphql(default = 0)] priority: i32,
        #[graphql(default = false)] pinned: bool,
    ) -> Result<Message> {
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let new = NewMessage {
            priority,
            pinned,
            ..NewMessage::by(&user, room, text)
        };
        let insert = diesel::insert_into(messages::table).values(new);
        let database = ctx.data::<Database>()?;
        database
            .run(move |conn| insert.broadcast().get_result(conn))
            .await
    }

    /// Writes several messages with one statement: one event for each.
    async fn create_messages(
        &self,
        ctx: &Context<'_>,
        room: i32,
        texts: Vec<String>,
    ) -> Result<Vec<Message>> {
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let new = texts.into_iter();
        let new: Vec<_> = new.map(|text| NewMessage::by(&user, room, text)).collect();
        let insert = diesel::insert_into(messages::table).values(new);
        let database = ctx.data::<Database>()?;
        database
            .run(move |conn| insert.broadcast().get_results(conn))
            .await
    }

    /// Changes a message; what is left out stays as it is.
    async fn update_message(
        &self,
        ctx: &Context<'_>,
        id: i32,
        text: Option<String>,
        room: Option<i32>,
        priority: Option<i32>,
        pinned: Option<bool>,
    ) -> Result<Message> {
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let patch = MessagePatch {
            text,
            room,
            priority,
            pinned,
        };
        if patch == MessagePatch::default() {
            return Err("name at least one of text, room, priority and pinned".into());
        }
        let own = messages::table.filter(messages::tenant.eq(user.tenant));
        let update = diesel::update(own.find(id)).set(patch);
        let database = ctx.data::<Database>()?;
        let message = database
            .run(move |conn| update.broadcast().get_result(conn).optional())
            .await?;
        message.ok_or_else(|| missing("message", id))
    }

    /// Moves all messages of a room with one statement: one event for each.
    async fn move_messages(&self, ctx: &Context<'_>, from: i32, to: i32) -> Result<Vec<Message>> {
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let own = messages::table.filter(messages::tenant.eq(user.tenant));
        let update = diesel::update(own.filter(messages::room.eq(from)));
        let update = update.set(messages::room.eq(to));
        let database = ctx.data::<Database>()?;
        database
            .run(move |conn| update.broadcast().get_results(conn))
            .await
    }

    /// Removes a message; `false` when there is none.
    async fn delete_message(&self, ctx: &Context<'_>, id: i32) -> Result<bool> {
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let own = messages::table.filter(messages::tenant.eq(user.tenant));
        let delete = diesel::delete(own.find(id));
        let database = ctx.data::<Database>()?;
        let deleted = database
            .run(move |conn| delete.broadcast().execute(conn))
            .await?;
        Ok(deleted > 0)
    }

    /// Writes a message in a transaction that then fails, to show that nobody receives it.
    async fn create_then_fail(
        &self,
        ctx: &Context<'_>,
        room: i32,
        text: String,
    ) -> Result<Message> {
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let insert = diesel::insert_into(messages::table).values(NewMessage::by(&user, room, text));
        let database = ctx.data::<Database>()?;
        let outcome = database.run(move |conn| {
            conn.transaction(|conn| {
                let _: Message = insert.broadcast().get_result(conn)?;
                Err(DieselError::RollbackTransaction)
            })
        });
        outcome
            .await
            .map_err(|_| Error::new("the transaction was rolled back, as intended"))
    }
}
