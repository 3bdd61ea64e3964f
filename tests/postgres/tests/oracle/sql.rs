//! Lookups in SQL, as Django has them on PostgreSQL.

use chrono::{Datelike as _, NaiveDate};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use graphex::Lookup;

use crate::oracle::{Column, Database, Datum, Operand, Sort};

/// Upper case is that of this collation, which maps case as Unicode does, whatever the
/// collation of the database is.
const UNICODE: &str = "\"und-x-icu\"";

/// A schema of PostgreSQL.
pub(crate) struct Postgres {
    conn: PgConnection,
    /// Statements prepared so far; the last is asked.
    prepared: usize,
}

impl Postgres {
    /// Checks that the server can tell what is in upper case.
    pub(crate) fn new(mut conn: PgConnection) -> Self {
        let sql = "SELECT count(*)::text AS answer FROM pg_collation WHERE collname = 'und-x-icu'";
        assert_eq!(
            one(&mut conn, sql),
            "1",
            "this PostgreSQL has no collation `und-x-icu`: take one that was built with ICU"
        );
        Self { conn, prepared: 0 }
    }
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    answer: String,
}

/// The text `answer` of the one row.
fn one(conn: &mut PgConnection, sql: &str) -> String {
    let answer: Result<Answer, _> = diesel::sql_query(sql).get_result(conn);
    answer
        .unwrap_or_else(|error| panic!("{error}: {sql}"))
        .answer
}

impl Database for Postgres {
    type Conn = PgConnection;

    fn conn(&mut self) -> &mut PgConnection {
        &mut self.conn
    }

    fn condition(&self, column: &Column, lookup: Lookup, operand: &Operand) -> String {
        condition(column, lookup, operand)
    }

