//! The end of a connection, said by whoever finds it first.

use std::sync::Arc;

use tokio::sync::watch;

/// Says once that a connection is of no use any more.
#[derive(Clone, Debug)]
pub(super) struct Fault(Arc<watch::Sender<bool>>);

impl Fault {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(super) fn raise(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn raised(&self) {
        // The sender is here, so this does not end before.
        let _ = self.0.subscribe().wait_for(|raised| *raised).await;
    }
}
