//! The feature `metrics`: what a hub holds and did, handed to the recorder of the `metrics` crate.

mod names;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use metrics::{counter, gauge, histogram};
use names::describe;

use super::channels::{ChannelState, Role};
use super::{Hub, lock};
use crate::measure::{Histogram, HookMeasures};

impl Hub {
    /// Hands what the hub holds and what it did to the recorder of the `metrics` crate: call it
    /// before an exporter renders what it has, or now and then for one that pushes.
    ///
    /// Between two calls the hub only counts, so that a recorder costs nothing per frame. A recorder
    /// may be installed at any time before. Metrics have no label of the hub: a process with two
    /// hubs has one of them recorded.
    ///
    /// ```
    /// use graphex_runtime::Hub;
    /// use metrics_exporter_prometheus::PrometheusBuilder;
    ///
    /// let recorder = PrometheusBuilder::new().install_recorder().unwrap();
    /// let hub = Hub::builder().build();
    /// // For each request to `/metrics`:
    /// hub.record_metrics();
    /// assert!(recorder.render().contains("graphex_ready 1"));
    /// ```
    ///
    /// The guide has a table of all of them, `guide/metrics.md`.
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn record_metrics(&self) {
        describe();
        self.record_channels();
        self.record_lanes();
        self.record_counts();
        let measures = &self.engine.measures;
        record("graphex_delivery_seconds", None, &measures.delivered);
        for (hook, measures) in [
            ("authorize", &measures.hooks.authorize),
            ("scope", &measures.hooks.scope),
        ] {
            record_hook(hook, measures);
        }
        if let Some(opened) = self.engine.source() {
            gauge!("graphex_log_lag_seconds").set(opened.source.lag().as_secs_f64());
        }
    }

    /// What channels hold, by transport and stream. What is gone is told as zero, for a gauge stays
    /// what it was told last.
    fn record_channels(&self) {
        let channels: Vec<Arc<ChannelState>> =
            lock(&self.engine.channels).iter().cloned().collect();
        let mut open: HashMap<_, usize> = HashMap::new();
        let mut held: HashMap<_, usize> = HashMap::new();
        let (mut frames, mut bytes, mut unshared) = (0, 0, 0);
        for channel in &channels {
            let waiting = channel.outbox.waiting();
            (frames, bytes) = (frames + waiting.0, bytes + waiting.1);
            let subscriptions = lock(&channel.subscriptions);
            if channel.role == Role::Branch {
                unshared += subscriptions.held.len();
            } else {
                *open.entry(channel.transport).or_default() += 1;
            }
            for key in subscriptions.held.keys() {
                *held.entry((key.stream, channel.transport)).or_default() += 1;
            }
        }
        let mut labels = lock(&self.engine.measures.labels);
        labels.transports.extend(open.keys());
        labels.subscriptions.extend(held.keys());
        for transport in &labels.transports {
            let count = open.get(transport).copied().unwrap_or(0);
            gauge!("graphex_channels", "transport" => *transport).set(count as f64);
        }
        for (stream, transport) in &labels.subscriptions {
            let count = held.get(&(*stream, *transport)).copied().unwrap_or(0);
            let labels = [("stream", *stream), ("transport", *transport)];
            gauge!("graphex_subscriptions", &labels).set(count as f64);
        }
        drop(labels);
        gauge!("graphex_unshared").set(unshared as f64);
        gauge!("graphex_frames_waiting").set(frames as f64);
        gauge!("graphex_frame_bytes_waiting").set(bytes as f64);
    }

    fn record_lanes(&self) {
        for lane in self.engine.lanes.values() {
            let stream = lane.model.stream;
            let table = lane.plans.read().unwrap_or_else(PoisonError::into_inner);
            let (_, plans) = table.counts();
            drop(table);
            let waiting = lane.queue.waiting();
            gauge!("graphex_plans", "stream" => stream).set(plans as f64);
            gauge!("graphex_changes_waiting", "stream" => stream).set(waiting as f64);
            for (name, tally) in [
                ("graphex_changes_delivered_total", &lane.measures.changes),
                ("graphex_frames_total", &lane.measures.frames),
                ("graphex_frame_bytes_total", &lane.measures.bytes),
            ] {
                counter!(name, "stream" => stream).absolute(tally.get());
            }
            let published = &lane.measures.published;
            record(
                "graphex_publish_seconds",
                Some(("stream", stream)),
                published,
            );
        }
    }

    fn record_counts(&self) {
        let stats = self.stats();
        gauge!("graphex_ready").set(if self.ready() { 1.0 } else { 0.0 });
        gauge!("graphex_decisions_waiting").set(stats.decisions_waiting as f64);
        for (name, count) in [
            ("graphex_changes_published_total", stats.changes_published),
            ("graphex_frames_encoded_total", stats.frames_encoded),
            ("graphex_layer_outages_total", stats.layer_outages),
            ("graphex_resyncs_total", stats.resyncs),
            ("graphex_rechecks_failed_total", stats.rechecks_failed),
            ("graphex_documents_refused_total", stats.documents_refused),
            (
                "graphex_revocations_forgotten_total",
                stats.revocations_forgotten,
            ),
        ] {
            counter!(name).absolute(count);
        }
        let closes = &self.engine.measures.closes;
        let by_reason = |name: &'static str, counts: &[(&'static str, u64)]| {
            for (reason, count) in counts {
                counter!(name, "reason" => *reason).absolute(*count);
            }
        };
        by_reason(
            "graphex_changes_lost_total",
            &[
                ("queue_full", stats.changes_lost),
                ("unregistered", stats.changes_unregistered),
            ],
        );
        by_reason(
            "graphex_gaps_total",
            &[
                ("overflow", stats.overflows),
                ("decisions_full", stats.decisions_dropped),
                ("budget_spent", stats.budgets_spent),
                ("lookup_failed", stats.lookups_failed),
                ("frame_too_large", stats.frames_too_large),
            ],
        );
        by_reason(
            "graphex_messages_lost_total",
            &[
                ("unreadable", stats.messages_unreadable),
                ("repeated", stats.messages_repeated),
                ("queue_full", stats.messages_dropped),
                ("refused", stats.messages_refused),
            ],
        );
        by_reason(
            "graphex_channels_closed_total",
            &[
                ("client", closes.by_client.get()),
                ("slow_reader", closes.slow_reader.get()),
                ("going_away", closes.going_away.get()),
                ("revoked", closes.revoked.get()),
                ("rescoped", closes.rescoped.get()),
                ("expired", closes.expired.get()),
            ],
        );
    }
}

fn record_hook(hook: &'static str, measures: &HookMeasures) {
    let seconds = &measures.seconds;
    record("graphex_hook_seconds", Some(("hook", hook)), seconds);
    for (outcome, tally) in [("denied", &measures.denied), ("failed", &measures.failed)] {
        let labels = [("hook", hook), ("outcome", outcome)];
        counter!("graphex_hooks_refused_total", &labels).absolute(tally.get());
    }
}

fn record(name: &'static str, label: Option<(&'static str, &'static str)>, of: &Histogram) {
    let handle = match label {
        Some((key, value)) => histogram!(name, key => value),
        None => histogram!(name),
    };
    for (seconds, count) in of.take() {
        handle.record_many(seconds, usize::try_from(count).unwrap_or(usize::MAX));
    }
}
