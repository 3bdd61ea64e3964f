//! The checks on PostgreSQL.

mod triggers;

use std::collections::HashMap;

use diesel::result::QueryResult;

use super::{Problem, ask};
use crate::changelog::connection::{Bind, LogConnection};
use crate::changelog::schema::table::identifier;
use crate::changelog::schema::{Installed, LogSchema, LoggedTable};
use crate::model::Model;
use crate::value::Database;

pub(super) fn problems(
    schema: &LogSchema,
    conn: &mut dyn LogConnection,
) -> QueryResult<Vec<Problem>> {
    let base = schema.base();
    if !is_installed(conn)? {
        let sentence = "the change log is not installed in this database";
        return Ok(vec![Problem::of_log(sentence, schema.install_sql())]);
    }
    let mut problems = Vec::new();
    if let Some(problem) = privileges(conn)? {
        return Ok(vec![problem]);
    }
    let version = ask(conn, "SELECT version FROM graphex.state", &[])?;
    if version.first().map(|row| row.text(0)) != Some(&base.version) {
        let sentence =
            "the tables and functions of the change log are of another version of graphex";
        problems.push(Problem::of_log(sentence, base.sql()));
    }
    of_log(conn, &mut problems)?;
    for (model, table) in schema.tables() {
        of_table(schema, model, &table, conn, &mut problems)?;
    }
    Ok(problems)
}

/// Also for a role that may not use the schema, so not by a name in it.
fn is_installed(conn: &mut dyn LogConnection) -> QueryResult<bool> {
    let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'graphex' AND c.relname = 'state'";
    Ok(!ask(conn, sql, &[])?.is_empty())
}

fn privileges(conn: &mut dyn LogConnection) -> QueryResult<Option<Problem>> {
    let sql = "SELECT current_user::text, has_schema_privilege('graphex', 'USAGE')::text, \
         CASE WHEN has_schema_privilege('graphex', 'USAGE') THEN (has_table_privilege('graphex.log', 'SELECT') \
           AND has_table_privilege('graphex.batch', 'SELECT') AND has_table_privilege('graphex.state', 'SELECT'))::text END";
    let rows = ask(conn, sql, &[])?;
    let Some(row) = rows.first().filter(|row| !row.is(1) || !row.is(2)) else {
        return Ok(None);
    };
    let role = identifier(row.text(0));
    Ok(Some(Problem::of_log(
        format!("the role {role} may not read the change log"),
        format!(
            "GRANT USAGE ON SCHEMA graphex TO {role};\nGRANT SELECT ON ALL TABLES IN SCHEMA graphex TO {role};\n"
        ),
    )))
}

