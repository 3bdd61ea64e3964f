//! Telling of a row together with the transaction that concerns it.

use diesel::connection::Connection;
use diesel::result::QueryResult;

use super::bare::{depth, is_test_transaction};
use super::error::CaptureError;
use super::tracker::Tracker;
use crate::change::{Action, Change};
use crate::hub::Hub;
use crate::model::ModelType;

/// # Rows that no statement writes
impl Hub {
    /// Like [`publish`](Self::publish), when the transaction that is open on this attached connection
    /// has committed, in its order with what `.broadcast()` captures there; not at all if it is
    /// rolled back, or the savepoint around this is. Outside of a transaction at once.
    ///
    /// For a row that a change concerns without writing it: the parent whose children changed.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use graphex_macros::ModelType;
    /// use graphex_runtime::{Action, BroadcastDsl, Hub};
    ///
    /// diesel::table! { rooms (id) { id -> BigInt, name -> Text, } }
    /// diesel::table! { messages (id) { id -> BigInt, room -> BigInt, } }
    ///
    /// #[derive(Queryable, Selectable, ModelType)]
    /// #[diesel(table_name = rooms)]
    /// #[graphex(stream = "rooms", serialize_data, crate = "graphex_runtime")]
    /// struct Room { id: i64, name: String }
    ///
    /// # #[derive(Queryable, Selectable, ModelType)]
    /// # #[diesel(table_name = messages)]
    /// # #[graphex(stream = "messages", crate = "graphex_runtime")]
    /// # struct Message { id: i64, room: i64 }
    /// fn send(hub: &Hub, conn: &mut SqliteConnection, room: &Room) -> QueryResult<()> {
    ///     conn.transaction(|conn| {
    ///         let message = messages::room.eq(room.id);
    ///         diesel::insert_into(messages::table).values(message).broadcast().execute(conn)?;
    ///         hub.publish_on_commit(conn, Action::Update, room)
    ///     })
    /// }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let hub = Hub::builder().model::<Room>().model::<Message>().build();
    /// # let mut conn = SqliteConnection::establish(":memory:")?;
    /// # diesel::sql_query("CREATE TABLE messages (id INTEGER PRIMARY KEY, room BIGINT)")
    /// #     .execute(&mut conn)?;
    /// # hub.attach(&mut conn)?;
    /// # send(&hub, &mut conn, &Room { id: 1, name: "a".into() })?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// A [`CaptureError`]: the connection is not attached to this hub, the hub does not know the
    /// model, or a transaction is open that was begun as SQL text, whose end is not seen.
    pub fn publish_on_commit<M: ModelType, C: Connection>(
        &self,
        conn: &mut C,
        action: Action,
        row: &M,
    ) -> QueryResult<()> {
        let depth = depth(conn)?;
        let is_test = is_test_transaction(conn, depth);
        let tracker = Tracker::of::<M>(conn.instrumentation())?;
        if !tracker.is_of(self) {
            let model = M::MODEL.name;
            return Err(CaptureError::NotAttached { model }.into());
        }
        if depth > 0 {
            let change = Change {
                published: true,
                ..Change::unlogged(M::MODEL, action, row.to_row())
            };
            tracker.record(depth, is_test, vec![change]);
        } else {
            tracker.can_begin::<M>()?;
            self.publish(action, row);
        }
        Ok(())
    }
}
