//! The GraphQL side: the types a model adds to a schema, and what its fields do.

mod control;
mod execute;
mod filters;
mod registry;
mod suggest;

pub use control::ModelSubscription;
pub use execute::execute;
#[cfg(feature = "axum")]
pub(crate) use execute::{Responses, operation, stream};
