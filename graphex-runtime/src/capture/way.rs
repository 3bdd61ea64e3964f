//! How connections run what they are given: at once, or as a future.

use std::any::TypeId;

use diesel::connection::{Connection, Instrumentation};
use diesel::pg::Pg;
use diesel::result::QueryResult;

use super::error::AttachError;
use super::tracker::Tracker;
use crate::hub::Hub;

/// How a connection runs statements; it follows from the connection's type.
pub trait Way {
    /// What running gives.
    type Ran<'conn, T>;
}

/// The connections of Diesel.
#[derive(Debug)]
pub struct Blocking;

impl Way for Blocking {
    type Ran<'conn, T> = QueryResult<T>;
}

/// A connection that runs statements in this way.
#[diagnostic::on_unimplemented(
    message = "graphex captures no changes on `{Self}`",
    label = "neither a connection of Diesel's nor one of diesel-async's",
    note = "a statement takes the connection for itself: `&mut conn`"
)]
#[cfg_attr(
    not(feature = "diesel-async"),
    diagnostic::on_unimplemented(
        note = "for the connections of diesel-async, give graphex the feature `diesel-async`"
    )
)]
pub trait On<W> {
    /// `W`.
    type Way: Way;
    /// Its database.
    type Backend;
}

#[diagnostic::do_not_recommend]
impl<C: Connection> On<Blocking> for C {
    type Way = Blocking;
    type Backend = C::Backend;
}

/// A connection that a hub can be attached to.
#[diagnostic::on_unimplemented(
    message = "graphex captures no changes on `{Self}`",
    label = "neither a connection of Diesel's nor one of diesel-async's",
    note = "a statement takes the connection for itself: `&mut conn`"
)]
#[cfg_attr(
    not(feature = "diesel-async"),
    diagnostic::on_unimplemented(
        note = "for the connections of diesel-async, give graphex the feature `diesel-async`"
    )
)]
pub trait Attach<W> {
    /// Whether it was attached: a [`Result`], or on a connection of diesel-async's a future of it.
    type Attached<'a>
    where
        Self: 'a;

    /// Attaches it, and keeps the instrumentation that is there.
    #[doc(hidden)]
    fn attach<'a>(&'a mut self, hub: &'a Hub) -> Self::Attached<'a>;

    /// Attaches it, and calls this instrumentation.
    #[doc(hidden)]
    fn attach_with<'a>(
        &'a mut self,
        hub: &'a Hub,
        instrumentation: Box<dyn Instrumentation>,
    ) -> Self::Attached<'a>;
}

#[diagnostic::do_not_recommend]
impl<C: Connection> Attach<Blocking> for C
where
    C::Backend: 'static,
{
    type Attached<'a>
        = Result<(), AttachError>
    where
        C: 'a;

    fn attach<'a>(&'a mut self, hub: &'a Hub) -> Result<(), AttachError> {
        let tracker = Tracker::over(self.instrumentation(), hub)?;
        put(self, hub, tracker);
        Ok(())
    }

    fn attach_with<'a>(
        &'a mut self,
        hub: &'a Hub,
        instrumentation: Box<dyn Instrumentation>,
    ) -> Result<(), AttachError> {
        let there = self.instrumentation();
        let tracker = Tracker::calling(there, hub, instrumentation)?;
        put(self, hub, tracker);
        Ok(())
    }
}

fn put<C: Connection<Backend: 'static>>(conn: &mut C, hub: &Hub, tracker: Option<Tracker>) {
    if let Some(mut tracker) = tracker {
        if aborts_on_error(conn) {
            tracker.set_aborting();
        }
        conn.set_instrumentation(tracker);
    }
    if let Some(sql) = hub.writers_run()
        && let Err(error) = conn.batch_execute(sql)
    {
        not_set_up(&error, sql);
    }
}

pub(super) fn not_set_up(error: &diesel::result::Error, sql: &str) {
    tracing::error!(%error, sql, "an attached connection could not be set up for the change log");
}

/// Whether a statement that the database refuses aborts its transaction, as on PostgreSQL. The one
/// of several databases that a `MultiConnection` has is asked.
fn aborts_on_error<C: Connection<Backend: 'static>>(conn: &mut C) -> bool {
    is_postgres::<C::Backend>()
        || (!is_single(std::any::type_name::<C::Backend>())
            && conn.batch_execute("SELECT pg_backend_pid()").is_ok())
}

pub(super) fn is_postgres<DB: 'static>() -> bool {
    TypeId::of::<DB>() == TypeId::of::<Pg>()
}

/// Whether this is one of Diesel's own backends: the others are several in one.
fn is_single(backend: &str) -> bool {
    backend.starts_with("diesel::")
}
