//! The end of a hub: new channels are refused, and those that are open are closed one after the
//! other, so that their clients do not all come to another process at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::channels::ChannelState;
use super::engine::Engine;
use super::{Hub, lock};
use crate::deadline::{FAR, deadline};
use crate::error::CloseReason;

/// The part of the window in which channels are told to close; the rest is for the last of them.
const CLOSING: f64 = 0.9;

/// Time after [`Limits::close_wait`](crate::Limits::close_wait) in which whoever waited that long
/// for a client is done.
const SLACK: Duration = Duration::from_millis(500);

/// How far the end is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Draining,
    Drained,
}

/// How far the end of a hub is, and who is still there.
#[derive(Debug, Default)]
pub(super) struct Drain {
    phase: watch::Sender<Phase>,
    present: watch::Sender<usize>,
}

/// A client that is connected, until it has been told goodbye.
#[derive(Debug)]
pub(crate) struct Present(Arc<Drain>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.present.send_modify(|present| *present -= 1);
    }
}

impl Clone for Present {
    fn clone(&self) -> Self {
        self.0.present()
    }
}

impl Drain {
    pub(super) fn present(self: &Arc<Self>) -> Present {
        self.present.send_modify(|present| *present += 1);
        Present(Arc::clone(self))
    }

    pub(super) fn has_begun(&self) -> bool {
        *self.phase.borrow() != Phase::Open
    }

    fn begin(&self) {
        self.phase.send_if_modified(|phase| {
            let is_first = *phase == Phase::Open;
            if is_first {
                *phase = Phase::Draining;
            }
            is_first
        });
    }

    async fn until_all_are_gone(&self) {
        let mut present = self.present.subscribe();
        // The sender is there as long as this is.
        let _ = present.wait_for(|present| *present == 0).await;
    }
}

impl Hub {
    /// Ends the service of this process without a rush: [`ready`](Self::ready) is false from now
    /// on, new channels are refused (503 over HTTP, a close with 1012 on WebSockets), and those
    /// that are open get what waits for them, also what a throttle holds back, and are closed, WebSockets with 1001. They are told
    /// so evenly over the window, so that their clients come to other processes one after the
    /// other.
    ///
    /// Returns when all are gone. A client that does not answer its close has
    /// [`Limits::close_wait`](crate::Limits::close_wait) more. Queries and mutations are answered
    /// meanwhile, and what they write is delivered: let the server end after this
    /// ([`drained`](Self::drained)), then call [`flush`](Self::flush):
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use graphex_runtime::Hub;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// # let hub = Hub::builder().build();
    /// # let app = axum::Router::new();
    /// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// # async fn terminated() {}
    /// let server = axum::serve(listener, app).with_graceful_shutdown(hub.drained());
    /// let ending = async {
    ///     terminated().await; // SIGTERM, for example
    ///     hub.drain(Duration::from_secs(10)).await;
    ///     // A client that does not read keeps its connection, but not the program.
    ///     tokio::time::sleep(Duration::from_secs(5)).await;
    /// };
    /// tokio::select! {
    ///     served = server => served?,
    ///     () = ending => {}
    /// }
    /// hub.flush().await;
    /// # Ok(()) }
    /// ```
    ///
    /// A hub that was drained stays so. Dropped before it returns, it closes no further channels,
    /// and refuses new ones all the same.
    pub async fn drain(&self, window: Duration) {
        let channels = {
            // Whoever opens a channel looks under this lock: it is refused, or it is closed here.
            let channels = lock(&self.engine.channels);
            self.engine.drain.begin();
            channels.clients().cloned().collect::<Vec<_>>()
        };
        tracing::info!(
            channels = channels.len(),
            ?window,
            "the hub drains: it refuses new channels and closes those that are open"
        );
        close_evenly(&self.engine, &channels, window).await;
        let patience = self.engine.limits.close_wait.saturating_add(SLACK);
        let gone = self.engine.drain.until_all_are_gone();
        if timeout_at(deadline(patience), gone).await.is_err() {
            let left = *self.engine.drain.present.borrow();
            tracing::warn!(left, "clients are left that were told to go");
        }
        self.engine.drain.phase.send_replace(Phase::Drained);
    }

    /// Waits until [`drain`](Self::drain) has returned, wherever that is called: for
    /// `axum::serve(…).with_graceful_shutdown(hub.drained())`.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + use<> {
        let drain = Arc::clone(&self.engine.drain);
        async move {
            let mut phase = drain.phase.subscribe();
            // The sender is there as long as this is.
            let _ = phase.wait_for(|phase| *phase == Phase::Drained).await;
        }
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.engine.drain.has_begun()
    }
}

/// Closes the channels, the n-th of m when n/m of the time has passed. What is held back for one goes
/// before.
async fn close_evenly(engine: &Engine, channels: &[Arc<ChannelState>], window: Duration) {
    let begun = Instant::now();
    let share =
        window.min(FAR).mul_f64(CLOSING) / u32::try_from(channels.len().max(1)).unwrap_or(u32::MAX);
    for (number, channel) in (0_u32..).zip(channels) {
        sleep_until(begun + share * number).await;
        engine.release_all(channel).await;
        channel.outbox.close(CloseReason::GoingAway);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::Identity;

    #[tokio::test(start_paused = true)]
    async fn channels_are_closed_evenly_and_new_ones_are_refused() {
        let hub = Hub::builder().build();
        let connect = || hub.connect(Identity::anonymous());
        let begun = Instant::now();
        let clients: Vec<_> = (0..100)
            .map(|_| {
                let mut connection = connect().unwrap();
                tokio::spawn(async move {
                    let reason = connection.closed().await;
                    (reason, begun.elapsed())
                })
            })
            .collect();
        let drained = tokio::spawn(hub.drained());
        hub.drain(Duration::from_secs(100)).await;
        assert!(begun.elapsed() < Duration::from_secs(100));
        drained.await.unwrap();
        let mut seconds = Vec::new();
        for client in clients {
            let (reason, after) = client.await.unwrap();
            assert_eq!(reason, CloseReason::GoingAway);
            seconds.push(after.as_secs() / 10);
        }
        for tenth in 0..9 {
            let closed = seconds.iter().filter(|second| **second == tenth).count();
            assert!((10..=12).contains(&closed), "{closed}");
        }
        let refused = connect().unwrap_err().to_string();
        assert_eq!(refused, "this server is going away; connect again");
        assert!(hub.is_draining() && !hub.ready());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_go_is_not_waited_for_without_end() {
        let hub = Hub::builder().build();
        let connection = hub.connect(Identity::anonymous()).unwrap();
        let begun = Instant::now();
        hub.drain(Duration::from_secs(10)).await;
        let close_wait = hub.limits().close_wait;
        assert!(begun.elapsed() <= close_wait + SLACK);
        drop(connection);
    }
}
