//! Waiting for what nothing signals: a figure of the hub's, a server that starts.

use std::time::Duration;

/// What tasks of the same runtime bring about is so after fewer turns of it.
const TURNS: u32 = 200;

/// Waits until this is so, without an end: whoever calls it has a deadline.
///
/// What takes long is done by others, to whom the processor is left. No time goes by on a paused clock.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let mut turns = 0;
    while !is_so() {
        if turns < TURNS {
            turns += 1;
            tokio::task::yield_now().await;
        } else {
            millisecond().await;
        }
    }
}

/// Of real time. As long as a blocking task runs a paused clock does not go on by itself.
async fn millisecond() {
    let sleep = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1)));
    sleep.await.expect("sleeping does not panic");
}
