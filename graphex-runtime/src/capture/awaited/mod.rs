//! The same on connections of diesel-async.

mod own;
mod pool;
mod run;

use diesel::connection::Instrumentation;
use diesel_async::AsyncConnection;
use futures_util::future::BoxFuture;

use super::error::AttachError;
use super::tracker::Tracker;
use super::way::{Attach, On, Way, is_postgres, not_set_up};
use crate::hub::Hub;

/// The connections of diesel-async.
#[derive(Debug)]
pub struct Awaited;

impl Way for Awaited {
    type Ran<'conn, T> = BoxFuture<'conn, diesel::result::QueryResult<T>>;
}

impl<C: AsyncConnection> On<Awaited> for C {
    type Way = Awaited;
    type Backend = C::Backend;
}

impl<C: AsyncConnection> Attach<Awaited> for C
where
    C::Backend: 'static,
{
    type Attached<'a>
        = BoxFuture<'a, Result<(), AttachError>>
    where
        C: 'a;

    fn attach<'a>(&'a mut self, hub: &'a Hub) -> Self::Attached<'a> {
        Box::pin(async move {
            let tracker = Tracker::over(self.instrumentation(), hub)?;
            put(self, hub, tracker).await;
            Ok(())
        })
    }

    fn attach_with<'a>(
        &'a mut self,
        hub: &'a Hub,
        instrumentation: Box<dyn Instrumentation>,
    ) -> Self::Attached<'a> {
        Box::pin(async move {
            let there = self.instrumentation();
            let tracker = Tracker::calling(there, hub, instrumentation)?;
            put(self, hub, tracker).await;
            Ok(())
        })
    }
}

async fn put<C>(conn: &mut C, hub: &Hub, tracker: Option<Tracker>)
where
    C: AsyncConnection<Backend: 'static>,
{
    if let Some(mut tracker) = tracker {
        tracker.set_awaited();
        if is_postgres::<C::Backend>() {
            tracker.set_aborting();
        }
        conn.set_instrumentation(tracker);
    }
    if let Some(sql) = hub.writers_run()
        && let Err(error) = conn.batch_execute(sql).await
    {
        not_set_up(&error, sql);
    }
}
