//! Reading rows of PostgreSQL as they are at one moment.

use super::{INCOMPLETE, LogError, PostgresLog, batch};
use crate::changelog::connection::{Bind, Statement};
use crate::changelog::snapshot::{Moment, Seen};
use crate::model::TableName;

/// Rows that are fetched at once.
const FETCH: &str = "FETCH FORWARD 500 FROM graphex_snapshot";

impl PostgresLog {
    /// Begins a transaction, and says what it sees of the log.
    pub(super) fn begin_moment(&mut self) -> Result<Moment, LogError> {
        self.conn
            .run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL standard_conforming_strings = on")?;
        self.read_id()?;
        let rows = self.texts("SELECT pg_current_snapshot()::text", &[])?;
        let seen = rows.first().and_then(|row| Seen::read(row.text(0)));
        let seen = seen.ok_or(LogError::Answer("PostgreSQL's snapshot cannot be read"))?;
        let sql = "SELECT b.first::text, b.n::text, b.top::text, b.unseen::text, b.token::text FROM graphex.batch b \
             ORDER BY b.first DESC LIMIT 1";
        let rows = self.texts(sql, &[])?;
        let last = batch(rows.first().ok_or(INCOMPLETE)?)?;
        Ok(Moment {
            cursor: self.cursor(last.last().cast_unsigned(), last.token),
            seen: Some(seen),
        })
    }

    /// Hands the one text of each row over, until no more is taken.
    pub(super) fn rows_of_moment(
        &mut self,
        select: &str,
        take: &mut dyn FnMut(&str) -> bool,
    ) -> Result<(), LogError> {
        let declare = format!("DECLARE graphex_snapshot NO SCROLL CURSOR FOR {select}");
        self.conn.run(&declare)?;
        loop {
            let rows = self.conn.texts(Statement::new(FETCH, &[]))?;
            if rows.is_empty() || !rows.iter().all(|row| take(row.text(0))) {
                return Ok(());
            }
        }
    }

    /// The columns of a table and their types.
    pub(super) fn column_types(
        &mut self,
        table: &TableName,
    ) -> Result<Vec<(String, String)>, LogError> {
        let sql = "SELECT a.attname::text, pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = ?::regclass AND a.attnum > 0 AND NOT a.attisdropped";
        let rows = self.texts(sql, &[Bind::Text(&table.to_string())])?;
        let pair = |row: &crate::changelog::connection::Texts| {
            (row.text(0).to_owned(), row.text(1).to_owned())
        };
        Ok(rows.iter().map(pair).collect())
    }
}
