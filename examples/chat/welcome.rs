//! What the server prints when it has started.

use std::net::SocketAddr;

/// How to see an event, ready to paste.
pub(crate) fn text(address: SocketAddr) -> String {
    let kept = match std::env::var("DATABASE_URL") {
        Ok(path) => format!("The database is {path}."),
        Err(_) => "Nothing is kept: the database is in memory.".to_owned(),
    };
    include_str!("welcome.txt")
        .replace("{address}", &address.to_string())
        .replace("{kept}", &kept)
}
