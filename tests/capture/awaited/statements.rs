//! What each kind of statement returns and tells.

use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::{AsyncConnection as _, RunQueryDsl, SimpleAsyncConnection as _};
use graphex::BroadcastDsl as _;

use super::{attached, ids};
use crate::awaited_database::{Conn, PUT_UPDATES, put};
use crate::capture::{Listener, Note, created, deleted, notes, resync, updated};

/// The same with some notes.
async fn with_notes(name: &str, ids: std::ops::Range<i64>) -> (Conn, Listener) {
    let (mut conn, feed) = attached(name).await;
    for id in ids {
        diesel::insert_into(notes::table)
            .values(Note::new(id, "old"))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    (conn, feed)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_returns_the_model_or_what_is_asked_for() {
    let (mut conn, mut feed) = attached("inserts").await;
    let one = Note::new(1, "new");
    let note: Note = diesel::insert_into(notes::table)
        .values(&one)
        .broadcast()
        .get_result(&mut conn)
        .await
        .unwrap();
    assert_eq!(note, one);
    let (id, text): (i64, String) = diesel::insert_into(notes::table)
        .values((notes::id.eq(2), notes::text.eq("new")))
        .broadcast()
        .returning((notes::id, notes::text))
        .get_result(&mut conn)
        .await
        .unwrap();
    assert_eq!((id, text.as_str()), (2, "new"));
    let note = diesel::insert_into(notes::table)
        .values(Note::new(3, "new"))
        .returning(Note::as_returning())
        .broadcast()
        .get_result(&mut conn)
        .await
        .unwrap();
    assert_eq!(note.id, 3);
    let expected = [1, 2, 3].map(|id| created(id, "new"));
    assert_eq!(feed.told().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_from_a_select_is_told_row_by_row() {
    let (mut conn, mut feed) = with_notes("copies", 1..4).await;
    let count = notes::table
        .select((notes::id + 10, notes::text))
        .filter(notes::id.gt(1))
        .insert_into(notes::table)
        .into_columns((notes::id, notes::text))
        .broadcast()
        .execute(&mut conn)
        .await;
    assert_eq!(count, Ok(2));
    let mut told = feed.told().await;
    told.sort();
    assert_eq!(told, [12, 13].map(|id| created(id, "old")));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_deletes_return_the_model_or_what_is_asked_for() {
    let (mut conn, mut feed) = with_notes("changes", 1..6).await;
    let set = |id: i64| diesel::update(notes::table.find(id)).set(notes::text.eq("set"));
    let note: Note = set(1).broadcast().get_result(&mut conn).await.unwrap();
    assert_eq!(note, Note::new(1, "set"));
    let id: i64 = set(2)
        .returning(notes::id)
        .broadcast()
        .get_result(&mut conn)
        .await
        .unwrap();
    assert_eq!(id, 2);
    assert_eq!(set(9).broadcast().execute(&mut conn).await, Ok(0));
    let note: Note = diesel::delete(notes::table.find(3))
        .broadcast()
        .get_result(&mut conn)
        .await
        .unwrap();
    assert_eq!(note, Note::new(3, "old"));
    let delete = diesel::delete(notes::table).into_boxed();
    let gone: Vec<i64> = delete
        .filter(notes::id.gt(4))
        .broadcast()
        .returning(notes::id)
        .get_results(&mut conn)
        .await
        .unwrap();
    assert_eq!(gone, [5]);
    let expected = [
        updated(1, "set"),
        updated(2, "set"),
        deleted(3, "old"),
        deleted(5, "old"),
    ];
    assert_eq!(feed.told().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn get_result_tells_of_all_rows_and_returns_the_first() {
    let (mut conn, mut feed) = with_notes("first", 1..4).await;
    let first: Note = diesel::update(notes::table)
        .set(notes::text.eq("set"))
        .broadcast()
        .get_result(&mut conn)
        .await
        .unwrap();
    assert_eq!(first.id, 1);
    let expected = [1, 2, 3].map(|id| updated(id, "set"));
    assert_eq!(feed.told().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_is_told_as_the_database_knows_it() {
    let (mut conn, mut feed) = with_notes("puts", 1..2).await;
    put(&mut conn, &Note::new(1, "put")).await.unwrap();
    put(&mut conn, &Note::new(2, "put")).await.unwrap();
    let mut expected = vec![created(2, "put")];
    if PUT_UPDATES {
        expected.insert(0, updated(1, "put"));
    }
    assert_eq!(feed.told().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_not_written_or_told_as_a_gap() {
    let (mut conn, mut feed) = with_notes("unread", 1..3).await;
    let wrong = async |conn: &mut Conn| {
        diesel::update(notes::table)
            .set(notes::text.eq("set"))
            .broadcast()
            .returning(diesel::dsl::sql::<diesel::sql_types::BigInt>("NULL"))
            .get_results::<i64>(conn)
            .await
    };
    let unread = wrong(&mut conn).await;
    assert!(matches!(unread, Err(Error::DeserializationError(_))));
    let texts: Vec<String> = notes::table
        .select(notes::text)
        .load(&mut conn)
        .await
        .unwrap();
    assert_eq!(texts, ["old", "old"]);
    assert_eq!(feed.told().await, []);

    conn.transaction(async |conn| {
        wrong(conn).await.unwrap_err();
        QueryResult::Ok(())
    })
    .await
    .unwrap();
    assert_eq!(feed.told().await, [resync()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_of_a_row_that_is_no_note_is_returned_and_the_row_a_gap() {
    let (mut conn, mut feed) = attached("partly_read").await;
    conn.batch_execute(
        "DROP TABLE notes; CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT); \
         INSERT INTO notes VALUES (1, 'old'), (2, NULL)",
    )
    .await
    .unwrap();
    let set = diesel::update(notes::table).set(notes::id.eq(notes::id + 10));
    let set = set.returning(notes::id).broadcast();
    let mut returned: Vec<i64> = set.get_results(&mut conn).await.unwrap();
    returned.sort_unstable();
    assert_eq!(returned, [11, 12]);
    let told = feed.told().await;
    assert!(told.contains(&resync()), "{told:?}");
    conn.transaction(async |conn| {
        let delete = diesel::delete(notes::table.find(12)).broadcast();
        let id: i64 = delete.returning(notes::id).get_result(conn).await?;
        assert_eq!(id, 12);
        QueryResult::Ok(())
    })
    .await
    .unwrap();
    assert_eq!(feed.told().await, [resync()]);
    assert_eq!(ids(&mut conn).await, [11]);
}
