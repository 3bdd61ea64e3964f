//! Notes: everybody has but their own.

use async_graphql::{Context, Object, Result};
use diesel::prelude::*;
use graphex::prelude::*;

use super::missing;
use crate::database::Database;
use crate::models::{NewNote, Note};
use crate::schema::notes;
use crate::viewer::Viewer;

#[derive(Default)]
pub(super) struct NoteMutation;

#[Object]
impl NoteMutation {
    /// Takes a note.
    async fn create_note(&self, ctx: &Context<'_>, text: String) -> Result<Note> {
        let owner = ctx.data::<Viewer>()?.user(ctx).await?.id;
        let insert = diesel::insert_into(notes::table).values(NewNote { owner, text });
        let database = ctx.data::<Database>()?;
        database
            .run(move |conn| insert.broadcast().get_result(conn))
            .await
    }

    /// Rewrites a note.
    async fn update_note(&self, ctx: &Context<'_>, id: i32, text: String) -> Result<Note> {
        let owner = ctx.data::<Viewer>()?.user(ctx).await?.id;
        let own = notes::table.filter(notes::owner.eq(owner));
        let update = diesel::update(own.find(id)).set(notes::text.eq(text));
        let database = ctx.data::<Database>()?;
        let note = database
            .run(move |conn| update.broadcast().get_result(conn).optional())
            .await?;
        note.ok_or_else(|| missing("note", id))
    }

    /// Throws a note away; `false` when there is none.
    async fn delete_note(&self, ctx: &Context<'_>, id: i32) -> Result<bool> {
        let owner = ctx.data::<Viewer>()?.user(ctx).await?.id;
        let own = notes::table.filter(notes::owner.eq(owner));
        let delete = diesel::delete(own.find(id));
        let database = ctx.data::<Database>()?;
        let deleted = database
            .run(move |conn| delete.broadcast().execute(conn))
            .await?;
        Ok(deleted > 0)
    }
}
