//! Values from the texts that clients send.

use super::{Kind, Value};

impl Kind {
    /// Reads the text form of a value of this kind: `None` for what is not one, and for kinds
    /// that have no text form of their own.
    pub(crate) fn parse_text(self, _text: &str) -> Option<Value> {
        None
    }
}
