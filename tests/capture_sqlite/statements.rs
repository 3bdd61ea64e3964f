//! What each kind of statement returns and tells, on SQLite.

use crate::capture::{Feed, Note, created, deleted, notes, resync, updated};
use crate::database::{Conn, connect, url};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::result::Error;
use graphex::BroadcastDsl as _;

/// An attached connection to a database of its own with some notes, and who is told.
fn attached(ids: impl IntoIterator<Item = i64>) -> (Conn, Feed) {
    let (mut conn, feed) = (connect(), Feed::new());
    let notes: Vec<_> = ids.into_iter().map(|id| Note::new(id, "old")).collect();
    diesel::insert_into(notes::table)
        .values(&notes)
        .execute(&mut conn)
        .unwrap();
    feed.hub.attach(&mut conn).unwrap();
    (conn, feed)
}

#[test]
fn an_insert_returns_the_model_or_what_is_asked_for() {
    let (mut conn, mut feed) = attached([]);
    let one = Note::new(1, "new");
    let note: Note = diesel::insert_into(notes::table)
        .values(&one)
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(note, one);
    let (id, text): (i64, String) = diesel::insert_into(notes::table)
        .values((notes::id.eq(2), notes::text.eq("new")))
        .broadcast()
        .returning((notes::id, notes::text))
        .get_result(&mut conn)
        .unwrap();
    assert_eq!((id, text.as_str()), (2, "new"));
    let note = diesel::insert_into(notes::table)
        .values(Note::new(3, "new"))
        .returning(Note::as_returning())
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(note.id, 3);
    let told = feed.told();
    assert_eq!(told, [1, 2, 3].map(|id| created(id, "new")));
}

#[test]
fn a_batch_is_told_row_by_row() {
    let (mut conn, mut feed) = attached([]);
    let batch = |ids: &[i64]| -> Vec<Note> { ids.iter().map(|id| Note::new(*id, "new")).collect() };
    let count = diesel::insert_into(notes::table)
        .values(&batch(&[1, 2]))
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    assert_eq!(count, 2);
    let ids: Vec<i64> = diesel::insert_into(notes::table)
        .values(batch(&[3, 4]))
        .broadcast()
        .returning(notes::id)
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(ids, [3, 4]);
    let ids: Vec<i64> = diesel::insert_into(notes::table)
        .values([(notes::id.eq(5), notes::text.eq("new"))])
        .returning(notes::id)
        .broadcast()
        .load(&mut conn)
        .unwrap();
    assert_eq!(ids, [5]);
    let none = diesel::insert_into(notes::table)
        .values(&batch(&[]))
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    assert_eq!(none, 0);
    let none: Vec<Note> = diesel::insert_into(notes::table)
        .values(&batch(&[]))
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(none, []);
    assert_eq!(feed.told(), [1, 2, 3, 4, 5].map(|id| created(id, "new")));
}

/// SQLite has no `DEFAULT` in a batch; Diesel inserts its rows one by one.
#[test]
fn a_batch_with_defaults_is_one_statement() {
    let (mut conn, mut feed) = attached([]);
    conn.batch_execute(
        "DROP TABLE notes; \
         CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL DEFAULT 'default' \
         CHECK (text <> 'refused'))",
    )
    .unwrap();
    let rows = vec![
        (Some(notes::id.eq(1)), None),
        (None, Some(notes::text.eq("new"))),
    ];
    let written: Vec<Note> = diesel::insert_into(notes::table)
        .values(&rows)
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(written, [Note::new(1, "default"), Note::new(2, "new")]);
    assert_eq!(feed.told(), [created(1, "default"), created(2, "new")]);

    let rows = vec![
        (Some(notes::id.eq(3)), None),
        (None, Some(notes::text.eq("refused"))),
    ];
    conn.transaction(|conn| {
        diesel::insert_into(notes::table)
            .values(&rows)
            .broadcast()
            .execute(conn)
            .unwrap_err();
        QueryResult::Ok(())
    })
    .unwrap();
    assert_eq!(notes::table.count().get_result(&mut conn), Ok(2_i64));
    assert_eq!(feed.told(), []);

    let note: Note = diesel::insert_into(notes::table)
        .default_values()
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    let id: i64 = diesel::insert_into(notes::table)
        .default_values()
        .broadcast()
        .returning(notes::id)
        .get_result(&mut conn)
        .unwrap();
    assert_eq!((note.id, id), (3, 4));
    assert_eq!(feed.told(), [3, 4].map(|id| created(id, "default")));
}

