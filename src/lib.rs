//! Live GraphQL subscriptions on Diesel models.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub use graphex_macros::ModelType;
#[doc(inline)]
pub use graphex_runtime::*;

#[doc(hidden)]
pub use graphex_runtime::__private;

/// What almost every user of graphex needs.
pub mod prelude {
    pub use async_graphql::{Context, MergedSubscription, Result, Schema};

    #[cfg(feature = "diesel")]
    pub use crate::BroadcastDsl;
    pub use crate::{Action, Authorized, Hub, Identity, ModelType, Scoped};
}
