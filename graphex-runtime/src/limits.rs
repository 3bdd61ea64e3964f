//! Every limit of a hub with its default, in one place.

use std::time::Duration;

/// What a hub allows before it refuses, closes or drops and counts.
///
/// All limits are on by default. Change them when the hub is built:
///
/// ```
/// use graphex_runtime::Hub;
///
/// let hub = Hub::builder()
///     .limits(|limits| limits.subscriptions_per_channel = 20)
///     .build();
/// # drop(hub);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Largest frame a client may send over a WebSocket, in bytes. A larger one closes the
    /// channel with 1009. Default: 65,536 (64 KiB).
    pub inbound_frame: usize,
    /// Largest body of an HTTP request, in bytes. A larger one is answered with 413.
    /// Default: 1,048,576 (1 MiB).
    pub http_body: usize,
    /// Most operations in one HTTP batch; 0 turns batches off. Default: 20.
    pub batch: usize,
    /// Most subscriptions of one channel. `ALL_ACTIONS` on one `id` counts as one.
    /// Default: 100.
    pub subscriptions_per_channel: usize,
    /// Most memory that the operands of one subscription's filters may take, in bytes: a number
    /// is 32, a text its length more. Default: 65,536 (64 KiB).
    pub filter_bytes: usize,
    /// Largest size of a compiled regular expression of the lookups `regex` and `iregex`, in
    /// bytes; matching may keep as much again. Default: 65,536 (64 KiB).
    pub pattern_bytes: usize,
    /// Most narrowed topics that one subscription listens on, where it pins index fields to
    /// several values; with more it listens on the coarse topic. More than 64 is as 64. Default: 32.
    pub narrowed_topics: usize,
    /// Time that a custom lookup has for one operand and change. One that takes longer counts
    /// as failed, and its subscribers are told that they may have missed a change. Default: 2 s.
    pub lookup_time: Duration,
    /// Custom lookups that run at once in this process. Default: 64.
    pub lookups_at_once: usize,
    /// Custom lookups that run at once for one [`Identity`](crate::Identity), or one anonymous
    /// channel. Default: 8.
    pub lookups_per_identity: usize,
    /// Work on regular expressions that one [`Identity`](crate::Identity), or one anonymous
    /// channel, may cause in a second: states of the pattern times bytes of the text. It is what a
    /// test can cost at the most, some nanoseconds each; most cost far less. A change that needs
    /// more is not tested, and its subscribers are told that they may have missed one. Default:
    /// 20,000,000, which is less than half of one processor.
    pub pattern_work: u64,
    /// Most changes that wait for the custom lookups and regular expressions of one
    /// [`Identity`](crate::Identity), or one anonymous channel, counted for each subscription
    /// that waits. When there are more, what waits for the same is dropped, and its subscribers
    /// are told that they may have missed changes. Default: 8,192.
    pub decision_queue: usize,
    /// The same in bytes of the rows. Default: 67,108,864 (64 MiB).
    pub decision_bytes: usize,
    /// Most open channels of one named [`Identity`](crate::Identity) in this process; one more is
    /// answered with 429. The anonymous identity is not limited, since it is everybody's.
    /// Default: 100.
    pub channels_per_identity: usize,
    /// Most frames that wait for one slow reader; [`slow_reader`](Self::slow_reader) says what
    /// happens to more. Default: 1,024.
    pub outbox_frames: usize,
    /// Most bytes that wait for one slow reader; one frame alone has room, however large it is. A
    /// frame that repeats values until it is larger is not sent, and its subscription is told that
    /// it may have missed a change. Default: 1,048,576 (1 MiB).
    pub outbox_bytes: usize,
    /// What happens to a client that reads slower than its subscriptions deliver. Default: it
    /// gets what has room, then a `resync`.
    pub slow_reader: SlowReader,
    /// Time between two `resync` of one subscription; what it may have missed meanwhile is told
    /// by the second. At most an hour. Default: 1 s.
    pub resync_interval: Duration,
    /// Most committed changes of one stream that wait between the writers and the layer. One
    /// transaction alone has room, however large it is. Further ones are dropped, counted in
    /// [`Stats::changes_lost`](crate::Stats::changes_lost) and logged, and every subscription of
    /// the stream is told that it may have missed changes. Default: 65,536.
    pub publisher_queue: usize,
    /// Time that a layer has for confirming that a process listens to the topics of a new
    /// subscription; then the client is told to try again. Default: 3 s.
    pub join_time: Duration,
    /// Time after which a process leaves a topic that none of its channels needs any more, so
    /// that who leaves and comes back costs nothing. Default: 5 s.
    pub leave_grace: Duration,
    /// Time that another process has for answering a request for one of its channels; more than
    /// [`join_time`](Self::join_time), which is part of it. Default: 5 s.
    pub answer_time: Duration,
    /// Time between two messages that a process sends to itself through the layer. A link on
    /// which it has not heard itself for two of these is given up and made anew. Default: 2 s.
    pub probe_interval: Duration,
    /// Most bytes of messages from the layer that wait for delivery. Further ones are dropped and
    /// counted, and every subscription of the process is told. Default: 67,108,864 (64 MiB).
    pub layer_queue_bytes: usize,
    /// Time a graphql-transport-ws client has for its `connection_init`, before its socket is
    /// closed with 4408; zero waits for ever. Default: 3 s.
    pub init_wait: Duration,
    /// Most operations that run at once on one connection of a standard protocol. One more is
    /// answered with an error. Default: 100.
    pub operations_per_connection: usize,
    /// Time between two signs of life on a stream of GraphQL over SSE (comments) or of Apollo's
    /// multipart protocol (empty parts); zero turns them off. Default: 12 s.
    pub stream_heartbeat: Duration,
    /// Time a client has to connect to a stream that it has reserved (the single-connection
    /// mode of GraphQL over SSE), before it is given up; zero waits for ever. Default: 30 s.
    pub reservation_wait: Duration,
    /// Time between two pings of the server; zero turns them off. Default: 15 s.
    pub ping_interval: Duration,
    /// Unanswered pings after which a peer counts as dead. Default: 2.
    pub missed_pings: u32,
    /// Time a peer has for taking the close frame before its connection is dropped.
    /// Default: 5 s.
    pub close_wait: Duration,
}

