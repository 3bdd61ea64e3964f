//! Users. Anybody may change them, to keep the example short.

use async_graphql::{Context, Object, Result};
use diesel::prelude::*;
use graphex::prelude::*;

use super::missing;
use crate::database::Database;
use crate::models::{NewUser, User};
use crate::schema::users;

#[derive(Default)]
pub(super) struct UserMutation;

#[Object]
impl UserMutation {
    /// Adds a user to a tenant.
    async fn create_user(&self, ctx: &Context<'_>, name: String, tenant: i32) -> Result<User> {
        let new = NewUser {
            name,
            tenant,
            // Matches no password.
            password_hash: "!".to_owned(),
        };
        let insert = diesel::insert_into(users::table).values(new);
        let database = ctx.data::<Database>()?;
        database
            .run(move |conn| insert.broadcast().get_result(conn))
            .await
    }

    /// Renames a user.
    async fn update_user(&self, ctx: &Context<'_>, id: i32, name: String) -> Result<User> {
        let update = diesel::update(users::table.find(id)).set(users::name.eq(name));
        let database = ctx.data::<Database>()?;
        let user = database
            .run(move |conn| update.broadcast().get_result(conn).optional())
            .await?;
        user.ok_or_else(|| missing("user", id))
    }

    /// Removes a user; `false` when there is none.
    async fn delete_user(&self, ctx: &Context<'_>, id: i32) -> Result<bool> {
        let delete = diesel::delete(users::table.find(id));
        let database = ctx.data::<Database>()?;
        let deleted = database
            .run(move |conn| delete.broadcast().execute(conn))
            .await?;
        Ok(deleted > 0)
    }
}
