//! The three models and who may see which of their rows. This is the heart of the example.
//!
//! Each struct is at once a row that Diesel loads, an object of the GraphQL schema
//! (`SimpleObject`) and a stream that clients can subscribe to (`ModelType`).

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use graphex::prelude::*;
use serde_json::Value;

use crate::schema::{messages, notes, users};
use crate::viewer::Viewer;

/// A person. Everybody may follow this stream, so no `scope` and no `authorize`.
#[derive(Clone, Queryable, Selectable, SimpleObject, ModelType)]
#[diesel(table_name = users)]
#[graphex(stream = "users", serialize_data, label = "chat.user")]
pub(crate) struct User {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) tenant: i32,
    // Two APIs, two `skip`s: one for queries, one for notifications. Without the second,
    // graphex would refuse to compile a field of this name.
    #[graphql(skip)]
    #[graphex(skip)]
    #[expect(dead_code, reason = "a login would read it; this example has none")]
    pub(crate) password_hash: String,
}

/// A message in a room. Rooms and messages belong to a tenant.
///
/// `scope` is the boundary: a subscriber gets rows of its own tenant, whatever it asks for.
/// `index_fields` only makes that cheap: a change wakes nobody outside its tenant and room.
#[derive(Clone, Queryable, Selectable, SimpleObject, ModelType)]
#[diesel(table_name = messages)]
#[graphex(
    stream = "messages",
    serialize_data,
    scope(tenant, optional(room)),
    index_fields(tenant, room),
    label = "chat.message"
)]
pub(crate) struct Message {
    pub(crate) id: i32,
    pub(crate) tenant: i32,
    pub(crate) room: i32,
    /// The user who wrote it.
    pub(crate) author: Option<i32>,
    pub(crate) text: String,
    pub(crate) priority: i32,
    pub(crate) pinned: bool,
    pub(crate) score: Option<f64>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) meta: Value,
}

/// `scope(tenant, optional(room))` made `MessageScope`; forget one of its fields and this does
/// not compile.
impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let viewer = ctx.data::<Viewer>()?;
        Ok(MessageScope {
            tenant: viewer.user(ctx).await?.tenant,
            room: viewer.room()?,
        })
    }
}

/// A private note. A notification carries its id alone, and the client asks for the rest when
/// it wants it. That is the default, but the cargo feature `serialize-data` turns it around.
#[derive(Clone, Queryable, Selectable, SimpleObject, ModelType)]
#[diesel(table_name = notes)]
#[graphex(
    stream = "notes",
    serialize_data = false,
    authorize,
    scope(owner),
    label = "chat.note"
)]
pub(crate) struct Note {
    pub(crate) id: i32,
    /// The user who wrote it and alone may read it.
    pub(crate) owner: i32,
    pub(crate) text: String,
}

/// Who may subscribe at all: a known user. An `Err` made of a sentence is a denial, which the
/// client reads; any other error is logged, and the client gets a generic sentence.
impl Authorized for Note {
    async fn authorize(ctx: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<()> {
        ctx.data::<Viewer>()?.user(ctx).await?;
        Ok(())
    }
}

impl Scoped for Note {
    async fn scope(ctx: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<NoteScope> {
        let owner = ctx.data::<Viewer>()?.user(ctx).await?.id;
        Ok(NoteScope { owner })
    }
}

/// A user to insert.
#[derive(Insertable)]
#[diesel(table_name = users)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) tenant: i32,
    pub(crate) password_hash: String,
}

/// A message to insert.
#[derive(Insertable)]
// `None` means NULL, not "the column's default": so Diesel can insert many in one statement.
#[diesel(table_name = messages, treat_none_as_default_value = false)]
pub(crate) struct NewMessage {
    pub(crate) tenant: i32,
    pub(crate) room: i32,
    pub(crate) author: Option<i32>,
    pub(crate) text: String,
    pub(crate) priority: i32,
    pub(crate) pinned: bool,
    pub(crate) created: DateTime<Utc>,
    pub(crate) meta: Value,
}

impl NewMessage {
    /// What `user` writes into a room.
    pub(crate) fn by(user: &User, room: i32, text: String) -> Self {
        Self {
            tenant: user.tenant,
            room,
            author: Some(user.id),
            text,
            priority: 0,
            pinned: false,
            created: Utc::now(),
            meta: serde_json::json!({}),
        }
    }
}

/// What an update of a message may change; `None` leaves a column as it is.
#[derive(Default, PartialEq, AsChangeset)]
#[diesel(table_name = messages)]
pub(crate) struct MessagePatch {
    pub(crate) text: Option<String>,
    pub(crate) room: Option<i32>,
    pub(crate) priority: Option<i32>,
    pub(crate) pinned: Option<bool>,
}

/// A note to insert.
#[derive(Insertable)]
#[diesel(table_name = notes)]
pub(crate) struct NewNote {
    pub(crate) owner: i32,
    pub(crate) text: String,
}
