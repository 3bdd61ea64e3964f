//! Why a connection could not be attached or a statement not be broadcast.

/// Why [`Hub::attach`](crate::Hub::attach) left a connection as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The connection has an instrumentation that cannot be moved into a tracker.
    #[error(
        "the connection has an instrumentation already; give it to \
         `hub.attach_with(&mut conn, instrumentation)`, which keeps and calls it"
    )]
    Instrumented,
    /// The connection is attached to another hub, with changes of an open transaction.
    #[error(
        "the connection holds uncommitted changes for another hub; attach it when its \
         transaction has ended"
    )]
    Uncommitted,
}

/// Why a `.broadcast()` statement did not run. Diesel's methods return it as
/// [`diesel::result::Error::QueryBuilderError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The connection is not attached to a hub.
    #[error(
        "nobody would be told of this change of `{model}`: the connection is not attached to a \
         hub, or was given another instrumentation since; call `hub.attach(&mut conn)` once, or \
         build the pool with `hub.customizer()` (one of diesel-async's with `hub.manager_config()`)"
    )]
    NotAttached {
        /// The model whose row was to be written.
        model: &'static str,
    },
    /// A transaction is open that Diesel knows nothing of: `BEGIN` was sent as SQL text. No error where
    /// a change log tells of the model.
    #[error(
        "nothing of `{model}` was written: a transaction is open that was begun as SQL text, and \
         committing this change would commit all of it; use `conn.transaction(…)`"
    )]
    TransactionAsText {
        /// The model whose row was to be written.
        model: &'static str,
    },
    /// The hub of this connection does not serve the model.
    #[error(
        "the hub of this connection does not know `{model}`; add `.model::<{model}>()` to \
         `Hub::builder()`"
    )]
    UnknownModel {
        /// The model whose row was to be written.
        model: &'static str,
    },
    /// A transaction's command (`BEGIN`, `COMMIT`, `ROLLBACK`, a savepoint) was given up before
    /// its end: the future that waited for it was dropped.
    #[error(
        "a change of `{model}` was not written: the future of a transaction was dropped while \
         its `BEGIN`, `COMMIT` or `ROLLBACK` ran, so nobody knows whether this connection is in \
         it; drop the connection and take another"
    )]
    GivenUp {
        /// The model whose row was to be written.
        model: &'static str,
    },
}

impl From<CaptureError> for diesel::result::Error {
    fn from(error: CaptureError) -> Self {
        Self::QueryBuilderError(Box::new(error))
    }
}
