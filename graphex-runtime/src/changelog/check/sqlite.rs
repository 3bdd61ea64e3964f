//! The checks on SQLite.

use std::collections::HashSet;

use diesel::result::QueryResult;

use super::{Problem, ask};
use crate::changelog::connection::{Bind, LogConnection};
use crate::changelog::schema::sqlite::create;
use crate::changelog::schema::table::identifier;
use crate::changelog::schema::{Installed, LogSchema, LoggedTable};
use crate::model::Model;
use crate::value::Database;

pub(super) fn problems(
    schema: &LogSchema,
    conn: &mut dyn LogConnection,
) -> QueryResult<Vec<Problem>> {
    let base = schema.base();
    let is_there = ask(
        conn,
        "SELECT name FROM sqlite_master WHERE name = 'graphex_state'",
        &[],
    )?;
    if is_there.is_empty() {
        let sentence = "the change log is not installed in this database";
        return Ok(vec![Problem::of_log(sentence, schema.install_sql())]);
    }
    let mut problems = Vec::new();
    let version = ask(conn, "SELECT version FROM graphex_state", &[])?;
    let trim =
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name = 'graphex_log_trim'";
    if version.first().map(|row| row.text(0)) != Some(&base.version) {
        let sentence = "the tables of the change log are of another version of graphex, or keep another amount";
        problems.push(Problem::of_log(sentence, base.sql()));
    } else if ask(conn, trim, &[])?.is_empty() {
        let sentence = "the change log has no trigger that prunes it";
        problems.push(Problem::of_log(sentence, base.sql()));
    }
    for (model, table) in schema.tables() {
        of_table(schema, model, &table, conn, &mut problems)?;
    }
    Ok(problems)
}

fn of_table(
    schema: &LogSchema,
    model: &'static Model,
    table: &LoggedTable,
    conn: &mut dyn LogConnection,
    problems: &mut Vec<Problem>,
) -> QueryResult<()> {
    let (stream, name) = (&*table.stream, identifier(&table.name));
    if let Some(attached) = table.schema.as_deref().filter(|schema| *schema != "main") {
        let sentence = format!(
            "{name} is in the database {}, and the triggers of one database cannot write to another",
            identifier(attached)
        );
        problems.push(Problem::of(stream, sentence, ""));
        return Ok(());
    }
    let kind = "SELECT type, sql LIKE 'create virtual%' FROM sqlite_master WHERE lower(name) = lower(?) AND type IN ('table', 'view')";
    let kind = ask(conn, kind, &[Bind::Text(&table.name)])?;
    let sentence = match kind.first() {
        None => Some(format!("there is no table {name}")),
        Some(row) if row.text(0) == "view" || row.is(1) => Some(format!(
            "{name} is no ordinary table, and only those have triggers for each row"
        )),
        Some(_) => None,
    };
    if let Some(sentence) = sentence {
        problems.push(Problem::of(stream, sentence, ""));
        return Ok(());
    }
    let columns = ask(
        conn,
        "SELECT name, type FROM pragma_table_xinfo(?)",
        &[Bind::Text(&table.name)],
    )?;
    let before = problems.len();
    for (position, field) in model.fields.iter().enumerate() {
        let column = field.column.unwrap_or(field.name);
        let found = columns
            .iter()
            .find(|row| row.text(0).eq_ignore_ascii_case(column));
        let sentence = match found {
            None if field.column.is_some() => {
                format!("the table {name} has no column {}", identifier(column))
            }
            found => {
                let declared = found.map_or("", |row| row.text(1));
                match model.log_obstacle(position, Database::Sqlite, declared) {
                    Some(obstacle) => {
                        format!("the field `{}` cannot be logged: {obstacle}", field.name)
                    }
                    None => continue,
                }
            }
        };
        problems.push(Problem::of(stream, sentence, ""));
    }
    if problems.len() == before {
        of_triggers(schema, table, conn, problems)?;
    }
    Ok(())
}

fn of_triggers(
    schema: &LogSchema,
    table: &LoggedTable,
    conn: &mut dyn LogConnection,
    problems: &mut Vec<Problem>,
) -> QueryResult<()> {
    let section = schema.triggers(table);
    let (stream, name) = (&*table.stream, identifier(&table.name));
    let sql = "SELECT name, sql, CAST(rowid AS TEXT) FROM sqlite_master \
         WHERE type = 'trigger' AND lower(tbl_name) = lower(?) ORDER BY rowid";
    let found = ask(conn, sql, &[Bind::Text(&table.name)])?;
    let mut oldest = i64::MAX;
    for wanted in create(table, &section.version) {
        let there = found.iter().find(|row| row.text(0) == wanted.name);
        let sentence = match there {
            None => format!(
                "the table {name} has no trigger {}",
                identifier(&wanted.name)
            ),
            Some(row) if row.text(1) == wanted.sql => {
                oldest = oldest.min(row.number(2).unwrap_or_default());
                continue;
            }
            Some(_) => format!(
                "the trigger {} is of another version of the model than this program's",
                identifier(&wanted.name)
            ),
        };
        problems.push(Problem::of(stream, sentence, section.sql()));
        return Ok(());
    }
    let is_ours = |name: &str| name.starts_with("graphex_");
    let later = found
        .iter()
        .find(|row| !is_ours(row.text(0)) && row.number(2) > Some(oldest));
    if let Some(later) = later {
        problems.push(Problem::of(
            stream,
            format!(
                "the trigger {} is newer than the change log's and called before it, which may log what it does before what caused it",
                identifier(later.text(0))
            ),
            section.sql(),
        ));
    }
    Ok(())
}

pub(super) fn installed(conn: &mut dyn LogConnection) -> QueryResult<Installed> {
    let mut installed = Installed::default();
    let is_there = ask(
        conn,
        "SELECT name FROM sqlite_master WHERE name = 'graphex_state'",
        &[],
    )?;
    if is_there.is_empty() {
        return Ok(installed);
    }
    for row in ask(conn, "SELECT version FROM graphex_state", &[])? {
        let section = (row.text(0).to_owned(), String::new());
        installed.sections.insert(String::new(), section);
    }
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%-- graphex %' ORDER BY rowid";
    let mut seen = HashSet::new();
    for row in ask(conn, sql, &[])? {
        let marked = row.text(1).split_once("-- graphex ");
        let marked = marked.and_then(|(_, marked)| marked.lines().next()?.split_once(' '));
        let Some((version, stream)) = marked else {
            continue;
        };
        let trigger = identifier(row.text(0));
        let sql = format!("DROP TRIGGER IF EXISTS {trigger};\n{};\n", row.text(1));
        let section = installed.sections.entry(stream.to_owned()).or_default();
        if seen.insert(stream.to_owned()) {
            version.clone_into(&mut section.0);
        }
        section.1.push_str(&sql);
    }
    Ok(installed)
}
