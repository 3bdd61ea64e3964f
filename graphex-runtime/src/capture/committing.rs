//! A transaction whose `COMMIT` runs.

#[cfg(feature = "diesel-async")]
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "diesel-async")]
use std::time::Duration;

#[cfg(feature = "diesel-async")]
use tokio::runtime::Handle;
#[cfg(feature = "diesel-async")]
use tokio::task::AbortHandle;

use crate::hub::Ticket;

/// The place of a transaction whose `COMMIT` runs.
#[derive(Debug)]
pub(super) enum Committing {
    /// On a connection of Diesel's: its end is heard.
    Blocking(Ticket),
    /// On one of diesel-async's: its future may be dropped, of which nobody hears while the
    /// connection lies in a pool.
    #[cfg(feature = "diesel-async")]
    Watched(Watched),
}

impl Committing {
    /// The place, when the end is heard.
    pub(super) fn end(self) -> Option<Ticket> {
        match self {
            Self::Blocking(ticket) => Some(ticket),
            #[cfg(feature = "diesel-async")]
            Self::Watched(watched) => watched.take(),
        }
    }

    /// Tells of a gap when the end is not heard in this time, and again when it is heard later.
    #[cfg(feature = "diesel-async")]
    pub(super) fn watched(ticket: Ticket, time: Duration) -> Self {
        let Ok(runtime) = Handle::try_current() else {
            return Self::Blocking(ticket);
        };
        let ticket = Arc::new(Mutex::new(Some(ticket)));
        let of_watch = Arc::clone(&ticket);
        let watch = runtime.spawn(async move {
            tokio::time::sleep(time).await;
            let mut ticket = of_watch.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(ticket) = ticket.as_mut() {
                ticket.doubt();
            }
        });
        Self::Watched(Watched {
            ticket,
            watch: watch.abort_handle(),
        })
    }
}

/// A place, and the task that watches it.
#[cfg(feature = "diesel-async")]
#[derive(Debug)]
pub(super) struct Watched {
    ticket: Arc<Mutex<Option<Ticket>>>,
    watch: AbortHandle,
}

#[cfg(feature = "diesel-async")]
impl Watched {
    fn take(&self) -> Option<Ticket> {
        let mut ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        ticket.take()
    }
}

#[cfg(feature = "diesel-async")]
impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.abort();
    }
}
