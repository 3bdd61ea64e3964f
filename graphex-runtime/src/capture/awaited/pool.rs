//! Attaching every connection of a pool.

use diesel::result::{ConnectionError, Error};
use diesel_async::AsyncConnection;
use diesel_async::pooled_connection::ManagerConfig;

use crate::hub::Hub;

/// # Capturing changes on diesel-async
///
/// With the feature `diesel-async`.
///
/// ```
/// # use diesel::prelude::*;
/// # use graphex_macros::ModelType;
/// # use graphex_runtime::{BroadcastDsl, Hub};
/// use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
/// use diesel_async::{AsyncConnection, RunQueryDsl};
/// # diesel::table! { messages (id) { id -> BigInt, text -> Text, } }
/// # #[derive(Queryable, Selectable, ModelType)]
/// # #[diesel(table_name = messages)]
/// # #[graphex(stream = "messages", crate = "graphex_runtime")]
/// # struct Message { id: i64, text: String }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hub = Hub::builder().model::<Message>().build();
/// let mut conn = SyncConnectionWrapper::<SqliteConnection>::establish(":memory:").await?;
/// hub.attach(&mut conn).await?;
/// # let sql = "CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";
/// # diesel::sql_query(sql).execute(&mut conn).await?;
///
/// let gone: Vec<i64> = conn.transaction(async |conn| {
///     let message: Message = diesel::insert_into(messages::table)
///         .values(messages::text.eq("hi"))
///         .broadcast()
///         .get_result(conn)
///         .await?;
///     diesel::delete(messages::table.find(message.id))
///         .broadcast()
///         .returning(messages::id)
///         .get_results(conn)
///         .await
/// }).await?;
/// assert_eq!(gone.len(), 1);
/// # Ok(()) }
/// ```
impl Hub {
    /// Attaches every connection that a pool of diesel-async's opens: deadpool, bb8 and mobc have
    /// one connection manager, and this is its configuration.
    ///
    /// ```
    /// # use diesel::SqliteConnection;
    /// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    /// use diesel_async::pooled_connection::{AsyncDieselConnectionManager, bb8, deadpool, mobc};
    /// # use graphex_runtime::Hub;
    ///
    /// # type Conn = SyncConnectionWrapper<SqliteConnection>;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (hub, url) = (Hub::builder().build(), ":memory:");
    /// let manager = || {
    ///     AsyncDieselConnectionManager::<Conn>::new_with_config(url, hub.manager_config())
    /// };
    /// let pool = deadpool::Pool::builder(manager()).build()?;
    /// # pool.get().await?;
    /// let pool = bb8::Pool::builder().build(manager()).await?;
    /// # pool.get().await?;
    /// let pool = mobc::Pool::new(manager());
    /// # pool.get().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// A `custom_setup` of your own (for TLS, say) attaches what it has opened:
    ///
    /// ```
    /// # use diesel::SqliteConnection;
    /// # use diesel_async::{AsyncConnection, sync_connection_wrapper::SyncConnectionWrapper};
    /// # use diesel_async::pooled_connection::ManagerConfig;
    /// # use diesel::ConnectionError;
    /// # use graphex_runtime::Hub;
    /// # type Conn = SyncConnectionWrapper<SqliteConnection>;
    /// # let hub = Hub::builder().build();
    /// let mut config = ManagerConfig::<Conn>::default();
    /// config.custom_setup = Box::new(move |url| {
    ///     let hub = hub.clone();
    ///     Box::pin(async move {
    ///         let mut conn = Conn::establish(url).await?; // or however you connect
    ///         hub.attach(&mut conn)
    ///             .await
    ///             .map_err(|error| ConnectionError::BadConnection(error.to_string()))?;
    ///         Ok(conn)
    ///     })
    /// });
    /// ```
    ///
    /// The pools' own hooks do as well. deadpool has `post_create`:
    ///
    /// ```
    /// # use diesel::SqliteConnection;
    /// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    /// use diesel_async::pooled_connection::{
    ///     AsyncDieselConnectionManager,
    ///     deadpool::{Hook, HookError, Pool},
    /// };
    /// # use graphex_runtime::Hub;
    ///
    /// # type Conn = SyncConnectionWrapper<SqliteConnection>;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (hub, url) = (Hub::builder().build(), ":memory:");
    /// let pool = Pool::builder(AsyncDieselConnectionManager::<Conn>::new(url))
    ///     .post_create(Hook::async_fn(move |conn: &mut Conn, _| {
    ///         let hub = hub.clone();
    ///         Box::pin(async move {
    ///             let attached = hub.attach(conn).await;
    ///             attached.map_err(|error| HookError::message(error.to_string()))
    ///         })
    ///     }))
    ///     .build()?;
    /// # pool.get().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// and bb8 its `CustomizeConnection`:
    ///
    /// ```
    /// # use std::pin::Pin;
    /// # use diesel::{ConnectionError, SqliteConnection};
    /// # use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
    /// use diesel_async::pooled_connection::{AsyncDieselConnectionManager, PoolError, bb8::Pool};
    /// # use graphex_runtime::Hub;
    ///
    /// # type Conn = SyncConnectionWrapper<SqliteConnection>;
    /// #[derive(Debug)]
    /// struct Attached(Hub);
    ///
    /// impl bb8::CustomizeConnection<Conn, PoolError> for Attached {
    ///     fn on_acquire<'a>(
    ///         &'a self,
    ///         conn: &'a mut Conn,
    ///     ) -> Pin<Box<dyn Future<Output = Result<(), PoolError>> + Send + 'a>> {
    ///         Box::pin(async move {
    ///             let attached = self.0.attach(conn).await;
    ///             attached.map_err(|error| {
    ///                 PoolError::ConnectionError(ConnectionError::BadConnection(error.to_string()))
    ///             })
    ///         })
    ///     }
    /// }
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (hub, url) = (Hub::builder().build(), ":memory:");
    /// let pool = Pool::builder()
    ///     .connection_customizer(Box::new(Attached(hub)))
    ///     .build(AsyncDieselConnectionManager::<Conn>::new(url))
    ///     .await?;
    /// # pool.get().await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn manager_config<C>(&self) -> ManagerConfig<C>
    where
        C: AsyncConnection<Backend: 'static> + 'static,
    {
        let hub = self.clone();
        let mut config = ManagerConfig::default();
        config.custom_setup = Box::new(move |url| {
            let hub = hub.clone();
            Box::pin(async move {
                let mut conn = C::establish(url).await?;
                let attached = hub.attach(&mut conn).await;
                attached.map_err(|error| {
                    let error = Error::QueryBuilderError(Box::new(error));
                    ConnectionError::CouldntSetupConfiguration(error)
                })?;
                Ok(conn)
            })
        });
        config
    }
}
