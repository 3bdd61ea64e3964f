//! A transaction whose `COMMIT` runs.

use crate::hub::Ticket;
#[cfg(feature = "diesel-async")]
use crate::hub::WatchedCommit;

/// The place of a transaction whose `COMMIT` runs.
#[derive(Debug)]
pub(super) enum Committing {
    /// On a connection of Diesel's: its result comes.
    Blocking(Ticket),
    /// On one of diesel-async's: its future may be dropped, without a sign while the
    /// connection lies in a pool.
    #[cfg(feature = "diesel-async")]
    Watched(WatchedCommit),
}

impl Committing {
    /// The place, when the result has come.
    pub(super) fn end(self) -> Option<Ticket> {
        match self {
            Self::Blocking(ticket) => Some(ticket),
            #[cfg(feature = "diesel-async")]
            Self::Watched(commit) => commit.end(),
        }
    }
}
