//! The GraphQL side: the types a model adds to a schema, and what its fields do.

mod arguments;
mod changes;
mod control;
mod execute;
mod extent;
mod filters;
mod guard;
mod operation;
mod registry;
mod selection;
#[cfg(feature = "axum")]
mod size;
mod suggest;

pub use changes::ModelChanges;
pub use control::ModelSubscription;
pub use execute::execute;
#[cfg(any(feature = "axum", feature = "testing"))]
pub(crate) use execute::stream;
#[cfg(feature = "axum")]
pub(crate) use execute::{NOT_PERSISTED, Responses, answer};
pub use guard::DocumentGuard;
#[cfg(any(feature = "axum", feature = "testing"))]
pub(crate) use guard::Guarded;
#[cfg(feature = "axum")]
pub(crate) use guard::hub_in;
