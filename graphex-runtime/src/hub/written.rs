//! Where in the log is what somebody has just written.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::engine::Engine;
use super::past::Past;
use super::source::OpenError;
use super::{Hub, lock};
use crate::cursor::Cursor;

/// Time that an answer waits for it: a database that does not answer delays no more than that.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who wants to know where the log is, and the connection on which that is found out. One look at
/// a time tells all who had asked before it.
#[derive(Default)]
pub(super) struct Written {
    asked: Mutex<Asked>,
    connected: Mutex<Option<Box<dyn Past>>>,
}

#[derive(Default)]
struct Asked {
    waiting: Vec<oneshot::Sender<Cursor>>,
    /// Whether a task looks.
    is_looking: bool,
}

/// Notes that no task looks any more, also where its runtime has ended.
struct Looking(Arc<Engine>);

impl Drop for Looking {
    fn drop(&mut self) {
        *lock(&self.0.written.asked) = Asked::default();
    }
}

impl Hub {
    /// A position of the change log after all that was committed before this was called. None
    /// without a log, and where that cannot be told: on a standby, or in time.
    pub(crate) async fn written(&self) -> Option<Cursor> {
        self.engine.source()?;
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut asked = lock(&self.engine.written.asked);
            asked.waiting.push(answer);
            !std::mem::replace(&mut asked.is_looking, true)
        };
        if is_first {
            let looking = Looking(Arc::clone(&self.engine));
            self.engine.run_beside(looking.run());
        }
        timeout(PATIENCE, answered).await.ok()?.ok()
    }
}

impl Looking {
    async fn run(self) {
        while let Some(waiting) = self.take() {
            match self.look().await {
                Ok(Some(cursor)) => {
                    for answer in waiting {
                        // Whoever does not wait any more needs none.
                        let _ = answer.send(cursor);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    if let Some(suppressed) = self.0.log_limits.log.allow() {
                        tracing::warn!(%error, suppressed, "a mutation's position in the change log cannot be told");
                    }
                }
            }
        }
    }

    /// Who has asked; none if nobody has, and then it does not look any more.
    fn take(&self) -> Option<Vec<oneshot::Sender<Cursor>>> {
        let mut asked = lock(&self.0.written.asked);
        let waiting = std::mem::take(&mut asked.waiting);
        asked.is_looking = !waiting.is_empty();
        asked.is_looking.then_some(waiting)
    }

    /// Asks the log where it ends. A connection that failed is made anew.
    async fn look(&self) -> Result<Option<Cursor>, OpenError> {
        let Some(opened) = self.0.source() else {
            return Ok(None);
        };
        let source = Arc::clone(&opened.source);
        let connected = lock(&self.0.written.connected).take();
        let looking = move || {
            let mut past = connected.map_or_else(|| source.past(), Ok)?;
            let end = past.end()?;
            Ok::<_, OpenError>((past, end))
        };
        // It fails when the runtime ends.
        let (past, end) = tokio::task::spawn_blocking(looking).await??;
        *lock(&self.0.written.connected) = Some(past);
        Ok(end)
    }
}
