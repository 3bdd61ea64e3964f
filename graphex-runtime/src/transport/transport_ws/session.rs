//! One socket of graphql-transport-ws, over any sink and stream of messages.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use async_graphql::{Data, Executor, Request, ServerError};
use axum::extract::ws::Message;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Sink, Stream};
use serde_json::{Map, Value};
use tokio::time::{Sleep, sleep};

use super::{Admitted, Application};
use crate::graphql::{self, Guarded, hub_in};
use crate::hub::{Channel, Operation, Place, Resumed, Taken};
use crate::limits::Limits;
use crate::transport::operations::{Event, Operations};
use crate::transport::protocol::{
    self, ClientMessage, INIT_TIMEOUT, ServerMessage, TOO_MANY_INITS, UNAUTHORIZED, already_exists,
    bad_message, envelope, resumed,
};
use crate::transport::response::Body;
use crate::transport::socket::{Close, End, Inbound, Socket, text};
use crate::transport::timing::period;

/// The right of another identity is no reason to stay.
const ANOTHER: Close = Close::new(4403, "this is the login of another client");

/// Messages of operations that go with one flush; then it is the turn of others.
const BATCH: usize = 64;

/// Runs a session to its end. When this returns, or is dropped, its operations have ended and
/// the connection has left everything.
pub(super) async fn run<E, S, R, F>(
    schema: E,
    application: Application,
    mut channel: Channel,
    sink: S,
    stream: R,
    limits: &Limits,
) where
    E: Executor,
    S: Sink<Message> + Unpin,
    R: Stream<Item = Result<Message, F>> + Unpin + Send + 'static,
    F: std::error::Error + Send + 'static,
{
    let notifier = channel.notifier();
    let mut socket = Socket::new(sink, stream, move || notifier.notify(), limits);
    let mut session = Session {
        schema,
        application: Some(Box::new(application)),
        phase: Phase::Silent(Box::pin(sleep(period(limits.init_wait)))),
        operations: Operations::default(),
        limits,
        resumed: HashMap::new(),
        goes_on: false,
        outgoing: Vec::new(),
        outgoing_bytes: 0,
    };
    let Err(end) = session.serve(&mut socket, &mut channel).await;
    // The client may take its time for the close; its operations end now.
    drop(session);
    let present = channel.present();
    drop(channel);
    socket.end(end, Some(present)).await;
}

struct Session<'l, E> {
    schema: E,
    /// Until `connection_init` comes, or, where rights are renewed, to the end.
    application: Option<Box<Application>>,
    phase: Phase,
    operations: Operations,
    limits: &'l Limits,
    /// Where operations were on the connection before, by their ids; each is for the first that
    /// comes under its id.
    resumed: HashMap<String, Place>,
    /// Whether the client goes on after its last cursors when it connects again.
    goes_on: bool,
    /// What goes out next: at most [`Limits::outbox_bytes`] of answers and one more, however large.
    outgoing: Vec<Message>,
    /// Of answers.
    outgoing_bytes: usize,
}

