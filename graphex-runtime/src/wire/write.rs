//! Bytes into which a message is written.

/// A message, or a part of one, that is being written.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// LEB128.
    pub(super) fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            // The low seven bits.
            self.bytes.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.bytes.push(number.to_le_bytes()[0]);
    }

    /// Numbers near zero are short, whatever their sign.
    pub(super) fn signed(&mut self, number: i64) {
        self.unsigned((number << 1 ^ number >> 63).cast_unsigned());
    }

    /// Bytes, with their length in front.
    pub(super) fn block(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        // Room for a length of one byte, which most have.
        self.bytes.push(0);
        write(self);
        let length = self.bytes.len() - start - 1;
        match u8::try_from(length) {
            Ok(short @ ..0x80) => self.bytes[start] = short,
            _ => {
                let mut head = Self::default();
                // A `usize` has at most 64 bits on every target of Rust's standard library.
                head.unsigned(length as u64);
                self.bytes.splice(start..=start, head.bytes);
            }
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.block(|block| block.raw(text.as_bytes()));
    }

    pub(super) fn part(&mut self, tag: u64, write: impl FnOnce(&mut Self)) {
        self.unsigned(tag);
        self.block(write);
    }
}
