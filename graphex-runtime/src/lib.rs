//! The runtime of [graphex](https://docs.rs/graphex): values, predicates, the hub, capture
//! and transports. Use it through the `graphex` crate.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod change;
mod cursor;
mod custom;
mod deadline;
mod error;
mod filters;
mod graphql;
mod hooks;
mod hub;
mod layer;
mod limits;
mod log_limit;
mod lookup;
mod measure;
mod model;
mod node;
mod predicate;
mod projection;
mod topic;
mod value;
#[cfg_attr(
    not(feature = "redis"),
    allow(
        dead_code,
        reason = "only the Redis layer carries changes to other processes"
    )
)]
mod wire;

#[cfg(feature = "diesel")]
mod capture;
#[cfg(feature = "diesel")]
mod changelog;
#[cfg(feature = "axum")]
mod transport;

/// Endpoints for [axum](https://docs.rs/axum).
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod axum {
    #[cfg(feature = "client")]
    #[cfg_attr(docsrs, doc(cfg(feature = "client")))]
    pub use crate::transport::{Client, client};
    pub use crate::transport::{Endpoints, router};
}

/// The layer that makes several processes one service.
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub mod redis {
    pub use crate::layer::redis::{LayerError, RedisLayer};
}

#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "diesel")]
pub use capture::{
    AttachError, Broadcast, BroadcastConnection, BroadcastDsl, BroadcastQuery, BroadcastStatement,
    CaptureError, HubCustomizer,
};
pub use change::{Action, Row, SubscriptionAction, SubscriptionOperation};
#[cfg(feature = "diesel")]
pub use changelog::{
    ChangeLog, ChangeLogError, Installed, LogConnection, LogSchema, Migration, Problem,
};
pub use cursor::{Cursor, InvalidCursor};
pub use custom::LookupContext;
pub use error::{CloseReason, ConnectError};
pub use filters::Filters;
pub use graphql::{DocumentGuard, ModelChanges, ModelSubscription, execute};
pub use hub::{
    BuildError, Channel, ChannelId, Event, Explained, Explanation, FieldError, Hub, HubBuilder,
    Identity, ListenError, Listener, Reason, Stats, Subscribing, Term, TermKind, TypedChange,
};
pub use limits::{Limits, SlowReader};
pub use lookup::Lookup;
pub use model::{Authorized, ModelType, Scoped, TableName, UnreadableRow};
pub use value::{
    Database, Date, DateTime, Decimal, EnumType, Equality, Field, FieldType, FromValue, Instant,
    Key, Kind, Logged, Pinned, Time, Value,
};
