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
#[cfg(feature = "axum")]
pub(crate) use execute::{NOT_PERSISTED, Responses, answer, stream};
pub use guard::DocumentGuard;
#[cfg(feature = "axum")]
pub(crate) use guard::{Guarded, hub_in};