/// What happens to a client that reads slower than its subscriptions deliver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowReader {
    /// It gets what had room, then one `resync` for each subscription that lost something. A
    /// client that takes nothing at all is closed when it counts as dead.
    #[default]
    Resync,
    /// Its channel is closed with 1013. The only way for a hub that does not tell of gaps
    /// ([`HubBuilder::resync`](crate::HubBuilder::resync)).
    Close,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound_frame: 64 * 1024,
            http_body: 1024 * 1024,
            batch: 20,
            subscriptions_per_channel: 100,
            filter_bytes: 64 * 1024,
            pattern_bytes: 64 * 1024,
            narrowed_topics: 32,
            lookup_time: Duration::from_secs(2),
            lookups_at_once: 64,
            lookups_per_identity: 8,
            pattern_work: 20_000_000,
            decision_queue: 8192,
            decision_bytes: 64 * 1024 * 1024,
            channels_per_identity: 100,
            outbox_frames: 1024,
            outbox_bytes: 1024 * 1024,
            slow_reader: SlowReader::Resync,
            resync_interval: Duration::from_secs(1),
            publisher_queue: 65_536,
            join_time: Duration::from_secs(3),
            leave_grace: Duration::from_secs(5),
            answer_time: Duration::from_secs(5),
            probe_interval: Duration::from_secs(2),
            layer_queue_bytes: 64 * 1024 * 1024,
            init_wait: Duration::from_secs(3),
            operations_per_connection: 100,
            stream_heartbeat: Duration::from_secs(12),
            reservation_wait: Duration::from_secs(30),
            ping_interval: Duration::from_secs(15),
            missed_pings: 2,
            close_wait: Duration::from_secs(5),
        }
    }
}
