//! SQLite decides who has to be told of each change, where its SQL means what PostgreSQL's does:
//! numbers, texts by their characters, and null.

#![cfg(feature = "diesel")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod oracle;
mod proof;
mod sqlite_file;
mod until;

use async_graphql::{EmptyMutation, MergedSubscription, Object, Schema};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::{Action, BroadcastDsl as _, ChangeLog, Hub, Lookup, ModelType};
use oracle::{Column, Database, Datum, Model, Operand, Stored, Volume, check, model};
use sqlite_file::File;

macro_rules! values {
    ($name:ident, $table:ident, $stream:literal, [$($option:tt)*],
     $key:ty => $sql:ty $(, $scope:ident($args:ident))?) => {
        model! {
            SqliteConnection, $name, $table, $stream, [$($option)*],
            $(scope $scope($args): small, maybe_text, flag;)?
            {
                id: $key => $sql,
                small: i16 => SmallInt,
                maybe_small: Option<i16> => Nullable<SmallInt>,
                medium: i32 => Integer,
                maybe_medium: Option<i32> => Nullable<Integer>,
                large: i64 => BigInt,
                maybe_large: Option<i64> => Nullable<BigInt>,
                double: f64 => Double,
                maybe_double: Option<f64> => Nullable<Double>,
                flag: bool => Bool,
                maybe_flag: Option<bool> => Nullable<Bool>,
                text: String => Text,
                maybe_text: Option<String> => Nullable<Text>,
            }
        }
    };
}

values!(Figure, figures, "figures", [serialize_data = false], String => Text);
values!(
    Amount,
    amounts,
    "amounts",
    [
        serialize_data,
        scope(small, optional(maybe_text), any_of(flag)),
        index_fields(small, maybe_text)
    ],
    i64 => BigInt,
    AmountScope(AmountSubscriptionArgs)
);

/// A database, and what it is asked for a row.
struct Sqlite {
    conn: SqliteConnection,
    question: String,
}

#[derive(QueryableByName)]
struct Answers {
    #[diesel(sql_type = diesel::sql_types::Text)]
    answers: String,
}

/// What SQLite puts together without nesting too deeply.
const TOGETHER: usize = 50;

impl Database for Sqlite {
    type Conn = SqliteConnection;

    fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }

    fn condition(&self, column: &Column, lookup: Lookup, operand: &Operand) -> String {
        condition(column, lookup, operand)
    }

    fn prepare(&mut self, table: &str, conditions: &[String]) {
        let answers: Vec<_> = conditions
            .iter()
            .map(|condition| format!("CASE WHEN {condition} THEN '1' ELSE '0' END"))
            .collect();
        let together = answers.chunks(TOGETHER);
        let together: Vec<_> = together
            .map(|some| format!("({})", some.join("\n|| ")))
            .collect();
        let answers = together.join(" || ");
        self.question = format!("SELECT {answers} AS answers FROM {table} WHERE id = ");
    }

    fn answers(&mut self, key: &Datum) -> String {
        let sql = format!("{}{}", self.question, literal(key));
        let answers: QueryResult<Answers> = diesel::sql_query(&sql).get_result(&mut self.conn);
        answers
            .unwrap_or_else(|error| panic!("{error}: {sql}"))
            .answers
    }

    /// SQLite stores `NaN` as null.
    fn can_hold(&self, datum: &Datum) -> bool {
        !matches!(datum, Datum::Float(value) if value.is_nan())
    }
}

/// Whether SQLite agrees. Its `UPPER` knows ASCII alone, and it has no regular expressions.
fn agrees(lookup: Lookup) -> bool {
    let others = [
        Lookup::IExact,
        Lookup::IContains,
        Lookup::IStartsWith,
        Lookup::IEndsWith,
        Lookup::Regex,
        Lookup::IRegex,
    ];
    !others.contains(&lookup)
}

