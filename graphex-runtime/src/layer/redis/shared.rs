//! The connection on which all streams publish.

use std::sync::{Arc, Mutex, PoisonError};

use redis::RedisResult;
use tokio::sync::OnceCell;

use super::connection::{CONNECT_TIME, Connection, Message, NotPublished, Server};

/// Made anew by the first who needs it after it has failed: what others had sent on it may have been
/// published or not, and the connection on which the node receives is another.
pub(super) struct Shared {
    server: Server,
    current: Mutex<Arc<OnceCell<Connection>>>,
}

impl Shared {
    pub(super) fn new(server: Server, connection: Connection) -> Self {
        let current = Arc::new(OnceCell::new_with(Some(connection)));
        Self {
            server,
            current: Mutex::new(current),
        }
    }

    /// As [`Connection::publish`], at the same time as others do.
    pub(super) async fn publish(&self, messages: &[&Message]) -> Result<u64, NotPublished> {
        let cell = Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner));
        let published = match self.connection(&cell).await {
            Ok(mut connection) => connection.publish(messages).await,
            Err(error) => Err(NotPublished::Failed(error)),
        };
        if matches!(published, Err(NotPublished::Failed(_))) {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            if Arc::ptr_eq(&current, &cell) {
                *current = Arc::default();
            }
        }
        published
    }

    async fn connection(&self, cell: &OnceCell<Connection>) -> RedisResult<Connection> {
        let connecting = || self.server.connect_to_publish(CONNECT_TIME);
        cell.get_or_try_init(connecting).await.cloned()
    }
}
