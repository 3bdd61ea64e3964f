//! Attaching every connection of an r2d2 pool.

use diesel::connection::Connection;
use diesel::r2d2::{CustomizeConnection, Error, NopConnectionCustomizer};

use crate::hub::Hub;

/// Attaches every connection that an r2d2 pool opens; from [`Hub::customizer`].
#[derive(Clone, Debug)]
pub struct HubCustomizer<N = NopConnectionCustomizer> {
    hub: Hub,
    first: N,
}

impl HubCustomizer {
    pub(super) fn new(hub: Hub) -> Self {
        Self {
            hub,
            first: NopConnectionCustomizer,
        }
    }

    /// Runs this customizer as well, since a pool takes only one: on a new connection before
    /// it is attached, and when the connection leaves the pool.
    ///
    /// If it sets an instrumentation, do without [`Hub::customizer`] and call
    /// [`Hub::attach_with`] in it.
    #[must_use]
    pub fn with<P>(self, customizer: P) -> HubCustomizer<P> {
        HubCustomizer {
            hub: self.hub,
            first: customizer,
        }
    }
}

impl<C, N> CustomizeConnection<C, Error> for HubCustomizer<N>
where
    C: Connection,
    C::Backend: 'static,
    N: CustomizeConnection<C, Error>,
{
    fn on_acquire(&self, conn: &mut C) -> Result<(), Error> {
        self.first.on_acquire(conn)?;
        self.hub.attach(conn).map_err(|error| {
            Error::QueryError(diesel::result::Error::QueryBuilderError(Box::new(error)))
        })
    }

    fn on_release(&self, conn: C) {
        self.first.on_release(conn);
    }
}
