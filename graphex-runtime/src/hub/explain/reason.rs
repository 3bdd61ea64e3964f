//! What decides whether a change is delivered.

use std::time::Duration;

use crate::change::Action;
use crate::error::CloseReason;

/// What decides whether a change is delivered, the farthest from it first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The hub was built without the model.
    #[error("no: the hub does not know the model `{model}`")]
    UnknownModel {
        /// Its name.
        model: &'static str,
    },
    /// No channel of this process has the id.
    #[error("no: this process has no such channel; it is closed, or another process has it")]
    NoChannel,
    /// The channel is being closed.
    #[error("no: the channel is closed: {0}")]
    Closed(CloseReason),
    /// The channel's endpoint serves other streams alone.
    #[error("no: the channel's endpoint does not serve the stream `{stream}`")]
    NotServed {
        /// The change's.
        stream: &'static str,
    },
    /// The channel has no subscription at all.
    #[error("no: the channel has not joined a stream")]
    NotJoined,
    /// The channel subscribes to other streams.
    #[error("no: the channel has joined other streams: {}", .joined.join(", "))]
    AnotherStream {
        /// Those that it has joined.
        joined: Vec<&'static str>,
    },
    /// The subscription asks for other actions.
    #[error("no: the subscription does not ask for the action `{action}`")]
    Action {
        /// The change's.
        action: Action,
    },
    /// The server's scope leaves the row out.
    #[error("no: the scope leaves the row out, by its field `{field}`")]
    Scope {
        /// The field.
        field: &'static str,
    },
    /// The subscription is to another row.
    #[error("no: the subscription asks for another `id`")]
    Id,
    /// The client's filters leave the row out.
    #[error("no: the filter `{key}` leaves the row out")]
    Filter {
        /// As the client wrote it.
        key: String,
    },
    /// Whoever owns the channel has spent what it may on regular expressions.
    #[error(
        "no: the budget for regular expressions is spent, so that the filter `{key}` is not tested; see `Limits::pattern_work`"
    )]
    BudgetSpent {
        /// The filter.
        key: String,
    },
    /// A custom lookup failed or took too long.
    #[error("no: the lookup of the filter `{key}` failed; the log says why")]
    LookupFailed {
        /// The filter.
        key: String,
    },
    /// The client reads too slowly, or changes were lost: until it is told of the gap, what comes is
    /// a part of it.
    #[error(
        "no: the subscription has a gap that it is still to be told of, and this is a part of it: the client reads too slowly, or changes were lost"
    )]
    Overflow,
    /// Another update of the row went a moment ago: this one is told when the time of the throttle is
    /// over, unless a newer one is told in its place.
    #[error("later: an update of the row went less than {} ms ago; the newest is told then", .interval.as_millis())]
    Throttled {
        /// Of the subscription.
        interval: Duration,
    },
    /// The update makes the row one of the subscription's: it is told as `ENTER`.
    #[error("yes, as ENTER")]
    Enters,
    /// The update makes the row one of the subscription's no longer: it is told as `LEAVE`.
    #[error("yes, as LEAVE")]
    Leaves,
    /// Nothing speaks against it.
    #[error("yes")]
    Delivered,
}

impl Reason {
    /// How far a change came.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Delivered | Self::Enters | Self::Leaves | Self::Throttled { .. } => 4,
            Self::Overflow | Self::BudgetSpent { .. } | Self::LookupFailed { .. } => 3,
            Self::Filter { .. } | Self::Id => 2,
            Self::Scope { .. } => 1,
            _ => 0,
        }
    }
}
