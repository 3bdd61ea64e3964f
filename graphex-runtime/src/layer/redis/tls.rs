//! The cryptography of TLS, of which a process has one implementation.

use redis::{ConnectionAddr, ConnectionInfo};
use rustls::crypto::{CryptoProvider, ring};

pub(super) fn is_spoken(server: &ConnectionInfo) -> bool {
    matches!(server.addr(), ConnectionAddr::TcpTls { .. })
}

/// `redis` takes the implementation of the process. Not before it is needed: a program that chooses
/// one may do so after it has named its server.
pub(super) fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // Where another thread has just chosen one, that is used.
        let _ = ring::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::redis::connection::Server;

    #[test]
    fn who_names_a_server_has_not_chosen_the_programs_cryptography() {
        let server = Server::single("rediss://localhost/").unwrap();
        assert!(server.speaks_tls());
        assert!(CryptoProvider::get_default().is_none());
    }
}
