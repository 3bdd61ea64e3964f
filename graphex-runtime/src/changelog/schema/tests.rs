//! The text of the schema, and what follows from one version to the next.

use super::*;
use crate::model::{FieldDescriptor, Payload, Table};
use crate::value::Field as _;

static FIELDS: &[FieldDescriptor] = &[
    i64::TYPE.named("id", "ID").in_column("id"),
    f64::TYPE.named("score", "SCORE").in_column("the \"score\""),
    Option::<Vec<u8>>::TYPE
        .named("file", "FILE")
        .in_column("file"),
];

static MODEL: Model = Model {
    table: Some(Table::named(Some("chat"), "Messages")),
    ..Model::sample(Payload::Full, FIELDS, &[])
};

static LESS: Model = Model {
    table: Some(Table::named(Some("chat"), "Messages")),
    ..Model::sample(Payload::Full, FIELDS.split_at(1).0, &[])
};

static OTHER: Model = Model {
    stream: "a-stream-of-a-name-that-is-as-long-as-the-name-of-one-may-be.00",
    table: Some(Table::named(None, "others")),
    ..Model::sample(Payload::Full, FIELDS.split_at(1).0, &[])
};

fn schema(database: Database, models: &[&'static Model]) -> LogSchema {
    LogSchema::new(database, models.to_vec(), Retention::default())
}

#[test]
fn postgres_triggers_name_everything_by_its_schema_and_log_only_the_models_columns() {
    let migration = schema(Database::Postgres, &[&MODEL]).migration();
    let (_, triggers) = migration.up.rsplit_once("-- graphex:begin ").unwrap();
    let (version, sql) = triggers.split_once(' ').unwrap();
    let sql = sql.replace(version, "{version}");
    let row = |row: &str| {
        format!(
            "pg_catalog.json_build_object('id', {row}.\"id\", \
             'the \"score\"', {row}.\"the \"\"score\"\"\"::pg_catalog.text, \
             'file', pg_catalog.encode({row}.\"file\", 'hex'))"
        )
    };
    let insert = |part: u8| {
        format!(
            "    INSERT INTO graphex.log_{part} (seq, stream, op, old, new) VALUES \
             (number, 'messages', does, was, becomes);"
        )
    };
    let expected = format!(
        r#"messages
CREATE OR REPLACE FUNCTION graphex."log_messages"() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $graphex$
-- graphex {{version}} messages
DECLARE
  number pg_catalog.int8 := pg_catalog.nextval('graphex.log_seq'::pg_catalog.regclass);
  part pg_catalog.int8 := (number OPERATOR(pg_catalog.>>) 36) OPERATOR(pg_catalog.&) 3::pg_catalog.int8;
  was pg_catalog.json;
  becomes pg_catalog.json;
  does pg_catalog."char" := 't';
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
{insert_0}
  ELSIF part OPERATOR(pg_catalog.=) 1 THEN
{insert_1}
  ELSIF part OPERATOR(pg_catalog.=) 2 THEN
{insert_2}
  ELSE
{insert_3}
  END IF;
  IF (number OPERATOR(pg_catalog.&) 255::pg_catalog.int8) OPERATOR(pg_catalog.=) 0::pg_catalog.int8 THEN
    PERFORM graphex.trim();
  END IF;
  RETURN NULL;
END $graphex$;
CREATE OR REPLACE TRIGGER "!graphex:messages" AFTER INSERT OR UPDATE OR DELETE ON "chat"."Messages"
FOR EACH ROW EXECUTE FUNCTION graphex."log_messages"();
"#,
        insert_0 = insert(0),
        insert_1 = insert(1),
        insert_2 = insert(2),
        insert_3 = insert(3),
        old = row("OLD"),
        new = row("NEW"),
    );
    assert!(sql.starts_with(&expected), "{sql}\n---\n{expected}");
    assert!(sql.contains("AFTER TRUNCATE ON %s"));
    assert!(sql.contains("ENABLE ALWAYS TRIGGER \"!graphex:messages\""));
    assert!(
        migration.down.starts_with(
            "DROP FUNCTION IF EXISTS graphex.\"log_messages\"() CASCADE;\nDROP SCHEMA"
        )
    );
}

#[test]
fn sqlite_triggers_are_made_last() {
    let migration = schema(Database::Sqlite, &[&MODEL]).migration();
    let (_, sql) = migration.up.rsplit_once("-- graphex:begin ").unwrap();
    let dropped = sql
        .find("DROP TRIGGER IF EXISTS \"graphex_create:messages\"")
        .unwrap();
    let created =
        sql.find("CREATE TRIGGER \"graphex_create:messages\" AFTER INSERT ON \"Messages\"");
    assert!(dropped < created.unwrap(), "{sql}");
    assert!(sql.contains("'the \"score\"'"), "{sql}");
}

#[test]
fn names_are_no_longer_than_a_database_keeps() {
    let table = LoggedTable::of(&OTHER, Database::Postgres).unwrap();
    for prefix in ["log_", "!graphex_truncate:"] {
        let name = table.object(prefix);
        assert_eq!(name.len(), 63, "{name}");
        assert!(name.starts_with(prefix));
    }
}

#[test]
fn a_table_of_many_columns_is_one_object() {
    let sql = |database, columns: usize| {
        let name = |number: usize| -> &'static str { format!("c{number}").leak() };
        let fields: Vec<_> = (0..columns)
            .map(|number| i64::TYPE.named(name(number), "X").in_column(name(number)))
            .collect();
        let model: &'static Model = Box::leak(Box::new(Model {
            table: Some(Table::named(None, "wide")),
            ..Model::sample(Payload::Full, fields.leak(), &[])
        }));
        schema(database, &[model]).migration().up
    };
    assert!(!sql(Database::Sqlite, 60).contains("substr"));
    let wide = sql(Database::Sqlite, 150);
    assert!(wide.contains("substr(p0, 1, length(p0) - 1) || ',' || substr(p1, 2, length(p1) - 2) || ',' || substr(p2, 2)"));
    let one_call = "was := pg_catalog.json_build_object('c0', OLD.\"c0\", ";
    assert!(sql(Database::Postgres, 50).contains(one_call));
    let wide = sql(Database::Postgres, 51);
    assert!(
        wide.contains(
            "was := (SELECT pg_catalog.row_to_json(r) FROM (SELECT OLD.\"c0\" AS \"c0\", "
        )
    );
}

#[test]
fn the_next_migration_does_what_changed_and_its_down_undoes_it() {
    for database in [Database::Postgres, Database::Sqlite] {
        let first = schema(database, &[&LESS, &OTHER]).migration();
        let installed = Installed::from_migrations([first.up.as_str()]);
        assert_eq!(
            schema(database, &[&LESS, &OTHER]).next_migration(&installed),
            None
        );

        let wanted = schema(database, &[&MODEL]);
        let next = wanted.next_migration(&installed).unwrap();
        // The table of the log is as it was, one stream has changed and one is gone.
        assert!(!next.up.contains("CREATE TABLE"), "{}", next.up);
        assert!(next.up.contains("file"));
        assert!(next.up.contains(&format!("- {}", OTHER.stream)));
        assert!(next.down.contains(OTHER.stream));
        assert!(!next.down.contains("file"));

        let texts = [first.up.as_str(), &next.up];
        assert_eq!(
            wanted.next_migration(&Installed::from_migrations(texts)),
            None
        );
        let undone = [first.up.as_str(), &next.up, &next.down];
        assert_eq!(Installed::from_migrations(undone), installed);
    }
}
