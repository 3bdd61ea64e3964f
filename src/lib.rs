//! Live GraphQL subscriptions on Diesel models.
//!
//! Put [`#[derive(ModelType)]`](macro@ModelType) on the struct of a table, and GraphQL clients can
//! subscribe to the creates, updates and deletes of its rows. graphex works with
//! [async-graphql](async_graphql) schemas on axum and speaks the two-channel protocol of Python's
//! `django-graphex`: a WebSocket brings the notifications, everything else goes over HTTP. The
//! same events are GraphQL subscriptions for clients of graphql-transport-ws, GraphQL over SSE and
//! Apollo's multipart protocol.
//!
//! # Quick start
//!
//! What an application adds that has a table `messages`, a `Query` and a `Mutation`:
//!
//! ```
//! # use async_graphql::{Object, Request};
//! # diesel::table! { messages (id) { id -> Integer, room -> Integer, text -> Text, } }
//! # struct Query;
//! # #[Object] impl Query { async fn hello(&self) -> &str { "world" } }
//! # use async_graphql::EmptyMutation as Mutation;
//! use diesel::prelude::*;
//! use diesel::r2d2::{ConnectionManager, Pool};
//! use graphex::prelude::*;
//!
//! /// A chat message.
//! #[derive(Queryable, Selectable, ModelType)]
//! #[diesel(table_name = messages)]
//! #[graphex(stream = "messages", serialize_data)]
//! pub struct Message { pub id: i32, pub room: i32, pub text: String }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! # let url = "file:quick_start?mode=memory&cache=shared";
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! // Once, where the program starts:
//! let hub = Hub::builder().model::<Message>().build();
//! let pool = Pool::builder()
//!     .connection_customizer(Box::new(hub.customizer()))
//!     .build(ConnectionManager::<SqliteConnection>::new(url))?;
//! let schema = Schema::build(Query, Mutation, MessageSubscription::default())
//!     .data(hub.clone()) // where its subscriptions find it
//!     .finish();
//! # let (client_of, client_schema) = (hub.clone(), schema.clone());
//! let app = graphex::axum::router(schema, hub); // `/graphql` and `/ws/`
//! # tokio::spawn(async move {
//! axum::serve(listener, app).await?;
//! # Ok::<_, std::io::Error>(()) });
//! # diesel::sql_query("CREATE TABLE messages (id INTEGER PRIMARY KEY, room INTEGER, text TEXT)")
//! #     .execute(&mut pool.get()?)?;
//! # let mut client = client_of.connect(Identity::anonymous())?;
//! # let subscribe = Request::new(format!("subscription {{ messageSubscription(channelId: \"{}\",
//! #     action: CREATE, operation: SUBSCRIBE) {{ ok }} }}", client.id().as_str()));
//! # let answer = graphex::execute(&client_schema, subscribe).await;
//! # assert_eq!(answer.data.to_string(), "{messageSubscription: {ok: true}}");
//!
//! // Wherever a row is written:
//! let message: Message = diesel::insert_into(messages::table)
//!     .values((messages::room.eq(1), messages::text.eq("hello")))
//!     .broadcast()
//!     .get_result(&mut pool.get()?)?;
//! # let told = client.take().await.map_err(|reason| format!("{reason:?}"))?;
//! # assert_eq!(std::str::from_utf8(&told[0])?, concat!(r#"{"stream":"messages","payload":"#,
//! #     r#"{"action":"create","model":"graphex.message","data":{"id":1,"room":1,"text":"hello"}}}"#));
//! # Ok(()) }
//! ```
//!
//! Who may see which rows is said in `scope` and `authorize`, two keys of
//! [`#[graphex(...)]`](macro@ModelType); the traits [`Scoped`] and [`Authorized`] hold your answer.
//! What a filter cannot tell from a row is answered by functions of your own, the key `lookup`; they
//! are given a [`LookupContext`]. Models with foreign types need a feature or [`Field`]. The repository's `examples/chat` is a
//! whole server.
//!
//! # Parts
//!
//! * [`ModelType`](macro@ModelType): declares a stream.
//! * [`Hub`]: takes changes from writers and delivers them to subscribers.
//! * `.broadcast()`, [`Hub::attach`] and [`Hub::customizer`]: capture what Diesel writes, and
//!   deliver it on commit. [`Hub::publish`] is for other writes that the program knows of.
//! * [`ChangeLog`] and [`LogSchema`]: capture what anybody commits, from a log in the database.
//! * [`Hub::subscribe`]: the same changes in the process itself, as Rust values.
//! * [`axum::router`] and [`axum::Endpoints`]: the HTTP and WebSocket endpoints. [`execute`] is for
//!   handlers of your own.
//! * `HubBuilder::layer` (feature `redis`): makes several processes one service.
//! * [`Limits`]: what clients may use up.
//!
//! # Features
//!
//! | Feature | Default | What it adds |
//! |---|---|---|
//! | `axum` | yes | the router: HTTP, GraphiQL, WebSockets, SSE and multipart |
//! | `diesel` | yes | `.broadcast()`, `hub.attach`, `hub.customizer()`, the change log |
//! | `diesel-async` | | the same on the connections of diesel-async: `AsyncPgConnection`, SQLite by its wrapper, pools |
//! | `postgres` | | readers of a change log are woken by other processes, on Diesel's `PgConnection`; needs libpq, as that does |
//! | `redis` | | several processes as one service, over Redis; TLS included |
//! | `redis-cluster` | | the same over a Redis Cluster, with sharded publish/subscribe |
//! | `client` | | the browser page on `/graphql/client/`, about 220 KiB in the binary compressed and 700 KiB as it is |
//! | `chrono`, `time` | | fields with dates and times of these crates |
//! | `uuid` | | `uuid::Uuid` as a field or primary key |
//! | `decimal`, `bigdecimal` | | fields of type `rust_decimal::Decimal`, `bigdecimal::BigDecimal` |
//! | `metrics` | | `hub.record_metrics()`: what a hub holds and does, for Prometheus and others |
//! | `testing` | | `graphex::testing`: clients without sockets, what a test transaction would publish, a layer with faults; for `[dev-dependencies]` |
//! | `serialize-data` | | models without `serialize_data` send the whole row instead of its id |

#![cfg_attr(docsrs, feature(doc_cfg))]

/// The async-graphql whose schemas graphex extends.
pub use async_graphql;
pub use graphex_macros::{Field, ModelType};
#[doc(inline)]
pub use graphex_runtime::*;

#[doc(hidden)]
pub use graphex_runtime::__private;

/// The examples of the guide are compiled and run.
#[cfg(doctest)]
mod guide {
    #[cfg(feature = "diesel")]
    #[doc = include_str!("../guide/generic-code.md")]
    struct GenericCode;
    #[doc = include_str!("../guide/listening.md")]
    struct Listening;
    #[cfg(all(feature = "testing", feature = "diesel"))]
    #[doc = include_str!("../guide/testing.md")]
    struct Testing;
}

/// What almost every user of graphex needs.
pub mod prelude {
    pub use async_graphql::{Context, MergedSubscription, Result, Schema};

    #[cfg(feature = "diesel")]
    pub use crate::BroadcastDsl;
    pub use crate::{Action, Authorized, Hub, Identity, LookupContext, ModelType, Scoped};
}
