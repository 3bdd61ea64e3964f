//! Who a client is, and until when.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::owner::Peer;
use crate::deadline::deadline;

/// Who opened a channel or asks something of it.
///
/// The application reads it from the request; a channel obeys only requests of the identity
/// that opened it. Two requests are of one identity when their texts are equal, from wherever
/// they come.
///
/// ```
/// use graphex_runtime::Identity;
///
/// assert_eq!(Identity::new("user:1"), Identity::new(String::from("user:1")));
/// assert_ne!(Identity::new("user:1"), Identity::anonymous());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Identity {
    name: Option<Arc<str>>,
    peer: Option<Peer>,
    expires_at: Option<Instant>,
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Identity {}

impl std::hash::Hash for Identity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl Identity {
    /// A named identity, for example a user's or a session's id.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// Everybody who has no name. Channels of anonymous clients are guarded by their
    /// unguessable ids alone. Give their [address](Self::with_peer), so that one of them
    /// cannot take what there is for all.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The address that the client comes from: what it holds is counted on that too, up to
    /// [`Limits::channels_per_peer`](crate::Limits::channels_per_peer) and the limits beside it.
    /// It is no part of who the client is, so that one that moves from one network to another
    /// keeps its channel.
    ///
    /// Give one for anonymous clients; those with a name are counted by it, and hundreds of them
    /// may share an office's address. Clients of one IPv6 network, the first 64 bits, count as
    /// one.
    ///
    /// ```
    /// use std::net::{IpAddr, Ipv4Addr};
    ///
    /// use graphex_runtime::Identity;
    ///
    /// let here = Identity::anonymous().with_peer(IpAddr::V4(Ipv4Addr::LOCALHOST));
    /// assert_eq!(here, Identity::anonymous());
    /// ```
    #[must_use]
    pub fn with_peer(mut self, address: IpAddr) -> Self {
        self.peer = Some(address.into());
        self
    }

    /// The moment at which its right ends, for example what a token says in `exp`. Its channels
    /// are closed then ([`CloseReason::Expired`](crate::CloseReason::Expired)), and new ones are
    /// refused; a later end that a request of it brings is taken over. It is no part of who the
    /// client is. Default: never.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use graphex_runtime::{Hub, Identity};
    ///
    /// let hub = Hub::builder().build();
    /// let exp = 1_700_000_000; // seconds, as JSON web tokens have it
    /// let user = Identity::new("user:1");
    /// let user = user.with_expiry(SystemTime::UNIX_EPOCH + Duration::from_secs(exp));
    /// assert!(hub.connect(user).is_err());
    /// ```
    #[must_use]
    pub fn with_expiry(mut self, expires_at: SystemTime) -> Self {
        // What is over has no time left.
        let left = expires_at.duration_since(SystemTime::now());
        self.expires_at = Some(deadline(left.unwrap_or_default()));
        self
    }

    pub(crate) fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }

    /// Who has this name or none, as another process knows it, with the time that is left.
    pub(crate) fn carried(name: Option<String>, left: Option<Duration>) -> Self {
        Self {
            name: name.map(Into::into),
            peer: None,
            expires_at: left.map(deadline),
        }
    }

    /// How much time is left, if there is an end.
    pub(crate) fn left(&self) -> Option<Duration> {
        let expires_at = self.expires_at?;
        Some(expires_at.saturating_duration_since(Instant::now()))
    }

    /// The name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn shared_name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    pub(super) fn peer(&self) -> Option<Peer> {
        self.peer
    }

    /// Whether this is [`Identity::anonymous`].
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.name.is_none()
    }
}
