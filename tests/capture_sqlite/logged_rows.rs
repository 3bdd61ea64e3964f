//! What SQLite's triggers log of a row is the row.

use crate::read_back::{
    assert_had_back, dates, doubles, floats, instants, json, local, logged, texts, times,
};
use bigdecimal::{BigDecimal, FromPrimitive as _};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use graphex::{Database, Field as _, ModelType, Value};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Rows of each model.
const ROWS: i64 = 400;

logged! {
    Numbers, numbers {
        small: i16 => SmallInt, "SMALLINT NOT NULL", any::<i16>();
        medium: Option<i32> => Nullable<Integer>, "INTEGER", any::<Option<i32>>();
        large: i64 => BigInt, "BIGINT NOT NULL", any::<i64>();
        flag: bool => Bool, "BOOLEAN NOT NULL", any::<bool>();
        maybe_flag: Option<bool> => Nullable<Bool>, "BOOLEAN", any::<Option<bool>>();
        real: f32 => Float, "REAL NOT NULL", floats();
        maybe_real: Option<f32> => Nullable<Float>, "REAL", prop::option::of(floats());
        double: f64 => Double, "DOUBLE NOT NULL", doubles();
        maybe_double: Option<f64> => Nullable<Double>, "DOUBLE", prop::option::of(doubles());
        // SQLite keeps it as a float or, where that is exact, as an integer.
        price: BigDecimal => Numeric, "NUMERIC NOT NULL", decimals();
        maybe_price: Option<BigDecimal> => Nullable<Numeric>, "NUMERIC", prop::option::of(decimals());
    }
}

logged! {
    Texts, remarks {
        text: String => Text, "TEXT NOT NULL", texts();
        maybe_text: Option<String> => Nullable<Text>, "TEXT", prop::option::of(texts());
        with_nul: String => Text, "TEXT NOT NULL", "[a\u{0}\"\\\\]{0,8}";
        bytes: Vec<u8> => Binary, "BLOB NOT NULL", any::<Vec<u8>>();
        maybe_bytes: Option<Vec<u8>> => Nullable<Binary>, "BLOB", any::<Option<Vec<u8>>>();
        json: serde_json::Value => Json, "TEXT NOT NULL", json();
        maybe_json: Option<serde_json::Value> => Nullable<Json>, "TEXT", prop::option::of(json());
        jsonb: serde_json::Value => Jsonb, "BLOB NOT NULL", json();
        maybe_jsonb: Option<serde_json::Value> => Nullable<Jsonb>, "BLOB", prop::option::of(json());
    }
}

logged! {
    Moments, moments {
        date: NaiveDate => Date, "DATE NOT NULL", dates();
        maybe_date: Option<NaiveDate> => Nullable<Date>, "DATE", prop::option::of(dates());
        time_of_day: NaiveTime => Time, "TIME NOT NULL", times();
        maybe_time: Option<NaiveTime> => Nullable<Time>, "TIME", prop::option::of(times());
        local: NaiveDateTime => Timestamp, "TIMESTAMP NOT NULL", local();
        maybe_local: Option<NaiveDateTime> => Nullable<Timestamp>, "TIMESTAMP", prop::option::of(local());
        instant: DateTime<Utc> => TimestamptzSqlite, "TIMESTAMP NOT NULL", instants();
        maybe_instant: Option<DateTime<Utc>> => Nullable<TimestamptzSqlite>, "TIMESTAMP", prop::option::of(instants());
    }
}

fn decimals() -> impl Strategy<Value = BigDecimal> {
    let finite = doubles().prop_filter("not finite", |value| {
        value.is_finite() && value.abs() < 1e30
    });
    prop_oneof![
        finite.prop_map(|value| BigDecimal::from_f64(value).unwrap()),
        (any::<i32>(), 0..6_i64).prop_map(|(digits, scale)| BigDecimal::new(digits.into(), scale)),
    ]
}

#[derive(QueryableByName)]
struct Logged {
    #[diesel(sql_type = Nullable<Text>)]
    new: Option<String>,
}

