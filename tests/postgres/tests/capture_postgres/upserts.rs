//! Upserts on PostgreSQL: created rows and updated rows are told apart.

use crate::capture::{Feed, Note, created, deleted, notes, updated};
use diesel::prelude::*;
use diesel::upsert::excluded;
use graphex::BroadcastDsl as _;

/// An attached connection to a table with row 1, and who is told.
fn attached(schema: &str) -> (PgConnection, Feed) {
    let (mut conn, feed) = (graphex_postgres_tests::connect(schema), Feed::new());
    diesel::delete(notes::table).execute(&mut conn).unwrap();
    diesel::insert_into(notes::table)
        .values(Note::new(1, "old"))
        .execute(&mut conn)
        .unwrap();
    feed.hub.attach(&mut conn).unwrap();
    (conn, feed)
}

#[test]
fn do_update_tells_create_from_update() {
    let (mut conn, mut feed) = attached("do_update");
    let batch: Vec<_> = (1..4).map(|id| Note::new(id, "put")).collect();
    let upsert = || {
        diesel::insert_into(notes::table)
            .values(&batch)
            .on_conflict(notes::id)
            .do_update()
            .set(notes::text.eq(excluded(notes::text)))
    };
    assert_eq!(upsert().broadcast().execute(&mut conn), Ok(3));
    let expected = [updated(1, "put"), created(2, "put"), created(3, "put")];
    assert_eq!(feed.told(), expected);

    let notes: Vec<Note> = upsert().broadcast().get_results(&mut conn).unwrap();
    assert_eq!(notes, batch);
    let ids: Vec<i64> = upsert()
        .broadcast()
        .returning(notes::id)
        .get_results(&mut conn)
        .unwrap();
    let texts: Vec<(i64, String)> = upsert()
        .returning((notes::id, notes::text))
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!((ids.len(), texts.len()), (3, 3));
    let expected = [1, 2, 3].map(|id| updated(id, "put"));
    assert_eq!(feed.told(), [expected.as_slice(); 3].concat());
}

/// The case in which a row version could carry marks of its own transaction.
#[test]
fn rows_of_the_same_transaction_are_told_apart() {
    let (mut conn, mut feed) = attached("same_transaction");
    let put = |conn: &mut PgConnection, id: i64, text: &str| {
        diesel::insert_into(notes::table)
            .values(Note::new(id, text))
            .on_conflict(notes::id)
            .do_update()
            .set(notes::text.eq(text))
            .broadcast()
            .execute(conn)
    };
    conn.transaction(|conn| {
        put(conn, 2, "a")?;
        put(conn, 2, "b")?;
        conn.transaction(|conn| put(conn, 2, "c"))?;
        diesel::sql_query("SELECT * FROM notes FOR UPDATE").execute(conn)?;
        put(conn, 2, "d")?;
        diesel::delete(notes::table.find(2))
            .broadcast()
            .execute(conn)?;
        put(conn, 2, "e")
    })
    .unwrap();
    let expected = [
        created(2, "a"),
        updated(2, "b"),
        updated(2, "c"),
        updated(2, "d"),
        deleted(2, "d"),
        created(2, "e"),
    ];
    assert_eq!(feed.told(), expected);
}

#[test]
fn do_nothing_tells_only_of_new_rows() {
    let (mut conn, mut feed) = attached("do_nothing");
    let batch: Vec<_> = (1..3).map(|id| Note::new(id, "put")).collect();
    let count = diesel::insert_into(notes::table)
        .values(&batch)
        .on_conflict_do_nothing()
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    assert_eq!(count, 1);
    let none: Vec<Note> = diesel::insert_into(notes::table)
        .values(&batch)
        .on_conflict(notes::id)
        .do_nothing()
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(none, []);
    assert_eq!(feed.told(), [created(2, "put")]);
}

#[test]
fn a_conditional_update_tells_only_of_rows_it_changed() {
    let (mut conn, mut feed) = attached("conditional");
    let batch: Vec<_> = (1..3).map(|id| Note::new(id, "put")).collect();
    let upsert = diesel::insert_into(notes::table)
        .values(&batch)
        .on_conflict(notes::id)
        .do_update()
        .set(notes::text.eq("set"));
    // `QueryDsl` has a `filter` too.
    let upsert = diesel::query_dsl::methods::FilterDsl::filter(upsert, notes::text.ne("old"));
    let count = upsert.broadcast().execute(&mut conn).unwrap();
    assert_eq!(count, 1);
    assert_eq!(feed.told(), [created(2, "put")]);
}

#[test]
fn plain_statements_are_told_with_their_rows() {
    let (mut conn, mut feed) = attached("plain");
    let batch: Vec<_> = (2..4).map(|id| Note::new(id, "new")).collect();
    let ids: Vec<i64> = diesel::insert_into(notes::table)
        .values(&batch)
        .broadcast()
        .returning(notes::id)
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(ids, [2, 3]);
    let none: Vec<Note> = diesel::insert_into(notes::table)
        .values(&Vec::<Note>::new())
        .broadcast()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(none, []);
    let text: String = diesel::update(notes::table.find(2))
        .set(notes::text.eq("set"))
        .returning(notes::text)
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(text, "set");
    let note = diesel::delete(notes::table.find(3))
        .returning(Note::as_returning())
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(note.id, 3);
    let copies = notes::table
        .filter(notes::id.eq(2))
        .select((notes::id + 10, notes::text))
        .insert_into(notes::table)
        .into_columns((notes::id, notes::text))
        .broadcast()
        .execute(&mut conn);
    assert_eq!(copies, Ok(1));
    let expected = [
        created(2, "new"),
        created(3, "new"),
        updated(2, "set"),
        deleted(3, "new"),
        created(12, "set"),
    ];
    assert_eq!(feed.told(), expected);
}
