//! Whether what a schema's executor streams reaches a transport as it is.
//!
//! An extension may put a stream of its own around the one that the executor makes
//! (`Extension::subscribe`): to end it, to change or to count what comes. Where none does, the
//! transport hands a plan's frames out itself, and the executor's stream has nothing to say. No
//! public API tells the two apart; what does is where things lie in memory. While the executor's
//! stream is polled, the environment of its query is a local of it, and so within it. If that is
//! within the stream that the transport was given, nothing is around it. Were this ever otherwise in
//! async-graphql, subscriptions would be served one by one, as behind an extension.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use async_graphql::{Context, Response};
use futures_util::Stream;

/// Where the stream lies that a transport was given: in the data of its request.
#[derive(Clone, Debug, Default)]
pub(super) struct Extent(Arc<OnceLock<Range<usize>>>);

impl Extent {
    /// Called before the stream, which is pinned, is polled.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
    pub(super) fn is_of(&self, stream: &(dyn Stream<Item = Response> + Send)) {
        let start = std::ptr::from_ref(stream).addr();
        let length = size_of_val(stream);
        // Each request has an extent of its own.
        let _ = self.0.set(start..start + length);
    }

    /// Whether the field that is resolved streams right into what the transport was given.
    pub(super) fn is_direct(ctx: &Context<'_>) -> bool {
        let extent = ctx.data_opt::<Self>().and_then(|extent| extent.0.get());
        let environment = std::ptr::from_ref(ctx.query_env).addr();
        extent.is_some_and(|extent| extent.contains(&environment))
    }
}
