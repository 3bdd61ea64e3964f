//! What a client is told when it gets no, and what a server's start can fail with.

use std::sync::Arc;

/// Why a subscription was not made or ended. Its text is what the client reads in `error`:
/// a plain sentence, nothing of the server's insides.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No open channel has this id, or another identity opened it: the same answer for both.
    #[error("unknown channel: connect to the WebSocket again and use the `channel_id` it sends")]
    UnknownChannel,
    /// The channel's endpoint serves other streams.
    #[error("stream `{stream}` is not served by this endpoint")]
    NotServed {
        /// The stream asked for.
        stream: &'static str,
    },
    /// The `id` argument cannot be a key of the model.
    #[error("`id` must be {expected}")]
    InvalidId {
        /// What an id looks like.
        expected: &'static str,
    },
    /// A filter cannot be what the client sent.
    #[error("{0}")]
    InvalidFilter(String),
    /// The filters take more memory than they may.
    #[error("the filters are too large: together their values may take {limit} bytes")]
    FiltersTooLarge {
        /// [`Limits::filter_bytes`](crate::Limits::filter_bytes).
        limit: usize,
    },
    /// `UNSUBSCRIBE` found nothing to end.
    #[error("no such subscription")]
    NoSuchSubscription,
    /// The channel holds as many subscriptions as it may.
    #[error("too many subscriptions: this channel may hold {limit}")]
    TooManySubscriptions {
        /// [`Limits::subscriptions_per_channel`](crate::Limits::subscriptions_per_channel).
        limit: usize,
    },
    /// Whoever pays for the channel holds as much as it may.
    #[error("too much is held: subscriptions and connections may take {limit} bytes; end some")]
    TooMuchHeld {
        /// [`Limits::bytes_per_identity`](crate::Limits::bytes_per_identity) or one beside it.
        limit: usize,
    },
    /// The selection of events has more aliases than it may.
    #[error("too many aliases: a subscription's events may have {limit}")]
    TooManyAliases {
        /// [`Limits::document_aliases`](crate::Limits::document_aliases).
        limit: usize,
    },
    /// The client asks for a longer throttle than it may.
    #[error("`throttle` must be a number of milliseconds from 0 to {limit}")]
    ThrottleTooLong {
        /// [`Limits::longest_throttle`](crate::Limits::longest_throttle).
        limit: u128,
    },
    /// The channel subscribes too often.
    #[error("too many subscriptions at once: this channel may make {limit} a second; try again")]
    TooOften {
        /// [`Limits::subscribes_per_second`](crate::Limits::subscribes_per_second).
        limit: u32,
    },
    /// The subscription is to go on in a log that is not there.
    #[error(
        "stream `{stream}` has no change log, so `{argument}` cannot be given: leave it out, and load \
         what you show"
    )]
    NoLog {
        /// The stream asked for.
        stream: &'static str,
        /// What needs the log.
        argument: &'static str,
    },
    /// The rows that there are are more than a subscription may begin with.
    #[error(
        "the snapshot is too large: {0}; narrow it with `filters` or `id`, or leave `snapshot` \
         out and load what you show in pages"
    )]
    SnapshotTooLarge(String),
    /// The layer did not confirm that it listens.
    #[error("live updates are not available at the moment; try again")]
    Unavailable,
    /// The process that has the channel did not answer.
    #[error("the process that holds this connection did not answer in time; try again")]
    NoAnswer,
    /// The process that has the channel cannot do what this one asks.
    #[error(
        "this connection is served by another version of the application; connect to the \
         WebSocket again"
    )]
    OtherVersion,
    /// The process that has the channel said no, with this sentence.
    #[error("{0}")]
    Elsewhere(String),
    /// No channel could be opened for a subscription that brings none.
    #[error(transparent)]
    NoChannel(#[from] ConnectError),
    /// `authorize` or `scope` said no, with this sentence.
    #[error("{0}")]
    Denied(String),
    /// Something failed on the server; the log has it.
    #[error("the subscription failed on the server; its log says why")]
    Internal,
}

impl Refusal {
    /// What GraphQL errors carry as `extensions.code`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::UnknownChannel | Self::NoSuchSubscription => "NOT_FOUND",
            Self::NotServed { .. } => "NOT_SERVED",
            Self::InvalidId { .. }
            | Self::InvalidFilter(_)
            | Self::FiltersTooLarge { .. }
            | Self::NoLog { .. }
            | Self::ThrottleTooLong { .. } => "BAD_USER_INPUT",
            Self::NoChannel(ConnectError::GoingAway | ConnectError::NoRandomness) => "UNAVAILABLE",
            Self::NoChannel(ConnectError::Revoked { .. }) => "FORBIDDEN",
            Self::NoChannel(ConnectError::Expired) => "UNAUTHENTICATED",
            Self::TooManySubscriptions { .. }
            | Self::TooMuchHeld { .. }
            | Self::SnapshotTooLarge(_)
            | Self::TooManyAliases { .. }
            | Self::TooOften { .. }
            | Self::NoChannel(_) => "LIMIT_EXCEEDED",
            Self::Denied(_) | Self::Elsewhere(_) => "FORBIDDEN",
            Self::Unavailable | Self::NoAnswer | Self::OtherVersion => "UNAVAILABLE",
            Self::Internal => "INTERNAL_SERVER_ERROR",
        }
    }
}

