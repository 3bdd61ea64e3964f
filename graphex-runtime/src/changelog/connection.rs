//! What the change log asks of a Diesel connection, whichever database it is of.

use std::any::Any;

use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize::{self, FromSql};
#[cfg(feature = "postgres")]
use diesel::pg::PgConnection;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error::DeserializationError;
use diesel::result::QueryResult;
use diesel::row::Row;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Nullable, Text, Untyped};

/// A Diesel connection on which a change log can be read: `PgConnection`, `SqliteConnection`, and
/// those of a pool.
///
/// Implemented for every connection whose database has integers and text.
#[diagnostic::on_unimplemented(
    message = "a change log cannot be read on `{Self}`",
    label = "not a synchronous Diesel connection",
    note = "give it `PgConnection::establish(url)` or `SqliteConnection::establish(path)`"
)]
pub trait LogConnection: 'static {
    /// Runs statements that return nothing.
    #[doc(hidden)]
    fn run(&mut self, sql: &str) -> QueryResult<()>;

    /// Reads rows of which all columns are text or null.
    #[doc(hidden)]
    fn texts(&mut self, statement: Statement<'_>) -> QueryResult<Vec<Texts>>;

    /// Hands the first column of each row over as it is read, until no more is taken.
    #[doc(hidden)]
    fn each(
        &mut self,
        statement: Statement<'_>,
        take: &mut dyn FnMut(&str) -> bool,
    ) -> QueryResult<()>;

    /// Reads rows of a log, two at least if there are so many, and no more once they have so many bytes.
    #[doc(hidden)]
    fn entries(&mut self, statement: Statement<'_>, bytes: usize) -> QueryResult<Vec<Entry>>;

    /// Whether the server has sent a notification since this was last asked; it is not asked for one.
    /// Nothing where this cannot be known.
    #[doc(hidden)]
    fn notified(&mut self) -> QueryResult<Option<bool>>;
}

impl<C> LogConnection for C
where
    C: LoadConnection + 'static,
    C::Backend: HasSqlType<BigInt> + HasSqlType<Text> + 'static,
    i64: ToSql<BigInt, C::Backend> + FromSql<BigInt, C::Backend>,
    str: ToSql<Text, C::Backend>,
    String: FromSql<Text, C::Backend>,
{
    fn run(&mut self, sql: &str) -> QueryResult<()> {
        self.batch_execute(sql)
    }

    fn texts(&mut self, statement: Statement<'_>) -> QueryResult<Vec<Texts>> {
        let rows = LoadConnection::load(self, statement)?;
        rows.map(|row| Texts::read(&row?).map_err(DeserializationError))
            .collect()
    }

    fn each(
        &mut self,
        statement: Statement<'_>,
        take: &mut dyn FnMut(&str) -> bool,
    ) -> QueryResult<()> {
        for row in LoadConnection::load(self, statement)? {
            let texts = Texts::read(&row?).map_err(DeserializationError)?;
            if !take(texts.text(0)) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn entries(&mut self, statement: Statement<'_>, bytes: usize) -> QueryResult<Vec<Entry>> {
        let (mut entries, mut read) = (Vec::new(), 0);
        for row in LoadConnection::load(self, statement)? {
            let entry = Entry::read(&row?).map_err(DeserializationError)?;
            read += entry.bytes();
            entries.push(entry);
            if read > bytes && entries.len() > 1 {
                break;
            }
        }
        Ok(entries)
    }

    fn notified(&mut self) -> QueryResult<Option<bool>> {
        notified(self)
    }
}

/// Diesel's own connection tells of notifications, which no trait of it does.
#[cfg(feature = "postgres")]
fn notified(conn: &mut dyn Any) -> QueryResult<Option<bool>> {
    let Some(conn) = conn.downcast_mut::<PgConnection>() else {
        return Ok(None);
    };
    // All of them, or they would wait in memory.
    let received = conn.notifications_iter().collect::<QueryResult<Vec<_>>>()?;
    Ok(Some(!received.is_empty()))
}

#[cfg(not(feature = "postgres"))]
fn notified(_: &mut dyn Any) -> QueryResult<Option<bool>> {
    Ok(None)
}

/// A statement as SQL text with a `?` for each value. It is prepared once per connection.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    sql: &'a str,
    values: &'a [Bind<'a>],
    /// Whether it has its values in its text, and is hardly ever run again.
    is_verbatim: bool,
}

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bind<'a> {
    /// A `BIGINT`.
    Int(i64),
    /// A `TEXT`.
    Text(&'a str),
}

impl<'a> Statement<'a> {
    pub(super) fn new(sql: &'a str, values: &'a [Bind<'a>]) -> Self {
        Self {
            sql,
            values,
            is_verbatim: false,
        }
    }

    /// A statement that has its values in its text. It is not kept prepared.
    pub(super) fn verbatim(sql: &'a str) -> Self {
        Self {
            is_verbatim: true,
            ..Self::new(sql, &[])
        }
    }
}

impl QueryId for Statement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

impl<DB> QueryFragment<DB> for Statement<'_>
where
    DB: Backend + HasSqlType<BigInt> + HasSqlType<Text>,
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.is_verbatim {
            pass.unsafe_to_cache_prepared();
            pass.push_sql(self.sql);
            return Ok(());
        }
        let mut values = self.values.iter();
        for (position, part) in self.sql.split('?').enumerate() {
            if position > 0 {
                match values.next() {
                    Some(Bind::Int(value)) => pass.push_bind_param::<BigInt, _>(value)?,
                    Some(Bind::Text(value)) => pass.push_bind_param::<Text, str>(value)?,
                    None => pass.push_sql("NULL"),
                }
            }
            pass.push_sql(part);
        }
        Ok(())
    }
}

