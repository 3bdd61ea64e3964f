//! A response that goes on: a task feeds its body with what the operations of a connection
//! have to say, and ends when nobody takes it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::{Response as GraphqlResponse, ServerError};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::format::Format;
use super::operations::{Event, Operations};
use super::timing::{period, write_timeout};
use crate::deadline::deadline;
use crate::error::{CloseReason, Refusal};
use crate::graphql::Responses;
use crate::hub::{Channel, Held, Identity, Operation, Registration};
use crate::limits::Limits;

/// Events of operations that are taken in one turn.
const BATCH: usize = 64;

/// What executes an operation.
pub(super) struct Run {
    /// What it keeps of the request, in bytes.
    pub(super) bytes: usize,
    /// Whether its client goes on after its last cursor when it connects again.
    pub(super) goes_on: bool,
    pub(super) start: Box<dyn FnOnce(Registration) -> Responses + Send>,
}

/// What the requests of the single-connection mode want of their stream.
pub(super) enum Command {
    /// Be the body of the response that now comes; the answer is none if there is one already.
    Attach(oneshot::Sender<Option<Body>>),
    /// Run an operation.
    Start {
        id: String,
        run: Run,
        outcome: oneshot::Sender<Started>,
    },
    /// End an operation, if there is one.
    Stop { id: String },
    /// Take over when the right of this identity ends, which reserved the stream.
    Renew(Identity),
}

/// What became of a [`Command::Start`].
pub(super) enum Started {
    Running,
    /// Nothing was executed, for these reasons.
    Invalid(Vec<ServerError>),
    Duplicate,
    TooMany,
    Refused(Refusal),
}

/// What feeds a stream.
pub(super) struct Feed {
    format: Format,
    channel: Channel,
    operations: Operations,
    /// Where the stream goes; a reserved one waits for it.
    out: Option<mpsc::Sender<Bytes>>,
    /// The place of a reserved stream among those that wait.
    reservation: Option<Held>,
    /// What goes out next. While it waits nothing more is taken, so that it is at most
    /// [`Limits::outbox_bytes`] and one answer, however large that is.
    outgoing: BytesMut,
    /// When a client that does not connect, or takes nothing, counts as gone.
    deadline: Instant,
    /// The one operation is over, and with it the stream.
    is_over: bool,
    limits: Limits,
}

/// Why a stream ends.
enum End {
    Over,
    Closed(CloseReason),
    Gone,
}

impl Feed {
    pub(super) fn new(format: Format, channel: Channel, limits: &Limits) -> Self {
        Self {
            format,
            channel,
            operations: Operations::default(),
            out: None,
            reservation: None,
            outgoing: BytesMut::from(format.opening()),
            deadline: deadline(write_timeout(limits)),
            is_over: false,
            limits: limits.clone(),
        }
    }

    /// A reserved stream, which a client has to connect to in time.
    pub(super) fn reserved(
        channel: Channel,
        limits: &Limits,
        reservation: Held,
        deadline: Instant,
    ) -> Self {
        Self {
            reservation: Some(reservation),
            deadline,
            ..Self::new(Format::NamedEvents, channel, limits)
        }
    }

    /// The body of a stream with one operation. The task that feeds it ends with it.
    pub(super) fn of_one(mut self, run: Run) -> Result<Body, Refusal> {
        // Nobody has to tell it from others.
        self.start("", run)?;
        let (out, chunks) = mpsc::channel(1);
        self.attach(out);
        let (commands, mut inbox) = mpsc::channel(1);
        let task = tokio::spawn(async move { self.run(&mut inbox).await });
        Ok(body(chunks, (AbortOnDropHandle::new(task), commands)))
    }

    /// Feeds until the stream has ended. Then the connection has left everything.
    pub(super) async fn run(mut self, inbox: &mut mpsc::Receiver<Command>) {
        let end = self.deliver(inbox).await;
        let Self {
            format,
            channel,
            operations,
            out,
            mut outgoing,
            limits,
            ..
        } = self;
        let running: Vec<_> = operations.ids().cloned().collect();
        drop(operations);
        let _present = channel.present();
        drop(channel);
        if let (End::Closed(reason), Some(out)) = (end, out) {
            outgoing.extend_from_slice(format.failure(&reason, &running).as_bytes());
            // The client may take its time.
            let _ = timeout(limits.close_wait, out.send(outgoing.freeze())).await;
        }
    }

