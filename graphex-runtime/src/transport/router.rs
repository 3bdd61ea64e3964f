//! The endpoints of an application as a router.

use std::sync::Arc;

use ::http::request::Parts;
use async_graphql::{Data, Executor, Result};
use axum::Router;
use serde_json::Value;

use super::admission::Admission;
#[cfg(feature = "client")]
use super::client::Client;
use super::{AddData, OnConnect, origin};
use crate::hub::{Hub, Identity};

/// Serves the schema on `/graphql`, over HTTP, graphql-transport-ws, SSE and multipart, and the
/// hub's notifications on `/ws/`; with the feature `client`, also the browser page on
/// `/graphql/client/`.
///
/// Every client is anonymous and resolvers see no request; an application with users takes
/// [`Endpoints`].
///
/// ```
/// # use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
/// use graphex_runtime::{Hub, axum};
///
/// # struct Query;
/// # #[Object]
/// # impl Query { async fn hello(&self) -> &str { "world" } }
/// let hub = Hub::builder().build();
/// let schema = Schema::build(Query, EmptyMutation, EmptySubscription)
///     .data(hub.clone())
///     .finish();
/// let app = axum::router(schema, hub);
/// # let _ = app;
/// ```
pub fn router<E: Executor>(schema: E, hub: Hub) -> Router {
    Endpoints::new(schema, hub).into_router()
}

/// The endpoints of one schema and hub, with the application's say in them.
///
/// What needs a database or an `await`, such as looking up a session, belongs into an axum
/// middleware that leaves its result in the request's extensions; the closures here read it
/// from there.
///
/// ```
/// # use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
/// use graphex_runtime::{Hub, Identity, axum::Endpoints};
///
/// #[derive(Clone)]
/// struct CurrentUser { id: i64 }
/// # struct Query;
/// # #[Object]
/// # impl Query { async fn hello(&self) -> &str { "world" } }
/// # let hub = Hub::builder().build();
/// # let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
///
/// let app = Endpoints::new(schema, hub)
///     .identity(|request| match request.extensions.get::<CurrentUser>() {
///         Some(user) => Identity::new(format!("user:{}", user.id)),
///         None => Identity::anonymous(),
///     })
///     .data(|request, data| {
///         if let Some(user) = request.extensions.get::<CurrentUser>() {
///             data.insert(user.clone());
///         }
///     })
///     .allowed_origins(["https://app.example.com"])
///     .into_router();
/// # let _ = app;
/// ```
#[derive(Clone)]
#[must_use = "call `into_router`, or `http` and `ws`"]
pub struct Endpoints<E> {
    pub(super) schema: E,
    pub(super) add_data: AddData,
    pub(super) on_connect: Option<OnConnect>,
    pub(super) renews: bool,
    pub(super) graphiql: bool,
    pub(super) health: bool,
    pub(super) graphql_path: String,
    pub(super) ws_path: String,
    pub(super) admission: Admission,
    #[cfg(feature = "client")]
    pub(super) client: Option<Client>,
}

impl<E> std::fmt::Debug for Endpoints<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoints")
            .field("graphql_path", &self.graphql_path)
            .field("ws_path", &self.ws_path)
            .field("hub", &self.admission.hub)
            .finish_non_exhaustive()
    }
}

impl<E: Executor> Endpoints<E> {
    /// Endpoints on `/graphql` and `/ws/` for anonymous clients of the same origin.
    pub fn new(schema: E, hub: Hub) -> Self {
        Self {
            schema,
            add_data: Arc::new(|_, _| {}),
            on_connect: None,
            renews: false,
            graphiql: true,
            health: false,
            graphql_path: "/graphql".to_owned(),
            ws_path: "/ws/".to_owned(),
            admission: Admission {
                hub,
                identity: Arc::new(|_| Identity::anonymous()),
                allowed_origins: Arc::default(),
                streams: None,
            },
            #[cfg(feature = "client")]
            client: Some(super::client::client("", "")),
        }
    }

    /// Reads who asks, on connect and on every GraphQL request. A channel obeys only
    /// requests of the identity that opened it. Default: everybody is anonymous.
    pub fn identity(
        mut self,
        identity: impl Fn(&Parts) -> Identity + Send + Sync + 'static,
    ) -> Self {
        self.admission.identity = Arc::new(identity);
        self
    }

    /// Adds to the data of every GraphQL request what resolvers, `scope` and `authorize`
    /// read with `ctx.data::<T>()`. The [`Hub`] and the [`Identity`] are there already.
    pub fn data(mut self, add: impl Fn(&Parts, &mut Data) + Send + Sync + 'static) -> Self {
        self.add_data = Arc::new(add);
        self
    }

