//! Bytes from which a message is read. Whatever they are, reading ends and does not panic.

use super::Unreadable;

/// What is left to read of a message or a part of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Unreadable> {
        let (first, rest) = self.bytes.split_first().ok_or(Unreadable::Garbage)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(super) fn rest(&mut self) -> &'b [u8] {
        std::mem::take(&mut self.bytes)
    }

    /// The rest, if it has this length.
    pub(super) fn exactly<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Unreadable> {
        self.rest().try_into().map_err(|_| Unreadable::Garbage)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Unreadable::Garbage)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Unreadable> {
        let number = self.unsigned()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Bytes with their length in front.
    pub(super) fn block(&mut self) -> Result<Self, Unreadable> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Unreadable::Garbage)?;
        let split = self.bytes.split_at_checked(length);
        let (block, rest) = split.ok_or(Unreadable::Garbage)?;
        self.bytes = rest;
        Ok(Self::new(block))
    }

    pub(super) fn text(&mut self) -> Result<&'b str, Unreadable> {
        self.block()?.rest_text()
    }

    /// The rest, as text.
    pub(super) fn rest_text(mut self) -> Result<&'b str, Unreadable> {
        std::str::from_utf8(self.rest()).map_err(|_| Unreadable::Garbage)
    }

    /// The next part and its tag.
    pub(crate) fn part(&mut self) -> Result<Option<(u64, Self)>, Unreadable> {
        if self.is_empty() {
            return Ok(None);
        }
        let tag = self.unsigned()?;
        Ok(Some((tag, self.block()?)))
    }
}
