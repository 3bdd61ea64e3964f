//! Rows that a database logged, read back: they are those that Diesel reads of the table.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use graphex::{Database, ModelType};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// A value of this strategy.
pub(crate) fn sample<S: Strategy>(runner: &mut TestRunner, strategy: S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// The values of `row` are those that the log has of it, to the last bit and digit.
pub(crate) fn assert_had_back<M: ModelType>(row: &M, database: Database, logged: &str) {
    let found = M::MODEL.row_from_log(database, logged);
    let found = found.unwrap_or_else(|error| panic!("{error}: {logged}"));
    assert_eq!(
        format!("{found:?}"),
        format!("{:?}", row.to_row()),
        "{logged}"
    );
}

pub(crate) fn doubles() -> impl Strategy<Value = f64> {
    let edges = prop::sample::select(vec![
        0.0,
        -0.0,
        0.1 + 0.2,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_993.0,
    ]);
    let bits = any::<u64>().prop_map(f64::from_bits);
    prop_oneof![
        edges,
        bits.prop_filter("SQLite has no NaN", |value| !value.is_nan()),
        -1e3..1e3
    ]
}

pub(crate) fn floats() -> impl Strategy<Value = f32> {
    let bits = any::<u32>().prop_map(f32::from_bits);
    let edges = prop::sample::select(vec![0.0, -0.0, 1.1, 8_388_609.0 / 4.0, f32::MAX, 1e-45]);
    prop_oneof![
        edges,
        bits.prop_filter("SQLite has no NaN", |value| !value.is_nan())
    ]
}

/// Without NUL, which PostgreSQL has not.
pub(crate) fn texts() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        "",
        "null",
        "\"",
        "\\",
        "\u{1}\n\t",
        "x00",
        "😀é\u{2028}",
        "{}",
        "[1]",
    ]);
    prop_oneof![odd.prop_map(str::to_owned), "[^\u{0}]{0,20}", "\\PC{0,40}"]
}

pub(crate) fn json() -> impl Strategy<Value = serde_json::Value> {
    let number = any::<f64>().prop_map(serde_json::Value::from);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        number,
        texts().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from);
        let members = prop::collection::vec((texts(), inner), 0..4);
        let object =
            members.prop_map(|members| serde_json::Value::Object(members.into_iter().collect()));
        prop_oneof![list, object]
    })
}

/// Years 1 to 9999, most of them near to ours.
pub(crate) fn local() -> impl Strategy<Value = NaiveDateTime> {
    let seconds = prop_oneof![-62_135_596_800..253_402_300_800_i64, 0..4_000_000_000_i64];
    let micros = prop_oneof![
        Just(0),
        (0..1_000_u32).prop_map(|ms| ms * 1_000),
        0..1_000_000_u32
    ];
    (seconds, micros).prop_map(|(seconds, micros)| {
        let utc = DateTime::from_timestamp(seconds, micros * 1_000).unwrap();
        utc.naive_utc()
    })
}

pub(crate) fn instants() -> impl Strategy<Value = DateTime<Utc>> {
    local().prop_map(|local| local.and_utc())
}

pub(crate) fn dates() -> impl Strategy<Value = NaiveDate> {
    local().prop_map(|local| local.date())
}

pub(crate) fn times() -> impl Strategy<Value = NaiveTime> {
    local().prop_map(|local| local.time())
}

/// A table, its model, what creates it, and rows of it.
macro_rules! logged {
    ($name:ident, $table:ident { $($field:ident: $ty:ty => $sql:ty, $declared:literal, $strategy:expr;)* }) => {
        diesel::table! {
            $table (id) { id -> BigInt, $($field -> $sql,)* }
        }

        #[derive(Clone, Debug, Queryable, Selectable, Insertable, graphex::ModelType)]
        #[diesel(table_name = $table)]
        #[graphex(stream = "rows")]
        struct $name {
            id: i64,
            $($field: $ty,)*
        }

        impl $name {
            const CREATE: &str = concat!(
                "CREATE TABLE ", stringify!($table), " (id BIGINT PRIMARY KEY",
                $(", ", stringify!($field), " ", $declared,)* ")"
            );

            fn random(id: i64, runner: &mut proptest::test_runner::TestRunner) -> Self {
                Self { id, $($field: $crate::read_back::sample(runner, $strategy),)* }
            }
        }
    };
}
pub(crate) use logged;
