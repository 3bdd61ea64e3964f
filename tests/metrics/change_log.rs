//! The lag of the change log, checked against how long a test held its reader up.

use std::time::Instant;

use crate::harness::within;
use crate::logged::{Listener, NOTES, Store};
use crate::until::until;
use diesel::connection::SimpleConnection as _;
use graphex::Hub;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

/// The longest time between two looks at an idle log, and what a busy machine adds.
const LOOK: f64 = 1.0;

fn get(hub: &Hub, recorder: &PrometheusRecorder, name: &str) -> f64 {
    metrics::with_local_recorder(recorder, || hub.record_metrics());
    let text = recorder.handle().render();
    let value = text.lines().find_map(|line| {
        let (found, value) = line.rsplit_once(' ')?;
        (found == name).then(|| value.parse().unwrap())
    });
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_is_the_time_for_which_the_log_could_not_be_read() {
    let store = Store::new("lag");
    // With a journal of this kind a writer can keep readers out.
    store.run("PRAGMA journal_mode = DELETE");
    let server = store.serve().await;
    let hub = server.hub.own.clone();
    let recorder = PrometheusBuilder::new().build_recorder();
    let lag = || get(&hub, &recorder, "graphex_log_lag_seconds");
    let mut listener = Listener::join(&server, NOTES).await;
    store.insert([1]);
    assert_eq!(listener.told().await, "CREATE 1 note 1");
    assert!(lag() < LOOK, "{}", lag());

    let mut writer = store.connect();
    writer
        .batch_execute("BEGIN EXCLUSIVE; INSERT INTO notes VALUES (2, 1, 7, 'note 2')")
        .unwrap();
    let held = Instant::now();
    within(until(|| lag() >= 3.0)).await;
    let (lag_now, elapsed) = (lag(), held.elapsed().as_secs_f64());
    assert!(
        (elapsed - LOOK..elapsed + LOOK).contains(&lag_now),
        "{lag_now} of {elapsed}"
    );
    writer.batch_execute("COMMIT").unwrap();
    assert_eq!(listener.told().await, "CREATE 2 note 2");
    within(until(|| {
        lag() <= LOOK && get(&hub, &recorder, "graphex_ready") == 1.0
    }))
    .await;
}
