//! Writers that compete for rows: subscribers are told in the order of the commits.

use std::sync::Barrier;

use crate::capture::{Feed, Note, notes};
use diesel::prelude::*;
use graphex::BroadcastDsl as _;
use graphex_postgres_tests::connect;

const WRITERS: usize = 4;
const ROWS: i64 = 2;
const ROUNDS: usize = 250;

/// Each commit writes one more than the row had, so a row's texts tell the order of commits.
#[test]
fn changes_of_a_row_are_told_in_the_order_of_their_commits() {
    let mut feed = Feed::new();
    let mut conn = connect("commit_order");
    diesel::delete(notes::table).execute(&mut conn).unwrap();
    let rows: Vec<_> = (0..ROWS).map(|id| Note::new(id, "0")).collect();
    diesel::insert_into(notes::table)
        .values(&rows)
        .execute(&mut conn)
        .unwrap();

    let start = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (hub, start) = (feed.hub.clone(), &start);
            scope.spawn(move || {
                let mut conn = connect("commit_order");
                hub.attach(&mut conn).unwrap();
                start.wait();
                for round in 0..ROUNDS {
                    let id = i64::try_from(round).unwrap() % ROWS;
                    write(&mut conn, id, (writer + round) % 2 == 0).unwrap();
                }
            });
        }
    });

    let told = feed.told();
    assert_eq!(told.len(), WRITERS * ROUNDS);
    for id in 0..ROWS {
        let texts: Vec<usize> = told
            .iter()
            .filter(|change| change.id == id)
            .map(|change| change.text.parse().unwrap())
            .collect();
        assert_eq!(texts, (1..=texts.len()).collect::<Vec<_>>(), "row {id}");
        let row: Note = notes::table.find(id).first(&mut conn).unwrap();
        assert_eq!(row.text, texts.len().to_string());
    }
}

/// Counts a row up, in a transaction of the user's or by itself.
fn write(conn: &mut PgConnection, id: i64, in_transaction: bool) -> QueryResult<usize> {
    let count = |conn: &mut PgConnection| {
        let next = diesel::dsl::sql::<diesel::sql_types::Text>("(text::int + 1)::text");
        diesel::update(notes::table.find(id))
            .set(notes::text.eq(next))
            .broadcast()
            .execute(conn)
    };
    if in_transaction {
        conn.transaction(count)
    } else {
        count(conn)
    }
}
