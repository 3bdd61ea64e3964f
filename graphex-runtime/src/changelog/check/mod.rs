//! What is missing in a database, or in the way of a change log.

mod postgres;
mod sqlite;

use std::fmt;

use diesel::Connection;
use diesel::result::QueryResult;

use super::connection::{Bind, LogConnection, Statement, Texts};
use super::schema::{Installed, LogSchema};
use crate::value::Database;

/// Something that keeps a change log from telling every change, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The stream that it is about, where it is not the log itself.
    pub stream: Option<String>,
    /// What is wrong, as one sentence.
    pub sentence: String,
    /// The SQL that mends it; empty where SQL does not.
    pub sql: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        if self.sql.is_empty() {
            return Ok(());
        }
        write!(f, "; run:\n{}", self.sql.trim_end())
    }
}

impl Problem {
    fn of_log(sentence: impl Into<String>, sql: impl Into<String>) -> Self {
        Self {
            stream: None,
            sentence: sentence.into(),
            sql: sql.into(),
        }
    }

    fn of(stream: &str, sentence: impl fmt::Display, sql: impl Into<String>) -> Self {
        Self {
            stream: Some(stream.to_owned()),
            sentence: format!("stream `{stream}`: {sentence}"),
            sql: sql.into(),
        }
    }
}

/// Asks the database.
fn ask(conn: &mut dyn LogConnection, sql: &str, values: &[Bind<'_>]) -> QueryResult<Vec<Texts>> {
    conn.texts(Statement::new(sql, values))
}

impl LogSchema {
    /// What is missing in this database, or keeps the log from telling every change. Each problem
    /// comes with the SQL that mends it.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn check<C: LogConnection>(&self, conn: &mut C) -> QueryResult<Vec<Problem>> {
        self.problems(conn)
    }

    pub(super) fn problems(&self, conn: &mut dyn LogConnection) -> QueryResult<Vec<Problem>> {
        match self.database {
            Database::Postgres => postgres::problems(self, conn),
            Database::Sqlite => sqlite::problems(self, conn),
        }
    }

    /// What is installed in this database: see [`next_migration`](Self::next_migration).
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn installed<C: LogConnection>(&self, conn: &mut C) -> QueryResult<Installed> {
        self.find_installed(conn)
    }

    fn find_installed(&self, conn: &mut dyn LogConnection) -> QueryResult<Installed> {
        match self.database {
            Database::Postgres => postgres::installed(conn),
            Database::Sqlite => sqlite::installed(conn),
        }
    }

    /// Installs what is missing or of another version, in one transaction. Where all is there it
    /// changes nothing and locks nothing.
    ///
    /// For development, tests and embedded SQLite; on a server's database a migration is better,
    /// which somebody has read: [`migration`](Self::migration). The role must own the tables.
    ///
    /// ```
    /// use diesel::prelude::*;
    /// use graphex_macros::ModelType;
    /// use graphex_runtime::LogSchema;
    ///
    /// diesel::table! { messages (id) { id -> BigInt, text -> Text, } }
    ///
    /// #[derive(Queryable, Selectable, ModelType)]
    /// #[diesel(table_name = messages)]
    /// #[graphex(stream = "messages", crate = "graphex_runtime")]
    /// struct Message { id: i64, text: String }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut conn = SqliteConnection::establish(":memory:")?;
    /// diesel::sql_query("CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
    ///     .execute(&mut conn)?;
    /// let schema = LogSchema::sqlite().model::<Message>();
    /// assert!(!schema.check(&mut conn)?.is_empty());
    /// schema.install(&mut conn)?;
    /// schema.install(&mut conn)?;
    /// assert_eq!(schema.check(&mut conn)?, []);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the database, for example a table of a model that does not exist.
    pub fn install<C: LogConnection + Connection>(&self, conn: &mut C) -> QueryResult<()> {
        conn.transaction(|conn| {
            if self.database == Database::Postgres {
                // Processes that start at once would stand in each other's way.
                ask(conn, "SELECT pg_advisory_xact_lock(7235422, 2)::text", &[])?;
            }
            let installed = self.find_installed(conn)?;
            let problems = self.problems(conn)?;
            for section in self.sections() {
                let there = installed.sections.get(&section.name);
                let is_current = there.is_some_and(|(version, _)| *version == section.version);
                let of_section = |problem: &Problem| {
                    problem.stream.as_deref().unwrap_or_default() == section.name
                };
                if !is_current || problems.iter().any(of_section) {
                    conn.run(section.sql())?;
                }
            }
            Ok(())
        })
    }
}