/// How far the connection is.
enum Phase {
    /// Nothing has come, and must come before this.
    Silent(Pin<Box<Sleep>>),
    /// `connection_init` has come and the application decides.
    Connecting(BoxFuture<'static, Result<Admitted, Close>>),
    /// Operations may come, and use this.
    Acknowledged(Arc<Data>),
    /// They may, and the application decides anew, once at a time.
    Renewing(Arc<Data>, BoxFuture<'static, Result<Admitted, Close>>),
}

impl<E: Executor> Session<'_, E> {
    async fn serve<S: Sink<Message> + Unpin>(
        &mut self,
        socket: &mut Socket<'_, S>,
        channel: &mut Channel,
    ) -> Result<Infallible, End> {
        loop {
            let runs = self.operations.is_running();
            tokio::select! {
                taken = channel.taken() => {
                    let Taken { frames, notified, .. } = taken?;
                    self.outgoing.extend(frames.filter_map(text));
                    if notified {
                        for inbound in socket.inbound() {
                            self.inbound(inbound?, channel)?;
                        }
                    }
                }
                decision = self.phase.decided() => self.decided(decision?, channel)?,
                Some((id, event)) = self.operations.next(), if runs => self.tell(&id, &event),
            }
            // What else is there goes with it, and operations that were stopped are dropped.
            let mut batch = 0;
            while batch < BATCH
                && self.outgoing_bytes <= self.limits.outbox_bytes
                && let Some((id, event)) = self.operations.ready()
            {
                self.tell(&id, &event);
                batch += 1;
            }
            self.outgoing_bytes = 0;
            if !self.outgoing.is_empty() {
                socket.send(self.outgoing.drain(..), channel).await?;
            }
            if batch == BATCH {
                tokio::task::yield_now().await;
            }
        }
    }

    fn inbound(&mut self, inbound: Inbound, channel: &mut Channel) -> Result<(), Close> {
        match inbound {
            Inbound::Text(text) => self.received(&text, channel)?,
            Inbound::Binary => return Err(bad_message("messages are text".into())),
            Inbound::Due(ping) => {
                self.outgoing.push(ping);
                self.send_cursors();
            }
        }
        Ok(())
    }

    /// Keeps the cursors of a client young that is sent nothing else.
    fn send_cursors(&mut self) {
        if !self.goes_on {
            return;
        }
        let mut standing = self.operations.cursors().peekable();
        if standing.peek().is_some() {
            let payload = protocol::cursors(standing);
            self.send(ServerMessage::Ping { payload });
        }
    }

    fn received(&mut self, text: &str, channel: &mut Channel) -> Result<(), Close> {
        match ClientMessage::parse(text).map_err(bad_message)? {
            ClientMessage::ConnectionInit { payload } => self.init(payload, channel)?,
            ClientMessage::Ping { payload } => self.pinged(payload, channel)?,
            ClientMessage::Pong => {}
            ClientMessage::Subscribe { id, request } => self.subscribe(id, *request, channel)?,
            // An unknown one is over already; the client could not know.
            ClientMessage::Complete { id } => drop(self.operations.stop(&id)),
        }
        Ok(())
    }

    fn init(&mut self, payload: Value, channel: &mut Channel) -> Result<(), Close> {
        let application = self.application.take();
        let silent = matches!(self.phase, Phase::Silent(_));
        let application = application.filter(|_| silent).ok_or(TOO_MANY_INITS)?;
        if application.renews {
            self.application = Some(application.clone());
        }
        let resumed = resumed(&payload);
        self.goes_on = resumed.is_some();
        self.resumed = resumed.unwrap_or_default();
        let mut decision = application.connect(payload);
        // Where nothing has to be waited for, a `subscribe` that follows at once is not early.
        match (&mut decision).now_or_never() {
            Some(decided) => self.decided(decided?, channel)?,
            None => self.phase = Phase::Connecting(decision),
        }
        Ok(())
    }

    /// A payload may be a new token. The pong does not wait for what becomes of it.
    fn pinged(
        &mut self,
        payload: Option<Map<String, Value>>,
        channel: &mut Channel,
    ) -> Result<(), Close> {
        if let (Phase::Acknowledged(data), Some(application), Some(payload)) =
            (&self.phase, &self.application, &payload)
        {
            let mut decision = application.clone().connect(Value::Object(payload.clone()));
            match (&mut decision).now_or_never() {
                Some(decided) => self.decided(decided?, channel)?,
                None => self.phase = Phase::Renewing(Arc::clone(data), decision),
            }
        }
        self.send(ServerMessage::Pong { payload });
        Ok(())
    }

    /// The connection counts as acknowledged before the acknowledgement is on its way.
    fn decided(&mut self, admitted: Admitted, channel: &mut Channel) -> Result<(), Close> {
        let Admitted { data, identity } = admitted;
        let is_new = matches!(self.phase, Phase::Silent(_) | Phase::Connecting(_));
        match identity {
            Some(identity) if is_new => channel.become_of(identity)?,
            Some(identity) if !channel.renew(&identity) => return Err(ANOTHER),
            _ => {}
        }
        self.phase = Phase::Acknowledged(Arc::new(data));
        if is_new {
            self.send(ServerMessage::ConnectionAck);
        }
        Ok(())
    }

    fn subscribe(&mut self, id: String, request: Request, channel: &Channel) -> Result<(), Close> {
        let (Phase::Acknowledged(data) | Phase::Renewing(data, _)) = &self.phase else {
            return Err(UNAUTHORIZED);
        };
        if self.operations.has(&id) {
            return Err(already_exists(&id));
        }
        let limit = self.limits.operations_per_connection;
        if self.operations.len() >= limit {
            let message = format!("too many operations: this connection may run {limit} at once");
            let payload = &[ServerError::new(message, None)];
            self.send(ServerMessage::Error { id: &id, payload });
            return Ok(());
        }
        let mut request = Guarded::new(request, hub_in(data));
        let executing = request.executing_bytes();
        let envelope = envelope(&id).for_one_that_goes_on(self.goes_on);
        let operation = match Operation::new(channel, envelope, executing) {
            Ok(operation) => operation,
            Err(refusal) => {
                let payload = &[ServerError::new(refusal.to_string(), None)];
                self.send(ServerMessage::Error { id: &id, payload });
                return Ok(());
            }
        };
        request.data_mut().insert(operation.registration());
        if let Some(place) = self.resumed.remove(&id) {
            request.data_mut().insert(Resumed(place));
        }
        let responses = graphql::stream(&self.schema, request, Arc::clone(data));
        self.operations.start(id, operation, responses);
        Ok(())
    }

    fn tell(&mut self, id: &str, event: &Event) {
        self.send(match event {
            Event::Next(response) => ServerMessage::Next {
                id,
                payload: Body::of(response),
            },
            Event::Invalid(payload) | Event::Error(payload) => ServerMessage::Error { id, payload },
            Event::Complete => ServerMessage::Complete { id },
        });
    }

    fn send(&mut self, message: ServerMessage<'_>) {
        let message = Message::from(message);
        if let Message::Text(text) = &message {
            self.outgoing_bytes += text.len();
        }
        self.outgoing.push(message);
    }
}

impl Phase {
    /// Waits for what ends the phase: too long a silence, or the application's decision.
    async fn decided(&mut self) -> Result<Admitted, Close> {
        match self {
            Self::Silent(deadline) => {
                deadline.await;
                Err(INIT_TIMEOUT)
            }
            Self::Connecting(decision) | Self::Renewing(_, decision) => decision.await,
            Self::Acknowledged(_) => std::future::pending().await,
        }
    }
}
