//! A layer within the process that loses, delays and duplicates on purpose, for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::memory::MemoryLayer;
use super::{BoxFuture, Inbox, Layer, LayerCounts, Listening, NoSuchNode, Unavailable};
use crate::change::Change;
use crate::node::NodeId;
use crate::topic::{Topic, Topics};

/// What goes wrong between writers and subscribers, for [`HubBuilder::faults`]: a handle, whose
/// clones are the same.
///
/// ```
/// use graphex_macros::ModelType;
/// use graphex_runtime::testing::Faults;
/// use graphex_runtime::{Action, Event, Hub};
///
/// #[derive(ModelType)]
/// #[graphex(stream = "orders", crate = "graphex_runtime")]
/// struct Order { id: i64 }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let faults = Faults::new();
/// let hub = Hub::builder().model::<Order>().faults(&faults).build();
/// let mut orders = hub.subscribe::<Order>().await?;
/// faults.lose(1);
/// hub.publish(Action::Create, &Order { id: 1 });
/// assert!(matches!(orders.next().await, Some(Event::Gap)));
/// # Ok(()) }
/// ```
///
/// [`HubBuilder::faults`]: crate::HubBuilder::faults
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    lost: usize,
    lost_silently: usize,
    duplicated: usize,
    delay: Duration,
    is_held: bool,
    is_disconnected: bool,
    /// Whether it was disconnected and no gap has told so yet.
    was_disconnected: bool,
}

/// What becomes of a change.
enum Fate {
    Arrives,
    ArrivesTwice,
    IsLost,
    IsLostSilently,
}

impl Faults {
    /// Nothing goes wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// So many of the next changes are lost, as when Redis refuses them: their stream is told of a
    /// gap. For a subscriber, what comes before it has taken the gap is part of it.
    pub fn lose(&self, changes: usize) {
        self.0.lock().lost += changes;
    }

    /// So many of the next changes are lost and nobody is told, as when a process is killed between
    /// a commit and the publishing of it.
    pub fn lose_silently(&self, changes: usize) {
        self.0.lock().lost_silently += changes;
    }

    /// So many of the next changes arrive twice, as when they are published twice.
    pub fn duplicate(&self, changes: usize) {
        self.0.lock().duplicated += changes;
    }

    /// Each change from now on is so long on its way, by tokio's clock.
    pub fn delay(&self, by: Duration) {
        self.0.lock().delay = by;
    }

    /// Nothing arrives from now on, and [`Hub::flush`](crate::Hub::flush) waits: until
    /// [`release`](Self::release).
    pub fn hold(&self) {
        self.0.lock().is_held = true;
    }

    /// What is held arrives.
    pub fn release(&self) {
        self.0.lock().is_held = false;
        self.0.changed.notify_waiters();
    }

    /// The layer is disconnected, as that of Redis may be: the hub is not ready, nobody can subscribe, and nothing
    /// arrives until [`reconnect`](Self::reconnect).
    pub fn disconnect(&self) {
        self.0.lock().is_disconnected = true;
    }

    /// The layer is connected again: what was published meanwhile arrives, after all streams are told of
    /// a gap, of which it may be part.
    pub fn reconnect(&self) {
        let mut state = self.0.lock();
        state.was_disconnected |= std::mem::take(&mut state.is_disconnected);
        drop(state);
        self.0.changed.notify_waiters();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self) -> bool {
        let state = self.lock();
        state.is_held || state.is_disconnected
    }

    /// Waits until changes may arrive.
    async fn released(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !self.holds() {
                return;
            }
            changed.await;
        }
    }

    fn fate(&self) -> Fate {
        let mut state = self.lock();
        let takes = |count: &mut usize| {
            let is_next = *count > 0;
            *count -= usize::from(is_next);
            is_next
        };
        if takes(&mut state.lost) {
            Fate::IsLost
        } else if takes(&mut state.lost_silently) {
            Fate::IsLostSilently
        } else if takes(&mut state.duplicated) {
            Fate::ArrivesTwice
        } else {
            Fate::Arrives
        }
    }
}

/// The in-memory layer with these faults.
pub(crate) struct FaultyLayer {
    inbox: Weak<dyn Inbox>,
    memory: MemoryLayer,
    faults: Faults,
}

impl FaultyLayer {
    pub(super) fn new(inbox: Weak<dyn Inbox>, faults: Faults) -> Self {
        let memory = MemoryLayer::new(inbox.clone());
        Self {
            inbox,
            memory,
            faults,
        }
    }
}

impl Layer for FaultyLayer {
    fn publish<'a>(&'a self, changes: &'a mut VecDeque<Arc<Change>>) -> BoxFuture<'a> {
        Box::pin(async move {
            let faults = &*self.faults.0;
            while let Some(stream) = changes.front().map(|change| change.model.stream) {
                let delay = faults.lock().delay;
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                faults.released().await;
                let (Some(inbox), Some(change)) = (self.inbox.upgrade(), changes.pop_front())
                else {
                    return;
                };
                if std::mem::take(&mut faults.lock().was_disconnected) {
                    inbox.missed(None).await;
                }
                let topics: Topics = Topic::published(&change).collect();
                match faults.fate() {
                    Fate::Arrives => inbox.deliver(&topics, &change).await,
                    Fate::ArrivesTwice => {
                        inbox.deliver(&topics, &change).await;
                        inbox.deliver(&topics, &change).await;
                    }
                    Fate::IsLost => inbox.missed(Some(stream)).await,
                    Fate::IsLostSilently => {}
                }
                inbox.flush(stream);
            }
        })
    }

    fn announce_loss(&self, stream: &'static str) -> BoxFuture<'_> {
        self.memory.announce_loss(stream)
    }

    fn listen(&self, topics: Vec<Topic>) -> BoxFuture<'_, Result<Listening, Unavailable>> {
        if self.faults.0.lock().is_disconnected {
            return Box::pin(async { Err(Unavailable) });
        }
        self.memory.listen(topics)
    }

    fn send(&self, node: NodeId, message: Vec<u8>) -> BoxFuture<'_, Result<(), NoSuchNode>> {
        self.memory.send(node, message)
    }

    fn send_all(&self, message: Vec<u8>) -> BoxFuture<'_> {
        self.memory.send_all(message)
    }

    fn tasks(self: Arc<Self>) -> Vec<BoxFuture<'static>> {
        Vec::new()
    }

    fn is_ready(&self) -> bool {
        !self.faults.0.lock().is_disconnected
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn counts(&self) -> LayerCounts {
        LayerCounts::default()
    }
}
