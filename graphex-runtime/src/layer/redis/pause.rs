//! The time between two attempts to connect.

use std::time::Duration;

use crate::node::NodeId;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(250);

/// A connection that has held so long is a new start: the next pause is short again.
const HELD: Duration = Duration::from_secs(1);

/// Grows from one attempt to the next.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Pause {
    pub(super) fn new() -> Self {
        Self(FIRST)
    }

    /// A connection has held for this time.
    pub(super) fn held(&mut self, time: Duration) {
        if time >= HELD {
            self.0 = FIRST;
        }
    }

    /// Waits, and makes the next pause longer.
    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(jittered(self.0)).await;
        self.0 = (self.0 * 2).min(LONGEST);
    }
}

/// Between half of the pause and all of it, so that nodes do not come back at the same time.
fn jittered(pause: Duration) -> Duration {
    // 16 of 64 random bits are a fraction.
    let fraction = NodeId::random().0 >> 48;
    pause.mul_f64(0.5 + f64::from(u32::try_from(fraction).unwrap_or(0)) / 131_072.0)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_bound_and_begin_anew_after_a_connection_that_held() {
        let mut pause = Pause::new();
        let waited = async |pause: &mut Pause| {
            let before = Instant::now();
            pause.wait().await;
            before.elapsed()
        };
        for longest in [FIRST, FIRST * 2, FIRST * 4, LONGEST, LONGEST] {
            let time = waited(&mut pause).await;
            // A paused clock counts milliseconds.
            let (least, most) = (longest / 2, longest + Duration::from_millis(1));
            assert!(least <= time && time <= most, "{time:?}");
        }
        pause.held(HELD / 2);
        assert!(waited(&mut pause).await >= LONGEST / 2);
        pause.held(HELD);
        assert!(waited(&mut pause).await <= FIRST + Duration::from_millis(1));
    }
}