fn condition(column: &Column, lookup: Lookup, operand: &Operand) -> String {
    let name = column.name;
    match (lookup, operand) {
        (Lookup::In, Operand::List(all)) if all.is_empty() => "FALSE".to_owned(),
        (Lookup::In, Operand::List(all)) => {
            let all: Vec<_> = all.iter().map(literal).collect();
            format!("{name} IN ({})", all.join(", "))
        }
        (Lookup::Range, Operand::Bounds(low, high)) => {
            format!("{name} BETWEEN {} AND {}", literal(low), literal(high))
        }
        (Lookup::IsNull, Operand::One(Datum::Bool(true))) => format!("{name} IS NULL"),
        (Lookup::IsNull, Operand::One(Datum::Bool(false))) => format!("{name} IS NOT NULL"),
        (_, Operand::One(operand)) => {
            let sql = literal(operand);
            match lookup {
                Lookup::Exact => format!("{name} = {sql}"),
                Lookup::Gt => format!("{name} > {sql}"),
                Lookup::Gte => format!("{name} >= {sql}"),
                Lookup::Lt => format!("{name} < {sql}"),
                Lookup::Lte => format!("{name} <= {sql}"),
                Lookup::Contains => format!("instr({name}, {sql}) > 0"),
                Lookup::StartsWith => format!("substr({name}, 1, length({sql})) = {sql}"),
                // From a position of 0 it would be the whole text.
                Lookup::EndsWith => {
                    format!(
                        "({sql} = '' AND {name} IS NOT NULL OR substr({name}, -length({sql})) = {sql})"
                    )
                }
                other => panic!("no SQL for {other:?}"),
            }
        }
        _ => panic!("{lookup:?} does not take {operand:?}"),
    }
}

fn literal(datum: &Datum) -> String {
    match datum {
        Datum::Null => "NULL".to_owned(),
        Datum::Bool(value) => value.to_string(),
        Datum::Int(value) => value.to_string(),
        Datum::Float(value) => format!("{value:e}"),
        Datum::Text(text) => format!("'{}'", text.replace('\'', "''")),
        other => panic!("nothing is compared with {other:?}"),
    }
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(
    FigureSubscription,
    AmountSubscription,
    FigureChanges,
    AmountChanges,
);

#[test]
fn those_are_told_whose_predicate_sqlite_finds_true() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let hub = {
        let _entered = runtime.enter();
        Hub::builder()
            .model::<Figure>()
            .model::<Amount>()
            .limits(|limits| {
                limits.channels_per_identity = 1_000;
                limits.bytes_per_identity = usize::MAX;
            })
            .build()
    };
    let mut models: [Model<SqliteConnection>; 2] = [Figure::describe(), Amount::describe()];
    let file = File::new("oracle");
    let path = file.path();
    let mut conn = SqliteConnection::establish(&path).unwrap();
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
        .unwrap();
    for model in &mut models {
        model.lookups.retain(|(_, lookup)| agrees(*lookup));
        conn.batch_execute(&model.create_table()).unwrap();
    }
    let builder = Hub::builder().model::<Figure>().model::<Amount>();
    let installed = builder.log_schema(graphex::Database::Sqlite);
    installed.install(&mut conn).unwrap();
    let logged = {
        let _entered = runtime.enter();
        let log = ChangeLog::sqlite(move || SqliteConnection::establish(&path));
        builder.change_log(log).try_build().unwrap()
    };
    let schemas = [&hub, &logged].map(|hub| {
        Schema::build(Query, EmptyMutation, Subscription::default())
            .data(hub.clone())
            .finish()
    });
    hub.attach(&mut conn).unwrap();
    let mut database = Sqlite {
        conn,
        question: String::new(),
    };
    let volume = Volume {
        rounds: proof::steps(2),
        predicates: 300,
        snapshots: 150,
        changes: 50,
    };
    check(
        &mut database,
        &runtime,
        &hub,
        schemas.each_ref(),
        &models,
        volume,
    );
}