#[test]
fn an_insert_from_a_select_is_told_row_by_row() {
    let (mut conn, mut feed) = attached(1..4);
    let copies = notes::table
        .select((notes::id + 10, notes::text))
        .filter(notes::id.gt(1));
    let count = copies
        .insert_into(notes::table)
        .into_columns((notes::id, notes::text))
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    assert_eq!(count, 2);
    assert_eq!(feed.told(), [12, 13].map(|id| created(id, "old")));
}

#[test]
fn an_update_returns_the_model_or_what_is_asked_for() {
    let (mut conn, mut feed) = attached(1..4);
    let set = |id: i64| diesel::update(notes::table.find(id)).set(notes::text.eq("set"));
    let note: Note = set(1).broadcast().get_result(&mut conn).unwrap();
    assert_eq!(note, Note::new(1, "set"));
    let id: i64 = set(2)
        .broadcast()
        .returning(notes::id)
        .get_result(&mut conn)
        .unwrap();
    let text: String = set(3)
        .returning(notes::text)
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!((id, text.as_str()), (2, "set"));
    assert_eq!(set(9).broadcast().execute(&mut conn), Ok(0));
    let missing = set(9).broadcast().get_result::<Note>(&mut conn);
    assert_eq!(missing, Err(Error::NotFound));
    assert_eq!(feed.told(), [1, 2, 3].map(|id| updated(id, "set")));
}

#[test]
fn a_delete_tells_the_row_as_it_was() {
    let (mut conn, mut feed) = attached(1..8);
    let find = |id: i64| diesel::delete(notes::table.find(id));
    let note: Note = find(1).broadcast().get_result(&mut conn).unwrap();
    assert_eq!(note, Note::new(1, "old"));
    let ids: Vec<i64> = find(2)
        .returning(notes::id)
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(ids, [2]);
    let ids: Vec<i64> = find(3)
        .broadcast()
        .returning(notes::id)
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(ids, [3]);
    let count = diesel::delete(notes::table)
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    assert_eq!(count, 4);
    let expected: Vec<_> = (1..8).map(|id| deleted(id, "old")).collect();
    assert_eq!(feed.told(), expected);
}

#[test]
fn get_result_tells_of_all_rows_and_returns_the_first() {
    let (mut conn, mut feed) = attached(1..4);
    let first: Note = diesel::update(notes::table)
        .set(notes::text.eq("set"))
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(first.id, 1);
    assert_eq!(feed.told(), [1, 2, 3].map(|id| updated(id, "set")));
}

#[test]
fn boxed_statements_are_statements() {
    let (mut conn, mut feed) = attached(1..4);
    let mut update = diesel::update(notes::table)
        .set(notes::text.eq("set"))
        .into_boxed();
    update = update.filter(notes::id.eq(1));
    assert_eq!(update.broadcast().execute(&mut conn), Ok(1));
    let delete = diesel::delete(notes::table)
        .into_boxed()
        .filter(notes::id.gt(2));
    let ids: Vec<i64> = delete
        .broadcast()
        .returning(notes::id)
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(ids, [3]);
    assert_eq!(feed.told(), [updated(1, "set"), deleted(3, "old")]);
}

#[test]
fn a_row_that_cannot_be_read_is_not_written() {
    let (mut conn, mut feed) = attached(1..3);
    let wrong = diesel::update(notes::table)
        .set(notes::text.eq("set"))
        .broadcast()
        .returning(diesel::dsl::sql::<diesel::sql_types::BigInt>("NULL"))
        .get_results::<i64>(&mut conn);
    assert!(matches!(wrong, Err(Error::DeserializationError(_))));
    let texts: Vec<String> = notes::table.select(notes::text).load(&mut conn).unwrap();
    assert_eq!(texts, ["old", "old"]);
    assert_eq!(feed.told(), []);
}

