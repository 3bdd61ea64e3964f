//! The names of the metrics.

use metrics::Unit;

/// Names, kinds, units and what they mean: what a recorder is told of them.
const GAUGES: [(&str, Unit, &str); 10] = [
    ("graphex_channels", Unit::Count, "Open channels"),
    ("graphex_subscriptions", Unit::Count, "Subscriptions"),
    (
        "graphex_unshared",
        Unit::Count,
        "Subscriptions whose events are encoded one by one",
    ),
    (
        "graphex_plans",
        Unit::Count,
        "Plans that subscriptions share",
    ),
    (
        "graphex_changes_waiting",
        Unit::Count,
        "Committed changes that wait for the layer",
    ),
    (
        "graphex_decisions_waiting",
        Unit::Count,
        "Changes that wait for a decision, per plan",
    ),
    (
        "graphex_frames_waiting",
        Unit::Count,
        "Frames that wait for a client to read",
    ),
    (
        "graphex_frame_bytes_waiting",
        Unit::Bytes,
        "Bytes of the frames that wait",
    ),
    (
        "graphex_ready",
        Unit::Count,
        "1 while the hub is connected to its layer and its log",
    ),
    (
        "graphex_log_lag_seconds",
        Unit::Seconds,
        "Time since the end of the log was reached",
    ),
];
const COUNTERS: [(&str, Unit, &str); 15] = [
    (
        "graphex_changes_published_total",
        Unit::Count,
        "Changes that the layer has taken",
    ),
    (
        "graphex_changes_delivered_total",
        Unit::Count,
        "Changes that came to be delivered",
    ),
    ("graphex_changes_lost_total", Unit::Count, "Changes dropped"),
    (
        "graphex_frames_encoded_total",
        Unit::Count,
        "Frames encoded, one per plan and change",
    ),
    (
        "graphex_frames_total",
        Unit::Count,
        "Frames queued to channels",
    ),
    (
        "graphex_frame_bytes_total",
        Unit::Bytes,
        "Bytes of their payloads",
    ),
    (
        "graphex_gaps_total",
        Unit::Count,
        "Times in which a change could not be told",
    ),
    (
        "graphex_resyncs_total",
        Unit::Count,
        "Times that a subscription was told of a gap",
    ),
    (
        "graphex_channels_closed_total",
        Unit::Count,
        "Channels that are gone",
    ),
    (
        "graphex_hooks_refused_total",
        Unit::Count,
        "Hooks that said no, or failed",
    ),
    (
        "graphex_rechecks_failed_total",
        Unit::Count,
        "Rechecks that failed",
    ),
    (
        "graphex_documents_refused_total",
        Unit::Count,
        "Documents refused before execution",
    ),
    (
        "graphex_layer_outages_total",
        Unit::Count,
        "Times in which nothing came from the layer",
    ),
    (
        "graphex_messages_lost_total",
        Unit::Count,
        "Messages between processes not used",
    ),
    (
        "graphex_revocations_forgotten_total",
        Unit::Count,
        "Revoked identities forgotten",
    ),
];
const HISTOGRAMS: [(&str, Unit, &str); 3] = [
    (
        "graphex_delivery_seconds",
        Unit::Seconds,
        "From the commit to the socket",
    ),
    (
        "graphex_publish_seconds",
        Unit::Seconds,
        "From the commit until the layer has it",
    ),
    (
        "graphex_hook_seconds",
        Unit::Seconds,
        "Time that a hook took",
    ),
];

/// Tells the recorder of all of them.
pub(super) fn describe() {
    for (name, unit, text) in GAUGES {
        metrics::describe_gauge!(name, unit, text);
    }
    for (name, unit, text) in COUNTERS {
        metrics::describe_counter!(name, unit, text);
    }
    for (name, unit, text) in HISTOGRAMS {
        metrics::describe_histogram!(name, unit, text);
    }
}
