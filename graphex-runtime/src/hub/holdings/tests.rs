use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::node::NodeId;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn holdings(change: impl FnOnce(&mut Limits)) -> Arc<Holdings> {
    let mut limits = Limits::default();
    change(&mut limits);
    Holdings::new(&limits)
}

/// Opens until it is refused; how many were open, and why not more.
fn fill(open: impl Fn(usize) -> Result<Held, ConnectError>) -> (usize, ConnectError) {
    let mut held = Vec::new();
    loop {
        match open(held.len()) {
            Ok(one) => held.push(one),
            Err(error) => return (held.len(), error),
        }
    }
}

fn channels_of(holdings: &Arc<Holdings>, identity: &Identity) -> (usize, ConnectError) {
    fill(|_| holdings.channel(identity))
}

#[test]
fn everybody_has_a_limit_by_default() {
    let holdings = holdings(|_| {});
    let full = |identity| channels_of(&holdings, &identity);
    let limit = 100;
    let named = full(Identity::new("a"));
    assert_eq!(named, (limit, ConnectError::TooManyChannels { limit }));
    let limit = 500;
    let from_here = full(Identity::anonymous().with_peer(HERE));
    assert_eq!(from_here, (limit, ConnectError::TooManyFromPeer { limit }));
    let limit = 10_000;
    let anonymous = full(Identity::anonymous());
    assert_eq!(anonymous, (limit, ConnectError::TooManyAnonymous { limit }));
    let limit = 20_000;
    let in_all = fill(|count| holdings.channel(&Identity::new(count.to_string())));
    assert_eq!(in_all, (limit, ConnectError::Full { limit }));
    assert!(holdings.is_empty());
}

#[test]
fn an_address_counts_for_those_with_a_name_too() {
    let holdings = holdings(|limits| limits.channels_per_peer = 3);
    let here = |count: usize| Identity::new(count.to_string()).with_peer(HERE);
    let limit = 3;
    let full = fill(|count| holdings.channel(&here(count)));
    assert_eq!(full, (limit, ConnectError::TooManyFromPeer { limit }));
    // Elsewhere, and without an address, there is room.
    let elsewhere = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert!(holdings.channel(&here(0).with_peer(elsewhere)).is_ok());
    assert!(holdings.channel(&Identity::new("0")).is_ok());
}

#[test]
fn what_is_refused_is_counted_nowhere() {
    let holdings = holdings(|limits| limits.channels = 1);
    let first = holdings.channel(&Identity::new("a")).unwrap();
    let limit = 1;
    for _ in 0..3 {
        let refused = holdings.channel(&Identity::new("b")).unwrap_err();
        assert_eq!(refused, ConnectError::Full { limit });
    }
    drop(first);
    assert!(holdings.is_empty());
}

#[test]
fn memory_is_counted_on_who_pays() {
    let holdings = holdings(|limits| {
        limits.bytes_per_identity = 100_000;
        limits.anonymous_bytes = 250_000;
    });
    let quota = |identity: Identity| {
        let id = ChannelId::random(NodeId(1)).unwrap();
        holdings.quota(&identity, &id)
    };
    // Two channels of one name share, two of the anonymous do not, as long as all have room.
    let (first, second) = (quota(Identity::new("a")), quota(Identity::new("a")));
    let held = first.hold(60_000).unwrap();
    let refused = second.hold(60_000).unwrap_err();
    let limit = 100_000;
    assert_eq!(refused, Refusal::TooMuchHeld { limit });
    drop(held);
    assert!(second.hold(60_000).is_ok());
    let quotas: Vec<_> = (0..3).map(|_| quota(Identity::anonymous())).collect();
    let held: Vec<_> = quotas.iter().map(|quota| quota.hold(100_000)).collect();
    assert!(held[..2].iter().all(Result::is_ok));
    let limit = 250_000;
    let refused = held[2].as_ref().unwrap_err();
    assert_eq!(*refused, Refusal::TooMuchHeld { limit });
    drop(held);
    assert!(holdings.is_empty());
}

proptest! {
    /// Whatever is held and dropped in whatever order, nothing stays and nothing goes over.
    #[test]
    fn counts_return_to_zero(steps in prop::collection::vec((0..5_u8, 0..4_u8, 0..60_000_usize), 1..200)) {
        let holdings = holdings(|limits| {
            limits.channels = 20;
            limits.channels_per_identity = 4;
            limits.channels_per_peer = 6;
            limits.reservations_per_identity = 2;
            limits.bytes_per_identity = 150_000;
        });
        let mut held = Vec::new();
        for (action, who, size) in steps {
            let identity = match who {
                0 => Identity::anonymous(),
                1 => Identity::anonymous().with_peer(HERE),
                2 => Identity::new("a").with_peer(HERE),
                _ => Identity::new("b"),
            };
            let id = ChannelId::random(NodeId(1)).unwrap();
            let one = match action {
                0 => holdings.channel(&identity).ok(),
                1 => holdings.reservation(&identity).ok(),
                2 => holdings.quota(&identity, &id).hold(size).ok(),
                _ if held.is_empty() => None,
                _ => {
                    drop(held.swap_remove(size % held.len()));
                    None
                }
            };
            held.extend(one);
            for (account, sum) in lock(&holdings.accounts).iter() {
                prop_assert_eq!(holdings.check(account, *sum), Ok(()));
            }
        }
        drop(held);
        prop_assert!(holdings.is_empty());
    }
}
