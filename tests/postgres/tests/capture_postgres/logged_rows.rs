//! What PostgreSQL's triggers log of a row is the row, whatever the settings of who writes it.

use crate::read_back::{
    assert_had_back, dates, doubles, floats, instants, json, local, logged, sample, texts, times,
};
use bigdecimal::BigDecimal;
use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{self, FromSql};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{Nullable, SqlType, Text};
use graphex::{Database, ModelType, UnreadableRow, Value};
use graphex_postgres_tests::connect;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rust_decimal::Decimal;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

/// Rows of each model.
const ROWS: i64 = 400;

logged! {
    Numbers, numbers {
        small: i16 => SmallInt, "smallint not null", any::<i16>();
        medium: Option<i32> => Nullable<Integer>, "integer", any::<Option<i32>>();
        large: i64 => BigInt, "bigint not null", any::<i64>();
        flag: bool => Bool, "boolean not null", any::<bool>();
        maybe_flag: Option<bool> => Nullable<Bool>, "boolean", any::<Option<bool>>();
        real: f32 => Float, "real not null", floats();
        maybe_real: Option<f32> => Nullable<Float>, "real", prop::option::of(floats());
        double: f64 => Double, "double precision not null", prop_oneof![doubles(), Just(f64::NAN)];
        maybe_double: Option<f64> => Nullable<Double>, "double precision", prop::option::of(doubles());
        price: Decimal => Numeric, "numeric not null", decimals();
        maybe_price: Option<Decimal> => Nullable<Numeric>, "numeric", prop::option::of(decimals());
        rounded: Decimal => Numeric, "numeric(30, 4) not null", decimals();
        exact: BigDecimal => Numeric, "numeric not null", big_decimals();
        maybe_exact: Option<BigDecimal> => Nullable<Numeric>, "numeric", prop::option::of(big_decimals());
        in_domain: f64 => Double, "ratio not null", 0.0..1.0;
    }
}

logged! {
    Texts, remarks {
        text: String => Text, "text not null", texts();
        maybe_text: Option<String> => Nullable<Text>, "varchar(200)", prop::option::of(texts());
        padded: String => Text, "char(12) not null", "[a-z]{0,12}";
        bytes: Vec<u8> => Binary, "bytea not null", any::<Vec<u8>>();
        maybe_bytes: Option<Vec<u8>> => Nullable<Binary>, "bytea", any::<Option<Vec<u8>>>();
        uuid: Uuid => diesel::sql_types::Uuid, "uuid not null", uuids();
        maybe_uuid: Option<Uuid> => Nullable<diesel::sql_types::Uuid>, "uuid", prop::option::of(uuids());
        json: serde_json::Value => Json, "json not null", json();
        maybe_json: Option<serde_json::Value> => Nullable<Json>, "json", prop::option::of(json());
        jsonb: serde_json::Value => Jsonb, "jsonb not null", json();
        maybe_jsonb: Option<serde_json::Value> => Nullable<Jsonb>, "jsonb", prop::option::of(json());
        mood: Mood => crate::logged_rows::MoodSql, "mood not null", any::<bool>().prop_map(Mood);
        maybe_mood: Option<Mood> => Nullable<crate::logged_rows::MoodSql>, "mood", any::<Option<bool>>().prop_map(|mood| mood.map(Mood));
    }
}

logged! {
    Moments, moments {
        date: NaiveDate => Date, "date not null", dates();
        maybe_date: Option<NaiveDate> => Nullable<Date>, "date", prop::option::of(far(local()).prop_map(|it| it.date()));
        time_of_day: NaiveTime => Time, "time not null", times();
        maybe_time: Option<NaiveTime> => Nullable<Time>, "time", prop::option::of(times());
        local: NaiveDateTime => Timestamp, "timestamp not null", far(local());
        maybe_local: Option<NaiveDateTime> => Nullable<Timestamp>, "timestamp", prop::option::of(local());
        instant: DateTime<Utc> => Timestamptz, "timestamptz not null", far(local()).prop_map(|it| it.and_utc());
        maybe_instant: Option<DateTime<Utc>> => Nullable<Timestamptz>, "timestamptz(3)", prop::option::of(instants());
        date_2: time::Date => Date, "date not null", local().prop_map(|it| primitive(it).date());
        time_2: time::Time => Time, "time not null", local().prop_map(|it| primitive(it).time());
        local_2: PrimitiveDateTime => Timestamp, "timestamp not null", local().prop_map(primitive);
        instant_2: OffsetDateTime => Timestamptz, "timestamptz not null", local().prop_map(|it| primitive(it).assume_utc());
        maybe_instant_2: Option<OffsetDateTime> => Nullable<Timestamptz>, "timestamptz", prop::option::of(local().prop_map(|it| primitive(it).assume_utc()));
    }
}

