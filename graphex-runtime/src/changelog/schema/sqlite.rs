//! The SQL of a change log on SQLite.

use std::fmt::Write as _;

use super::Retention;
use super::section::Section;
use super::table::{LoggedTable, identifier, literal};
use crate::model::TableName;

const BASE: &str = include_str!("sqlite.sql");

/// What `json_object` takes: 127 arguments before SQLite 3.43.
const MOST_COLUMNS: usize = 60;

/// The log itself, which prunes itself.
pub(super) fn base(retention: Retention) -> Section {
    let sql = |version: &str| {
        BASE.replace("{version}", version)
            .replace("{keep}", &retention.keep.as_secs().to_string())
            .replace("{most}", &retention.most.to_string())
    };
    let drop = "DROP TABLE IF EXISTS graphex_log;\nDROP TABLE IF EXISTS graphex_state;\n";
    Section::new("", sql, drop)
}

/// The triggers of one stream.
pub(super) fn triggers(table: &LoggedTable) -> Section {
    let sql = |version: &str| {
        let mut sql = drop(table);
        for trigger in create(table, version) {
            let _ = writeln!(sql, "{};", trigger.sql);
        }
        sql
    };
    Section::new(&table.stream, sql, &drop(table))
}

/// A trigger and its text, as `sqlite_master` has it.
#[derive(Debug)]
pub(in crate::changelog) struct Trigger {
    pub(in crate::changelog) name: String,
    pub(in crate::changelog) sql: String,
}

const PREFIXES: [&str; 3] = ["graphex_create:", "graphex_update:", "graphex_delete:"];

fn drop(table: &LoggedTable) -> String {
    // SQLite calls the newest trigger first, so that ours are made anew, as the last.
    PREFIXES
        .iter()
        .map(|prefix| {
            format!(
                "DROP TRIGGER IF EXISTS {};\n",
                identifier(&table.object(prefix))
            )
        })
        .collect()
}

/// The triggers of a stream.
pub(in crate::changelog) fn create(table: &LoggedTable, version: &str) -> [Trigger; 3] {
    let (old, new) = (row(&table.old), row(&table.new));
    let stream = literal(&table.stream);
    let trigger = |prefix, event, columns, values: String| {
        let name = table.object(prefix);
        let sql = format!(
            "CREATE TRIGGER {} AFTER {event} ON {} BEGIN
  -- graphex {version} {}
  INSERT INTO graphex_log (stream, op, {columns}) VALUES ({stream}, {values});
END",
            identifier(&name),
            identifier(&table.name),
            table.stream,
        );
        Trigger { name, sql }
    };
    let [create, update, delete] = PREFIXES;
    [
        trigger(create, "INSERT", "new", format!("'c', {new}")),
        trigger(update, "UPDATE", "old, new", format!("'u', {old}, {new}")),
        trigger(delete, "DELETE", "old", format!("'d', {old}")),
    ]
}

/// Each row of a table `t` that meets a condition, as its triggers log it.
pub(in crate::changelog) fn rows(
    columns: &[(&str, String)],
    table: &TableName,
    condition: &str,
) -> String {
    format!(
        "SELECT {} FROM {} t WHERE {condition}",
        row(columns),
        identifier(&table.name)
    )
}

/// The row as JSON.
fn row(columns: &[(&str, String)]) -> String {
    let object = |columns: &[(&str, String)]| {
        let columns: Vec<_> = columns
            .iter()
            .map(|(name, sql)| format!("{}, {sql}", literal(name)))
            .collect();
        format!("json_object({})", columns.join(", "))
    };
    let objects: Vec<_> = columns.chunks(MOST_COLUMNS).map(object).collect();
    match &objects[..] {
        [] => "'{}'".to_owned(),
        [whole] => whole.clone(),
        // The objects without the braces between them.
        parts => {
            let last = parts.len() - 1;
            let selected: Vec<_> = parts
                .iter()
                .enumerate()
                .map(|(at, part)| format!("{part} AS p{at}"))
                .collect();
            let joined: Vec<_> = (0..parts.len())
                .map(|at| match at {
                    0 => "substr(p0, 1, length(p0) - 1)".to_owned(),
                    at if at == last => format!("substr(p{at}, 2)"),
                    at => format!("substr(p{at}, 2, length(p{at}) - 2)"),
                })
                .collect();
            let joined = joined.join(" || ',' || ");
            format!("(SELECT {joined} FROM (SELECT {}))", selected.join(", "))
        }
    }
}