/// Why a document is not executed. Its text is what the client reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// [`Limits::document_bytes`](crate::Limits::document_bytes).
    #[error("the document is too large: it may have {limit} bytes")]
    Bytes { limit: usize },
    /// [`Limits::document_tokens`](crate::Limits::document_tokens).
    #[error(
        "the document is too large: it may have {limit} tokens, where a fragment counts as often \
         as it is spread"
    )]
    Tokens { limit: usize },
    /// [`Limits::document_name`](crate::Limits::document_name).
    #[error("a name in the document is too long: it may have {limit} bytes")]
    Name { limit: usize },
    /// [`Limits::document_nesting`](crate::Limits::document_nesting).
    #[error(
        "the document is nested too deeply: {limit} brackets may be open at once, those around \
         the spread of a fragment included"
    )]
    Nesting { limit: usize },
    /// [`Limits::document_selections`](crate::Limits::document_selections).
    #[error(
        "the document selects too much: it may have {limit} selections, where a fragment counts \
         as often as it is spread"
    )]
    Selections { limit: usize },
    /// [`Limits::document_aliases`](crate::Limits::document_aliases).
    #[error(
        "the document has too many aliases: it may have {limit}, where a fragment counts as often \
         as it is spread"
    )]
    Aliases { limit: usize },
    /// [`Limits::document_values`](crate::Limits::document_values).
    #[error(
        "the arguments are too large: they may come to {limit} bytes, where a variable counts as \
         often as it is used"
    )]
    Values { limit: usize },
    /// [`Limits::introspection_selections`](crate::Limits::introspection_selections).
    #[error("the introspection is too large: it may have {limit} selections")]
    Introspection { limit: usize },
    /// [`Limits::introspection_lists`](crate::Limits::introspection_lists).
    #[error(
        "the introspection is nested too deeply: `fields`, `inputFields`, `interfaces` and \
         `possibleTypes` may be {limit} within each other"
    )]
    IntrospectionLists { limit: usize },
    /// The parser would look for its end again and again.
    #[error("a block string is not ended")]
    BlockString,
    /// Its expansion has no end.
    #[error("fragment `{name}` spreads itself")]
    Cycle { name: String },
}

impl Unfit {
    /// What GraphQL errors carry as `extensions.code`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::BlockString => "GRAPHQL_PARSE_FAILED",
            Self::Cycle { .. } => "GRAPHQL_VALIDATION_FAILED",
            _ => "LIMIT_EXCEEDED",
        }
    }
}

/// Why the hub closed a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// Its outbox was full: the client reads slower than its subscriptions deliver.
    #[error("the client reads slower than its subscriptions deliver")]
    SlowReader,
    /// The hub [drains](crate::Hub::drain): the client is to connect again, which brings it to
    /// another process or to the next version of this one.
    #[error("this server is going away; connect again")]
    GoingAway,
    /// What its identity may see [has changed](crate::Hub::rescope): the client is to connect and
    /// subscribe again.
    #[error("what this client may see has changed; connect again")]
    Rescoped,
    /// The right of its identity was [revoked](crate::Hub::revoke), with this sentence.
    #[error("{0}")]
    Revoked(Arc<str>),
    /// The time of its identity [is over](crate::Identity::with_expiry).
    #[error("the time of this login is over; connect again with a new one")]
    Expired,
}

impl CloseReason {
    /// What GraphQL errors carry as `extensions.code`.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::SlowReader => "LIMIT_EXCEEDED",
            Self::GoingAway | Self::Rescoped => "UNAVAILABLE",
            Self::Revoked(_) => "FORBIDDEN",
            Self::Expired => "UNAUTHENTICATED",
        }
    }

    /// Whether the client had a right that it has no more: it gets nothing else, and is told.
    pub(crate) const fn is_end_of_right(&self) -> bool {
        matches!(self, Self::Revoked(_) | Self::Expired)
    }
}

/// Why a channel could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The identity has as many open channels as it may.
    #[error("too many connections: close one of the {limit} that are open")]
    TooManyChannels {
        /// [`Limits::channels_per_identity`](crate::Limits::channels_per_identity).
        limit: usize,
    },
    /// As many channels are open from the client's address as may be.
    #[error("too many connections from this address: {limit} may be open; close one")]
    TooManyFromPeer {
        /// [`Limits::channels_per_peer`](crate::Limits::channels_per_peer).
        limit: usize,
    },
    /// All anonymous clients together have as many open channels as they may.
    #[error("too many clients are not logged in: {limit} may be connected; log in, or try later")]
    TooManyAnonymous {
        /// [`Limits::anonymous_channels`](crate::Limits::anonymous_channels).
        limit: usize,
    },
    /// The process has as many open channels as it may.
    #[error("this server is full: {limit} connections are open; try again later")]
    Full {
        /// [`Limits::channels`](crate::Limits::channels).
        limit: usize,
    },
    /// As many streams are reserved and not connected to as may be.
    #[error("too many streams are reserved: connect to one of the {limit} first")]
    TooManyReservations {
        /// [`Limits::reservations_per_identity`](crate::Limits::reservations_per_identity) or one
        /// beside it.
        limit: usize,
    },
    /// What is open takes as much memory as it may.
    #[error("too much is held: subscriptions and connections may take {limit} bytes; end some")]
    TooMuchHeld {
        /// [`Limits::bytes_per_identity`](crate::Limits::bytes_per_identity) or one beside it.
        limit: usize,
    },
    /// The hub [drains](crate::Hub::drain).
    #[error("this server is going away; connect again")]
    GoingAway,
    /// The identity was [revoked](crate::Hub::revoke), with this sentence.
    #[error("{reason}")]
    Revoked {
        /// What `revoke` was given.
        reason: Arc<str>,
    },
    /// The time of the identity [is over](crate::Identity::with_expiry).
    #[error("the time of this login is over; connect again with a new one")]
    Expired,
    /// The operating system gave no random bits for a channel id.
    #[error("no connection can be opened at the moment; try again later")]
    NoRandomness,
}
