//! Repositories of an application that are generic over the connection, the statement and the model,
//! with public names only.

use crate::capture::{Feed, Note, created, deleted, notes, updated};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sqlite::Sqlite;
use graphex::prelude::*;
use graphex::{BroadcastConnection, BroadcastQuery, BroadcastStatement};

/// Named out of two globs: a name of ours that Diesel's prelude has too does not compile.
mod no_name_twice {
    #[allow(unused_imports)]
    use self::{
        AppearsOnTable, AsChangeset, Associations, BelongingToDsl, BoolExpressionMethods,
        BoxableExpression, Column, CombineDsl, Connection, ConnectionError, ConnectionResult,
        Expression, ExpressionMethods, GroupedBy, HasQuery, Identifiable, Insertable, IntoSql,
        JoinOnDsl, JoinTo, OptionalExtension, QueryDsl, QueryResult, QuerySource, Queryable,
        QueryableByName, RunQueryDsl, SaveChangesDsl, Selectable, SelectableExpression,
        SelectableHelper, Table, TextExpressionMethods,
    };
    use diesel::prelude::*;
    #[allow(unused_imports, reason = "used where a name is in both")]
    use graphex::*;
}

/// Generic over the connection.
mod repository {
    use super::*;

    pub(super) fn add<C>(conn: &mut C, id: i64, text: &str) -> QueryResult<Note>
    where
        C: BroadcastConnection<Backend = Sqlite>,
    {
        diesel::insert_into(notes::table)
            .values((notes::id.eq(id), notes::text.eq(text)))
            .broadcast()
            .get_result(conn)
    }

    pub(super) fn rename<C>(conn: &mut C, id: i64, text: &str) -> QueryResult<usize>
    where
        C: BroadcastConnection<Backend = Sqlite>,
    {
        diesel::update(notes::table.find(id))
            .set(notes::text.eq(text))
            .broadcast()
            .execute(conn)
    }

    pub(super) fn remove<C>(conn: &mut C, id: i64) -> QueryResult<Vec<String>>
    where
        C: BroadcastConnection<Backend = Sqlite>,
    {
        diesel::delete(notes::table.find(id))
            .broadcast()
            .returning(notes::text)
            .get_results(conn)
    }
}

/// Generic over the statement and the model.
fn run<'query, M, S, C, K>(conn: &mut C, statement: S) -> QueryResult<M>
where
    M: ModelType,
    C: BroadcastConnection,
    S: BroadcastStatement<'query, M, C, K>,
{
    statement.broadcast::<M>().get_result(conn)
}

/// Generic over what was made a broadcast of.
fn all<'query, C, U, Q>(conn: &mut C, query: Q) -> QueryResult<Vec<U>>
where
    C: BroadcastConnection,
    Q: BroadcastQuery<'query, C, U>,
{
    query.get_results(conn)
}

fn write<C>(conn: &mut C) -> QueryResult<()>
where
    C: BroadcastConnection<Backend = Sqlite>,
{
    repository::add(conn, 1, "one")?;
    conn.transaction(|conn| {
        repository::add(conn, 2, "two")?;
        assert_eq!(repository::rename(conn, 2, "deux")?, 1);
        QueryResult::Ok(())
    })?;
    let note = Note::new(3, "three");
    let three: Note = run(conn, diesel::insert_into(notes::table).values(&note))?;
    assert_eq!(three, note);
    let delete = diesel::delete(notes::table.find(3)).broadcast();
    assert_eq!(all(conn, delete)?, [note]);
    assert_eq!(repository::remove(conn, 1)?, ["one"]);
    Ok(())
}

fn check(feed: &mut Feed) {
    let told = [
        created(1, "one"),
        created(2, "two"),
        updated(2, "deux"),
        created(3, "three"),
        deleted(3, "three"),
        deleted(1, "one"),
    ];
    assert_eq!(feed.told(), told);
}

const TABLE: &str = "CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)";

#[test]
fn on_a_connection() {
    let (mut conn, mut feed) = (
        SqliteConnection::establish(":memory:").unwrap(),
        Feed::new(),
    );
    conn.batch_execute(TABLE).unwrap();
    feed.hub.attach(&mut conn).unwrap();
    write(&mut conn).unwrap();
    check(&mut feed);
}

#[test]
fn on_one_of_a_pool() {
    let mut feed = Feed::new();
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(feed.hub.customizer()))
        .build(ConnectionManager::<SqliteConnection>::new(":memory:"))
        .unwrap();
    let mut conn = pool.get().unwrap();
    conn.batch_execute(TABLE).unwrap();
    write(&mut conn).unwrap();
    check(&mut feed);
}

/// An enum of connections, which are those of one program at different times.
#[cfg(feature = "postgres")]
mod several {
    use super::*;

    #[derive(diesel::MultiConnection)]
    pub(super) enum AnyConnection {
        Postgres(PgConnection),
        Sqlite(SqliteConnection),
    }

    impl BroadcastConnection for AnyConnection {
        type Bare = Self;

        fn bare(&mut self) -> &mut Self {
            self
        }
    }

    fn add(conn: &mut AnyConnection, id: i64) -> QueryResult<Note> {
        diesel::insert_into(notes::table)
            .values((notes::id.eq(id), notes::text.eq("new")))
            .broadcast()
            .get_result(conn)
    }

    /// Whether an error that is ignored aborts the transaction.
    fn told_after_an_ignored_error(conn: &mut AnyConnection, feed: &mut Feed) -> usize {
        conn.transaction(|conn| {
            add(conn, 1)?;
            diesel::sql_query("SELECT nothing FROM nowhere")
                .execute(conn)
                .unwrap_err();
            QueryResult::Ok(())
        })
        .unwrap();
        feed.told().len()
    }

    fn check(mut conn: AnyConnection, survivors: usize) {
        let mut feed = Feed::new();
        conn.batch_execute(&TABLE.replace("TABLE", "TEMPORARY TABLE"))
            .unwrap();
        feed.hub.attach(&mut conn).unwrap();
        assert_eq!(told_after_an_ignored_error(&mut conn, &mut feed), survivors);
        add(&mut conn, 2).unwrap();
        conn.transaction(|conn| add(conn, 3)).unwrap();
        assert_eq!(feed.told(), [created(2, "new"), created(3, "new")]);
    }

    #[test]
    fn on_sqlite() {
        let conn = SqliteConnection::establish(":memory:").unwrap();
        check(AnyConnection::Sqlite(conn), 1);
    }

    #[test]
    fn on_postgresql() {
        let Ok(url) = std::env::var("GRAPHEX_POSTGRES_URL") else {
            eprintln!("not run: GRAPHEX_POSTGRES_URL is not set");
            return;
        };
        let conn = PgConnection::establish(&url).unwrap();
        check(AnyConnection::Postgres(conn), 0);
    }
}
