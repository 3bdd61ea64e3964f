//! The SQL of a change log on PostgreSQL.

use super::section::Section;
use super::table::{LoggedTable, identifier, literal};
use crate::model::TableName;

const BASE: &str = include_str!("postgres.sql");

/// The log itself.
pub(super) fn base() -> Section {
    Section::new(
        "",
        |version| BASE.replace("{version}", version),
        "DROP SCHEMA IF EXISTS graphex CASCADE;\n",
    )
}

/// The triggers of one stream.
pub(super) fn triggers(table: &LoggedTable) -> Section {
    let function = function(table);
    // With the function go the triggers that call it, those of partitions too.
    let drop = format!("DROP FUNCTION IF EXISTS {function}() CASCADE;\n");
    Section::new(&table.stream, |version| triggers_sql(table, version), &drop)
}

/// The function that the triggers of a stream call.
pub(in crate::changelog) fn function(table: &LoggedTable) -> String {
    format!("graphex.{}", identifier(&table.object("log_")))
}

/// The name of the row trigger. `!` sorts before letters: ours is called before one of the user's
/// that writes the row again.
pub(in crate::changelog) fn row_trigger(table: &LoggedTable) -> String {
    table.object("!graphex:")
}

/// The name of the trigger for `TRUNCATE`.
pub(in crate::changelog) fn truncate_trigger(table: &LoggedTable) -> String {
    table.object("!graphex_truncate:")
}

/// The text of the function between its quotes, as `pg_proc.prosrc` has it. Names and operators
/// are qualified: a `SET search_path` would cost as much as the insert does. To find the partition costs
/// more than the number that tells it.
pub(in crate::changelog) fn body(table: &LoggedTable, version: &str) -> String {
    let stream = literal(&table.stream);
    let (old, new) = (object(&table.old), object(&table.new));
    format!(
        "
-- graphex {version} {name}
DECLARE
  number pg_catalog.int8 := pg_catalog.nextval('graphex.log_seq'::pg_catalog.regclass);
  part pg_catalog.int8 := (number OPERATOR(pg_catalog.>>) 36) OPERATOR(pg_catalog.&) 3::pg_catalog.int8;
  was pg_catalog.json;
  becomes pg_catalog.json;
  does pg_catalog.\"char\" := 't';
BEGIN
  IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
    does := 'c';
    becomes := {new};
  ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
    does := 'u';
    was := {old};
    becomes := {new};
  ELSIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN
    does := 'd';
    was := {old};
  END IF;
  IF part OPERATOR(pg_catalog.=) 0 THEN
    INSERT INTO graphex.log_0 (seq, stream, op, old, new) VALUES (number, {stream}, does, was, becomes);
  ELSIF part OPERATOR(pg_catalog.=) 1 THEN
    INSERT INTO graphex.log_1 (seq, stream, op, old, new) VALUES (number, {stream}, does, was, becomes);
  ELSIF part OPERATOR(pg_catalog.=) 2 THEN
    INSERT INTO graphex.log_2 (seq, stream, op, old, new) VALUES (number, {stream}, does, was, becomes);
  ELSE
    INSERT INTO graphex.log_3 (seq, stream, op, old, new) VALUES (number, {stream}, does, was, becomes);
  END IF;
  IF (number OPERATOR(pg_catalog.&) 255::pg_catalog.int8) OPERATOR(pg_catalog.=) 0::pg_catalog.int8 THEN
    PERFORM graphex.trim();
  END IF;
  RETURN NULL;
END ",
        name = table.stream
    )
}

/// The row as JSON, as a function makes it that is given its columns: cheaper than a sub-select.
fn object(columns: &[(&str, String)]) -> String {
    /// A function takes a hundred arguments.
    const MOST: usize = 50;
    if columns.len() > MOST {
        return row(columns);
    }
    let columns: Vec<_> = columns
        .iter()
        .map(|(name, sql)| format!("{}, {sql}", literal(name)))
        .collect();
    format!("pg_catalog.json_build_object({})", columns.join(", "))
}

/// The row as JSON, of any number of columns.
fn row(columns: &[(&str, String)]) -> String {
    let columns: Vec<_> = columns
        .iter()
        .map(|(name, sql)| format!("{sql} AS {}", identifier(name)))
        .collect();
    format!(
        "(SELECT pg_catalog.row_to_json(r) FROM (SELECT {}) r)",
        columns.join(", ")
    )
}

/// Each row of a table `t` that meets a condition, as its triggers log it.
pub(in crate::changelog) fn rows(
    columns: &[(&str, String)],
    table: &TableName,
    condition: &str,
) -> String {
    format!(
        "SELECT {}::text FROM {table} t WHERE {condition}",
        row(columns)
    )
}

fn triggers_sql(table: &LoggedTable, version: &str) -> String {
    let (name, function) = (table.sql(), function(table));
    let (row, truncate) = (
        identifier(&row_trigger(table)),
        identifier(&truncate_trigger(table)),
    );
    let (name_text, body) = (literal(&name), body(table, version));
    // A `TRUNCATE` of a partition calls the triggers of that alone, so each has its own.
    format!(
        "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $graphex${body}$graphex$;
CREATE OR REPLACE TRIGGER {row} AFTER INSERT OR UPDATE OR DELETE ON {name}
FOR EACH ROW EXECUTE FUNCTION {function}();
DO $graphex$
DECLARE
  part regclass;
BEGIN
  FOR part IN SELECT {name_text}::regclass UNION SELECT t.relid FROM pg_partition_tree({name_text}) t LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER {truncate_text} AFTER TRUNCATE ON %s '
      'FOR EACH STATEMENT EXECUTE FUNCTION {function_text}()', part);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER {row_text}, '
      'ENABLE ALWAYS TRIGGER {truncate_text}', part);
  END LOOP;
END $graphex$;
",
        truncate_text = in_format(&truncate),
        row_text = in_format(&row),
        function_text = in_format(&function),
    )
}

/// SQL within a format string within a text.
fn in_format(sql: &str) -> String {
    sql.replace('%', "%%").replace('\'', "''")
}
