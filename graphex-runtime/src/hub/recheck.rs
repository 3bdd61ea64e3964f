//! Asking the application at an interval whether those who are connected still may be.

use std::collections::HashSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_graphql::Result;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::time::{sleep, timeout};

use super::engine::Engine;
use super::identity::Identity;
use super::{HubBuilder, lock};
use crate::deadline::FAR;
use crate::error::CloseReason;
use crate::hooks::is_sentence;

/// Identities that are asked about at once.
const AT_ONCE: usize = 8;

type Hook = dyn Fn(Identity) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// Whom to ask, and how often.
#[derive(Clone)]
pub(super) struct Recheck {
    every: Duration,
    hook: Arc<Hook>,
}

impl fmt::Debug for Recheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recheck").field(&self.every).finish()
    }
}

impl HubBuilder {
    /// Asks at this interval about each identity that has a channel in this process whether it
    /// still may. An error made of a sentence closes its channels, as
    /// [`Hub::revoke`](crate::Hub::revoke) does, but does not refuse new ones; any other error is
    /// logged, counted and changes nothing, and so does an answer that takes longer than the
    /// interval. Default: nobody is asked.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use graphex_runtime::Hub;
    ///
    /// # async fn is_blocked(_: Option<&str>) -> Result<bool, std::io::Error> { Ok(false) }
    /// let hub = Hub::builder().recheck(Duration::from_secs(60), |identity| async move {
    ///     match is_blocked(identity.name()).await? {
    ///         true => Err("your account is blocked".into()),
    ///         false => Ok(()),
    ///     }
    /// });
    /// # drop(hub);
    /// ```
    ///
    /// The anonymous are not asked about.
    pub fn recheck<F>(
        mut self,
        every: Duration,
        hook: impl Fn(Identity) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.recheck = Some(Recheck {
            // A busy loop would be of use to nobody.
            every: every.clamp(Duration::from_millis(10), FAR),
            hook: Arc::new(move |identity| hook(identity).boxed()),
        });
        self
    }
}

/// Asks for as long as it is polled and the engine lives.
pub(super) async fn recheck(of: Recheck, engine: Weak<Engine>) {
    loop {
        sleep(of.every).await;
        let Some(strong) = engine.upgrade() else {
            return;
        };
        let named = strong.named();
        drop(strong);
        let asked = stream::iter(named).for_each_concurrent(AT_ONCE, |identity| {
            let (of, engine) = (&of, &engine);
            async move {
                let answer = of.ask(identity.clone()).await;
                if let Some(engine) = engine.upgrade() {
                    engine.obey(&identity, answer);
                }
            }
        });
        asked.await;
    }
}

impl Recheck {
    /// What it says; nothing if it says nothing.
    async fn ask(&self, identity: Identity) -> Option<Result<()>> {
        // The hook's state is dropped with it, so nobody sees what a panic left half done.
        let asking = AssertUnwindSafe(async { (self.hook)(identity).await }).catch_unwind();
        timeout(self.every, asking).await.ok()?.ok()
    }
}

impl Engine {
    /// Each identity with a name that has a channel here.
    fn named(&self) -> HashSet<Identity> {
        let channels = lock(&self.channels);
        let identities = channels.iter().map(|channel| &channel.identity);
        let named = identities.filter(|identity| !identity.is_anonymous());
        named.cloned().collect()
    }

    fn obey(&self, identity: &Identity, answer: Option<Result<()>>) {
        let error = match answer {
            Some(Ok(())) => return,
            Some(Err(error)) if is_sentence(&error) => {
                let reason = CloseReason::Revoked(error.message.into());
                self.close_where(&reason, |channel| channel.identity == *identity);
                return;
            }
            Some(Err(error)) => error.message,
            None => "it panicked or took too long".to_owned(),
        };
        self.counters.rechecks_failed.add(1);
        tracing::error!(
            error,
            "the recheck of an identity failed; its channels stay"
        );
    }
}