    fn prepare(&mut self, table: &str, conditions: &[String]) {
        let answers: Vec<_> = conditions
            .iter()
            .map(|condition| format!("CASE WHEN {condition} THEN 1 ELSE 0 END"))
            .collect();
        let answers = answers.join(",\n");
        self.prepared += 1;
        let sql = format!(
            "PREPARE answers_{} AS \
             SELECT array_to_string(ARRAY[{answers}], '') AS answer FROM {table} WHERE id = $1",
            self.prepared
        );
        self.conn
            .batch_execute(&sql)
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    fn answers(&mut self, key: &Datum) -> String {
        one(
            &mut self.conn,
            &format!("EXECUTE answers_{} ({})", self.prepared, literal(key)),
        )
    }

    fn can_hold(&self, _: &Datum) -> bool {
        true
    }
}

fn condition(column: &Column, lookup: Lookup, operand: &Operand) -> String {
    let name = column.name;
    let value = match column.sort {
        // The shortest decimal form is what PostgreSQL writes.
        Sort::Real => format!("{name}::text::float8"),
        Sort::Instant(_) if is_part(lookup) => format!("({name} AT TIME ZONE 'UTC')"),
        _ => name.to_owned(),
    };
    match (lookup, operand) {
        (Lookup::In, Operand::List(all)) if all.is_empty() => "FALSE".to_owned(),
        (Lookup::In, Operand::List(all)) => {
            let all: Vec<_> = all.iter().map(literal).collect();
            format!("{value} IN ({})", all.join(", "))
        }
        (Lookup::Range, Operand::Bounds(low, high)) => {
            let (low, high, value) = (literal(low), literal(high), ordered(column, &value));
            format!("{value} BETWEEN {low} AND {high}")
        }
        (Lookup::IsNull, Operand::One(Datum::Bool(true))) => format!("{name} IS NULL"),
        (Lookup::IsNull, Operand::One(Datum::Bool(false))) => format!("{name} IS NOT NULL"),
        (_, Operand::One(operand)) => {
            one_operand(lookup, &value, &ordered(column, &value), operand)
        }
        _ => panic!("{lookup:?} does not take {operand:?}"),
    }
}

fn is_part(lookup: Lookup) -> bool {
    let parts = [
        Lookup::Year,
        Lookup::Month,
        Lookup::Day,
        Lookup::WeekDay,
        Lookup::Hour,
        Lookup::Minute,
        Lookup::Second,
        Lookup::Date,
    ];
    parts.contains(&lookup)
}

/// What is ordered: texts by code points.
fn ordered(column: &Column, value: &str) -> String {
    match column.sort {
        Sort::Text => format!("{value} COLLATE \"C\""),
        _ => value.to_owned(),
    }
}

fn one_operand(lookup: Lookup, value: &str, ordered: &str, operand: &Datum) -> String {
    let sql = literal(operand);
    let like = |before, after| format!("{value} LIKE {}", like(operand, before, after));
    let upper = |sql: &str| format!("UPPER({sql} COLLATE {UNICODE})");
    let upper_like = |before, after| {
        let pattern = self::like(operand, before, after);
        format!("{} LIKE {}", upper(value), upper(&pattern))
    };
    let extract = |part| format!("EXTRACT({part} FROM {value}) = {sql}");
    match lookup {
        Lookup::Exact => format!("{value} = {sql}"),
        Lookup::Gt => format!("{ordered} > {sql}"),
        Lookup::Gte => format!("{ordered} >= {sql}"),
        Lookup::Lt => format!("{ordered} < {sql}"),
        Lookup::Lte => format!("{ordered} <= {sql}"),
        Lookup::Contains => like("%", "%"),
        Lookup::StartsWith => like("", "%"),
        Lookup::EndsWith => like("%", ""),
        Lookup::IExact => format!("{} = {}", upper(value), upper(&sql)),
        Lookup::IContains => upper_like("%", "%"),
        Lookup::IStartsWith => upper_like("", "%"),
        Lookup::IEndsWith => upper_like("%", ""),
        Lookup::Regex => format!("{value} COLLATE {UNICODE} ~ {sql}"),
        Lookup::IRegex => format!("{value} COLLATE {UNICODE} ~* {sql}"),
        // Of dates before the first year PostgreSQL extracts -1 for 1 BC; in ISO 8601, as in what
        // clients are sent, it is the year 0.
        Lookup::Year => {
            let year = format!("EXTRACT(year FROM {value})");
            format!("{year} + CASE WHEN {year} < 0 THEN 1 ELSE 0 END = {sql}")
        }
        Lookup::Month => extract("month"),
        Lookup::Day => extract("day"),
        Lookup::WeekDay => format!("EXTRACT(dow FROM {value}) + 1 = {sql}"),
        Lookup::Hour => extract("hour"),
        Lookup::Minute => extract("minute"),
        Lookup::Second => format!("EXTRACT(second FROM DATE_TRUNC('second', {value})) = {sql}"),
        Lookup::Date => format!("{value}::date = {sql}"),
        other => panic!("no SQL for {other:?}"),
    }
}

/// A pattern of `LIKE` that has this text between two others.
fn like(text: &Datum, before: &str, after: &str) -> String {
    let Datum::Text(text) = text else {
        panic!("no text: {text:?}")
    };
    let mut pattern = before.to_owned();
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    quoted(&format!("{pattern}{after}"))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal(datum: &Datum) -> String {
    let (text, ty) = match datum {
        Datum::Null => return "NULL".to_owned(),
        Datum::Bool(value) => return value.to_string(),
        Datum::Int(value) => (value.to_string(), "bigint"),
        Datum::Float(value) => (format!("{value:e}"), "float8"),
        Datum::Text(text) => return quoted(text),
        Datum::Decimal(text) => (text.clone(), "numeric"),
        Datum::Uuid(value) => (value.to_string(), "uuid"),
        Datum::Date(value) => (date(*value, ""), "date"),
        Datum::Time(value) => (value.to_string(), "time"),
        Datum::DateTime(value) => (
            date(value.date(), &format!(" {}", value.time())),
            "timestamp",
        ),
        Datum::Instant(value) => {
            let time = format!(" {}+00", value.time());
            (date(value.date_naive(), &time), "timestamptz")
        }
        Datum::Json(_) | Datum::List(_) => panic!("nothing is compared with {datum:?}"),
    };
    format!("'{text}'::{ty}")
}

fn date(date: NaiveDate, time: &str) -> String {
    let (year, era) = match date.year() {
        year @ 1.. => (year, ""),
        year => (1 - year, " BC"),
    };
    format!("{year:04}-{:02}-{:02}{time}{era}", date.month(), date.day())
}
