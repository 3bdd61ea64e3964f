//! What clients can ask for. graphex has no part in this.

use async_graphql::{Context, Object, Result};
use diesel::prelude::*;

use crate::database::Database;
use crate::models::{Message, Note, User};
use crate::schema::{messages, notes, users};
use crate::viewer::Viewer;

/// The root of all queries.
pub(crate) struct Query;

#[Object]
impl Query {
    /// Everybody.
    async fn users(&self, ctx: &Context<'_>) -> Result<Vec<User>> {
        let database = ctx.data::<Database>()?;
        let all = users::table.order(users::id).select(User::as_select());
        database.run(move |conn| all.load(conn)).await
    }

    /// The messages of the user's tenant.
    async fn messages(&self, ctx: &Context<'_>) -> Result<Vec<Message>> {
        let database = ctx.data::<Database>()?;
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let visible = messages::table.filter(messages::tenant.eq(user.tenant));
        let visible = visible.order(messages::id).select(Message::as_select());
        database.run(move |conn| visible.load(conn)).await
    }

    /// The user's own notes.
    async fn notes(&self, ctx: &Context<'_>) -> Result<Vec<Note>> {
        let database = ctx.data::<Database>()?;
        let user = ctx.data::<Viewer>()?.user(ctx).await?;
        let own = notes::table.filter(notes::owner.eq(user.id));
        let own = own.order(notes::id).select(Note::as_select());
        database.run(move |conn| own.load(conn)).await
    }
}
