//! Waiting until what was committed is on its way.

use std::convert::Infallible;

use tokio::sync::mpsc;

use super::Hub;

/// Stands in queues behind what somebody waits for, and is dropped when that is done. Where a task
/// ends with its runtime they go with it: what stood before them is lost, which is told.
#[derive(Clone, Debug)]
pub(crate) struct Flushing {
    /// Never sent on: the receiver sees that the last is gone.
    _alive: mpsc::Sender<Infallible>,
}

/// A stand-in, and what sees that all its clones are gone.
pub(super) fn flushing() -> (Flushing, mpsc::Receiver<Infallible>) {
    let (alive, gone) = mpsc::channel(1);
    (Flushing { _alive: alive }, gone)
}

impl Hub {
    /// Waits until all that was committed or published before is in the hands of the writers of
    /// the channels and, where other processes share the layer, of the layer, which brings it to
    /// them. A program that writes and ends calls it last:
    ///
    /// ```
    /// # use graphex_runtime::Hub;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let hub = Hub::builder().build();
    /// // write, with `.broadcast()` or `hub.publish(…)`, and then
    /// hub.flush().await;
    /// # }
    /// ```
    ///
    /// What a [throttle](crate::HubBuilder::throttle) holds back goes at once. With a change log, all that
    /// was committed before has been read from it. What others commit
    /// meanwhile is not waited for, and neither is what custom lookups and costly regular
    /// expressions decide beside the stream. While Redis or the database is away it waits for
    /// that; give it a limit with `tokio::time::timeout`.
    pub async fn flush(&self) {
        self.settle().await;
        for lane in self.engine.lanes.values() {
            self.engine.let_all_go(lane).await;
        }
    }

    /// The same, and a throttle keeps what it holds back.
    pub(crate) async fn settle(&self) {
        self.engine.start();
        let (flushing, mut gone) = flushing();
        for lane in self.engine.lanes.values() {
            lane.queue.flush(flushing.clone());
        }
        match self.engine.source() {
            Some(opened) => opened.source.flush(flushing),
            None => drop(flushing),
        }
        // Nothing is ever sent: this is the end of the last.
        let _ = gone.recv().await;
    }
}
