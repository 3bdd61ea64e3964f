//! For the tests of an application: clients without sockets, what a test transaction would publish, and
//! a layer with faults.
//!
//! Name graphex a second time in `[dev-dependencies]`, with the feature `testing`. This is a test:
//!
//! ```
//! # use async_graphql::{EmptyMutation, Object, Schema};
//! # use graphex_macros::ModelType;
//! # use graphex_runtime::{Action, Hub, testing::Client};
//! # use serde_json::json;
//! # #[derive(ModelType)]
//! # #[graphex(stream = "messages", serialize_data, crate = "graphex_runtime")]
//! # struct Message { id: i64, room: i64, text: String }
//! # struct Query;
//! # #[Object] impl Query { async fn hello(&self) -> &str { "world" } }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let hub = Hub::builder().model::<Message>().build();
//! # let schema = Schema::build(Query, EmptyMutation, MessageChanges::default()).finish();
//! # let write = |room, text: &str| hub.publish(Action::Create, &Message { id: 1, room, text: text.into() });
//! let ann = Client::new(&hub, &schema);
//! let mut room = ann.subscribe("subscription { messageChanges(filters: { room: 7 }) { action data { text } } }").await;
//! write(7, "hi");
//! room.receives(json!({ "action": "CREATE", "data": { "text": "hi" } })).await;
//! write(8, "not here");
//! room.receives_nothing().await;
//! # }
//! ```
//!
//! Nothing here sleeps: [`Hub::flush`](crate::Hub::flush) is the fence behind which all that was
//! committed has come to its subscribers, or never comes.
//!
//! Time is tokio's. In a test with `#[tokio::test(start_paused = true)]`
//! `tokio::time::sleep(an_hour).await` takes none: throttles, expiries and rechecks that are due
//! meanwhile are done when it returns.

mod client;

pub use client::{Client, Subscriber};

#[cfg(feature = "diesel")]
#[cfg_attr(docsrs, doc(cfg(feature = "diesel")))]
pub use crate::capture::{publish_uncommitted, uncommitted};
pub use crate::layer::Faults;
