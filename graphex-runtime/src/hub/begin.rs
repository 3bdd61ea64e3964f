//! Where a subscription begins.

use super::Hub;
use crate::cursor::ScopedCursor;
use crate::error::Refusal;
use crate::model::Model;

/// Where a subscription begins, and what it is told first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Begin {
    pub(crate) place: Place,
    /// Whether it is told when it stands.
    pub(crate) ready: bool,
    /// Whether it is sent the rows that there are, where it does not go on after a position.
    pub(crate) snapshot: bool,
}

impl Begin {
    /// Whether the subscription is to know where it is.
    pub(crate) fn is_placed(&self) -> bool {
        *self != Self::default()
    }
}

impl Hub {
    /// Whether a subscription to the model can begin so.
    pub(crate) fn check_begin(&self, model: &Model, begin: &Begin) -> Result<(), Refusal> {
        let argument = match begin.place {
            Place::Now if !begin.snapshot => return Ok(()),
            _ if self.is_logged(model) => return Ok(()),
            Place::Now => "snapshot",
            Place::After(_) | Place::Nowhere => "after",
        };
        let stream = model.stream;
        Err(Refusal::NoLog { stream, argument })
    }
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

    /// What a client names it, if it names one.
    pub(super) fn name(self) -> Option<String> {
        match self {
            Self::Now => None,
            Self::After(after) => Some(after.to_string()),
            Self::Nowhere => Some(String::new()),
        }
    }

    /// The place that a client names.
    pub(crate) fn named(text: &str) -> Self {
        text.parse().map_or(Self::Nowhere, Self::After)
    }
}
