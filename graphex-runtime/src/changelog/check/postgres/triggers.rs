//! The triggers of a table on PostgreSQL, ours and the user's.

use diesel::result::QueryResult;

use super::version_of;
use crate::changelog::check::{Problem, ask};
use crate::changelog::connection::{Bind, LogConnection, Texts};
use crate::changelog::schema::postgres::{body, function, row_trigger, truncate_trigger};
use crate::changelog::schema::table::identifier;
use crate::changelog::schema::{LogSchema, LoggedTable};

/// A trigger of a table or of one below it.
struct Trigger<'r> {
    relation: &'r str,
    name: &'r str,
    enabled: &'r str,
    is_of_row: bool,
    function: &'r str,
}

const AFTER: &str = "(t.tgtype & 66) = 0";

/// Finds what is wrong with the triggers of a table.
pub(super) fn of_table(
    schema: &LogSchema,
    table: &LoggedTable,
    oid: i64,
    conn: &mut dyn LogConnection,
    problems: &mut Vec<Problem>,
) -> QueryResult<()> {
    let section = schema.triggers(table);
    let (stream, name, function) = (&*table.stream, table.sql(), function(table));
    let (row_trigger, truncate_trigger) = (row_trigger(table), truncate_trigger(table));
    let source = "SELECT p.prosrc FROM pg_proc p WHERE p.oid = to_regprocedure(?)";
    let signature = format!("{function}()");
    let source = ask(conn, source, &[Bind::Text(&signature)])?;
    let wanted = body(table, &section.version);
    let sentence = match source.first().map(|row| row.text(0)) {
        None => Some(format!(
            "the table {name} has no triggers for the change log"
        )),
        Some(source) if source == wanted => None,
        Some(source)
            if version_of(source).is_some_and(|(version, _)| version == section.version) =>
        {
            Some(format!("the function {function}() was changed by hand"))
        }
        Some(_) => Some(format!(
            "the triggers of {name} are of another version of the model than this program's"
        )),
    };
    if let Some(sentence) = sentence {
        problems.push(Problem::of(stream, sentence, section.sql()));
        return Ok(());
    }
    // The table, its partitions and the children that inherit from it.
    let sql = format!(
        "WITH RECURSIVE tree (oid, is_partition) AS (SELECT ?::text::oid, true UNION SELECT i.inhrelid, c.relispartition \
           FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class c ON c.oid = i.inhrelid) \
         SELECT tree.oid::regclass::text, tree.is_partition::text, t.tgname::text, t.tgenabled::text, \
           ((t.tgtype & 1) = 1)::text, t.tgfoid::regprocedure::text \
         FROM tree LEFT JOIN pg_trigger t ON t.tgrelid = tree.oid AND NOT t.tgisinternal AND {AFTER}"
    );
    let rows = ask(conn, &sql, &[Bind::Text(&oid.to_string())])?;
    let trigger = |row: &'_ Texts| row.get(2).is_some();
    let triggers: Vec<Trigger<'_>> = rows
        .iter()
        .filter(|row| trigger(row))
        .map(|row| Trigger {
            relation: row.text(0),
            name: row.text(2),
            enabled: row.text(3),
            is_of_row: row.is(4),
            function: row.text(5),
        })
        .collect();
    let mut relations: Vec<_> = rows.iter().map(|row| (row.text(0), row.is(1))).collect();
    relations.sort_unstable();
    relations.dedup();
    let is_ours = |trigger: &Trigger<'_>| trigger.function.starts_with("graphex.");
    for (relation, is_partition) in relations {
        let has = |name: &str| {
            let named =
                |trigger: &&Trigger<'_>| (trigger.relation, trigger.name) == (relation, name);
            triggers.iter().find(named).map(|trigger| trigger.enabled)
        };
        let found = [&row_trigger, &truncate_trigger].map(|name| (name, has(name)));
        for (trigger, enabled) in found {
            let sentence = match enabled {
                Some("A") => continue,
                Some("D") => format!(
                    "the trigger {} of {relation} is disabled",
                    identifier(trigger)
                ),
                Some(_) => format!(
                    "the trigger {} of {relation} does not fire for what replication applies",
                    identifier(trigger)
                ),
                None if is_partition => {
                    format!("{relation} has no trigger {}", identifier(trigger))
                }
                None => format!(
                    "{relation} inherits from {name} and has no trigger {}",
                    identifier(trigger)
                ),
            };
            let event = if *trigger == row_trigger {
                "INSERT OR UPDATE OR DELETE"
            } else {
                "TRUNCATE"
            };
            let each = if *trigger == row_trigger {
                "ROW"
            } else {
                "STATEMENT"
            };
            let trigger = identifier(trigger);
            let create = match enabled {
                None => format!(
                    "CREATE TRIGGER {trigger} AFTER {event} ON {relation} FOR EACH {each} EXECUTE FUNCTION {function}();\n"
                ),
                Some(_) => String::new(),
            };
            let sql = format!("{create}ALTER TABLE {relation} ENABLE ALWAYS TRIGGER {trigger};\n");
            problems.push(Problem::of(stream, sentence, sql));
        }
    }
    let earlier = triggers
        .iter()
        .filter(|trigger| trigger.is_of_row && !is_ours(trigger) && trigger.name < &*row_trigger);
    for trigger in earlier {
        let (name, relation) = (identifier(trigger.name), trigger.relation);
        let later = identifier(&format!(
            "t_{}",
            trigger.name.trim_start_matches(|c: char| c <= '!')
        ));
        problems.push(Problem::of(
            stream,
            format!("the trigger {name} of {relation} is called before the change log's, which may log what it does before what caused it"),
            format!("ALTER TRIGGER {name} ON {relation} RENAME TO {later};\n"),
        ));
    }
    Ok(())
}
