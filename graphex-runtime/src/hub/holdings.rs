//! What clients hold, counted for everybody who has to answer for it, so that nobody can hold
//! more than [`Limits`] says.
//!
//! Whatever is held has a [`Held`] beside it; dropped, it is counted no more. The lock is taken
//! last of all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex};

use smallvec::SmallVec;

use super::channels::ChannelId;
use super::cost::CHANNEL;
use super::identity::Identity;
use super::lock;
use super::owner::Owner;
use crate::error::{ConnectError, Refusal};
use crate::limits::Limits;

/// What can be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    /// Open, or reserved.
    channels: usize,
    /// Reserved streams that no client has connected to.
    reservations: usize,
    /// Of memory.
    bytes: usize,
}

impl Amount {
    fn plus(self, other: Self) -> Self {
        Self {
            channels: self.channels.saturating_add(other.channels),
            reservations: self.reservations.saturating_add(other.reservations),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            channels: self.channels.saturating_sub(other.channels),
            reservations: self.reservations.saturating_sub(other.reservations),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

/// What amounts are counted on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Account {
    Owner(Owner),
    /// All without a name.
    Anonymous,
    /// All of the process.
    Everybody,
}

/// The accounts that what an identity holds is counted on.
type Accounts = SmallVec<[Account; 3]>;

/// Of an anonymous client without an address, its channel's, if there is one.
fn accounts_of(identity: &Identity, channel: Option<&ChannelId>) -> Accounts {
    let owner = match channel {
        Some(channel) => Some(Owner::of(identity, channel)),
        None => Owner::known(identity),
    };
    let second = if identity.is_anonymous() {
        Some(Account::Anonymous)
    } else {
        let peer = identity.peer().map(Owner::Peer);
        peer.map(Account::Owner)
    };
    let accounts = [owner.map(Account::Owner), second, Some(Account::Everybody)];
    accounts.into_iter().flatten().collect()
}

/// The first limit that something goes over.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Excess {
    Connect(ConnectError),
    Bytes { limit: usize },
}

impl From<Excess> for ConnectError {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::Connect(error) => error,
            Excess::Bytes { limit } => Self::TooMuchHeld { limit },
        }
    }
}

impl From<Excess> for Refusal {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::Connect(error) => Self::NoChannel(error),
            Excess::Bytes { limit } => Self::TooMuchHeld { limit },
        }
    }
}

/// The accounts of a process.
#[derive(Debug)]
pub(crate) struct Holdings {
    limits: Limits,
    /// Those on which something is counted.
    accounts: Mutex<HashMap<Account, Amount>>,
}

