//! Where a subscription begins.

use crate::cursor::Cursor;

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
    /// With what follows this position of the change log.
    After(Cursor),
    /// Where a text says that is no position of a log.
    Nowhere,
}

/// What a transport knows of an operation that comes back: where the client was. It finds its way
/// through the request's data.
#[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resumed(pub(crate) Place);

impl Place {
    /// The place that a client names.
    pub(crate) fn named(text: &str) -> Self {
        text.parse().map_or(Self::Nowhere, Self::After)
    }
}
