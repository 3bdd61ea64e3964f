//! Clients without sockets.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Data, Executor, Request, Response};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::Value;
use tokio::time::timeout;

use crate::error::CloseReason;
use crate::graphql::{Guarded, execute, stream};
use crate::hub::{Channel, Envelope, Hub, Identity, Operation};

/// What comes later has waited for a custom lookup or for another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of a schema and a hub, without a socket: the same guard, hooks, plans and limits as over
/// one. [The module](super) has an example.
#[derive(Clone)]
pub struct Client<E> {
    hub: Hub,
    schema: E,
    identity: Identity,
    data: Arc<dyn Fn(&mut Data) + Send + Sync>,
}

impl<E> fmt::Debug for Client<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl<E: Executor> Client<E> {
    /// An anonymous client.
    #[must_use]
    pub fn new(hub: &Hub, schema: &E) -> Self {
        Self {
            hub: hub.clone(),
            schema: schema.clone(),
            identity: Identity::anonymous(),
            data: Arc::new(|_| {}),
        }
    }

    /// The same client with a name, as `Endpoints::identity` gives it.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// The same client with data for its hooks and resolvers, as `Endpoints::data` gives it: called
    /// for each request.
    #[must_use]
    pub fn data(mut self, data: impl Fn(&mut Data) + Send + Sync + 'static) -> Self {
        self.data = Arc::new(data);
        self
    }

    /// The answer to a query, a mutation or a subscription of the two-channel protocol, as HTTP
    /// gives it.
    pub async fn ask(&self, request: impl Into<Request>) -> Response {
        execute(&self.schema, self.filled(request.into())).await
    }

    /// Opens a channel of the two-channel protocol: send its [`id`](Subscriber::id) with what
    /// [`ask`](Self::ask) subscribes. What it receives are payloads: `action`, `model` and `data`.
    ///
    /// # Panics
    ///
    /// When the hub refuses it.
    #[track_caller]
    pub fn channel(&self) -> Subscriber {
        match self.hub.connect(self.identity.clone()) {
            Ok(channel) => Subscriber::new(channel, None),
            Err(error) => fail(Location::caller(), format_args!("no channel: {error}")),
        }
    }

    /// Subscribes to a field of `MessageChanges`. When this returns, all that is committed from now
    /// on is received; an event is the value of the field: `action`, `id`, `data` and what else the
    /// document selects.
    ///
    /// # Panics
    ///
    /// When it is refused: see [`try_subscribe`](Self::try_subscribe).
    #[track_caller]
    pub fn subscribe(
        &self,
        request: impl Into<Request>,
    ) -> impl Future<Output = Subscriber> + Send {
        let (place, subscribing) = (Location::caller(), self.try_subscribe(request));
        async move {
            match subscribing.await {
                Ok(subscriber) => subscriber,
                Err(response) => fail(
                    place,
                    format_args!("no subscription: {:?}", response.errors),
                ),
            }
        }
    }

    /// Subscribes to a field of `MessageChanges`, or gives the answer that says why not.
    ///
    /// # Errors
    ///
    /// What a client would be answered: a denial, or what is wrong with the document.
    ///
    /// # Panics
    ///
    /// When the hub has no room for a channel, and when nothing happens: the field is none of
    /// graphex's, or an extension of the schema has a stream of its own around it.
    #[track_caller]
    pub fn try_subscribe(
        &self,
        request: impl Into<Request>,
    ) -> impl Future<Output = Result<Subscriber, Response>> + Send {
        let place = Location::caller();
        let (request, schema) = (self.filled(request.into()), self.schema.clone());
        let (hub, connected) = (self.hub.clone(), self.hub.connect(self.identity.clone()));
        async move {
            let channel = match connected {
                Ok(channel) => channel,
                Err(error) => fail(place, format_args!("no channel: {error}")),
            };
            let operation = match Operation::new(&channel, Envelope::default(), 0) {
                Ok(operation) => operation,
                Err(refusal) => fail(place, format_args!("no operation: {refusal}")),
            };
            let registration = operation.registration();
            let mut session = Data::default();
            session.insert(registration.clone());
            session.insert(hub.clone());
            let guarded = Guarded::new(request, Some(&hub));
            let mut responses = stream(&schema, guarded, Arc::new(session)).stream;
            let joined = async {
                tokio::select! {
                    biased;
                    response = responses.next() => Err(response.unwrap_or_default()),
                    () = registration.joined() => Ok(()),
                }
            };
            let outcome = match timeout(PATIENCE, joined).await {
                Ok(outcome) => outcome,
                Err(_) => fail(
                    place,
                    format_args!("the document subscribes to no stream of graphex's"),
                ),
            };
            // The executor's stream goes before the operation.
            drop(responses);
            outcome.map(|()| Subscriber::new(channel, Some(operation)))
        }
    }

