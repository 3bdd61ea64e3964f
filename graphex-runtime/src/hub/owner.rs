//! Who pays for what a channel holds and causes.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::channels::ChannelId;
use super::identity::Identity;

/// What budgets and limits are counted on: whoever is the owner waits and loses alone.
///
/// The anonymous are many: each address is an owner, or, where the application gives none, each
/// of their channels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Named(Arc<str>),
    Peer(Peer),
    Channel(ChannelId),
}

impl Owner {
    pub(super) fn of(identity: &Identity, channel: &ChannelId) -> Self {
        Self::known(identity).unwrap_or_else(|| Self::Channel(channel.clone()))
    }

    /// The owner of whatever this identity opens, if that is no matter of the channel.
    pub(super) fn known(identity: &Identity) -> Option<Self> {
        let name = identity.shared_name().map(|name| Self::Named(name.clone()));
        name.or_else(|| identity.peer().map(Self::Peer))
    }
}

/// An address from which clients come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer(IpAddr);

impl Peer {
    /// The address, or the first of the network.
    pub(super) fn address(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for Peer {
    /// Of an IPv6 address the network: its 64 bits are what a site gets at least (RFC 6177), and
    /// the rest is the client's to choose. An IPv4 address in an IPv6 one is itself.
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                Ipv6Addr::from_bits(network).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn an_ipv6_client_cannot_choose_another_address_of_its_network() {
        assert_eq!(peer("2001:db8:1:2::1"), peer("2001:db8:1:2:ffff::9"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_an_ipv4_client() {
        assert_eq!(peer("::ffff:192.0.2.1"), peer("192.0.2.1"));
        assert_ne!(peer("192.0.2.1"), peer("192.0.2.2"));
    }
}