/// What is about the whole log.
fn of_log(conn: &mut dyn LogConnection, problems: &mut Vec<Problem>) -> QueryResult<()> {
    let cache =
        "SELECT seqcache::text FROM pg_sequence WHERE seqrelid = 'graphex.log_seq'::regclass";
    if ask(conn, cache, &[])?.first().and_then(|row| row.number(0)) != Some(1) {
        problems.push(Problem::of_log(
            "the sequence graphex.log_seq has a cache, so that changes of one row come out of order",
            "ALTER SEQUENCE graphex.log_seq CACHE 1;\n",
        ));
    }
    // A role of this name has the schema in its default `search_path`, as `"$user"`.
    let found_first = "SELECT current_user::text, current_database()::text \
         WHERE current_schema() = 'graphex'";
    for row in ask(conn, found_first, &[])? {
        let (role, database) = (identifier(row.text(0)), identifier(row.text(1)));
        problems.push(Problem::of_log(
            format!(
                "the role {role} finds the schema of the change log before its own: what it creates without \
                 naming a schema, and what it looks for, is there"
            ),
            format!("ALTER ROLE {role} IN DATABASE {database} SET search_path = public;\n"),
        ));
    }
    let published = "SELECT DISTINCT p.pubname::text, p.puballtables::text FROM pg_publication p \
         JOIN pg_publication_tables t ON t.pubname = p.pubname WHERE t.schemaname = 'graphex'";
    for row in ask(conn, published, &[])? {
        let name = identifier(row.text(0));
        let sql = if row.is(1) {
            format!("-- {name} is FOR ALL TABLES: make one that names the tables instead\n")
        } else {
            format!("ALTER PUBLICATION {name} DROP TABLE graphex.log;\n")
        };
        let sentence = format!(
            "the publication {name} has the change log, whose transaction numbers mean nothing on a subscriber"
        );
        problems.push(Problem::of_log(sentence, sql));
    }
    let rounding = "SELECT coalesce((SELECT rolname::text FROM pg_roles WHERE oid = s.setrole), ''), \
           coalesce((SELECT datname::text FROM pg_database WHERE oid = s.setdatabase), '') \
         FROM pg_db_role_setting s, unnest(s.setconfig) c WHERE c ~ '^extra_float_digits=(-|0$)' \
         UNION ALL SELECT '', '' FROM pg_settings \
         WHERE name = 'extra_float_digits' AND reset_val::int <= 0 AND source = 'configuration file'";
    for row in ask(conn, rounding, &[])? {
        let (role, database) = (row.text(0), row.text(1));
        let (whom, sql) = match (role, database) {
            ("", "") => (
                "all".to_owned(),
                "ALTER SYSTEM RESET extra_float_digits".to_owned(),
            ),
            ("", database) => {
                let name = identifier(database);
                (
                    format!("the database {name}"),
                    format!("ALTER DATABASE {name} RESET extra_float_digits"),
                )
            }
            (role, "") => {
                let name = identifier(role);
                (
                    format!("the role {name}"),
                    format!("ALTER ROLE {name} RESET extra_float_digits"),
                )
            }
            (role, database) => {
                let (role, name) = (identifier(role), identifier(database));
                let sql = format!("ALTER ROLE {role} IN DATABASE {name} RESET extra_float_digits");
                (format!("the role {role}"), sql)
            }
        };
        problems.push(Problem::of_log(
            format!("`extra_float_digits` is 0 or less for {whom}, so that floats are logged with digits missing"),
            format!("{sql};\n"),
        ));
    }
    Ok(())
}

fn of_table(
    schema: &LogSchema,
    model: &'static Model,
    table: &LoggedTable,
    conn: &mut dyn LogConnection,
    problems: &mut Vec<Problem>,
) -> QueryResult<()> {
    let (stream, name) = (&*table.stream, table.sql());
    let found = "SELECT c.oid::text, c.relkind::text, c.relpersistence::text FROM pg_class c WHERE c.oid = to_regclass(?)";
    let found = ask(conn, found, &[Bind::Text(&name)])?;
    let Some(found) = found.first() else {
        let sentence = format!("there is no table {name}");
        problems.push(Problem::of(stream, sentence, ""));
        return Ok(());
    };
    if !matches!(found.text(1), "r" | "p") {
        let sentence = format!("{name} is no table, and only tables have triggers for each row");
        problems.push(Problem::of(stream, sentence, ""));
        return Ok(());
    }
    if found.text(2) != "p" {
        problems.push(Problem::of(
            stream,
            format!("the table {name} is not permanent: a crash of the server empties it unheard"),
            format!("ALTER TABLE {name} SET LOGGED;\n"),
        ));
    }
    let Some(oid) = found.number(0) else {
        return Ok(());
    };
    let before = problems.len();
    of_columns(model, &name, oid, conn, problems)?;
    if problems.len() > before {
        return Ok(());
    }
    of_keys(model, &name, oid, conn, problems)?;
    of_rules(stream, &name, oid, conn, problems)?;
    triggers::of_table(schema, table, oid, conn, problems)
}

fn of_columns(
    model: &'static Model,
    name: &str,
    oid: i64,
    conn: &mut dyn LogConnection,
    problems: &mut Vec<Problem>,
) -> QueryResult<()> {
    // Of a domain the type below it.
    let sql = "SELECT a.attname::text, format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, NULL) \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         WHERE a.attrelid = ?::text::oid AND a.attnum > 0 AND NOT a.attisdropped";
    let oid = oid.to_string();
    let columns = ask(conn, sql, &[Bind::Text(&oid)])?;
    let declared: HashMap<_, _> = columns
        .iter()
        .map(|row| (row.text(0), row.text(1)))
        .collect();
    for (position, field) in model.fields.iter().enumerate() {
        let column = field.column.unwrap_or(field.name);
        let sentence = match declared.get(column) {
            None if field.column.is_some() => {
                format!("the table {name} has no column {}", identifier(column))
            }
            declared => {
                let declared = declared.copied().unwrap_or_default();
                match model.log_obstacle(position, Database::Postgres, declared) {
                    Some(obstacle) => {
                        format!("the field `{}` cannot be logged: {obstacle}", field.name)
                    }
                    None => continue,
                }
            }
        };
        problems.push(Problem::of(model.stream, sentence, ""));
    }
    Ok(())
}

