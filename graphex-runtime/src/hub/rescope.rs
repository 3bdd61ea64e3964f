//! Subscriptions that have to be made again, since what their identity may see has changed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::engine::Engine;
use super::identity::Identity;
use super::rights::Holder;
use super::{Hub, lock};
use crate::error::CloseReason;
use crate::node::NodeId;
use crate::wire::Rescoping;

/// A process tells the others again for so long, for those that were disconnected.
const REPEATED: Duration = Duration::from_secs(60);
/// Time between two times of that.
const REPEAT_INTERVAL: Duration = Duration::from_secs(10);
/// Of so many it is known that they have been seen.
const KNOWN: usize = 10_000;

/// What was sent and received lately.
#[derive(Default)]
pub(super) struct Rescopings {
    numbers: AtomicU64,
    own: Mutex<VecDeque<(Instant, Rescoping)>>,
    seen: Mutex<VecDeque<u64>>,
}

impl Hub {
    /// What an identity may see has changed: `authorize` and `scope` have to be asked anew about its
    /// subscriptions. Its channels are told so and closed, here at once and in every other process as
    /// soon as that receives it, and nothing that was queued for them is sent. Its clients connect
    /// again and subscribe again, and with that the hooks are asked.
    ///
    /// Call it when the change is committed: where a user joins a room, or leaves one.
    ///
    /// Each subscription of the standard protocols gets a last `RESYNC`. One that goes on after a
    /// position of a change log gets one more: its cursors are of the scope that it had, and are not good
    /// in another. With `snapshot: true` the rows that there are in the new scope follow. WebSockets are
    /// closed with 1012, streams end.
    ///
    /// ```
    /// # use graphex_runtime::{CloseReason, Hub, Identity};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let hub = Hub::builder().build();
    /// let user = Identity::new("user:1");
    /// let mut connection = hub.connect(user.clone()).unwrap();
    /// hub.rescope(&user).await;
    /// assert_eq!(connection.closed().await, CloseReason::Rescoped);
    /// assert!(hub.connect(user).is_ok());
    /// # }
    /// ```
    ///
    /// It returns when the layer has taken it over. Processes that are disconnected at the moment
    /// are told again for a minute, as long as this one lives.
    pub async fn rescope(&self, identity: &Identity) {
        self.engine.start();
        let holder = Holder::of(identity);
        let (name, peer) = holder.parts();
        let rescopings = &self.engine.rescopings;
        let number = rescopings.number(self.engine.node);
        let rescoping = Rescoping { name, peer, number };
        self.engine.rescope(&holder);
        let message = rescoping.write();
        rescopings.keep(rescoping);
        self.engine.layer.send_all(message).await;
    }
}

impl Rescopings {
    /// One that no other has: the numbers of processes are random and far from each other.
    fn number(&self, node: NodeId) -> u64 {
        let told = self.numbers.fetch_add(1, Ordering::Relaxed);
        let number = node.0.wrapping_add(told);
        // The layer brings it back.
        self.is_new(number);
        number
    }

    fn keep(&self, rescoping: Rescoping) {
        let mut own = lock(&self.own);
        if own.len() >= KNOWN {
            own.pop_front();
        }
        own.push_back((Instant::now(), rescoping));
    }

    /// Whether this is received for the first time.
    fn is_new(&self, number: u64) -> bool {
        let mut seen = lock(&self.seen);
        if seen.contains(&number) {
            return false;
        }
        if seen.len() >= KNOWN {
            seen.pop_front();
        }
        seen.push_back(number);
        true
    }

    /// What is told again.
    fn own(&self) -> Vec<Rescoping> {
        let mut own = lock(&self.own);
        while own
            .front()
            .is_some_and(|(since, _)| since.elapsed() > REPEATED)
        {
            own.pop_front();
        }
        own.iter().map(|(_, rescoping)| rescoping.clone()).collect()
    }
}

impl Engine {
    /// Another process has said so.
    pub(super) fn apply_rescoping(&self, rescoping: &Rescoping) {
        if self.rescopings.is_new(rescoping.number) {
            self.rescope(&Holder::from_parts(
                rescoping.name.as_deref(),
                rescoping.peer,
            ));
        }
    }

    fn rescope(&self, holder: &Holder) {
        let channels: Vec<_> = {
            let channels = lock(&self.channels);
            let concerned = channels.of_clients();
            let concerned = concerned.filter(|channel| holder.has(&channel.identity));
            concerned.map(Arc::clone).collect()
        };
        for channel in channels {
            let subscribers = channel.subscribers(None);
            self.counters.resyncs.add(subscribers.len());
            channel
                .outbox
                .close_anew(&subscribers, CloseReason::Rescoped);
        }
    }
}

/// Tells other processes again, for as long as it is polled and the engine lives.
pub(super) async fn repeat_rescopings(engine: Weak<Engine>) {
    loop {
        sleep(REPEAT_INTERVAL).await;
        let Some(strong) = engine.upgrade() else {
            return;
        };
        let (own, layer) = (strong.rescopings.own(), Arc::clone(&strong.layer));
        drop(strong);
        for rescoping in own {
            layer.send_all(rescoping.write()).await;
        }
    }
}