/// A database with a table, and a trigger that logs what is inserted.
fn database<M: ModelType>(create: &str) -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let table = M::MODEL.table.unwrap().name();
    let columns = M::MODEL.logged_columns(Database::Sqlite, "NEW");
    let columns: Vec<_> = columns
        .map(|(name, sql)| format!("'{name}', {sql}"))
        .collect();
    conn.batch_execute(&format!(
        "{create}; CREATE TABLE log (new TEXT);
         CREATE TRIGGER logged AFTER INSERT ON {table} BEGIN
             INSERT INTO log VALUES (json_object({}));
         END",
        columns.join(", ")
    ))
    .unwrap();
    conn
}

fn last_logged(conn: &mut SqliteConnection) -> String {
    let query = diesel::sql_query("SELECT new FROM log ORDER BY rowid DESC LIMIT 1");
    let logged: Logged = query.get_result(conn).unwrap();
    logged.new.unwrap()
}

macro_rules! random_rows_are_had_back {
    ($($test:ident: $model:ident in $table:ident;)*) => {$(
        #[test]
        fn $test() {
            let mut conn = database::<$model>($model::CREATE);
            let mut runner = TestRunner::deterministic();
            for id in 1..=ROWS {
                let row = $model::random(id, &mut runner);
                diesel::insert_into($table::table).values(&row).execute(&mut conn).unwrap();
                let read = $table::table.find(id).select($model::as_select());
                let read = read.get_result(&mut conn).unwrap();
                assert_had_back(&read, Database::Sqlite, &last_logged(&mut conn));
            }
        }
    )*};
}

random_rows_are_had_back! {
    numbers_are_had_back: Numbers in numbers;
    texts_are_had_back: Texts in remarks;
    moments_are_had_back: Moments in moments;
}

/// SQLite lets any column hold anything. No trigger fails, and what Diesel reads of a column the
/// log reads too.
#[test]
fn what_other_writers_put_into_a_column_is_had_back_too() {
    let mut conn = database::<Numbers>(Numbers::CREATE);
    for (id, values) in [
        "'12', '-7x', 1.9, 'yes', 2, '1.5', x'31', 3, '4e2', '12.50', 7",
        "x'3132', NULL, x'00', 0, NULL, 1e40, NULL, x'', NULL, 0, 1e10",
    ]
    .iter()
    .enumerate()
    {
        conn.batch_execute(&format!("INSERT INTO numbers VALUES ({id}, {values})"))
            .unwrap();
        let id = i64::try_from(id).unwrap();
        let read = numbers::table.find(id).select(Numbers::as_select());
        let read = read.get_result(&mut conn).unwrap();
        assert_had_back(&read, Database::Sqlite, &last_logged(&mut conn));
    }

    let mut conn = database::<Moments>(Moments::CREATE);
    for (id, values) in [
        "date('now'), NULL, '05:06', '05:06:07Z', CURRENT_TIMESTAMP, '2026-03-04T05:06', datetime('now'), '2026-03-04 05:06:07.5+02:30'",
        "'2026-03-04', NULL, '5:6:7', NULL, 2460000.25, julianday('2026-03-04'), 2440587.5, '2026-03-04T05:06Z'",
    ]
    .iter()
    .enumerate()
    {
        conn.batch_execute(&format!("INSERT INTO moments VALUES ({id}, {values})")).unwrap();
        let id = i64::try_from(id).unwrap();
        let read = moments::table.find(id).select(Moments::as_select());
        let read = read.get_result(&mut conn).unwrap();
        assert_had_back(&read, Database::Sqlite, &last_logged(&mut conn));
    }

    let mut conn = database::<Texts>(Texts::CREATE);
    conn.batch_execute(
        "INSERT INTO remarks VALUES (1, 12, x'61', 1.5, 'text', 7, ' [1, 2] ', NULL, jsonb('{\"a\":[1,2.5,\"x\\n\",null]}'), NULL)",
    )
    .unwrap();
    let read = remarks::table
        .select(Texts::as_select())
        .get_result(&mut conn)
        .unwrap();
    assert_had_back(&read, Database::Sqlite, &last_logged(&mut conn));
}

