//! Custom lookups: what the application says of a change.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

use super::engine::Engine;
use crate::change::Change;
use crate::custom::LookupContext;
use crate::predicate::Demand;

impl Engine {
    /// What the lookup says; none if it fails.
    pub(super) async fn ask(&self, change: &Change, demand: &Demand) -> Option<bool> {
        let model = change.model;
        let lookup = &model.lookups[demand.lookup];
        let context = LookupContext::new(&self.data, change.action);
        let time = self.limits.lookup_time;
        // The lookup's state is dropped with it, so nobody sees what a panic left half done.
        let call = async { (lookup.evaluate)(&context, &change.row, &demand.operand).await };
        let call = AssertUnwindSafe(call).catch_unwind();
        let error = match tokio::time::timeout(time, call).await {
            Ok(Ok(Ok(holds))) => return Some(holds),
            Ok(Ok(Err(error))) => error.message,
            Ok(Err(_)) => "it panicked".to_owned(),
            Err(_) => format!("it took longer than {time:?}"),
        };
        self.counters.lookups_failed.add(1);
        if let Some(suppressed) = self.log_limits.lookup.allow() {
            tracing::error!(
                stream = model.stream,
                lookup = lookup.name,
                error,
                suppressed,
                "the lookup failed; subscribers who use it do not get the change, and are told that \
                 they may have missed one"
            );
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::change::{Action, Row};
    use crate::custom::CustomLookup;
    use crate::hub::Hub;
    use crate::log_limit::logged;
    use crate::model::{Model, Payload};
    use crate::value::{Field as _, Value};

    static MODEL: Model = Model {
        lookups: &[CustomLookup {
            name: "text__near",
            operand: i64::TYPE,
            evaluate: |_, _, _| Box::pin(async { Err("no index".into()) }),
        }],
        ..Model::sample(Payload::Full, &[i64::TYPE.named("id", "ID")], &[])
    };

    /// Any client can ask for the lookup, and any writer can make it fail.
    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_fails_for_each_change_is_in_the_log_once() {
        let hub = Hub::builder().build();
        let change = Change::unlogged(&MODEL, Action::Create, Row::from([Value::Int(1)]));
        let demand = Demand {
            lookup: 0,
            operand: Arc::new(Value::Int(1)),
        };
        let lines = logged(|| {
            for _ in 0..5 {
                let asked = hub.engine.ask(&change, &demand).now_or_never();
                assert_eq!(asked, Some(None));
            }
        });
        let [line] = lines.as_slice() else {
            panic!("one line, not {lines:?}");
        };
        assert!(line.contains("no index"), "{line}");
        assert_eq!(hub.stats().lookups_failed, 5);
    }
}
