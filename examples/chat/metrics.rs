//! What the server does, for Prometheus. A server that others can reach serves it where only
//! Prometheus does.

use axum::Router;
use axum::routing::get;
use graphex::Hub;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// Limits of the steps of time, in seconds.
const STEPS: [f64; 11] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0,
];

pub(crate) fn router(hub: Hub) -> Result<Router, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &STEPS)?
        .install_recorder()?;
    let rendered = move || async move {
        hub.record_metrics();
        recorder.render()
    };
    Ok(Router::new().route("/metrics", get(rendered)))
}
