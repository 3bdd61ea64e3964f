//! Writers that are attached to another hub than the subscribers have: nothing is ever delivered,
//! and nothing fails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, Weak};

use super::engine::Engine;
use super::lock;

/// The hubs of this process, and how many there are: most often one.
static HUBS: Mutex<Vec<Weak<Engine>>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

impl Engine {
    /// Notes that there is this hub.
    pub(super) fn enlist(&self) {
        let mut hubs = lock(&HUBS);
        hubs.retain(|hub| hub.strong_count() > 0);
        hubs.push(self.weak());
        COUNT.store(hubs.len(), Ordering::Relaxed);
    }

    /// A change was captured for this hub: looks whether it is another that has the subscribers.
    pub(super) fn warn_of_other_hub(&self, stream: &'static str) {
        if COUNT.load(Ordering::Relaxed) < 2 || self.layer.is_shared() || self.has_plans(stream) {
            return;
        }
        let hubs = lock(&HUBS).clone();
        let mut others = hubs.iter().filter_map(Weak::upgrade);
        if others.any(|hub| hub.has_plans(stream))
            && let Some(suppressed) = self.log_limits.other_hub.allow()
        {
            tracing::warn!(
                stream,
                suppressed,
                "a change was written on a connection that is attached to a hub without \
                 subscribers, while another hub of this process has subscribers of the stream: \
                 build one hub, and give its clones to the pool, the schema and the router"
            );
        }
    }

    fn has_plans(&self, stream: &str) -> bool {
        self.lanes.get(stream).is_some_and(|lane| {
            let plans = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
            plans.counts().1 > 0
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::change::{Action, Change, Row};
    use crate::filters::Filters;
    use crate::hooks::Permit;
    use crate::hub::{Begin, Hub, Identity, Subscription};
    use crate::log_limit::logged;
    use crate::model::{Model, Payload};
    use crate::value::{Field as _, Value};

    /// A stream that no hub of another test has.
    static MODEL: Model = Model {
        stream: "other_hubs",
        ..Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[])
    };

    fn hub() -> Hub {
        let mut builder = Hub::builder();
        builder.models.push(&MODEL);
        builder.build()
    }

    #[tokio::test]
    async fn writers_of_another_hub_than_the_subscribers_are_in_the_log() {
        let (writers, subscribers) = (hub(), hub());
        let write = |hub: &Hub| {
            let row = Row::from([Value::Int(5)]);
            let change = Change::unlogged(&MODEL, Action::Create, row);
            logged(|| hub.reserve(vec![change], &[]).commit())
        };
        assert!(write(&writers).is_empty());
        let channel = subscribers.connect(Identity::anonymous()).unwrap();
        let permit = Permit::carried(&MODEL, Default::default());
        let subscription = Subscription {
            actions: vec![Action::Create],
            id: None,
            filters: Filters::default(),
            throttle: None,
        };
        let channel = &channel.state;
        let begin = Begin::default();
        let joined = subscribers.subscribe_channel(channel, permit, &subscription, None, begin);
        joined.await.unwrap();
        assert!(write(&subscribers).is_empty());
        let lines = write(&writers);
        assert!(lines[0].contains("build one hub"), "{lines:?}");
        assert!(write(&writers).is_empty());
    }
}
