//! Spans of `tracing`, with the field names of OpenTelemetry. Of each kind and stream so many begin in a
//! second, so that a busy server can leave them on. Where nobody listens, none is made, and no clock is read.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::Empty;
use tracing::{Level, Span};

use super::Hub;
use super::rate::Rate;
use crate::change::Change;
use crate::error::Refusal;
use crate::limits::Limits;
use crate::model::Model;

/// What a subscriber of `tracing` filters by.
const TARGET: &str = "graphex::spans";

/// The spans of a stream.
#[derive(Debug)]
pub(super) struct Spans {
    per_second: u32,
    subscribe: Sampled,
    change: Sampled,
    delivery: Sampled,
}

/// Lets some spans begin, and counts the others.
#[derive(Debug, Default)]
struct Sampled {
    rate: Rate,
    left_out: AtomicU64,
}

impl Sampled {
    /// Whether one may begin now, and how many did not since the last that did.
    fn take(&self, per_second: u32) -> Option<u64> {
        if self.rate.take(per_second) {
            Some(self.left_out.swap(0, Ordering::Relaxed))
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

/// Whether somebody listens. Where nobody does it is one look at a number.
macro_rules! is_heard {
    () => {
        tracing::span_enabled!(target: TARGET, Level::INFO)
    };
}

impl Spans {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            per_second: limits.spans_per_second,
            subscribe: Sampled::default(),
            change: Sampled::default(),
            delivery: Sampled::default(),
        }
    }

    /// Changes are handed to the layer (`publish`), or were read from the change log (`receive`).
    pub(super) fn change(&self, model: &Model, operation: ChangeOperation, changes: usize) -> Span {
        if !is_heard!() {
            return Span::none();
        }
        let Some(left_out) = self.change.take(self.per_second) else {
            return Span::none();
        };
        let (kind, name, of) = match operation {
            ChangeOperation::Publish => ("producer", "publish", "send"),
            ChangeOperation::Receive => ("consumer", "receive", "receive"),
        };
        tracing::info_span!(
            target: TARGET,
            "graphex.change",
            "otel.kind" = kind,
            "messaging.system" = "graphex",
            "messaging.operation.name" = name,
            "messaging.operation.type" = of,
            "messaging.destination.name" = model.stream,
            "messaging.batch.message_count" = changes,
            "graphex.left_out" = left_out,
        )
    }

    /// A change goes to the plans that it matches.
    pub(super) fn delivery(&self, change: &Change) -> Span {
        if !is_heard!() {
            return Span::none();
        }
        let Some(left_out) = self.delivery.take(self.per_second) else {
            return Span::none();
        };
        tracing::info_span!(
            target: TARGET,
            "graphex.delivery",
            "otel.kind" = "consumer",
            "messaging.system" = "graphex",
            "messaging.operation.name" = "deliver",
            "messaging.operation.type" = "process",
            "messaging.destination.name" = change.model.stream,
            "graphex.action" = change.action.name(),
            "graphex.plans" = Empty,
            "graphex.frames" = Empty,
            "graphex.left_out" = left_out,
        )
    }
}

/// Where changes come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum ChangeOperation {
    Publish,
    Receive,
}

/// What became of a delivery.
pub(super) fn delivered(span: &Span, plans: usize, frames: usize) {
    if !span.is_none() {
        span.record("graphex.plans", plans);
        span.record("graphex.frames", frames);
    }
}

/// What became of a subscription.
pub(crate) fn subscribed<T>(span: &Span, outcome: &Result<T, Refusal>) {
    if let Err(refusal) = outcome {
        let code = refusal.code();
        span.record("error.type", code);
        // What the client is to blame for is no fault of the server.
        if matches!(code, "INTERNAL_SERVER_ERROR" | "UNAVAILABLE") {
            span.record("otel.status_code", "ERROR");
        }
    }
}

impl Hub {
    /// Somebody subscribes to the model's stream, with an operation of this name.
    pub(crate) fn subscribe_span(&self, model: &Model, operation: Option<&str>) -> Span {
        let lane = self.engine.lanes.get(model.stream);
        let Some(spans) = lane.map(|lane| &lane.spans).filter(|_| is_heard!()) else {
            return Span::none();
        };
        let Some(left_out) = spans.subscribe.take(spans.per_second) else {
            return Span::none();
        };
        tracing::info_span!(
            target: TARGET,
            "graphex.subscribe",
            "otel.kind" = "server",
            "otel.status_code" = Empty,
            "messaging.system" = "graphex",
            "messaging.operation.name" = "subscribe",
            "messaging.destination.name" = model.stream,
            "graphql.operation.type" = "subscription",
            "graphql.operation.name" = operation,
            "error.type" = Empty,
            "graphex.left_out" = left_out,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Payload;
    use crate::value::Field as _;

    static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

    fn begun(spans: &Spans) -> usize {
        let one = |_: &usize| {
            let span = spans.change(&MODEL, ChangeOperation::Publish, 1);
            !span.is_none()
        };
        (0..100).filter(one).count()
    }

    #[test]
    fn where_nobody_listens_nothing_is_made_or_counted() {
        let limits = Limits {
            spans_per_second: 3,
            ..Limits::default()
        };
        let spans = Spans::new(&limits);
        assert_eq!(begun(&spans), 0);
        assert_eq!(spans.change.left_out.load(Ordering::Relaxed), 0);
        // None was taken of those that may begin.
        crate::log_limit::logged(|| assert_eq!(begun(&spans), 3));
        assert_eq!(spans.change.left_out.load(Ordering::Relaxed), 97);
    }
}
