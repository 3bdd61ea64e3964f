//! PostgreSQL: the migrations, the change log, and the pool.

use std::time::Duration;

use async_graphql::{Context, Error, Result};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, deadpool};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use graphex::{ChangeLog, Database, Hub, HubBuilder};
use tokio::time::timeout;

use crate::Failure;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// How long a request waits for a connection that is free.
const WAIT: Duration = Duration::from_secs(5);

/// Connections of diesel-async's; clones share them.
pub(crate) type Pool = deadpool::Pool<AsyncPgConnection>;

/// Makes the tables and the log of their changes where they are missing, and builds a hub that reads
/// it. The writes of every program are captured, and nothing is lost while no process is there.
pub(crate) fn open(models: HubBuilder, url: &str) -> Result<(Hub, Pool), Failure> {
    let mut conn = PgConnection::establish(url)?;
    // One process after the other. The lock goes with the connection.
    conn.batch_execute("SELECT pg_advisory_lock(1)")?;
    conn.run_pending_migrations(MIGRATIONS)?;
    models.log_schema(Database::Postgres).install(&mut conn)?;
    drop(conn);
    let read = url.to_owned();
    let log = ChangeLog::postgres(move || PgConnection::establish(&read));
    let hub = models.change_log(log).try_build()?;
    // An attached connection wakes the reader of the log when it commits.
    let manager = AsyncDieselConnectionManager::new_with_config(url, hub.manager_config());
    Ok((hub, Pool::builder(manager).build()?))
}

/// A connection for a resolver.
pub(crate) async fn connection(ctx: &Context<'_>) -> Result<deadpool::Object<AsyncPgConnection>> {
    let free = timeout(WAIT, ctx.data::<Pool>()?.get()).await;
    free.map_err(failed)?.map_err(failed)
}

/// What went wrong inside is for the server's operator, not for clients.
pub(crate) fn failed(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the database failed");
    Error::new("the database could not do this")
}