/// The row 1 alone can be read as a note.
fn with_a_row_that_is_no_note() -> (Conn, Feed) {
    let (mut conn, feed) = attached([]);
    conn.batch_execute(
        "DROP TABLE notes; CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT); \
         INSERT INTO notes VALUES (1, 'old'), (2, NULL)",
    )
    .unwrap();
    (conn, feed)
}

#[test]
fn what_is_asked_for_of_a_row_that_is_no_note_is_returned_and_the_row_a_gap() {
    let (mut conn, mut feed) = with_a_row_that_is_no_note();
    let set = || diesel::update(notes::table).set(notes::id.eq(notes::id + 10));
    let ids = set().returning(notes::id).broadcast();
    assert_eq!(ids.get_results::<i64>(&mut conn), Ok(vec![11, 12]));
    let told = feed.told();
    assert!(told.contains(&resync()), "{told:?}");

    let one = diesel::delete(notes::table.find(12))
        .broadcast()
        .returning((notes::id, notes::text.is_null()));
    assert_eq!(one.get_result(&mut conn), Ok((12_i64, true)));
    assert_eq!(feed.told(), [resync()]);

    let insert = diesel::insert_into(notes::table).values(notes::id.eq(13));
    let id = insert.returning(notes::id).broadcast();
    assert_eq!(id.get_result::<i64>(&mut conn), Ok(13));
    assert_eq!(feed.told(), [resync()]);
    let stored: Vec<i64> = notes::table.select(notes::id).load(&mut conn).unwrap();
    assert_eq!(stored, [11, 13]);
}

#[test]
fn such_a_row_is_a_gap_when_its_transaction_has_committed_and_not_otherwise() {
    let (mut conn, mut feed) = with_a_row_that_is_no_note();
    for commits in [false, true] {
        let ended = conn.transaction(|conn| {
            let delete = diesel::delete(notes::table.find(2)).returning(notes::id);
            let id: i64 = delete.broadcast().get_result(conn)?;
            assert_eq!(id, 2);
            if commits {
                Ok(())
            } else {
                Err(Error::RollbackTransaction)
            }
        });
        assert_eq!(ended.is_ok(), commits);
        let told = if commits { vec![resync()] } else { vec![] };
        assert_eq!(feed.told(), told);
    }
}

/// What is asked for fails as it does without `.broadcast()`, whatever graphex can read.
#[test]
fn what_is_asked_for_and_cannot_be_read_is_an_error_though_the_row_is_a_note() {
    let (mut conn, mut feed) = with_a_row_that_is_no_note();
    let wrong = diesel::update(notes::table)
        .set(notes::id.eq(notes::id + 10))
        .returning(notes::text)
        .broadcast()
        .get_results::<String>(&mut conn);
    assert!(matches!(wrong, Err(Error::DeserializationError(_))));
    assert_eq!(feed.told(), []);
    let stored: Vec<i64> = notes::table.select(notes::id).load(&mut conn).unwrap();
    assert_eq!(stored, [1, 2]);
}

#[test]
fn an_empty_changeset_is_diesels_error() {
    let (mut conn, mut feed) = attached(1..3);
    let nothing = diesel::update(notes::table)
        .set(None::<diesel::dsl::Eq<notes::text, &str>>)
        .broadcast()
        .execute(&mut conn);
    assert!(matches!(nothing, Err(Error::QueryBuilderError(_))));
    assert_eq!(feed.told(), []);
}

#[test]
fn a_pooled_connection_is_a_connection() {
    let mut feed = Feed::new();
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(feed.hub.customizer()))
        .build(ConnectionManager::<SqliteConnection>::new(url("pooled")))
        .unwrap();
    let mut conn = pool.get().unwrap();
    conn.batch_execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)")
        .unwrap();
    let batch = vec![Note::new(1, "new"), Note::new(2, "new")];
    let count = diesel::insert_into(notes::table)
        .values(&batch)
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    let note: Note = diesel::insert_into(notes::table)
        .values(Note::new(3, "new"))
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!((count, note.id), (2, 3));
    assert_eq!(feed.told(), [1, 2, 3].map(|id| created(id, "new")));
}