    /// Decides about a graphql-transport-ws connection and makes the data of its operations,
    /// in place of [`Endpoints::data`]: from the payload of the client's `connection_init`,
    /// which is null without one, and the request that opened the WebSocket. An error made of a
    /// sentence closes the WebSocket with 4403 and that sentence; any other is logged, and the
    /// client is told "Forbidden". Default: every client may connect, and the data is that of
    /// [`Endpoints::data`].
    ///
    /// Browsers cannot send headers with a WebSocket, so clients put a token into the payload:
    ///
    /// ```
    /// # use async_graphql::{Data, EmptyMutation, EmptySubscription, Object, Schema};
    /// # use graphex_runtime::{Hub, axum::Endpoints};
    /// # #[derive(Clone)]
    /// # struct CurrentUser { id: i64 }
    /// # struct Query;
    /// # #[Object]
    /// # impl Query { async fn hello(&self) -> &str { "world" } }
    /// # async fn user_of(token: Option<String>) -> async_graphql::Result<CurrentUser> {
    /// #     token.map(|_| CurrentUser { id: 1 }).ok_or_else(|| "no token".into())
    /// # }
    /// # let hub = Hub::builder().build();
    /// # let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    /// let endpoints = Endpoints::new(schema, hub).on_connect(|payload, _request| async move {
    ///     let token = payload["token"].as_str().map(str::to_owned);
    ///     let mut data = Data::default();
    ///     data.insert(user_of(token).await?);
    ///     Ok(data)
    /// });
    /// # let _ = endpoints.into_router();
    /// ```
    ///
    /// The [`Hub`] is there already, and so is the [`Identity`] of the request, unless this
    /// inserts one. From then on the connection is that identity's:
    /// [`Limits::channels_per_identity`](crate::Limits) counts it, [`Hub::revoke`] finds it, and its
    /// [expiry](Identity::with_expiry) ends it. Where there is no room for it, the WebSocket is
    /// closed with 1013.
    pub fn on_connect<F>(
        mut self,
        decide: impl Fn(Value, Parts) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Data>> + Send + 'static,
    {
        self.on_connect = Some(Arc::new(move |payload, parts| {
            Box::pin(decide(payload, parts))
        }));
        self
    }

    /// Whether a client of graphql-transport-ws renews its right without connecting again: a
    /// `ping` with a payload asks [`on_connect`](Self::on_connect) anew. What that makes is the data
    /// of the operations that follow, and the [expiry](Identity::with_expiry) of its identity is
    /// taken over. An error closes the WebSocket, and so does another identity. Default: no.
    ///
    /// The client sends `{"type":"ping","payload":{"token":"…"}}` before its right ends. Clients
    /// of the two-channel protocol need nothing of this kind: each request for a channel, for
    /// example one that subscribes again, brings the end that its identity has then; so does each
    /// request for a reserved stream of GraphQL over SSE.
    pub fn renewal(mut self, renew: bool) -> Self {
        self.renews = renew;
        self
    }

    /// Pages of these origins, as `https://app.example.com`, may open the WebSockets too, and read
    /// what the HTTP endpoint answers (CORS), with the cookies of its host. An origin is a scheme,
    /// a host and perhaps a port; there is no wildcard. Default: only pages of the same host.
    ///
    /// A layer of yours that answers CORS for the whole application, such as tower-http's
    /// `CorsLayer`, has the last word over HTTP.
    pub fn allowed_origins<O: Into<String>>(
        mut self,
        origins: impl IntoIterator<Item = O>,
    ) -> Self {
        let origins = origins.into_iter().map(Into::into);
        self.admission.allowed_origins =
            origins.inspect(|origin| origin::warn_of(origin)).collect();
        self
    }

    /// The WebSocket serves these streams alone; a channel of it cannot subscribe to others.
    /// Default: all of the hub's.
    pub fn streams<S: Into<String>>(mut self, streams: impl IntoIterator<Item = S>) -> Self {
        let streams = streams.into_iter().map(Into::into).collect();
        self.admission.streams = Some(Arc::new(streams));
        self
    }

    /// Whether a browser that opens the HTTP endpoint gets GraphiQL, which loads its scripts
    /// from a public host. It runs queries, mutations and, over a WebSocket, subscriptions that
    /// stream events; it has no channel for those of the two-channel protocol. Default: yes.
    pub fn graphiql(mut self, serve: bool) -> Self {
        self.graphiql = serve;
        self
    }

    /// Whether [`Endpoints::into_router`] serves `/health/live`, which answers 200 for as long as
    /// the program answers at all, and `/health/ready`, which answers 200 while the hub is connected to its
    /// layer ([`Hub::ready`]), and 503 while it is not and from [`Hub::drain`] on. Default: no.
    pub fn health(mut self, serve: bool) -> Self {
        self.health = serve;
        self
    }

    /// Whether [`Endpoints::into_router`] serves the browser page, below the HTTP endpoint on
    /// `/graphql/client/`. Default: yes, where the feature `client` is on.
    #[cfg(feature = "client")]
    pub fn client(mut self, serve: bool) -> Self {
        let page = self.client.take();
        self.client = serve.then(|| page.unwrap_or_else(|| super::client::client("", "")));
        self
    }

    /// The browser page's title and parameters: `.client_page(|page| page.title("Chat"))`. Its
    /// paths are these endpoints'.
    #[cfg(feature = "client")]
    pub fn client_page(mut self, change: impl FnOnce(Client) -> Client) -> Self {
        self.client = self.client.map(change);
        self
    }

    /// Where [`Endpoints::into_router`] puts the HTTP endpoint. Default: `/graphql`.
    pub fn graphql_path(mut self, path: impl Into<String>) -> Self {
        self.graphql_path = path.into();
        self
    }

    /// Where [`Endpoints::into_router`] puts the WebSocket. Default: `/ws/`.
    pub fn ws_path(mut self, path: impl Into<String>) -> Self {
        self.ws_path = path.into();
        self
    }
}
