//! What arrives, between the connection, which does not wait, and delivery: a queue for each
//! stream, so that what is too much for one costs the others nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};

use super::node::Counters;

/// Messages of a stream that wait for delivery at most, whatever their size.
const MESSAGES: usize = 65_536;

/// Messages taken from the queue at once.
const AT_ONCE: usize = 64;

/// What arrives on a stream.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A message and the name it came under.
    Message { name: String, payload: Vec<u8> },
    /// Changes were lost.
    Loss,
}

impl Arrival {
    fn bytes(&self) -> usize {
        match self {
            Self::Message { payload, .. } => payload.len(),
            Self::Loss => 0,
        }
    }
}

/// The queues of all streams, on one connection.
#[derive(Debug)]
pub(super) struct Queues(HashMap<&'static str, Queue>);

impl Queues {
    /// With what is taken from them.
    pub(super) fn new(
        streams: &[&'static str],
        max_bytes: usize,
    ) -> (Self, HashMap<&'static str, Arrivals>) {
        let queues = streams.iter().map(|stream| {
            let (queue, arrivals) = queue(stream, max_bytes);
            ((*stream, queue), (*stream, arrivals))
        });
        let (queues, arrivals) = queues.unzip();
        (Self(queues), arrivals)
    }

    /// The queue of a stream that this node has.
    pub(super) fn of(&self, stream: &str) -> Option<&Queue> {
        self.0.get(stream)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Queue> {
        self.0.values()
    }
}

/// The queue between a connection and the delivery of one stream.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) stream: &'static str,
    arrivals: mpsc::Sender<Arrival>,
    load: Arc<Load>,
}

#[derive(Debug)]
struct Load {
    bytes: AtomicUsize,
    max_bytes: usize,
    /// Whether something was dropped of which nobody has been told. Until then all that comes is
    /// dropped too: what waits is older, and who was told of the gap must not see it afterwards.
    overflowed: AtomicBool,
    /// Wakes delivery, which may have nothing else to do by now.
    overflow: Notify,
}

/// What arrives of one stream on one connection.
#[derive(Debug)]
pub(super) struct Arrivals {
    waiting: mpsc::Receiver<Arrival>,
    load: Arc<Load>,
}

pub(super) fn queue(stream: &'static str, max_bytes: usize) -> (Queue, Arrivals) {
    let (arrivals, waiting) = mpsc::channel(MESSAGES);
    let load = Arc::new(Load {
        bytes: AtomicUsize::new(0),
        max_bytes,
        overflowed: AtomicBool::new(false),
        overflow: Notify::new(),
    });
    let queue = Queue {
        stream,
        arrivals,
        load: Arc::clone(&load),
    };
    (queue, Arrivals { waiting, load })
}

impl Queue {
    /// Queues what arrives; what has no room is dropped, and the subscriptions of the stream are
    /// told.
    pub(super) fn push(&self, arrival: Arrival, counters: &Counters) {
        let bytes = arrival.bytes();
        let load = &self.load;
        let waiting = load.bytes.fetch_add(bytes, Ordering::SeqCst);
        // One alone has room, however large it is.
        let has_room = waiting == 0 || waiting + bytes <= load.max_bytes;
        let has_room = has_room && !load.overflowed.load(Ordering::SeqCst);
        if has_room && self.arrivals.try_send(arrival).is_ok() {
            return;
        }
        load.bytes.fetch_sub(bytes, Ordering::SeqCst);
        counters.messages_dropped.fetch_add(1, Ordering::Relaxed);
        if !load.overflowed.swap(true, Ordering::SeqCst) {
            load.overflow.notify_one();
            tracing::error!(
                stream = self.stream,
                "messages arrive faster than they are delivered: some are dropped, and every \
                 subscription of the stream is told; raise `Limits::layer_queue_bytes` or add processes"
            );
        }
    }
}

#[cfg(test)]
impl Queue {
    /// Whether all is delivered and told.
    pub(super) fn is_idle(&self) -> bool {
        let load = &self.load;
        load.bytes.load(Ordering::SeqCst) == 0 && !load.overflowed.load(Ordering::SeqCst)
    }
}

impl Arrivals {
    /// Waits for what arrives, or for the news that something was dropped; `false` when the
    /// connection has ended and all is taken.
    pub(super) async fn next(&mut self, batch: &mut Vec<Arrival>) -> bool {
        tokio::select! {
            biased;
            taken = self.waiting.recv_many(batch, AT_ONCE) => taken > 0,
            () = self.load.overflow.notified() => true,
        }
    }

    /// These are delivered. Whether the subscriptions of the stream are to be told now that something was
    /// dropped after them.
    pub(super) fn are_done(&mut self, batch: &mut Vec<Arrival>) -> bool {
        let bytes = batch.iter().map(Arrival::bytes).sum();
        self.load.bytes.fetch_sub(bytes, Ordering::SeqCst);
        batch.clear();
        self.waiting.is_empty() && self.load.overflowed.swap(false, Ordering::SeqCst)
    }
}
