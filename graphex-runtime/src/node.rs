//! What a process of a service is called by.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// One hub, among those that share a layer: 64 random bits, new at each start.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(pub(crate) u64);

impl NodeId {
    /// Digits of its text.
    pub(crate) const DIGITS: usize = 16;

    pub(crate) fn random() -> Self {
        // The standard library seeds this from the operating system, and cannot fail at it. The
        // id must be unique, not secret.
        Self(RandomState::new().build_hasher().finish())
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let well_formed = text.len() == Self::DIGITS && text.bytes().all(digits);
        let bits = well_formed.then(|| u64::from_str_radix(text, 16).ok())?;
        bits.map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::NodeId;

    #[test]
    fn an_id_is_read_as_it_is_written_and_in_no_other_way() {
        for id in [NodeId(0), NodeId(u64::MAX), NodeId::random()] {
            assert_eq!(NodeId::parse(&id.to_string()), Some(id));
        }
        for text in [
            "",
            "0",
            "00000000000000000",
            "000000000000000g",
            "+00000000000000f",
        ] {
            assert_eq!(NodeId::parse(text), None, "{text}");
        }
        assert_eq!(NodeId::parse("00000000000000FF"), None);
    }
}