logged! {
    Lists, lists {
        ints: Vec<i32> => Array<Integer>, "integer[] not null", any::<Vec<i32>>();
        maybe_ints: Option<Vec<i64>> => Nullable<Array<BigInt>>, "bigint[]", any::<Option<Vec<i64>>>();
        with_nulls: Vec<Option<bool>> => Array<Nullable<Bool>>, "boolean[] not null", any::<Vec<Option<bool>>>();
        reals: Vec<f32> => Array<Float>, "real[] not null", list(floats());
        doubles: Vec<Option<f64>> => Array<Nullable<Double>>, "double precision[] not null", list(prop::option::of(doubles()));
        prices: Vec<BigDecimal> => Array<Numeric>, "numeric[] not null", list(big_decimals());
        texts: Vec<String> => Array<Text>, "text[] not null", list(texts());
        maybe_texts: Vec<Option<String>> => Array<Nullable<Text>>, "varchar[] not null", list(prop::option::of(texts()));
        uuids: Vec<Uuid> => Array<diesel::sql_types::Uuid>, "uuid[] not null", list(uuids());
        json: Vec<serde_json::Value> => Array<Jsonb>, "jsonb[] not null", list(json());
        dates: Vec<NaiveDate> => Array<Date>, "date[] not null", list(dates());
        instants: Vec<DateTime<Utc>> => Array<Timestamptz>, "timestamptz[] not null", list(far(local()).prop_map(|it| it.and_utc()));
        moods: Vec<Mood> => Array<crate::logged_rows::MoodSql>, "mood[] not null", list(any::<bool>().prop_map(Mood));
    }
}

fn decimals() -> impl Strategy<Value = Decimal> {
    prop_oneof![
        (any::<i64>(), 0..20_u32).prop_map(|(digits, scale)| Decimal::new(digits, scale)),
        (0..1_000_i64, 0..4_u32).prop_map(|(digits, scale)| Decimal::new(digits, scale)),
        Just(Decimal::ZERO),
        Just(Decimal::new(0, 4)),
    ]
}

fn big_decimals() -> impl Strategy<Value = BigDecimal> {
    let huge = ("[1-9][0-9]{0,300}", "[0-9]{1,60}");
    prop_oneof![
        (any::<i128>(), 0..40_i64)
            .prop_map(|(digits, scale)| BigDecimal::new(digits.into(), scale)),
        huge.prop_map(|(whole, fraction)| format!("-{whole}.{fraction}").parse().unwrap()),
        Just(BigDecimal::new(0.into(), 3)),
    ]
}

fn uuids() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_bytes)
}

fn list<S: Strategy>(item: S) -> impl Strategy<Value = Vec<S::Value>> {
    prop::collection::vec(item, 0..5)
}

/// Before our era, and after the year 9999, with one row in four.
fn far(near: impl Strategy<Value = NaiveDateTime>) -> impl Strategy<Value = NaiveDateTime> {
    (near, 0..8_u8, 0..4_000_i32).prop_map(|(local, which, years)| {
        let year = match which {
            0 => -years,
            1 => 10_000 + years * 10,
            _ => return local,
        };
        // Not every year has a 29th of February.
        let day = local.with_day(local.day().min(28)).unwrap();
        day.with_year(year).unwrap()
    })
}

fn primitive(value: NaiveDateTime) -> PrimitiveDateTime {
    let part = |part: u32| u8::try_from(part).unwrap();
    let month = part(value.month()).try_into().unwrap();
    let date = time::Date::from_calendar_date(value.year(), month, part(value.day())).unwrap();
    let [hour, minute, second] = [value.hour(), value.minute(), value.second()].map(part);
    let time = time::Time::from_hms_nano(hour, minute, second, value.nanosecond()).unwrap();
    PrimitiveDateTime::new(date, time)
}

/// A type of the database's own.
#[derive(Clone, Copy, Debug, SqlType)]
#[diesel(postgres_type(name = "mood"))]
pub struct MoodSql;

#[derive(Clone, Copy, Debug, AsExpression, diesel::deserialize::FromSqlRow)]
#[diesel(sql_type = MoodSql)]
struct Mood(bool);

impl Mood {
    fn name(self) -> &'static str {
        if self.0 { "very good" } else { "bad" }
    }
}

impl ToSql<MoodSql, Pg> for Mood {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        use std::io::Write as _;
        out.write_all(self.name().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<MoodSql, Pg> for Mood {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes() == b"very good"))
    }
}

impl graphex::Field for Mood {
    const TYPE: graphex::FieldType = String::TYPE;

    fn to_value(&self) -> Value {
        Value::Text(self.name().to_owned())
    }
}

#[derive(QueryableByName)]
struct Logged {
    #[diesel(sql_type = Nullable<Text>)]
    new: Option<String>,
}

