//! The operations that run on one connection, by the ids that the client gave them.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;

use async_graphql::{Response, ServerError, Value};
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{BoxStream, Peekable, SelectAll};
use futures_util::{FutureExt as _, Stream, StreamExt as _};

use crate::cursor::ScopedCursor;
use crate::graphql::Responses;
use crate::hub::{Operation, Registration};

/// What became of an operation.
#[derive(Debug)]
pub(super) enum Event {
    /// One of its responses.
    Next(Response),
    /// Nothing of it was executed, for these reasons, and it is over.
    Invalid(Vec<ServerError>),
    /// It failed, and is over.
    Error(Vec<ServerError>),
    /// It is over.
    Complete,
}

/// Operations of one connection, polled in turns: each is woken by its own stream alone, and
/// one that is always ready waits for the others that are.
#[derive(Default)]
pub(super) struct Operations {
    live: HashMap<Arc<str>, Live>,
    running: SelectAll<Abortable<BoxStream<'static, Told>>>,
    generations: u64,
}

struct Live {
    generation: u64,
    abort: AbortHandle,
    /// Leaves what a generated field has joined for it.
    operation: Operation,
}

/// An event and whose it is.
struct Told {
    id: Arc<str>,
    /// An id names many operations, one after the other; this names one.
    generation: u64,
    event: Event,
}

impl Operations {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether [`Operations::next`] may have something to wait for.
    pub(super) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.live.keys()
    }

    /// Where those stand of which it can be told, by their ids.
    pub(super) fn cursors(&self) -> impl Iterator<Item = (&Arc<str>, ScopedCursor)> {
        let live = self.live.iter();
        live.filter_map(|(id, live)| Some((id, live.operation.cursor()?)))
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.live.contains_key(id)
    }

    /// Runs an operation under an id that is free. What a generated field joins for it is told
    /// by the connection, not here.
    pub(super) fn start(
        &mut self,
        id: impl Into<Arc<str>>,
        operation: Operation,
        responses: Responses,
    ) {
        self.generations += 1;
        let (id, generation) = (id.into(), self.generations);
        let told = Arc::clone(&id);
        let events = events(responses, operation.registration()).map(move |event| Told {
            id: Arc::clone(&told),
            generation,
            event,
        });
        let (abort, registration) = AbortHandle::new_pair();
        let events = Abortable::new(events.boxed(), registration);
        self.running.push(events);
        let live = Live {
            generation,
            abort,
            operation,
        };
        self.live.insert(id, live);
    }

    /// Ends an operation: nothing is told of it any more, and its id is free.
    pub(super) fn stop(&mut self, id: &str) -> bool {
        let ended = self.live.remove(id);
        if let Some(live) = &ended {
            live.abort.abort();
        }
        ended.is_some()
    }

    /// Waits for the next event; `None` when nothing runs. Dropped while it waits, it has lost
    /// nothing.
    pub(super) async fn next(&mut self) -> Option<(Arc<str>, Event)> {
        loop {
            let told = self.running.next().await?;
            let live = self.live.get(&told.id);
            if live.is_none_or(|live| live.generation != told.generation) {
                continue;
            }
            if !matches!(told.event, Event::Next(_)) {
                self.live.remove(&told.id);
            }
            return Some((told.id, told.event));
        }
    }

    /// An event that is there already.
    pub(super) fn ready(&mut self) -> Option<(Arc<str>, Event)> {
        if self.running.is_empty() {
            return None;
        }
        self.next().now_or_never().flatten()
    }
}

type Caught = Result<Response, Box<dyn Any + Send>>;

/// How far an operation is.
enum Stage<S: Stream> {
    First(Peekable<S>, Registration),
    Running(Peekable<S>),
    Over,
}

/// The events of an operation: responses, then that it is over, and how; none after a
/// generated field has joined.
fn events(responses: Responses, registration: Registration) -> impl Stream<Item = Event> + Send {
    let is_subscription = responses.is_subscription;
    // After a panic the stream is not polled again.
    let responses = AssertUnwindSafe(responses.stream).catch_unwind().peekable();
    let first = Stage::First(responses, registration);
    futures_util::stream::unfold(first, move |stage| async move {
        let (response, mut responses, is_first) = match stage {
            Stage::First(mut responses, registration) => tokio::select! {
                biased;
                response = responses.next() => (response, responses, true),
                () = registration.joined() => return None,
            },
            Stage::Running(mut responses) => (responses.next().await, responses, false),
            Stage::Over => return None,
        };
        Some(match response {
            None => (Event::Complete, Stage::Over),
            Some(Err(_)) => {
                tracing::error!("a resolver panicked; its operation is over");
                let message = "the operation failed on the server; its log says why";
                (
                    Event::Error(vec![ServerError::new(message, None)]),
                    Stage::Over,
                )
            }
            Some(Ok(response)) if is_first && is_refusal(&response, is_subscription) => {
                if is_over(&mut responses) {
                    let errors = response.errors;
                    let is_invalid = errors.iter().all(|error| error.path.is_empty());
                    let event = if is_invalid {
                        Event::Invalid(errors)
                    } else {
                        Event::Error(errors)
                    };
                    (event, Stage::Over)
                } else {
                    (Event::Next(response), Stage::Running(responses))
                }
            }
            Some(Ok(response)) => (Event::Next(response), Stage::Running(responses)),
        })
    })
}

/// Whether the first response says that there will be none: the request is not valid, or, for
/// a subscription, its stream could not be made. A query that has run is answered with what
/// became of it, even if that is nothing but errors.
fn is_refusal(response: &Response, is_subscription: bool) -> bool {
    let no_data = response.data == Value::Null && !response.errors.is_empty();
    no_data && (is_subscription || response.errors.iter().all(|error| error.path.is_empty()))
}

/// Whether nothing follows. What is not over at once is a stream.
fn is_over(responses: &mut Peekable<impl Stream<Item = Caught> + Unpin>) -> bool {
    let peeked = pin!(Pin::new(responses).peek()).now_or_never();
    matches!(peeked, Some(None))
}