/// A deferrable key lets one statement give rows each other's keys, which read as a chain of
/// changes loses rows.
fn of_keys(
    model: &'static Model,
    name: &str,
    oid: i64,
    conn: &mut dyn LogConnection,
    problems: &mut Vec<Problem>,
) -> QueryResult<()> {
    let key = &model.fields[model.key];
    let key = key.column.unwrap_or(key.name);
    let sql = "SELECT c.conname::text, pg_get_constraintdef(c.oid) FROM pg_constraint c \
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) \
         WHERE c.conrelid = ?::text::oid AND c.contype IN ('p', 'u') AND c.condeferrable AND a.attname = ?";
    let oid = oid.to_string();
    for row in ask(conn, sql, &[Bind::Text(&oid), Bind::Text(key)])? {
        let constraint = identifier(row.text(0));
        let plain = row.text(1).split(" DEFERRABLE").next().unwrap_or_default();
        problems.push(Problem::of(
            model.stream,
            format!("the key {constraint} of {name} is deferrable, so that rows can exchange keys"),
            format!("ALTER TABLE {name} DROP CONSTRAINT {constraint}, ADD CONSTRAINT {constraint} {plain};\n"),
        ));
    }
    Ok(())
}

fn of_rules(
    stream: &str,
    name: &str,
    oid: i64,
    conn: &mut dyn LogConnection,
    problems: &mut Vec<Problem>,
) -> QueryResult<()> {
    let sql = "SELECT r.rulename::text FROM pg_rewrite r \
         WHERE r.ev_class = ?::text::oid AND r.is_instead AND r.ev_type <> '1'";
    let oid = oid.to_string();
    for row in ask(conn, sql, &[Bind::Text(&oid)])? {
        let rule = identifier(row.text(0));
        problems.push(Problem::of(
            stream,
            format!("the rule {rule} puts something else in the place of writes to {name}"),
            format!("DROP RULE {rule} ON {name};\n"),
        ));
    }
    Ok(())
}

/// The version and the stream that the text of a function names.
fn version_of(source: &str) -> Option<(&str, &str)> {
    let marked = source.split_once("-- graphex ")?.1;
    marked.lines().next()?.split_once(' ')
}

pub(super) fn installed(conn: &mut dyn LogConnection) -> QueryResult<Installed> {
    let mut installed = Installed::default();
    if !is_installed(conn)? {
        return Ok(installed);
    }
    for row in ask(conn, "SELECT version FROM graphex.state", &[])? {
        let version = row.text(0).to_owned();
        installed
            .sections
            .insert(String::new(), (version, String::new()));
    }
    let functions = "SELECT p.prosrc, pg_get_functiondef(p.oid), coalesce((SELECT string_agg( \
           format(E'DROP TRIGGER IF EXISTS %I ON %s;\\n%s;\\nALTER TABLE %s ENABLE ALWAYS TRIGGER %I;\\n', \
             t.tgname, t.tgrelid::regclass, pg_get_triggerdef(t.oid), t.tgrelid::regclass, t.tgname), '') \
           FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgparentid = 0), '') \
         FROM pg_proc p WHERE p.pronamespace = 'graphex'::regnamespace AND p.prosrc LIKE '%-- graphex %'";
    for row in ask(conn, functions, &[])? {
        if let Some((version, stream)) = version_of(row.text(0)) {
            let sql = format!("{};\n{}", row.text(1).trim_end(), row.text(2));
            let section = (version.to_owned(), sql);
            installed.sections.insert(stream.to_owned(), section);
        }
    }
    Ok(installed)
}
