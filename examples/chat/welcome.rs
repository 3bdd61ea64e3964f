//! What the server prints when it has started.

use std::net::SocketAddr;

/// How to see an event, ready to paste.
pub(crate) fn text(address: SocketAddr) -> String {
    include_str!("welcome.txt").replace("{address}", &address.to_string())
}
