//! The GraphQL side: the types a model adds to a schema, and what its fields do.

mod arguments;
mod changes;
mod control;
mod execute;
mod filters;
mod registry;
mod selection;
#[cfg(feature = "axum")]
mod size;
mod suggest;

pub use changes::ModelChanges;
pub use control::ModelSubscription;
pub use execute::execute;
#[cfg(feature = "axum")]
pub(crate) use execute::{Responses, is_event_stream, operation, stream};
#[cfg(feature = "axum")]
pub(crate) use size::executing_bytes;