/// Of a field that serde sends, what SQLite has.
#[test]
fn an_opaque_field_is_what_the_column_holds() {
    #[derive(ModelType)]
    #[graphex(stream = "things", table = "things")]
    #[allow(dead_code)]
    struct Thing {
        id: i64,
        #[graphex(opaque, column = "an \"odd\" name")]
        any: serde_json::Value,
    }

    let create = r#"CREATE TABLE things (id INTEGER PRIMARY KEY, "an ""odd"" name" ANY) STRICT"#;
    let mut conn = database::<Thing>(create);
    let big = format!("{}", f64::MAX);
    for (value, expected) in [
        ("NULL", "null"),
        ("7", "7"),
        ("1.5", "1.5"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("9e999", "null"),
        (&*big, "1.7976931348623157e308"),
        ("'text'", "\"text\""),
        ("'7'", "\"7\""),
        ("'{\"a\": [1]}'", "{\"a\":[1]}"),
        ("'[1'", "\"[1\""),
        ("x'00ff'", "\"00FF\""),
    ] {
        conn.batch_execute(&format!(
            "DELETE FROM things; INSERT INTO things VALUES (1, {value})"
        ))
        .unwrap();
        let row = Thing::MODEL
            .row_from_log(Database::Sqlite, &last_logged(&mut conn))
            .unwrap();
        let mut json = Vec::new();
        row.value(1).write_json(&mut json);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            json,
            serde_json::from_str::<serde_json::Value>(expected).unwrap(),
            "{value}"
        );
    }
}

/// Hidden fields are logged where the scope needs them, and read back for the server alone.
#[test]
fn a_skipped_field_is_logged_only_where_it_is_needed() {
    #[derive(ModelType)]
    #[graphex(stream = "notes", table = "main.notes", scope(tenant))]
    #[allow(dead_code)]
    struct Note {
        id: i64,
        #[graphex(skip, column = "owner")]
        tenant: i64,
        #[graphex(skip)]
        draft: String,
    }
    impl graphex::Scoped for Note {
        async fn scope(
            _: &async_graphql::Context<'_>,
            _: &NoteSubscriptionArgs,
        ) -> async_graphql::Result<NoteScope> {
            Ok(NoteScope { tenant: 7 })
        }
    }

    let columns: Vec<_> = Note::MODEL
        .logged_columns(Database::Sqlite, "NEW")
        .collect();
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["id", "owner"]);
    let row = Note::MODEL
        .row_from_log(Database::Sqlite, r#"{"id":1,"owner":7}"#)
        .unwrap();
    assert_eq!(row.value(1), &7_i64.to_value());
    assert!(Note::MODEL.fields[1].hidden);
}

/// A type whose value is not the column's own says how to read it.
#[test]
fn a_field_of_ones_own_reads_its_column() {
    #[derive(Clone, Copy)]
    struct Level(i64);
    impl graphex::Field for Level {
        const TYPE: graphex::FieldType = String::TYPE;
        fn to_value(&self) -> Value {
            Value::Text(format!("level {}", self.0))
        }
        fn from_log(column: &graphex::Logged<'_>) -> Option<Value> {
            let level = column.text()?.parse().ok()?;
            Some(Self(level).to_value())
        }
    }
    #[derive(ModelType)]
    #[graphex(stream = "skills", table = "skills")]
    struct Skill {
        id: i64,
        level: Level,
        best: Option<Level>,
    }

    let mut conn = database::<Skill>(
        "CREATE TABLE skills (id INTEGER PRIMARY KEY, level INTEGER, best INTEGER)",
    );
    conn.batch_execute("INSERT INTO skills VALUES (1, 3, NULL)")
        .unwrap();
    let row = Skill {
        id: 1,
        level: Level(3),
        best: None,
    };
    assert_had_back(&row, Database::Sqlite, &last_logged(&mut conn));
    conn.batch_execute("INSERT INTO skills VALUES (2, 3, 5)")
        .unwrap();
    let row = Skill {
        id: 2,
        level: Level(3),
        best: Some(Level(5)),
    };
    assert_had_back(&row, Database::Sqlite, &last_logged(&mut conn));
}

#[test]
fn a_row_that_is_none_says_why() {
    let read = |json| {
        let error = Moments::MODEL
            .row_from_log(Database::Sqlite, json)
            .unwrap_err();
        error.to_string()
    };
    assert!(read("[]").contains("not a JSON object"));
    assert!(read(r#"{"id":1}"#).contains("no column `date`"));
    assert!(read(r#"{"id":"x","date":"2026-03-04"}"#).contains("column `id`"));
}
