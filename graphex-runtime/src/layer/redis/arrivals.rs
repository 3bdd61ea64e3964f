//! What arrives, between the connection, which does not wait, and delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};

use super::node::Counters;

/// Messages that wait for delivery at most, whatever their size.
const MESSAGES: usize = 65_536;

/// Messages taken from the queue at once.
const AT_ONCE: usize = 64;

/// A message and the name it came under.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) name: String,
    pub(super) payload: Vec<u8>,
}

/// The queue between a connection and delivery.
#[derive(Debug)]
pub(super) struct Queue {
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

/// What arrives on one connection.
#[derive(Debug)]
pub(super) struct Arrivals {
    waiting: mpsc::Receiver<Arrival>,
    load: Arc<Load>,
}

pub(super) fn queue(max_bytes: usize) -> (Queue, Arrivals) {
    let (arrivals, waiting) = mpsc::channel(MESSAGES);
    let load = Arc::new(Load {
        bytes: AtomicUsize::new(0),
        max_bytes,
        overflowed: AtomicBool::new(false),
        overflow: Notify::new(),
    });
    let queue = Queue {
        arrivals,
        load: Arc::clone(&load),
    };
    (queue, Arrivals { waiting, load })
}

impl Queue {
    /// Queues a message; what has no room is dropped, and every subscription is told.
    pub(super) fn push(&self, arrival: Arrival, counters: &Counters) {
        let bytes = arrival.payload.len();
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
                "messages arrive faster than they are delivered: some are dropped, and every \
                 subscription is told; raise `Limits::layer_queue_bytes` or add processes"
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

    /// These are delivered. Whether every subscription is to be told now that something was
    /// dropped after them.
    pub(super) fn are_done(&mut self, batch: &mut Vec<Arrival>) -> bool {
        let bytes = batch.iter().map(|arrival| arrival.payload.len()).sum();
        self.load.bytes.fetch_sub(bytes, Ordering::SeqCst);
        batch.clear();
        self.waiting.is_empty() && self.load.overflowed.swap(false, Ordering::SeqCst)
    }
}
