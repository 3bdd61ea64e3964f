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
    /// Time a client has for the body of an HTTP request; one that takes longer is answered with
    /// 408. Zero waits for ever. Default: 30 s.
    pub body_wait: Duration,
    /// Most operations in one HTTP batch; 0 turns batches off. Default: 20.
    pub batch: usize,
    /// Largest GraphQL document, in bytes. Default: 131,072 (128 KiB).
    ///
    /// This and the limits below are held before a document is parsed or executed, whichever way
    /// it comes. A document beyond one of them is answered with an error that names the limit, and
    /// counted in [`Stats::documents_refused`](crate::Stats::documents_refused). Requests to
    /// [`execute`](crate::execute) without a hub in their data have the defaults;
    /// [`DocumentGuard`](crate::DocumentGuard) guards a schema behind other endpoints too.
    ///
    /// What async-graphql has of this kind is not enough: its parser recurses into each bracket
    /// before anything is counted, and `limit_depth`, `limit_complexity`, `limit_recursive_depth`
    /// and `limit_directives` expand every fragment as often as it is spread in order to count,
    /// which takes as long as what they guard against. They bound what a valid query costs your
    /// resolvers, and are worth setting beside these.
    ///
    /// The defaults are such that no document costs the parser and validation much more than 50 ms
    /// of one core (`benches/documents.rs`): 5,000 fields 23 ms, in 30 inline fragments 32 ms,
    /// unknown ones 25 to 41 ms, 15,000 values 19 ms, 2,400 variables 23 ms, 500 selections of
    /// introspection of a small schema 18 ms, 128 KiB of line breaks 16 ms and of comments 54 ms.
    /// Refusing costs 1 µs for 2 KB of brackets, 9 µs for 900 bytes of fragments, 0.2 ms for 10,000
    /// aliases.
    pub document_bytes: usize,
    /// Most tokens of a document, where a fragment counts as often as it is spread. Names,
    /// numbers, strings and punctuators are tokens; commas, white space and comments are not.
    /// Default: 15,000.
    pub document_tokens: usize,
    /// Longest name in a document, in bytes: what is unknown is compared with all that is known.
    /// Default: 256.
    pub document_name: usize,
    /// Most brackets of a document that may be open at once, of any kind; the brackets of a
    /// fragment count where it is spread. async-graphql's parser recurses for each, and with 2 MiB
    /// of stack ends the process at some hundreds. Default: 64.
    pub document_nesting: usize,
    /// Most fields, spreads and inline fragments of a document, where a fragment counts as often as
    /// it is spread. Default: 5,000.
    pub document_selections: usize,
    /// Most fields with an alias of a document, where a fragment counts as often as it is spread:
    /// each is one more answer of the same field. The events of one subscription have no more
    /// either. Default: 1,000.
    pub document_aliases: usize,
    /// Most bytes that the arguments of one operation come to with its variables, where a
    /// variable counts as often as it is used: async-graphql makes a copy for each use. A number
    /// is 32, a text its length more. Default: 4,194,304 (4 MiB).
    pub document_values: usize,
    /// Most selections below `__schema` and `__type`, where a fragment counts as often as it is
    /// spread: each is multiplied with the size of the schema. Default: 500; what GraphiQL sends
    /// has about 200.
    pub introspection_selections: usize,
    /// Most lists of types within each other in introspection (`fields`, `inputFields`,
    /// `interfaces` and `possibleTypes`): each multiplies the answer by its length.
    /// Default: 2, as graphql-js has it; what GraphiQL sends has 1.
    pub introspection_lists: usize,
    /// Most subscriptions of one channel. `ALL_ACTIONS` on one `id` counts as one.
    /// Default: 100.
    pub subscriptions_per_channel: usize,
    /// How often one channel may subscribe in a second, and at once, again and again too; zero is no
    /// limit. Default: 200.
    pub subscribes_per_second: u32,
    /// How many spans of each kind and stream begin in a second, and at once, where a subscriber of
    /// `tracing` listens; the others are counted in the next one's `graphex.left_out`. Zero is no limit.
    /// Default: 10.
    pub spans_per_second: u32,
    /// Most memory that the operands of one subscription's filters may take, in bytes: a number
    /// is 32, a text its length more. Default: 65,536 (64 KiB).
    pub filter_bytes: usize,
    /// Largest size of a compiled regular expression of the lookups `regex` and `iregex`, in
    /// bytes; matching may keep as much again. 0 turns both lookups off for all models of the hub: who
    /// asks for one is answered with an error that says so. One model leaves them out of its schema
    /// with `#[graphex(patterns = false)]`. Default: 65,536 (64 KiB).
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
    /// The longest time between two updates of one row that a client may ask for, with the argument
    /// `throttle` of `MessageChanges`; zero takes none. Default: 60 s.
    pub longest_throttle: Duration,
    /// Most changes that wait for the custom lookups and regular expressions of one
    /// [`Identity`](crate::Identity), or one anonymous channel, counted for each subscription
    /// that waits. When there are more, what waits for the same is dropped, and its subscribers
    /// are told that they may have missed changes. Default: 8,192.
    pub decision_queue: usize,
    /// The same in bytes of the rows. Default: 67,108,864 (64 MiB).
    pub decision_bytes: usize,
    /// Most open channels of this process, which are WebSockets and streams; one more is answered
    /// with 503. So is what goes over any of the limits of channels below with 429.
    /// Default: 20,000.
    pub channels: usize,
    /// Most open channels of one named [`Identity`](crate::Identity) in this process.
    /// Default: 100.
    pub channels_per_identity: usize,
    /// Most open channels from one address, where the application gives one with
    /// [`Identity::with_peer`](crate::Identity::with_peer). Default: 500.
    pub channels_per_peer: usize,
    /// Most open channels of all anonymous clients together. Default: 10,000.
    pub anonymous_channels: usize,
    /// Most memory that what one named identity holds may take, in bytes: 16 KiB for a channel,
    /// and its subscriptions, each with its filters, patterns and topics as if nobody shared them.
    /// Of anonymous clients without an address each channel has as much. What waits for a slow
    /// reader has limits of its own; what a client that goes on after a cursor is to be sent is counted
    /// here while it waits for that, and read again where there is no room. Default: 16,777,216 (16 MiB).
    pub bytes_per_identity: usize,
    /// The same from one address. Default: 16,777,216 (16 MiB).
    pub bytes_per_peer: usize,
    /// The same of all anonymous clients together. Default: 268,435,456 (256 MiB).
    pub anonymous_bytes: usize,
    /// Most streams that one named identity has reserved (the single-connection mode of GraphQL
    /// over SSE) and is not connected to; each counts as a channel too. One more is answered
    /// with 429. Default: 20.
    pub reservations_per_identity: usize,
    /// The same from one address. Default: 100.
    pub reservations_per_peer: usize,
    /// The same of all anonymous clients together. Default: 1,000.
    pub anonymous_reservations: usize,
    /// Most identities that are [revoked](crate::Hub::revoke) at once. Of more, the one whose time
    /// is over first may connect again; that is logged and counted in
    /// [`Stats::revocations_forgotten`](crate::Stats::revocations_forgotten). Default: 10,000.
    pub revocations: usize,
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
    /// Whether a subscription that may have missed changes is told:
    /// [`HubBuilder::resync`](crate::HubBuilder::resync).
    pub(crate) resync: bool,
    /// Most rows of a snapshot, with which a subscription begins that asks for one. Default: 10,000.
    pub snapshot_rows: usize,
    /// Most rows that are read from the database for a snapshot. They are more than it has where the
    /// filters ask what SQL is not trusted to see as memory does: each row is tested there. Default:
    /// 100,000.
    pub snapshot_reads: usize,
    /// Most bytes of a snapshot's rows. They are in memory, counted as their owner's, until the last
    /// of them is queued. Default: 8,388,608 (8 MiB).
    pub snapshot_bytes: usize,
    /// Time between two `resync` of one subscription; what it may have missed meanwhile is told
    /// by the second. At most an hour. Default: 1 s.
    pub resync_interval: Duration,
    /// Most committed changes of one stream that wait between the writers and the layer. One
    /// transaction alone has room, however large it is. Further ones are dropped, counted in
    /// [`Stats::changes_lost`](crate::Stats::changes_lost) and logged, and every subscription of
    /// the stream is told that it may have missed changes. Default: 65,536.
    pub publisher_queue: usize,
    /// Time in which the result of a `COMMIT` comes on a connection of diesel-async's, whose future may
    /// have been dropped. After it all subscribers of what was changed are told to load again; and again,
    /// if it turns out later that it took place. Where it is known that the result will not come, they
    /// are told at once, and once more after this time. Default: 10 s.
    pub commit_time: Duration,
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
    /// which none of them has come for two of these is given up and made anew. Default: 2 s.
    pub probe_interval: Duration,
    /// Most bytes of messages of one stream from the layer that wait for delivery. Further ones are
    /// dropped and counted, and the process's subscriptions of that stream are told.
    /// Default: 67,108,864 (64 MiB).
    pub layer_queue_bytes: usize,
    /// Time a graphql-transport-ws client has for its `connection_init`, before its socket is
    /// closed with 4408; zero waits for ever. Default: 3 s.
    pub init_wait: Duration,
    /// Most operations that run at once on one connection of a standard protocol. One more is
    /// answered with an error. Default: 100.
    pub operations_per_connection: usize,
    /// Most operations that run at once for a reserved stream that no client has connected to; one
    /// more is answered with 429. Default: 10.
    pub operations_per_reservation: usize,
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
    ///
    /// A client that goes on by itself after the last position of a change log that it has is told
    /// nothing: it gets what had room, its channel is closed with 1013 or its stream ended, and
    /// when it connects again it has lost nothing.
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
            body_wait: Duration::from_secs(30),
            batch: 20,
            document_bytes: 128 * 1024,
            document_tokens: 15_000,
            document_name: 256,
            document_nesting: 64,
            document_selections: 5_000,
            document_aliases: 1_000,
            document_values: 4 * 1024 * 1024,
            introspection_selections: 500,
            introspection_lists: 2,
            subscriptions_per_channel: 100,
            filter_bytes: 64 * 1024,
            pattern_bytes: 64 * 1024,
            narrowed_topics: 32,
            lookup_time: Duration::from_secs(2),
            lookups_at_once: 64,
            lookups_per_identity: 8,
            pattern_work: 20_000_000,
            subscribes_per_second: 200,
            spans_per_second: 10,
            longest_throttle: Duration::from_secs(60),
            decision_queue: 8192,
            decision_bytes: 64 * 1024 * 1024,
            channels: 20_000,
            channels_per_identity: 100,
            channels_per_peer: 500,
            anonymous_channels: 10_000,
            bytes_per_identity: 16 * 1024 * 1024,
            bytes_per_peer: 16 * 1024 * 1024,
            anonymous_bytes: 256 * 1024 * 1024,
            reservations_per_identity: 20,
            reservations_per_peer: 100,
            anonymous_reservations: 1_000,
            revocations: 10_000,
            outbox_frames: 1024,
            outbox_bytes: 1024 * 1024,
            slow_reader: SlowReader::Resync,
            snapshot_rows: 10_000,
            snapshot_reads: 100_000,
            snapshot_bytes: 8 * 1024 * 1024,
            resync: true,
            resync_interval: Duration::from_secs(1),
            publisher_queue: 65_536,
            commit_time: Duration::from_secs(10),
            join_time: Duration::from_secs(3),
            leave_grace: Duration::from_secs(5),
            answer_time: Duration::from_secs(5),
            probe_interval: Duration::from_secs(2),
            layer_queue_bytes: 64 * 1024 * 1024,
            init_wait: Duration::from_secs(3),
            operations_per_connection: 100,
            operations_per_reservation: 10,
            stream_heartbeat: Duration::from_secs(12),
            reservation_wait: Duration::from_secs(30),
            ping_interval: Duration::from_secs(15),
            missed_pings: 2,
            close_wait: Duration::from_secs(5),
        }
    }
}