/// A schema with a table, and a trigger that logs what is inserted.
fn database<M: ModelType>(schema: &str, create: &str) -> PgConnection {
    let mut conn = connect(schema);
    let table = M::MODEL.table.unwrap().name();
    let columns = M::MODEL.logged_columns(Database::Postgres, "NEW");
    // One way of making JSON is for tables of many columns.
    let (arguments, columns): (Vec<_>, Vec<_>) = columns
        .map(|(name, sql)| (format!("'{name}', {sql}"), format!("{sql} AS \"{name}\"")))
        .unzip();
    conn.batch_execute(&format!(
        "DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema};
         CREATE TYPE mood AS ENUM ('very good', 'bad');
         CREATE DOMAIN ratio AS double precision CHECK (value >= 0);
         {create};
         CREATE TABLE log (seq bigserial, new json);
         CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO {schema}.log (new) VALUES (pg_catalog.json_build_object({arguments}));
             ASSERT (SELECT pg_catalog.row_to_json(r) FROM (SELECT {columns}) r)::jsonb
                 = pg_catalog.json_build_object({arguments})::jsonb, 'both ways say the same';
             RETURN NULL;
         END $$;
         CREATE TRIGGER logged AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION logged()",
        arguments = arguments.join(", "),
        columns = columns.join(", ")
    ))
    .unwrap();
    conn
}

fn last_logged(conn: &mut PgConnection) -> String {
    let query = diesel::sql_query("SELECT new::text FROM log ORDER BY seq DESC LIMIT 1");
    let logged: Logged = query.get_result(conn).unwrap();
    logged.new.unwrap()
}

/// The settings of a writer that the text of values follows, or might.
fn any_settings(conn: &mut PgConnection, runner: &mut TestRunner) {
    let one_of = |values: &[&'static str], runner: &mut TestRunner| {
        sample(runner, prop::sample::select(values.to_vec()))
    };
    let zones = [
        "UTC",
        "Asia/Kolkata",
        "America/St_Johns",
        "Europe/Dublin",
        "Pacific/Apia",
        "-3:15",
    ];
    let styles = ["ISO, DMY", "SQL, MDY", "Postgres, YMD", "German"];
    let intervals = ["postgres", "iso_8601", "sql_standard"];
    conn.batch_execute(&format!(
        "SET TimeZone = '{}'; SET DateStyle = '{}'; SET IntervalStyle = '{}';
         SET bytea_output = '{}'; SET extra_float_digits = {}; SET xmlbinary = '{}'",
        one_of(&zones, runner),
        one_of(&styles, runner),
        one_of(&intervals, runner),
        one_of(&["hex", "escape"], runner),
        one_of(&["1", "2", "3"], runner),
        one_of(&["base64", "hex"], runner),
    ))
    .unwrap();
}

macro_rules! random_rows_are_had_back {
    ($($test:ident: $model:ident in $table:ident;)*) => {$(
        #[test]
        fn $test() {
            let mut conn = database::<$model>(stringify!($test), $model::CREATE);
            let mut runner = TestRunner::deterministic();
            for id in 1..=ROWS {
                any_settings(&mut conn, &mut runner);
                let row = $model::random(id, &mut runner);
                diesel::insert_into($table::table).values(&row).execute(&mut conn).unwrap();
                let read = $table::table.find(id).select($model::as_select());
                let read = read.get_result(&mut conn).unwrap();
                assert_had_back(&read, Database::Postgres, &last_logged(&mut conn));
            }
        }
    )*};
}

random_rows_are_had_back! {
    numbers_are_had_back: Numbers in numbers;
    texts_are_had_back: Texts in remarks;
    moments_are_had_back: Moments in moments;
    lists_are_had_back: Lists in lists;
}

/// What no Rust value is made of, but SQL can write.
#[test]
fn what_diesel_cannot_read_is_an_error_and_nothing_else() {
    let moments = "CREATE TABLE moments_2 (id bigint, day date, at timestamptz, of_day time)";
    #[derive(Debug, ModelType)]
    #[graphex(stream = "moments", table = "moments_2")]
    struct Moment {
        id: i64,
        day: Option<NaiveDate>,
        at: Option<DateTime<Utc>>,
        of_day: Option<NaiveTime>,
    }

    let mut conn = database::<Moment>("read_back_errors", moments);
    for values in ["'infinity', NULL, NULL", "NULL, '-infinity', NULL"] {
        conn.batch_execute(&format!("INSERT INTO moments_2 VALUES (1, {values})"))
            .unwrap();
        let logged = last_logged(&mut conn);
        let error = Moment::MODEL
            .row_from_log(Database::Postgres, &logged)
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("holds no value of the field's type"),
            "{error}"
        );
    }
    conn.batch_execute("INSERT INTO moments_2 VALUES (1, NULL, NULL, '24:00')")
        .unwrap();
    let row = Moment {
        id: 1,
        day: None,
        at: None,
        of_day: Some(NaiveTime::MIN),
    };
    assert_had_back(&row, Database::Postgres, &last_logged(&mut conn));
}

