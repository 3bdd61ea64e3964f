use proptest::prelude::*;

use super::*;
use crate::value::{Date, DateTime, Decimal, Field, Instant, Time};

fn logged(
    database: Database,
    json: &str,
    read: impl Fn(&Logged<'_>) -> Option<Value>,
) -> Option<Value> {
    let raw = RawValue::from_string(json.to_owned()).unwrap();
    read(&Logged::new(database, &raw))
}

fn postgres<T: Field>(json: &str) -> Option<Value> {
    logged(Database::Postgres, json, T::from_log)
}

fn sqlite<T: Field>(json: &str) -> Option<Value> {
    logged(Database::Sqlite, json, T::from_log)
}

fn opaque(column: &Logged<'_>) -> Option<Value> {
    column.opaque()
}

fn kind(database: Database, kind: Kind, json: &str) -> Option<Value> {
    logged(database, json, |column| {
        column.value(FieldType::required(kind))
    })
}

#[test]
fn numbers_and_texts_are_exact() {
    assert_eq!(
        postgres::<i64>("-9223372036854775808"),
        Some(i64::MIN.to_value())
    );
    assert_eq!(postgres::<i16>("32768"), None);
    assert_eq!(postgres::<f64>("\"1e+308\""), Some(1e308.to_value()));
    assert_eq!(
        postgres::<f64>("\"-Infinity\""),
        Some(f64::NEG_INFINITY.to_value())
    );
    assert_eq!(
        sqlite::<f64>("\"-Inf\""),
        Some(f64::NEG_INFINITY.to_value())
    );
    assert_eq!(postgres::<f64>("\"NaN\""), Some(f64::NAN.to_value()));
    assert_eq!(postgres::<f32>("\"1.1\""), Some(1.1_f32.to_value()));
    assert_eq!(
        sqlite::<f32>("\"1.10000002384185791016\""),
        Some(1.1_f32.to_value())
    );
    assert_eq!(sqlite::<bool>("2"), Some(Value::Bool(true)));
    assert_eq!(postgres::<bool>("1"), None);
    assert_eq!(
        postgres::<String>(r#""a\"b\n\u00e9é""#),
        Some("a\"b\néé".to_owned().to_value())
    );
    assert_eq!(postgres::<String>("5"), None);
    let large = "1".repeat(400);
    assert_eq!(
        kind(
            Database::Postgres,
            Kind::Decimal,
            &format!("\"{large}.50\"")
        ),
        Decimal::new(format!("{large}.50")).map(Value::Decimal)
    );
}

#[test]
fn null_is_null_but_for_json_it_may_be_text() {
    assert_eq!(postgres::<Option<String>>("null"), Some(Value::Null));
    let json = Value::Json(Arc::new(serde_json::Value::Null));
    for database in [Database::Postgres, Database::Sqlite] {
        assert_eq!(
            logged(database, "null", Option::<serde_json::Value>::from_log),
            Some(Value::Null)
        );
        assert_eq!(
            logged(database, "\"null\"", Option::<serde_json::Value>::from_log),
            Some(json.clone())
        );
    }
    // The column cannot be null: whoever wrote it wrote JSON's.
    assert_eq!(postgres::<serde_json::Value>("\"null\""), Some(json));
}

#[test]
fn bytes_are_hexadecimal_and_lists_are_arrays() {
    assert_eq!(
        postgres::<Vec<u8>>("\"00fF\""),
        Some(vec![0_u8, 255].to_value())
    );
    assert_eq!(
        sqlite::<Option<Vec<u8>>>("\"\""),
        Some(Vec::<u8>::new().to_value())
    );
    assert_eq!(postgres::<Vec<u8>>("\"00f\""), None);
    assert_eq!(postgres::<Vec<u8>>("\"\\\\x00\""), None);
    assert_eq!(postgres::<Vec<i32>>("[1,-2]"), Some(vec![1, -2].to_value()));
    assert_eq!(
        postgres::<Vec<Option<f32>>>("[\"1.1\",null]"),
        Some(vec![Some(1.1_f32), None].to_value())
    );
    assert_eq!(postgres::<Vec<i32>>("[1,\"2\"]"), None);
    assert_eq!(postgres::<Vec<i32>>("{}"), None);
}

fn instant(seconds: i64, nanos: u32) -> Option<Value> {
    Some(Value::Instant(Instant { seconds, nanos }))
}

#[test]
fn moments_of_postgresql() {
    let read = |of, text: &str| kind(Database::Postgres, of, &format!("\"{text}\""));
    let date = |year, month, day| Date::from_civil(year, month, day).map(Value::Date);
    assert_eq!(read(Kind::Date, "2026-03-04"), date(2026, 3, 4));
    assert_eq!(read(Kind::Date, "12026-03-04"), date(12_026, 3, 4));
    assert_eq!(read(Kind::Date, "0044-03-15 BC"), date(-43, 3, 15));
    assert_eq!(
        read(Kind::Time, "24:00:00"),
        Some(Value::Time(Time { nanos: 0 }))
    );
    assert_eq!(
        read(Kind::Instant, "1970-01-01T02:30:00.000001+02:30"),
        instant(0, 1_000)
    );
    // Local mean time, before zones.
    assert_eq!(
        read(Kind::Instant, "1970-01-01T00:53:28+00:53:28"),
        instant(0, 0)
    );
    assert_eq!(
        read(Kind::Instant, "0001-12-31T23:59:59-00:00:01 BC"),
        instant(-62_135_596_800, 0)
    );
    for text in ["infinity", "-infinity", "", "2026-03", "BC"] {
        for of in [Kind::Date, Kind::DateTime, Kind::Instant] {
            assert_eq!(read(of, text), None, "{text}");
        }
    }
}

#[test]
fn moments_of_sqlite_are_all_that_diesel_reads() {
    let read = |of, text: &str| kind(Database::Sqlite, of, &format!("\"{text}\""));
    let midnight = DateTime {
        date: Date { days: 0 },
        time: Time { nanos: 0 },
    };
    for day in ["1970-01-01 ", "1970-01-01T"] {
        for time in ["00:00", "00:00:00", "00:00:00.000"] {
            let text = format!("{day}{time}");
            assert_eq!(
                read(Kind::DateTime, &text),
                Some(Value::DateTime(midnight)),
                "{text}"
            );
            assert_eq!(read(Kind::Instant, &text), instant(0, 0), "{text}");
            for (zone, ahead) in [
                ("Z", 0),
                ("+00:00", 0),
                ("+01:00", 3_600),
                ("-01:30", -5_400),
            ] {
                let text = format!("{day}{time}{zone}");
                // In a time without a zone the offset is ignored.
                assert_eq!(
                    read(Kind::DateTime, &text),
                    Some(Value::DateTime(midnight)),
                    "{text}"
                );
                assert_eq!(read(Kind::Instant, &text), instant(-ahead, 0), "{text}");
            }
        }
    }
    assert_eq!(read(Kind::Instant, "2440587.5"), instant(0, 0));
    assert_eq!(
        read(Kind::DateTime, "2440587.5"),
        Some(Value::DateTime(midnight))
    );
    assert_eq!(
        read(Kind::Time, "05:06:07.123456789"),
        Some(Value::Time(Time {
            nanos: 18_367_123_456_789
        }))
    );
    assert_eq!(
        read(Kind::Date, "-0044-03-15"),
        Date::from_civil(-44, 3, 15).map(Value::Date)
    );
    for text in ["", "now", "1e300", "NaN", "2026-03-04"] {
        assert_eq!(read(Kind::DateTime, text), None, "{text}");
    }
}

/// The examples of SQLite's documentation, and what its `jsonb` gives.
#[test]
fn jsonb_is_read_as_diesel_reads_it() {
    let read = |hex: &str| kind(Database::Sqlite, Kind::Json, &format!("\"x{hex}\""));
    let json = |json| Some(Value::Json(Arc::new(json)));
    assert_eq!(read("00"), json(serde_json::json!(null)));
    // `{"a":[1,2.5,"x"],"b":true}`
    assert_eq!(
        read("CC0E17618B133135322E351778176201"),
        json(serde_json::json!({"a": [1, 2.5, "x"], "b": true}))
    );
    // A size in a byte of its own, and escapes.
    assert_eq!(read("C70161"), json(serde_json::json!("a")));
    assert_eq!(read("285C6E"), json(serde_json::json!("\n")));
    for broken in ["", "0", "17", "C7", "0000", "0d", "1331FF"] {
        assert_eq!(read(broken), None, "{broken}");
    }
    let nested = |levels| {
        (0..levels).fold("00".to_owned(), |inner, _| {
            format!("DB{:04X}{inner}", inner.len() / 2)
        })
    };
    assert!(read(&nested(100)).is_some());
    assert_eq!(read(&nested(1_000)), None);
}

#[test]
fn an_opaque_column_is_sent_as_the_database_has_it() {
    let read = |database, json: &str| logged(database, json, opaque);
    let json = |json| Some(Value::Json(Arc::new(json)));
    let object = serde_json::json!({"street": "Main"});
    assert_eq!(
        read(Database::Postgres, r#"{"street":"Main"}"#),
        json(object.clone())
    );
    assert_eq!(
        read(Database::Sqlite, r#""{\"street\":\"Main\"}""#),
        json(object)
    );
    for text in ["12", "true", "\\\"x\\\"", "draft", "{"] {
        let sent = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        assert_eq!(read(Database::Sqlite, &format!("\"{text}\"")), json(sent));
    }
    assert_eq!(read(Database::Sqlite, "null"), Some(Value::Null));
}

#[test]
fn what_follows_the_settings_of_the_writer_is_refused() {
    let text = String::TYPE;
    for declared in [
        "interval",
        "interval day to second(3)",
        "money",
        "money[]",
        "bytea[]",
        "tstzrange",
        "daterange",
    ] {
        assert!(
            Database::Postgres.obstacle(text, declared).is_some(),
            "{declared}"
        );
    }
    for declared in [
        "text",
        "character varying(30)",
        "numeric(10,2)",
        "timestamp without time zone",
        "integer[]",
        "int4range",
    ] {
        assert_eq!(
            Database::Postgres.obstacle(text, declared),
            None,
            "{declared}"
        );
    }
    assert_eq!(Database::Postgres.obstacle(Vec::<u8>::TYPE, "bytea"), None);
    assert!(
        Database::Postgres
            .obstacle(Vec::<u8>::TYPE, "smallint[]")
            .is_some()
    );
    assert!(Database::Postgres.obstacle(text, "bytea").is_some());
}

proptest! {
    #[test]
    fn any_json_is_read_without_a_panic(
        json in prop_oneof![
            "\\PC{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
            "[-0-9:TZ+. BCx]{0,30}".prop_map(|text| serde_json::Value::from(text).to_string()),
            "x[0-9A-F]{0,40}".prop_map(|text| serde_json::Value::from(text).to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            Just("[[1],null]".to_owned()),
        ]
    ) {
        let bytes = Vec::<u8>::TYPE.kind;
        let list = Vec::<f32>::TYPE.kind;
        for database in [Database::Postgres, Database::Sqlite] {
            for of in [Kind::Bool, i32::TYPE.kind, Kind::Float, Kind::Text, Kind::Decimal, Kind::Uuid, Kind::Date, Kind::Time, Kind::DateTime, Kind::Instant, Kind::Json, bytes, list] {
                let _ = kind(database, of, &json);
            }
            let _ = logged(database, &json, opaque);
        }
    }
}
