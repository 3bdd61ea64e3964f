//! A GraphQL operation of a standard protocol, for its transport and the generated fields.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::Notify;

use super::channels::{ChannelState, SubscriptionKey};
use super::cost::OPERATION;
use super::holdings::Held;
use super::join::Joining;
use super::{Begin, Channel, Hub, Subscription, lock};
use crate::cursor::ScopedCursor;
use crate::error::Refusal;
use crate::hooks::Permit;
use crate::model::Model;
use crate::projection::Projection;

/// What a transport writes around each payload of an operation. A plan encodes the payload
/// once; this is all that differs from member to member.
#[derive(Clone, Debug, Default)]
pub(crate) struct Envelope {
    head: Bytes,
    tail: &'static str,
    /// Whether an `id` line with the cursor follows the payload's line.
    has_id: bool,
    /// Whether the client goes on after its last cursor when it connects again.
    goes_on: bool,
}

/// The most that such a line takes.
const ID_LINE: usize = 96;

impl Envelope {
    #[cfg_attr(
        not(feature = "axum"),
        allow(dead_code, reason = "for the transports of the standard protocols")
    )]
    pub(crate) fn new(head: impl Into<Bytes>, tail: &'static str) -> Self {
        let head = head.into();
        Self {
            head,
            tail,
            ..Self::default()
        }
    }

    /// The same, for a client that goes on after its last cursor by itself, or not.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
    pub(crate) fn for_one_that_goes_on(mut self, goes_on: bool) -> Self {
        self.goes_on = goes_on;
        self
    }

    pub(super) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// The same, for server-sent events: the cursor of a payload is the `id` of its event.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for SSE"))]
    pub(crate) fn with_id(mut self) -> Self {
        self.has_id = true;
        self
    }

    /// How many bytes it adds.
    pub(super) fn len(&self) -> usize {
        let id_line = if self.has_id { ID_LINE } else { 0 };
        self.head.len() + id_line + self.tail.len()
    }

    /// The payload with the envelope around it, made at the end of `buffer`; without an envelope,
    /// the payload's own bytes.
    pub(super) fn around(
        &self,
        payload: Bytes,
        cursor: Option<ScopedCursor>,
        buffer: &mut BytesMut,
    ) -> Bytes {
        if self.len() == 0 {
            return payload;
        }
        buffer.put_slice(&self.head);
        buffer.put_slice(&payload);
        if let (true, Some(cursor)) = (self.has_id, cursor) {
            buffer.put_slice(format!("\nid: {cursor}").as_bytes());
        }
        buffer.put_slice(self.tail.as_bytes());
        buffer.split().freeze()
    }
}

/// One operation on a channel, which at most one generated field joins. A transport makes it and
/// puts its [`Registration`] into the request's data; dropped, the operation has left, and no
/// frame of it is handed out afterwards. The executor's stream is dropped before it.
#[derive(Debug)]
pub(crate) struct Operation(Registration);

impl Operation {
    /// `executing` is what the executor keeps of the request while it runs, in bytes.
    ///
    /// # Errors
    ///
    /// When whoever pays for the channel holds as much as it may.
    pub(crate) fn new(
        channel: &Channel,
        envelope: Envelope,
        executing: usize,
    ) -> Result<Self, Refusal> {
        let quota = &channel.state.quota;
        // A transport knows the operation of an envelope by the same id.
        let held = quota.hold(OPERATION + 2 * envelope.len())?;
        let executing = quota.hold(executing)?;
        Ok(Self(Registration(Arc::new(State {
            hub: channel.hub.clone(),
            channel: Arc::clone(&channel.state),
            _held: held,
            executing: Mutex::new(Some(executing)),
            number: next_number(),
            envelope,
            model: OnceLock::new(),
            joined: Notify::new(),
        }))))
    }

    /// The position after which its client would go on if it were cut off when it has had what it
    /// is sent; none where that cannot be told at the moment.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for transports"))]
    pub(crate) fn cursor(&self) -> Option<ScopedCursor> {
        let state = &self.0.0;
        let model = state.model.get().copied().flatten()?;
        state.hub.cursor_of(&state.channel, &state.key(model))
    }

    /// What a generated field finds in the request's data.
    pub(crate) fn registration(&self) -> Registration {
        self.0.clone()
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        let state = &self.0.0;
        // From here on nothing joins.
        if let Some(model) = state.model.get_or_init(|| None) {
            state.hub.end(&state.channel, &state.key(model));
        }
    }
}

/// Never given twice in a process, and never 0.
pub(super) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Leave to join for an [`Operation`], once.
#[derive(Clone, Debug)]
pub(crate) struct Registration(Arc<State>);

#[derive(Debug)]
struct State {
    hub: Hub,
    channel: Arc<ChannelState>,
    _held: Held,
    /// Until a generated field has joined: the executor is done then.
    executing: Mutex<Option<Held>>,
    number: u64,
    envelope: Envelope,
    /// The model joined, or none if the operation has ended before.
    model: OnceLock<Option<&'static Model>>,
    joined: Notify,
}

impl State {
    fn key(&self, model: &Model) -> SubscriptionKey {
        SubscriptionKey::of_operation(model, self.number)
    }
}

impl Registration {
    /// A channel beside the operation's own, for an operation whose events somebody else than the
    /// transport hands out.
    pub(crate) fn branch(&self) -> Result<(Channel, Operation), Refusal> {
        let channel = self.0.hub.branch(&self.0.channel)?;
        // The executor's memory is held by the operation that this is of.
        let operation = Operation::new(&channel, Envelope::default(), 0)?;
        Ok((channel, operation))
    }

    /// Waits until a generated field has joined. The operation's frames come out of the
    /// connection from now on, and the stream that the executor gave has no more to say.
    #[cfg_attr(
        not(feature = "axum"),
        allow(dead_code, reason = "for the transports of the standard protocols")
    )]
    pub(crate) async fn joined(&self) {
        self.0.joined.notified().await;
    }

    /// Checks that the operation's channel may have this stream, before the hooks are asked.
    pub(crate) fn check(&self, model: &Model) -> Result<(), Refusal> {
        self.0.hub.check_served(&self.0.channel, model)
    }

    /// Joins the permitted stream.
    pub(crate) async fn join(
        &self,
        permit: Permit,
        subscription: &Subscription,
        projection: &Projection,
        begin: Begin,
    ) -> Result<(), Refusal> {
        let state = &self.0;
        // A field that the executor runs twice, or after its operation has ended.
        if state.model.set(Some(permit.model)).is_err() {
            return Err(Refusal::Internal);
        }
        let key = state.key(permit.model);
        let joining = Joining {
            key,
            subscription,
            projection,
            envelope: &state.envelope,
            begin,
        };
        state.hub.join(&state.channel, permit, joining).await?;
        drop(lock(&state.executing).take());
        state.joined.notify_one();
        Ok(())
    }
}
