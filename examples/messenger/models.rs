//! The stream, and who may see which of its rows.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use graphex::prelude::*;

use crate::tables::messages;
use crate::viewer::Viewer;

/// A message to everybody in a company.
///
/// `scope` is the boundary: whatever a subscriber asks for, it gets rows of its own company.
/// `index_fields` makes that cheap: a change of one company costs the others nothing.
#[derive(Clone, Queryable, Selectable, SimpleObject, ModelType)]
#[diesel(table_name = messages)]
#[graphex(
    stream = "messages",
    serialize_data,
    scope(company),
    index_fields(company)
)]
pub(crate) struct Message {
    pub(crate) id: i64,
    pub(crate) company: i64,
    /// The user who wrote it.
    pub(crate) author: i64,
    pub(crate) text: String,
    pub(crate) created: DateTime<Utc>,
}

impl Scoped for Message {
    async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let company = Viewer::of(ctx)?.company;
        Ok(MessageScope { company })
    }
}
