//! The tables of the proof, and a database of its own for each test.

#![allow(dead_code, reason = "each test target uses its part")]

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use graphex::{LogSchema, ModelType};

use crate::replica::Rows;

diesel::table! {
    accounts (id) {
        id -> BigInt,
        room -> BigInt,
        #[sql_name = "body"]
        text -> Text,
        score -> Double,
        amount -> Nullable<Numeric>,
        file -> Nullable<Binary>,
        version -> Integer,
        doubled -> BigInt,
    }
}

diesel::table! { children (id) { id -> BigInt, account -> BigInt, note -> Text, } }

diesel::table! { commits (id) { id -> BigInt, number -> BigInt, } }

/// A row that is written in all ways.
#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = accounts)]
#[graphex(stream = "accounts")]
pub(crate) struct Account {
    id: i64,
    room: i64,
    text: String,
    score: f64,
    amount: Option<bigdecimal::BigDecimal>,
    file: Option<Vec<u8>>,
    version: i32,
    doubled: i64,
}

/// A row that goes with its account.
#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = children)]
#[graphex(stream = "children")]
pub(crate) struct Child {
    id: i64,
    account: i64,
    note: String,
}

/// A row of each transaction that commits.
#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = commits)]
#[graphex(stream = "commits")]
pub(crate) struct Commit {
    id: i64,
    number: i64,
}

pub(crate) fn schema() -> LogSchema {
    LogSchema::postgres()
        .model::<Account>()
        .model::<Child>()
        .model::<Commit>()
}

/// Two triggers of the user's: one changes the row before it is written, and one writes it again
/// after it was.
const TABLES: &str = "
CREATE TABLE accounts (
  id bigint PRIMARY KEY, room bigint NOT NULL, body text NOT NULL,
  score float8 NOT NULL DEFAULT random(), amount numeric DEFAULT (random() * 1000)::numeric(12, 3),
  file bytea DEFAULT decode(md5(random()::text), 'hex'), version integer NOT NULL DEFAULT 0,
  doubled bigint NOT NULL GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE children (
  id bigint PRIMARY KEY, note text NOT NULL,
  account bigint NOT NULL REFERENCES accounts ON DELETE CASCADE ON UPDATE CASCADE
    DEFERRABLE INITIALLY IMMEDIATE);
CREATE TABLE commits (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, number bigint NOT NULL);
CREATE FUNCTION count_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.version := NEW.version + 1; RETURN NEW; END $$;
CREATE TRIGGER count_version BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION count_version();
CREATE FUNCTION write_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.room = 7 THEN UPDATE accounts SET room = 8, body = body || '+' WHERE id = NEW.id; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER a_write_again AFTER INSERT OR UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION write_again();
";

/// A database of its own, since a log is one per database.
pub(crate) struct Database {
    name: String,
}

impl Database {
    pub(crate) fn create(name: &str) -> Self {
        let database = Self::empty(name);
        database.connect().batch_execute(TABLES).unwrap();
        database
    }

    pub(crate) fn empty(name: &str) -> Self {
        let name = format!("graphex_{name}_{}", std::process::id());
        let mut conn = PgConnection::establish(&graphex_postgres_tests::url()).unwrap();
        conn.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .unwrap();
        conn.batch_execute(&format!("CREATE DATABASE {name}"))
            .unwrap();
        Self { name }
    }

    pub(crate) fn url(&self) -> String {
        let url = graphex_postgres_tests::url();
        let (server, _) = url.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    pub(crate) fn connect(&self) -> PgConnection {
        let mut conn = PgConnection::establish(&self.url()).unwrap();
        conn.batch_execute("SET client_min_messages = warning")
            .unwrap();
        conn
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) AS number FROM {table}"))
    }

    /// The value of the column `number`.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Number {
            #[diesel(sql_type = BigInt)]
            number: i64,
        }
        diesel::sql_query(sql)
            .get_result::<Number>(&mut self.connect())
            .unwrap()
            .number
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut conn) = PgConnection::establish(&graphex_postgres_tests::url()) {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
            let _ = conn.batch_execute(&sql);
        }
    }
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    stream: String,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    json: String,
}

pub(crate) fn state(conn: &mut PgConnection) -> Rows {
    let sql = "
        SELECT 'accounts' AS stream, id, json_build_object('id', id, 'room', room, 'body', body,
          'score', score::text, 'amount', amount::text, 'file', encode(file, 'hex'),
          'version', version, 'doubled', doubled)::text AS json FROM accounts
        UNION ALL SELECT 'children', id,
          json_build_object('id', id, 'account', account, 'note', note)::text FROM children
        UNION ALL SELECT 'commits', id,
          json_build_object('id', id, 'number', number)::text FROM commits";
    let rows: Vec<Stored> = diesel::sql_query(sql).load(conn).unwrap();
    rows.into_iter()
        .map(|row| ((row.stream, row.id), row.json))
        .collect()
}
