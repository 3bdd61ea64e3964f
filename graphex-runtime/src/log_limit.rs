//! Rate limits of log lines that clients can cause as often as they like.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Time between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets through one line per [`INTERVAL`], and counts those that it suppresses.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// Whether it is time for a line, and how many were suppressed since the last.
    pub(crate) fn allow(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(Instant::now());
        Some(std::mem::take(&mut state.suppressed))
    }
}

/// The limited lines of a hub.
#[derive(Debug, Default)]
pub(crate) struct LogLimits {
    /// A page of a foreign origin was refused.
    #[cfg_attr(not(feature = "axum"), allow(dead_code, reason = "for WebSockets"))]
    pub(crate) origin: LogLimit,
    /// Somebody asked for a channel of another identity.
    pub(crate) identity: LogLimit,
    /// A row costs a subscriber more for its regular expressions than it may spend.
    pub(crate) budget: LogLimit,
    /// More changes wait for the decisions of a subscriber than may.
    pub(crate) decisions: LogLimit,
    /// A lookup failed.
    pub(crate) lookup: LogLimit,
    /// A frame is larger than an outbox.
    pub(crate) frame: LogLimit,
    /// Who does not read is closed.
    pub(crate) slow_reader: LogLimit,
    /// A subscription does not get the snapshot that it asked for.
    pub(crate) snapshot: LogLimit,
    /// The change log does not answer somebody who goes on, or whose mutation has written.
    pub(crate) log: LogLimit,
    /// A change was captured for a hub without subscribers beside one that has them.
    #[cfg_attr(
        not(feature = "diesel"),
        allow(dead_code, reason = "only Diesel's are captured")
    )]
    pub(crate) other_hub: LogLimit,
}

/// What is logged meanwhile on this thread, each event as its level, its message and its fields.
#[cfg(test)]
pub(crate) fn logged(run: impl FnOnce()) -> Vec<String> {
    use std::fmt::Write as _;
    use std::sync::Arc;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);
    struct Line(String);
    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            write!(self.0, " {field}={value:?}").unwrap();
        }
    }
    impl Subscriber for Log {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            let mut line = Line(event.metadata().level().to_string());
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), run);
    let lines = log.0.lock().unwrap();
    lines.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_tells_how_many_were_suppressed() {
        let limit = LogLimit::default();
        assert_eq!(limit.allow(), Some(0));
        for _ in 0..5 {
            assert_eq!(limit.allow(), None);
        }
        tokio::time::advance(INTERVAL).await;
        assert_eq!(limit.allow(), Some(5));
        assert_eq!(limit.allow(), None);
    }
}
