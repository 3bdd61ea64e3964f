//! A semaphore that is fair among owners: for work of which little is done at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::lock;
use super::owner::Owner;

/// So many permits are out at once. An owner has no more places in the queue for them than that,
/// however much it wants: another one waits for those of each that was there before, and not for
/// all that they want.
#[derive(Debug)]
pub(super) struct FairSemaphore {
    at_once: usize,
    all: Arc<Semaphore>,
    /// Of those that have permits or wait for one.
    own: Mutex<HashMap<Owner, Weak<Semaphore>>>,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub(super) struct FairPermit {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
}

impl FairSemaphore {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            at_once,
            all: Arc::new(Semaphore::new(at_once)),
            own: Mutex::default(),
        }
    }

    /// Waits for a permit; none where the semaphores were closed, which nobody does.
    pub(super) async fn take(&self, owner: &Owner) -> Option<FairPermit> {
        let own = self.of(owner).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(FairPermit {
            _all: all,
            _own: own,
        })
    }

    fn of(&self, owner: &Owner) -> Arc<Semaphore> {
        let mut own = lock(&self.own);
        if let Some(semaphore) = own.get(owner).and_then(Weak::upgrade) {
            return semaphore;
        }
        own.retain(|_, semaphore| semaphore.strong_count() > 0);
        let semaphore = Arc::new(Semaphore::new(self.at_once));
        own.insert(owner.clone(), Arc::downgrade(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::Named(name.into())
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_much_does_not_hold_up_others() {
        let semaphore = Arc::new(FairSemaphore::new(2));
        let order = Arc::<Mutex<Vec<&str>>>::default();
        let want = |name: &'static str| {
            let (semaphore, order) = (Arc::clone(&semaphore), Arc::clone(&order));
            tokio::spawn(async move {
                let permit = semaphore.take(&owner(name)).await.unwrap();
                lock(&order).push(name);
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                drop(permit);
            })
        };
        let mut all: Vec<_> = (0..20).map(|_| want("greedy")).collect();
        tokio::task::yield_now().await;
        all.extend(["ann", "bob"].map(want));
        for one in all {
            one.await.unwrap();
        }
        let order = lock(&order);
        assert_eq!(order[..4], ["greedy", "greedy", "ann", "bob"], "{order:?}");
        assert_eq!(order.len(), 22);
        // Nothing is kept of who wants nothing.
        drop(semaphore.of(&owner("eve")));
        assert_eq!(lock(&semaphore.own).len(), 1);
    }
}
