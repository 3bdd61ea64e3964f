//! The query root of a schema about subscriptions, which has to have one.

use async_graphql::Object;

pub(crate) struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}
