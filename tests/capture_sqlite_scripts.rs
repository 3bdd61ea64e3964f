//! Random transaction scripts on SQLite.

mod capture;

/// The database that the scripts run on.
mod database {
    use diesel::connection::SimpleConnection as _;
    use diesel::prelude::*;
    use graphex::BroadcastDsl as _;

    use crate::capture::{Note, notes};

    pub(crate) type Conn = SqliteConnection;
    pub(crate) const ABORTS_ON_ERROR: bool = false;
    pub(crate) const PUT_UPDATES: bool = false;

    /// Always the same rows: they outlive a connection that is dropped.
    pub(crate) fn connect() -> Conn {
        thread_local! {
            static KEEPER: std::cell::OnceCell<SqliteConnection> = const { std::cell::OnceCell::new() };
        }
        let open = || {
            let mut conn =
                SqliteConnection::establish("file:scripts?mode=memory&cache=shared").unwrap();
            conn.batch_execute(
                "CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)",
            )
            .unwrap();
            conn
        };
        KEEPER.with(|keeper| {
            keeper.get_or_init(open);
        });
        open()
    }

    pub(crate) fn put(conn: &mut Conn, note: &Note) -> QueryResult<usize> {
        diesel::insert_or_ignore_into(notes::table)
            .values(note)
            .broadcast()
            .execute(conn)
    }
}

#[test]
fn what_is_told_is_what_was_committed() {
    capture::script::check(10_000);
}
