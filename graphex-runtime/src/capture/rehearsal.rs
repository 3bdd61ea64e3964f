//! What a transaction that is never committed would have published, for tests.

use diesel::connection::Connection;

use super::bare::depth;
use super::tracker::Tracker;
use crate::hub::TypedChange;
use crate::model::ModelType;

/// What the open transaction of an attached connection would publish of `M` if it were committed now,
/// in order: for tests that write in [`begin_test_transaction`] and are rolled back.
///
/// What an open savepoint has written is not part of it yet, and what was rolled back is none any
/// more. A connection that is not attached publishes nothing.
///
/// ```
/// use diesel::prelude::*;
/// use graphex_macros::ModelType;
/// use graphex_runtime::{Action, BroadcastDsl, Hub, testing};
///
/// diesel::table! { messages (id) { id -> BigInt, text -> Text, } }
///
/// #[derive(Queryable, Selectable, ModelType)]
/// #[diesel(table_name = messages)]
/// #[graphex(stream = "messages", serialize_data, crate = "graphex_runtime")]
/// struct Message { id: i64, text: String }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hub = Hub::builder().model::<Message>().build();
/// # let mut conn = SqliteConnection::establish(":memory:")?;
/// # diesel::sql_query("CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
/// #     .execute(&mut conn)?;
/// hub.attach(&mut conn)?;
/// conn.begin_test_transaction()?;
/// // What is tested:
/// diesel::insert_into(messages::table)
///     .values(messages::text.eq("hi"))
///     .broadcast()
///     .execute(&mut conn)?;
/// let changes = testing::uncommitted::<Message, _>(&mut conn)?;
/// assert_eq!(changes[0].action(), Action::Create);
/// assert_eq!(changes[0].get::<String>("text")?, "hi");
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// When the transaction manager of the connection is in an error.
///
/// [`begin_test_transaction`]: Connection::begin_test_transaction
pub fn uncommitted<M: ModelType, C: Connection>(
    conn: &mut C,
) -> diesel::QueryResult<Vec<TypedChange<M>>> {
    depth(conn)?;
    let Some(tracker) = Tracker::among(conn.instrumentation()) else {
        return Ok(Vec::new());
    };
    let changes = tracker.to_be_published();
    let of_model = changes.filter(|change| change.model.stream == M::MODEL.stream);
    Ok(of_model
        .map(|change| TypedChange::of(change.clone()))
        .collect())
}

/// Publishes now what the open transaction of an attached connection would publish if it were
/// committed: a test in a test transaction sees who receives it. How many changes these are; they
/// are published no second time, and no longer among those of [`uncommitted`].
///
/// # Errors
///
/// When the transaction manager of the connection is in an error.
pub fn publish_uncommitted<C: Connection>(conn: &mut C) -> diesel::QueryResult<usize> {
    depth(conn)?;
    Ok(Tracker::among(conn.instrumentation()).map_or(0, Tracker::publish_now))
}