/// A row whose columns are text or null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts(Vec<Option<String>>);

impl Texts {
    /// The column at this position; empty where it is null.
    pub(super) fn text(&self, column: usize) -> &str {
        self.get(column).unwrap_or_default()
    }

    /// The column at this position, if it is not null.
    pub(super) fn get(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    /// The column as a number.
    pub(super) fn number(&self, column: usize) -> Option<i64> {
        self.get(column)?.parse().ok()
    }

    /// Whether the column is true, as PostgreSQL and SQLite write it.
    pub(super) fn is(&self, column: usize) -> bool {
        matches!(self.get(column), Some("t" | "true" | "1"))
    }
}

impl Texts {
    fn read<'r, DB: Backend>(row: &impl Row<'r, DB>) -> deserialize::Result<Self>
    where
        String: FromSql<Text, DB>,
    {
        let columns = 0..row.field_count();
        let text = |column| row.get_value::<Nullable<Text>, Option<String>, usize>(column);
        columns.map(text).collect::<Result<_, _>>().map(Self)
    }
}

/// A row of the log as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The transaction, where the database tells.
    pub(super) xid: i64,
    /// The sequence number.
    pub(super) seq: i64,
    /// What the cursor must say beside the sequence number, on SQLite.
    pub(super) token: i64,
    pub(super) stream: String,
    /// `c`, `u`, `d`, or `t` for a `TRUNCATE`.
    pub(super) op: u8,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    /// Whether one of them is no text: SQLite takes any bytes for it.
    pub(super) is_unreadable: bool,
}

#[cfg(test)]
impl Entry {
    /// An update whose rows have so many bytes together.
    pub(super) fn sample(seq: i64, bytes: usize) -> Self {
        Self {
            xid: 0,
            seq,
            token: 1,
            stream: "notes".to_owned(),
            op: b'u',
            old: Some("x".repeat(bytes / 2)),
            new: Some("x".repeat(bytes - bytes / 2)),
            is_unreadable: false,
        }
    }
}

impl Entry {
    /// How many bytes its rows have.
    pub(super) fn bytes(&self) -> usize {
        let rows = [&self.old, &self.new].into_iter().flatten();
        rows.map(String::len).sum()
    }

    fn read<'r, DB: Backend>(row: &impl Row<'r, DB>) -> deserialize::Result<Self>
    where
        i64: FromSql<BigInt, DB>,
        String: FromSql<Text, DB>,
    {
        let op: String = row.get_value::<Text, _, _>(4)?;
        let json = |column| row.get_value::<Nullable<Text>, Option<String>, usize>(column);
        let (old, new) = (json(5), json(6));
        Ok(Self {
            is_unreadable: old.is_err() || new.is_err(),
            xid: row.get_value::<BigInt, _, _>(0)?,
            seq: row.get_value::<BigInt, _, _>(1)?,
            token: row.get_value::<BigInt, _, _>(2)?,
            stream: row.get_value::<Text, _, _>(3)?,
            op: op.bytes().next().unwrap_or_default(),
            old: old.unwrap_or_default(),
            new: new.unwrap_or_default(),
        })
    }
}
