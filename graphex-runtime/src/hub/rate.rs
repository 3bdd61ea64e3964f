//! How often something may be done.

use std::sync::Mutex;

use tokio::time::Instant;

use super::lock;

/// Leave to do something so often a second, and as often at once.
#[derive(Debug, Default)]
pub(super) struct Rate(Mutex<Option<Filling>>);

#[derive(Debug)]
struct Filling {
    left: f64,
    at: Instant,
}

impl Rate {
    /// Whether it may be done now; then it counts as done. Zero is no limit.
    pub(super) fn take(&self, per_second: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let most = f64::from(per_second);
        let now = Instant::now();
        let mut filling = lock(&self.0);
        let Filling { left, at } = filling.get_or_insert(Filling {
            left: most,
            at: now,
        });
        let earned = now.duration_since(*at).as_secs_f64() * most;
        *left = (*left + earned).min(most);
        *at = now;
        let may = *left >= 1.0;
        if may {
            *left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_at_once_and_so_many_a_second() {
        let rate = Rate::default();
        let taken = || (0..100).filter(|_| rate.take(10)).count();
        assert_eq!(taken(), 10);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(taken(), 5);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(taken(), 10);
        assert!((0..100).all(|_| rate.take(0)));
    }
}
