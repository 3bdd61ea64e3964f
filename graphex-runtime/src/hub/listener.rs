//! Listening in the process: typed changes for e-mails, caches and search indexes.

mod asking;
mod change;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;

pub use asking::{ListenError, Subscribing};
pub use change::{FieldError, TypedChange};

use super::Hub;
use super::channels::ChannelState;
use super::frame::{Frame, Waiting};

/// What a [`Listener`] receives.
#[non_exhaustive]
pub enum Event<M> {
    /// A row was changed.
    Change(TypedChange<M>),
    /// Changes may be missing here: what was built from them has to be loaded again. Nothing older
    /// follows.
    Gap,
}

impl<M> Clone for Event<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Change(change) => Self::Change(change.clone()),
            Self::Gap => Self::Gap,
        }
    }
}

impl<M> fmt::Debug for Event<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change(change) => f.debug_tuple("Change").field(change).finish(),
            Self::Gap => f.write_str("Gap"),
        }
    }
}

/// Receives a model's changes in the process; from [`Hub::subscribe`].
///
/// It is a [`Stream`], and [`next`](Self::next) needs no trait. Dropped, it has left. It ends when
/// the channels of the hub are closed for good, which [`Hub::drain`] does not do to it: what is
/// written until the end of the process is received.
#[must_use = "dropped, it receives nothing"]
pub struct Listener<M> {
    hub: Hub,
    channel: Arc<ChannelState>,
    ready: VecDeque<Waiting>,
    /// Where nothing is ready: until there may be something.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _model: PhantomData<fn() -> M>,
}

impl<M> fmt::Debug for Listener<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("channel", &self.channel.id)
            .finish_non_exhaustive()
    }
}

impl<M> Listener<M> {
    fn new(hub: Hub, channel: Arc<ChannelState>) -> Self {
        Self {
            hub,
            channel,
            ready: VecDeque::new(),
            waiting: None,
            _model: PhantomData,
        }
    }

    /// Waits for what comes next. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event<M>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// What has come and was not taken, without waiting: after [`Hub::flush`] all that was
    /// committed before.
    pub fn take_ready(&mut self) -> Vec<Event<M>> {
        if let Ok((taken, _)) = self.channel.outbox.try_take() {
            self.ready.extend(taken);
        }
        self.ready.drain(..).map(Event::from).collect()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event<M>>> {
        loop {
            if let Some(waiting) = self.ready.pop_front() {
                return Poll::Ready(Some(waiting.into()));
            }
            let outbox = &self.channel.outbox;
            let Ok((taken, due)) = outbox.try_take() else {
                return Poll::Ready(None);
            };
            if !taken.is_empty() {
                self.ready = taken;
                continue;
            }
            let outbox = Arc::clone(outbox);
            let waiting = self
                .waiting
                .get_or_insert_with(|| Box::pin(outbox.woken(due)));
            ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
        }
    }
}

impl<M> From<Waiting> for Event<M> {
    fn from(waiting: Waiting) -> Self {
        match &*waiting.frame {
            Frame::Row { change, transition } => {
                Self::Change(TypedChange::new(Arc::clone(change), *transition))
            }
            // Signals of who listens are gaps; encoded changes are for clients.
            Frame::Signal(..) | Frame::Change { .. } => Self::Gap,
        }
    }
}

impl<M> Stream for Listener<M> {
    type Item = Event<M>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event<M>>> {
        self.get_mut().poll(cx)
    }
}

impl<M> Drop for Listener<M> {
    fn drop(&mut self) {
        self.hub.close(&self.channel);
    }
}