    async fn deliver(&mut self, inbox: &mut mpsc::Receiver<Command>) -> End {
        let period = period(self.limits.stream_heartbeat);
        let mut heartbeats = interval_at(deadline(period), period);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_idle = self.outgoing.is_empty();
            if is_idle && self.is_over {
                return End::Over;
            }
            let waits = !is_idle || self.out.is_none();
            let runs = is_idle && self.operations.is_running();
            // Requests of a client that does not read wait too; one that connects has to be read.
            let obeys = self.out.is_none() || self.has_room();
            tokio::select! {
                command = inbox.recv(), if obeys => match command {
                    Some(command) => self.obey(command),
                    None => return End::Gone,
                },
                passed = pass(self.out.as_ref(), &mut self.outgoing), if !is_idle => {
                    if passed.is_none() {
                        return End::Gone;
                    }
                    self.channel.sent();
                }
                () = gone(self.out.as_ref()) => return End::Gone,
                () = sleep_until(self.deadline), if waits => return End::Gone,
                frames = frames(&mut self.channel, is_idle) => match frames {
                    Ok(frames) => frames.iter().for_each(|frame| self.write(frame)),
                    Err(reason) => return End::Closed(reason),
                },
                Some((id, event)) = self.operations.next(), if runs => self.tell(&id, event),
                _ = heartbeats.tick(), if is_idle => self.write(self.format.heartbeat().as_bytes()),
            }
            if is_idle && self.send_ready() == BATCH {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Attach(body_of) => {
                let attached = self.out.is_none().then(|| {
                    let (out, chunks) = mpsc::channel(1);
                    self.attach(out);
                    body(chunks, ())
                });
                // A request that is gone takes its body with it, and the stream ends.
                let _ = body_of.send(attached);
            }
            Command::Start { id, run, outcome } => {
                let started = if self.operations.has(&id) {
                    Started::Duplicate
                } else if self.operations.len() >= self.most_operations() || !self.has_room() {
                    Started::TooMany
                } else {
                    match self.start(&id, run) {
                        Ok(()) => self.first_word(&id),
                        Err(refusal) => Started::Refused(refusal),
                    }
                };
                let _ = outcome.send(started);
            }
            Command::Stop { id } => drop(self.operations.stop(&id)),
            Command::Renew(identity) => {
                self.channel.renew(&identity);
            }
        }
    }

    /// Few run for a stream that perhaps nobody reads.
    fn most_operations(&self) -> usize {
        match self.out {
            Some(_) => self.limits.operations_per_connection,
            None => self.limits.operations_per_reservation,
        }
    }

    /// Whether more may be taken and wait.
    fn has_room(&self) -> bool {
        self.outgoing.len() <= self.limits.outbox_bytes
    }

    fn attach(&mut self, out: mpsc::Sender<Bytes>) {
        self.out = Some(out);
        self.reservation = None;
        self.deadline = deadline(write_timeout(&self.limits));
    }

    fn start(&mut self, id: &str, run: Run) -> Result<(), Refusal> {
        let envelope = self.format.envelope(id);
        let envelope = envelope.for_one_that_goes_on(run.goes_on);
        let operation = Operation::new(&self.channel, envelope, run.bytes)?;
        let responses = (run.start)(operation.registration());
        self.operations.start(id, operation, responses);
        Ok(())
    }

    /// Whether an operation that was just started is refused before it is executed: that is
    /// for the response of its own request.
    fn first_word(&mut self, id: &str) -> Started {
        let mut started = Started::Running;
        for _ in 0..BATCH {
            let event = self.has_room().then(|| self.operations.ready()).flatten();
            let Some((told, event)) = event else {
                break;
            };
            match event {
                Event::Invalid(errors) if *told == *id => started = Started::Invalid(errors),
                event => self.tell(&told, event),
            }
        }
        started
    }

    /// Writes the events that are there; how many.
    fn send_ready(&mut self) -> usize {
        let mut batch = 0;
        while batch < BATCH
            && self.has_room()
            && let Some((id, event)) = self.operations.ready()
        {
            self.tell(&id, event);
            batch += 1;
        }
        batch
    }

    fn tell(&mut self, id: &Arc<str>, event: Event) {
        let is_over = !matches!(event, Event::Next(_));
        match event {
            Event::Next(response) => self.write(self.format.next(id, &response).as_bytes()),
            Event::Invalid(errors) | Event::Error(errors) => {
                let response = GraphqlResponse::from_errors(errors);
                self.write(self.format.next(id, &response).as_bytes());
            }
            Event::Complete => {}
        }
        if is_over {
            self.write(self.format.complete(id).as_bytes());
            self.is_over = !matches!(self.format, Format::NamedEvents);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.outgoing.is_empty() && self.out.is_some() {
            self.deadline = deadline(write_timeout(&self.limits));
        }
        self.outgoing.extend_from_slice(bytes);
    }
}

/// Hands over what goes out, as soon as there is room for it; none when nobody takes it any
/// more. Dropped while it waits, it has handed nothing over.
async fn pass(out: Option<&mpsc::Sender<Bytes>>, outgoing: &mut BytesMut) -> Option<()> {
    match out {
        Some(out) => {
            let room = out.reserve().await.ok()?;
            room.send(outgoing.split().freeze());
            Some(())
        }
        None => std::future::pending().await,
    }
}

/// Waits until nobody takes the stream any more.
async fn gone(out: Option<&mpsc::Sender<Bytes>>) {
    match out {
        Some(out) => out.closed().await,
        None => std::future::pending().await,
    }
}

/// What the hub delivers, if it is taken, or why it closes the connection.
async fn frames(channel: &mut Channel, take: bool) -> Result<VecDeque<Bytes>, CloseReason> {
    if take {
        channel.take().await
    } else {
        Err(channel.closed().await)
    }
}

/// A body of these chunks, which keeps something as long as it is there. What compresses a body
/// asks it again after its end.
fn body(chunks: mpsc::Receiver<Bytes>, kept: impl Send + 'static) -> Body {
    let chunks = stream::unfold((chunks, kept), |(mut chunks, kept)| async move {
        let chunk = chunks.recv().await?;
        Some((Ok::<_, Infallible>(chunk), (chunks, kept)))
    });
    Body::from_stream(chunks.fuse())
}