    fn filled(&self, mut request: Request) -> Request {
        (self.data)(&mut request.data);
        request.data.insert(self.identity.clone());
        request.data.insert(self.hub.clone());
        request
    }
}

/// What one subscription, or one channel, of a [`Client`] receives. Dropped, it has left.
pub struct Subscriber {
    /// Left before the channel is closed.
    operation: Option<Operation>,
    channel: Channel,
    received: VecDeque<Value>,
    closed: Option<CloseReason>,
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriber")
            .field("received", &self.received)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl Subscriber {
    fn new(channel: Channel, operation: Option<Operation>) -> Self {
        Self {
            operation,
            channel,
            received: VecDeque::new(),
            closed: None,
        }
    }

    /// The channel's id, for `channelId`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.channel.id().as_str()
    }

    /// Takes all events of what was committed or published before, without waiting for more.
    pub async fn received(&mut self) -> Vec<Value> {
        self.collect().await;
        self.received.drain(..).collect()
    }

    /// Waits for the next event; none when the hub has closed the channel, or nothing came in ten
    /// seconds.
    pub async fn next(&mut self) -> Option<Value> {
        if self.received.is_empty() {
            self.collect().await;
        }
        if self.received.is_empty() && self.closed.is_none() {
            // A custom lookup or another process takes its time.
            match timeout(PATIENCE, self.channel.take()).await {
                Ok(Ok(frames)) => self
                    .received
                    .extend(frames.iter().map(|frame| event(frame))),
                Ok(Err(reason)) => self.closed = Some(reason),
                Err(_) => {}
            }
        }
        self.received.pop_front()
    }

    /// Asserts that the next event is this one. Of an object only the keys that are named are
    /// compared.
    ///
    /// # Panics
    ///
    /// When it is another, and when there is none.
    #[track_caller]
    pub fn receives(&mut self, expected: Value) -> impl Future<Output = ()> + Send {
        let place = Location::caller();
        async move {
            match self.next().await {
                Some(event) if has(&event, &expected) => {}
                Some(event) => fail(place, format_args!("received {event}, not {expected}")),
                None => match &self.closed {
                    Some(reason) => fail(
                        place,
                        format_args!(
                            "received nothing, not {expected}: the channel is closed, {reason}"
                        ),
                    ),
                    None => fail(place, format_args!("received nothing, not {expected}")),
                },
            }
        }
    }

    /// Asserts that there is no further event of what was committed or published before.
    ///
    /// # Panics
    ///
    /// When there is one.
    #[track_caller]
    pub fn receives_nothing(&mut self) -> impl Future<Output = ()> + Send {
        let place = Location::caller();
        async move {
            let received = self.received().await;
            if !received.is_empty() {
                let received = Value::Array(received);
                fail(place, format_args!("received {received}, not nothing"));
            }
        }
    }

    /// Waits until the hub closes the channel, and why it does.
    pub async fn closed(&mut self) -> CloseReason {
        match &self.closed {
            Some(reason) => reason.clone(),
            None => self.channel.closed().await,
        }
    }

    /// Takes what has come, behind all that was committed before.
    async fn collect(&mut self) {
        self.channel.hub().settle().await;
        match self.channel.take().now_or_never() {
            Some(Ok(frames)) => self
                .received
                .extend(frames.iter().map(|frame| event(frame))),
            Some(Err(reason)) => self.closed = Some(reason),
            None => {}
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        drop(self.operation.take());
    }
}

/// The event of a frame: the value of the one root field, or the payload of a notification.
fn event(frame: &[u8]) -> Value {
    let mut frame: Value = serde_json::from_slice(frame).unwrap_or_default();
    match frame.get_mut("data").and_then(Value::as_object_mut) {
        Some(data) => data
            .values_mut()
            .next()
            .map(Value::take)
            .unwrap_or_default(),
        None => frame["payload"].take(),
    }
}

/// Whether an event is what is expected, as far as that says.
fn has(event: &Value, expected: &Value) -> bool {
    match (event, expected) {
        (Value::Object(event), Value::Object(expected)) => expected
            .iter()
            .all(|(key, expected)| event.get(key).is_some_and(|event| has(event, expected))),
        (Value::Array(events), Value::Array(expected)) => {
            events.len() == expected.len()
                && events
                    .iter()
                    .zip(expected)
                    .all(|(event, one)| has(event, one))
        }
        _ => event == expected,
    }
}

/// Fails a test at the place of its assertion.
#[expect(clippy::panic, reason = "this is what an assertion does")]
fn fail(place: &Location<'_>, what: fmt::Arguments<'_>) -> ! {
    panic!("{place}: {what}")
}
