//! Connections of diesel-async need a feature.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use graphex::prelude::*;

diesel::table! {
    notes (id) {
        id -> BigInt,
        text -> Text,
    }
}

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = notes)]
#[graphex(stream = "notes")]
struct Note {
    id: i64,
    text: String,
}

async fn write(hub: &Hub, mut conn: SyncConnectionWrapper<SqliteConnection>) {
    hub.attach(&mut conn).await.unwrap();
    let _ = diesel::insert_into(notes::table)
        .values((notes::id.eq(1), notes::text.eq("new")))
        .broadcast()
        .execute(&mut conn)
        .await;
}

fn main() {}