/// Nor a null where the type has none, in a list as little as alone.
#[test]
fn a_null_without_room_for_it_is_an_error() {
    let labels =
        "CREATE TABLE labels (id bigint, name text, tags text[], maybe text[], more jsonb)";
    #[derive(Debug, ModelType)]
    #[graphex(stream = "labels", table = "labels")]
    #[allow(dead_code)]
    struct Label {
        id: i64,
        name: String,
        tags: Vec<String>,
        maybe: Option<Vec<Option<String>>>,
        more: serde_json::Value,
    }

    let mut conn = database::<Label>("read_back_nulls", labels);
    let mut column = |values: &str| {
        conn.batch_execute(&format!("INSERT INTO labels VALUES (1, {values})"))
            .unwrap();
        let logged = last_logged(&mut conn);
        match Label::MODEL.row_from_log(Database::Postgres, &logged) {
            Ok(_) => None,
            Err(UnreadableRow::Value { column, .. }) => Some(column),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(column("NULL, '{a}', '{a}', '1'"), Some("name"));
    assert_eq!(column("'a', '{a, NULL}', '{a}', '1'"), Some("tags"));
    assert_eq!(column("'a', NULL, '{a}', '1'"), Some("tags"));
    assert_eq!(column("'a', '{a}', '{a}', NULL"), Some("more"));
    // JSON has a null of its own.
    assert_eq!(column("'a', '{a}', '{a, NULL}', 'null'"), None);
    assert_eq!(column("'a', '{}', NULL, '{}'"), None);
}

/// A number that JSON's readers do not take spoils its own column alone.
#[test]
fn opaque_columns_are_what_the_database_has() {
    let things = "CREATE TABLE things (id bigint, place jsonb, waited interval, huge numeric)";
    #[derive(Debug, ModelType)]
    #[graphex(stream = "things", table = "things")]
    #[allow(dead_code)]
    struct Thing {
        id: i64,
        #[graphex(opaque)]
        place: serde_json::Value,
        #[graphex(opaque)]
        waited: String,
        huge: BigDecimal,
    }

    let mut conn = database::<Thing>("read_back_opaque", things);
    conn.batch_execute("INSERT INTO things VALUES (1, '{\"a\": [1, null]}', '1 day', 1e400)")
        .unwrap();
    let logged = last_logged(&mut conn);
    let row = Thing::MODEL
        .row_from_log(Database::Postgres, &logged)
        .unwrap();
    let json = |position| {
        let mut json = Vec::new();
        row.value(position).write_json(&mut json);
        String::from_utf8(json).unwrap()
    };
    assert_eq!(json(1), r#"{"a":[1,null]}"#);
    assert_eq!(json(2), "\"1 day\"");
    assert_eq!(json(3).len(), 403);
}

/// The check that a start needs knows the real type of a column.
#[test]
fn types_that_cannot_be_logged_are_named() {
    #[derive(ModelType)]
    #[graphex(stream = "things", table = "things")]
    #[allow(dead_code)]
    struct Thing {
        id: i64,
        waited: String,
        #[graphex(opaque)]
        price: String,
        files: Vec<Vec<u8>>,
        file: Vec<u8>,
        text: String,
    }

    #[derive(QueryableByName)]
    struct Declared {
        #[diesel(sql_type = Text)]
        declared: String,
    }

    let mut conn = connect("read_back_types");
    let obstacle = |conn: &mut PgConnection, field: usize, ty: &str| {
        let query = format!("SELECT format_type('{ty}'::regtype, NULL) AS declared");
        let declared: Declared = diesel::sql_query(query).get_result(conn).unwrap();
        Thing::MODEL.log_obstacle(field, Database::Postgres, &declared.declared)
    };
    let waited = obstacle(&mut conn, 1, "interval").unwrap();
    assert!(
        waited.contains("IntervalStyle") && waited.contains("opaque"),
        "{waited}"
    );
    assert_eq!(obstacle(&mut conn, 2, "money"), None);
    assert!(
        obstacle(&mut conn, 3, "bytea[]")
            .unwrap()
            .contains("bytea_output")
    );
    assert_eq!(obstacle(&mut conn, 4, "bytea"), None);
    assert!(
        obstacle(&mut conn, 4, "int2[]")
            .unwrap()
            .contains("`bytea`")
    );
    for ty in ["text", "varchar", "bpchar", "name"] {
        assert_eq!(obstacle(&mut conn, 5, ty), None, "{ty}");
    }
    assert!(
        obstacle(&mut conn, 5, "tstzrange")
            .unwrap()
            .contains("DateStyle")
    );
}
