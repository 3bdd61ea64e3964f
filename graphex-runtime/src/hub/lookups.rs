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
        tracing::error!(
            stream = model.stream,
            lookup = lookup.name,
            error,
            "the lookup failed; subscribers who use it do not get the change, and are told that \
             they may have missed one"
        );
        None
    }
}
