//! Positions in a change log, and the text that a client keeps of one.

use std::fmt;
use std::str::FromStr;

/// A position in a change log: everything up to it has been seen.
///
/// As text it is `v1.<log>.<position>.<token>` and opaque to whoever keeps it. The log is known
/// by random bits that are made with it, and the token by random bits that are made with the
/// position, so that a cursor into another log, or into one that was set back to a backup, is
/// told from one that is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The log.
    pub(crate) log: u64,
    /// The number of the change. Numbers grow in the order of delivery.
    pub(crate) position: u64,
    /// What tells the change from another that had its number.
    pub(crate) token: u64,
}

impl Cursor {
    /// A position of no log: whoever comes back with it has to begin anew.
    pub(crate) const NONE: Self = Self {
        log: 0,
        position: 0,
        token: 0,
    };
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v1.{:x}.{}.{:x}", self.log, self.position, self.token)
    }
}

/// The text is no cursor that this version writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of a change log")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(InvalidCursor);
        let ("v1", log, position, token) = (next()?, next()?, next()?, next()?) else {
            return Err(InvalidCursor);
        };
        let number =
            |text: &str, radix| u64::from_str_radix(text, radix).map_err(|_| InvalidCursor);
        let cursor = Self {
            log: number(log, 16)?,
            position: number(position, 10)?,
            token: number(token, 16)?,
        };
        // One position has one text: no signs, leading zeros, capitals or further parts.
        if cursor.to_string() == text {
            Ok(cursor)
        } else {
            Err(InvalidCursor)
        }
    }
}

/// A position as it is told to who has a scope: `v1.<log>.<position>.<token>.<scope>`. Whoever comes
/// back with another scope has not seen what that has of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopedCursor {
    pub(crate) cursor: Cursor,
    /// What tells scopes apart; 0 without one, and then the text ends before it.
    pub(crate) scope: u64,
}

impl fmt::Display for ScopedCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cursor, scope } = self;
        if *scope == 0 || *cursor == Cursor::NONE {
            return cursor.fmt(f);
        }
        write!(f, "{cursor}.{scope:x}")
    }
}

impl FromStr for ScopedCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let scoped = match text.rsplit_once('.') {
            Some((cursor, scope)) if text.matches('.').count() == 4 => Self {
                cursor: cursor.parse()?,
                scope: u64::from_str_radix(scope, 16).map_err(|_| InvalidCursor)?,
            },
            _ => Self {
                cursor: text.parse()?,
                scope: 0,
            },
        };
        if scoped.to_string() == text {
            Ok(scoped)
        } else {
            Err(InvalidCursor)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_is_written(log: u64, position: u64, token: u64) {
            let cursor = Cursor { log, position, token };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn a_scoped_cursor_is_read_as_it_is_written(position: u64, scope: u64) {
            let (log, token) = (1, 2);
            let cursor = Cursor { log, position, token };
            let scoped = ScopedCursor { cursor, scope };
            prop_assert_eq!(scoped.to_string().parse(), Ok(scoped));
        }

        #[test]
        fn a_text_is_a_cursor_or_an_error(text in "[v0-9a-f.+A-F]{0,40}|\\PC*") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn a_scope_has_one_text_too() {
        for text in [
            "v1.1.1.1.0",
            "v1.1.1.1.01",
            "v1.1.1.1.F",
            "v1.1.1.1.",
            "v1.0.0.0.5",
        ] {
            assert_eq!(text.parse::<ScopedCursor>(), Err(InvalidCursor), "{text:?}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "v1",
            "v1.1.1",
            "v2.1.1.1",
            "v1.1.1.1.",
            "v1.1.1.1.1",
            "v1.+1.1.1",
            "v1.1.01.1",
            "v1.1.1.F",
            "v1.1.-1.1",
            "v1.1.18446744073709551616.1",
            " v1.1.1.1",
            "V1.1.1.1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text:?}");
        }
    }
}