impl Holdings {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            limits: limits.clone(),
            accounts: Mutex::default(),
        })
    }

    /// A channel's place among all that may be open.
    pub(crate) fn channel(self: &Arc<Self>, identity: &Identity) -> Result<Held, ConnectError> {
        let amount = Amount {
            channels: 1,
            bytes: CHANNEL,
            ..Amount::default()
        };
        Ok(self.hold(accounts_of(identity, None), amount)?)
    }

    /// A place among the streams that are reserved and not connected to.
    #[cfg(any(feature = "axum", test))]
    pub(crate) fn reservation(self: &Arc<Self>, identity: &Identity) -> Result<Held, ConnectError> {
        let amount = Amount {
            reservations: 1,
            ..Amount::default()
        };
        Ok(self.hold(accounts_of(identity, None), amount)?)
    }

    /// What a channel holds besides itself goes on these accounts.
    pub(super) fn quota(self: &Arc<Self>, identity: &Identity, channel: &ChannelId) -> Quota {
        Quota {
            holdings: Arc::clone(self),
            accounts: accounts_of(identity, Some(channel)),
        }
    }

    /// A place for a channel of the process itself, which nobody has to answer for.
    pub(super) fn uncounted(self: &Arc<Self>) -> Held {
        Held {
            holdings: Arc::clone(self),
            accounts: Accounts::new(),
            amount: Amount::default(),
        }
    }

    /// What such a channel holds besides itself.
    pub(super) fn no_quota(self: &Arc<Self>) -> Quota {
        Quota {
            holdings: Arc::clone(self),
            accounts: Accounts::new(),
        }
    }

    /// Counts the amount on all of the accounts, or on none.
    fn hold(self: &Arc<Self>, accounts: Accounts, amount: Amount) -> Result<Held, Excess> {
        let mut held = lock(&self.accounts);
        for account in &accounts {
            let before = held.get(account).copied().unwrap_or_default();
            self.check(account, before.plus(amount))?;
        }
        for account in &accounts {
            let sum = held.entry(account.clone()).or_default();
            *sum = sum.plus(amount);
        }
        Ok(Held {
            holdings: Arc::clone(self),
            accounts,
            amount,
        })
    }

    fn check(&self, account: &Account, sum: Amount) -> Result<(), Excess> {
        let limits = &self.limits;
        let any = usize::MAX;
        let (channels, reservations, bytes) = match account {
            Account::Owner(Owner::Named(_)) => (
                limits.channels_per_identity,
                limits.reservations_per_identity,
                limits.bytes_per_identity,
            ),
            Account::Owner(Owner::Peer(_)) => (
                limits.channels_per_peer,
                limits.reservations_per_peer,
                limits.bytes_per_peer,
            ),
            Account::Owner(Owner::Channel(_)) => (any, any, limits.bytes_per_identity),
            Account::Anonymous => (
                limits.anonymous_channels,
                limits.anonymous_reservations,
                limits.anonymous_bytes,
            ),
            Account::Everybody => (limits.channels, any, any),
        };
        if sum.channels > channels {
            let limit = channels;
            return Err(Excess::Connect(match account {
                Account::Owner(Owner::Peer(_)) => ConnectError::TooManyFromPeer { limit },
                Account::Owner(_) => ConnectError::TooManyChannels { limit },
                Account::Anonymous => ConnectError::TooManyAnonymous { limit },
                Account::Everybody => ConnectError::Full { limit },
            }));
        }
        if sum.reservations > reservations {
            let limit = reservations;
            return Err(Excess::Connect(ConnectError::TooManyReservations { limit }));
        }
        if sum.bytes > bytes {
            return Err(Excess::Bytes { limit: bytes });
        }
        Ok(())
    }

    /// Whether nothing at all is held.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        lock(&self.accounts).is_empty()
    }
}

/// Whose accounts a channel's memory is counted on.
#[derive(Debug)]
pub(crate) struct Quota {
    holdings: Arc<Holdings>,
    accounts: Accounts,
}

impl Quota {
    /// Counts so much memory, if there is room.
    pub(super) fn hold(&self, bytes: usize) -> Result<Held, Refusal> {
        let amount = Amount {
            bytes,
            ..Amount::default()
        };
        Ok(self.holdings.hold(self.accounts.clone(), amount)?)
    }
}

#[cfg(feature = "axum")]
impl Held {
    /// Counts the same on another identity instead, if there is room beside what others hold.
    pub(super) fn move_to(self, identity: &Identity) -> Result<Self, ConnectError> {
        let (holdings, amount) = (Arc::clone(&self.holdings), self.amount);
        // First, so that what both are counted on does not count it twice.
        drop(self);
        Ok(holdings.hold(accounts_of(identity, None), amount)?)
    }
}

/// Something that is counted; dropped, it is not.
#[derive(Debug)]
#[must_use = "dropped, it is not counted"]
pub(crate) struct Held {
    holdings: Arc<Holdings>,
    accounts: Accounts,
    amount: Amount,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = lock(&self.holdings.accounts);
        for account in self.accounts.drain(..) {
            let Entry::Occupied(mut sum) = held.entry(account) else {
                continue;
            };
            *sum.get_mut() = sum.get().minus(self.amount);
            if *sum.get() == Amount::default() {
                sum.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests;
