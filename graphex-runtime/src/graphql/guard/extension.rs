//! The guard as an extension of a schema, for what comes in by other doors than ours.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest,
};
use async_graphql::{Request, ServerResult};

use super::{admit, admit_text, hub_in};
use crate::hub::Hub;

/// Guards a schema's documents with the [`Limits`](crate::Limits) of its hub, whoever executes it.
///
/// graphex's endpoints and [`execute`](crate::execute) look at each document themselves. Add this
/// where others execute the same schema, such as async-graphql's own endpoints, and where another
/// extension brings documents that no endpoint has seen, such as persisted queries. Add it first:
/// it looks at what the extensions after it make of a request.
///
/// Without it a document that an extension brings is executed as the extension has it.
/// async-graphql's `ApolloPersistedQueries` keeps what clients sent before, which the endpoint
/// that they sent it to has looked at.
///
/// ```
/// # use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
/// use graphex_runtime::{DocumentGuard, Hub};
///
/// # struct Query;
/// # #[Object]
/// # impl Query { async fn hello(&self) -> &str { "world" } }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let hub = Hub::builder().build();
/// let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
///     .data(hub.clone())
///     .extension(DocumentGuard)
///     .finish();
/// let answer = schema.execute(format!("{{ hello(a: {}{}) }}", "[".repeat(2_000), "]".repeat(2_000)));
/// assert!(answer.await.errors[0].message.contains("nested too deeply"));
/// assert_eq!(hub.stats().documents_refused, 1);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DocumentGuard;

impl ExtensionFactory for DocumentGuard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for DocumentGuard {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        let hub = hub_in(&request.data).or_else(|| ctx.data_opt::<Hub>());
        let hub = hub.cloned();
        // An extension after this one may parse it.
        admit_text(&request.query, hub.as_ref())?;
        let mut request = next.run(ctx, request).await?;
        admit(&mut request, hub.as_ref())?;
        Ok(request)
    }
}
