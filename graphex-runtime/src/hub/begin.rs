//! Where a subscription begins.

use crate::cursor::ScopedCursor;

/// Where a subscription begins, and what it is told first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) place: Place,
    /// Whether it is told when it stands.
    pub(crate) ready: bool,
    /// Whether it is sent the rows that there are, where it does not go on after a position.
    pub(crate) snapshot: bool,
}

/// Where a subscription begins in its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// With what is committed from now on.
    #[default]
    Now,
    /// With what follows this position of the change log, which was told to who had this scope.
    After(ScopedCursor),
    /// Where a text says that is no position of a log.
    Nowhere,
}

/// What a transport knows of an operation that comes back: where the client was. It finds its way
/// through the request's data.
#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resumed(pub(crate) Place);

impl Place {
    /// The same for who has this scope: with another one it is no position to go on after.
    pub(super) fn within(self, scope: u64) -> Self {
        match self {
            Self::After(after) if after.scope != scope => Self::Nowhere,
            place => place,
        }
    }

    /// The place that a client names.
    pub(crate) fn named(text: &str) -> Self {
        text.parse().map_or(Self::Nowhere, Self::After)
    }
}
