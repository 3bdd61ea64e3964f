//! What one process tells all others of rights: that they have ended or changed.

use std::net::IpAddr;
use std::time::Duration;

use super::{Kind, Reader, Unreadable, begin};

const NAME: u64 = 1;
const PEER: u64 = 2;
const REASON: u64 = 3;
const LEFT: u64 = 4;
const NUMBER: u64 = 5;

/// Whose right has ended, or is given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// The identity's; without one, everybody's who has none, from this address or from any.
    pub(crate) name: Option<String>,
    pub(crate) peer: Option<IpAddr>,
    /// What the client is told; without one the right is given back.
    pub(crate) reason: Option<String>,
    /// The time after which it would have ended anyway.
    pub(crate) left: Option<Duration>,
}

impl Revocation {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = begin(Kind::Revocation);
        if let Some(name) = &self.name {
            message.part(NAME, |part| part.raw(name.as_bytes()));
        }
        if let Some(peer) = &self.peer {
            message.part(PEER, |part| part.raw(peer.to_string().as_bytes()));
        }
        if let Some(reason) = &self.reason {
            message.part(REASON, |part| part.raw(reason.as_bytes()));
        }
        if let Some(left) = self.left {
            message.part(LEFT, |part| part.unsigned(milliseconds(left)));
        }
        message.finish()
    }

    pub(crate) fn read(mut parts: Reader<'_>) -> Result<Self, Unreadable> {
        let (mut name, mut peer, mut reason, mut left) = (None, None, None, None);
        while let Some((tag, mut part)) = parts.part()? {
            match tag {
                NAME => name = Some(part.rest_text()?.to_owned()),
                PEER => {
                    let address = part.rest_text()?.parse();
                    // Taken for absent, it would be everybody's.
                    peer = Some(address.map_err(|_| Unreadable::Garbage)?);
                }
                REASON => reason = Some(part.rest_text()?.to_owned()),
                LEFT => left = Some(Duration::from_millis(part.unsigned()?)),
                _ => {}
            }
        }
        Ok(Self {
            name,
            peer,
            reason,
            left,
        })
    }
}

/// Whose scopes have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rescoping {
    /// The identity's, as of a [`Revocation`].
    pub(crate) name: Option<String>,
    pub(crate) peer: Option<IpAddr>,
    /// What tells it from others: it may come again.
    pub(crate) number: u64,
}

impl Rescoping {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = begin(Kind::Rescoping);
        if let Some(name) = &self.name {
            message.part(NAME, |part| part.raw(name.as_bytes()));
        }
        if let Some(peer) = &self.peer {
            message.part(PEER, |part| part.raw(peer.to_string().as_bytes()));
        }
        message.part(NUMBER, |part| part.unsigned(self.number));
        message.finish()
    }

    pub(crate) fn read(mut parts: Reader<'_>) -> Result<Self, Unreadable> {
        let (mut name, mut peer, mut number) = (None, None, Err(Unreadable::Garbage));
        while let Some((tag, mut part)) = parts.part()? {
            match tag {
                NAME => name = Some(part.rest_text()?.to_owned()),
                PEER => {
                    let address = part.rest_text()?.parse();
                    // Taken for absent, it would be everybody's.
                    peer = Some(address.map_err(|_| Unreadable::Garbage)?);
                }
                NUMBER => number = part.unsigned(),
                _ => {}
            }
        }
        let number = number?;
        Ok(Self { name, peer, number })
    }
}

/// Of a time so long that it does not fit, the longest that does.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
