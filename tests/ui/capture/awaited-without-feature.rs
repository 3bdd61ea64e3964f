//! diesel-async without graphex's feature of that name.

use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use graphex::prelude::*;

diesel::table! {
    notes (id) {
        id -> BigInt,
    }
}

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = notes)]
#[graphex(stream = "notes")]
struct Note {
    id: i64,
}

async fn attach(hub: &Hub, conn: &mut SyncConnectionWrapper<SqliteConnection>) {
    let _ = hub.attach(conn);
}

async fn write(conn: &mut SyncConnectionWrapper<SqliteConnection>) {
    let _ = diesel::delete(notes::table).broadcast().execute(conn);
}

fn main() {}
