//! What processes say to each other, as bytes.
//!
//! # Form
//!
//! A message is `g`, the version of the form that its writer has, the least version that a reader
//! must have to understand it, its [`Kind`], and parts. A part is a tag, a length and that many
//! bytes; tags and lengths are unsigned LEB128. A reader skips parts whose tags it does not know,
//! so that what is added keeps the least version, and only what changes the meaning of the rest
//! raises it.
//!
//! Rows name their fields, so that nodes with different versions of a model understand each
//! other: a field that the reader does not have is ignored, one that it misses is null.

#[cfg(test)]
mod tests;

#[cfg(any(feature = "redis", test))]
mod changes;
mod control;
mod read;
mod rights;
mod value;
mod write;

#[cfg(any(feature = "redis", test))]
pub(crate) use changes::{Changes, Origin, write_changes};
pub(crate) use control::{Answer, Operation, Request};
use read::Reader;
pub(crate) use rights::{Rescoping, Revocation};
use write::Writer;

/// The version of the form that this code writes, and the highest it understands.
const VERSION: u8 = 1;

/// The least version that understands what this code writes.
const LEAST_VERSION: u8 = 1;

const MARK: u8 = b'g';

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Changes of one stream and action, in order.
    Changes = 1,
    /// The sender has lost changes.
    Loss = 2,
    /// A node asks itself whether it hears itself.
    Probe = 3,
    /// A client asks for something of a channel that lives elsewhere.
    Request = 4,
    /// What became of a request.
    Answer = 5,
    /// A right has ended, or is given back.
    Revocation = 6,
    /// What an identity may see has changed.
    Rescoping = 7,
}

/// Why a message could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is no message of graphex, or a broken one")]
    Garbage,
    #[error("it needs version {0} of the wire form, and this process knows {VERSION}")]
    Version(u8),
    #[error("it is of kind {0}, which this process does not know")]
    Kind(u8),
}

/// Begins a message.
pub(crate) fn begin(kind: Kind) -> Writer {
    Writer::new(vec![MARK, VERSION, LEAST_VERSION, kind as u8])
}

/// A probe of this number, which its sender knows again.
#[cfg(any(feature = "redis", test))]
pub(crate) fn probe(number: u64) -> Vec<u8> {
    let mut message = begin(Kind::Probe);
    message.part(1, |part| part.unsigned(number));
    message.finish()
}

/// The number of a probe.
#[cfg(any(feature = "redis", test))]
pub(crate) fn read_probe(mut parts: Reader<'_>) -> Result<u64, Unreadable> {
    let mut number = Err(Unreadable::Garbage);
    while let Some((tag, mut part)) = parts.part()? {
        if tag == 1 {
            number = part.unsigned();
        }
    }
    number
}

/// Says that the sender has lost changes of this stream. A reader that does not know the part takes
/// all streams for affected.
#[cfg(any(feature = "redis", test))]
pub(crate) fn loss(stream: &str) -> Vec<u8> {
    let mut message = begin(Kind::Loss);
    message.part(1, |part| part.raw(stream.as_bytes()));
    message.finish()
}

/// The stream that changes of were lost, or none for all.
#[cfg(any(feature = "redis", test))]
pub(crate) fn read_loss(mut parts: Reader<'_>) -> Result<Option<&str>, Unreadable> {
    let mut stream = None;
    while let Some((tag, part)) = parts.part()? {
        if tag == 1 {
            stream = Some(part.rest_text()?);
        }
    }
    Ok(stream)
}

/// What a message is, and its parts.
pub(crate) fn open(message: &[u8]) -> Result<(Kind, Reader<'_>), Unreadable> {
    let [MARK, _, least, kind, parts @ ..] = message else {
        return Err(Unreadable::Garbage);
    };
    if *least > VERSION {
        return Err(Unreadable::Version(*least));
    }
    let kinds = [
        Kind::Changes,
        Kind::Loss,
        Kind::Probe,
        Kind::Request,
        Kind::Answer,
        Kind::Revocation,
        Kind::Rescoping,
    ];
    let known = kinds.into_iter().find(|known| *known as u8 == *kind);
    let kind = known.ok_or(Unreadable::Kind(*kind))?;
    Ok((kind, Reader::new(parts)))
}
