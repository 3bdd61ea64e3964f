//! One subscriber, and whoever writes: psql, SQLx, Diesel, or a program of yours.
//!
//! ```text
//! DATABASE_URL=postgres://user:password@127.0.0.1/orders cargo run --package graphex-any-writer-example
//! ```
//!
//! It makes a table and the log of its changes, has SQLx and Diesel write to it, and prints what a
//! subscriber is told until Ctrl-C. None of the writers knows of graphex, and the model has no table of
//! Diesel's: rows are read back from the log.

#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::pin::pin;

use async_graphql::{EmptyMutation, Object};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use futures_util::StreamExt as _;
use graphex::prelude::*;
use graphex::{ChangeLog, Database};
use sqlx::postgres::PgPool;

/// What the stream tells of. `table` says where the triggers are; the fields are its columns.
#[derive(Clone, Debug, ModelType)]
#[graphex(stream = "orders", serialize_data, table = "orders")]
struct Order {
    id: i64,
    customer: String,
    cents: i64,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS orders (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, customer text NOT NULL, cents bigint NOT NULL)";

const SUBSCRIPTION: &str = "subscription { orderChanges { action data { id customer cents } } }";

struct Query;

#[Object]
impl Query {
    async fn about(&self) -> &'static str {
        "orders, whoever writes them"
    }
}

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let url = std::env::var("DATABASE_URL").map_err(
        |_| "set DATABASE_URL to a PostgreSQL database, as in postgres://user@127.0.0.1/orders",
    )?;
    let hub = open(&url)?;
    let schema = Schema::build(Query, EmptyMutation, OrderChanges::default())
        .data(hub.clone())
        .finish();
    let mut events = pin!(schema.execute_stream(SUBSCRIPTION));
    let mut written = pin!(write(&url));
    let mut is_written = false;
    loop {
        tokio::select! {
            // The subscription stands before anything is written.
            biased;
            event = events.next() => match event {
                Some(event) if event.is_ok() => println!("{}", serde_json::to_string(&event.data)?),
                Some(refusal) => return Err(serde_json::to_string(&refusal.errors)?.into()),
                None => return Err("the subscription ended".into()),
            },
            done = &mut written, if !is_written => {
                done?;
                is_written = true;
            }
            stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
        }
    }
}

/// Makes the table and its log where they are missing, and a hub that reads it.
fn open(url: &str) -> Result<Hub, Failure> {
    let models = Hub::builder().model::<Order>();
    let mut conn = PgConnection::establish(url)?;
    conn.batch_execute(TABLE)?;
    // In production the text of a migration: `models.log_schema(Database::Postgres).migration()`.
    models.log_schema(Database::Postgres).install(&mut conn)?;
    let read = url.to_owned();
    let log = ChangeLog::postgres(move || PgConnection::establish(&read));
    Ok(models.change_log(log).try_build()?)
}

/// Two writers of this program; the third is you.
async fn write(url: &str) -> Result<(), Failure> {
    let pool = PgPool::connect(url).await?;
    sqlx::query("INSERT INTO orders (customer, cents) VALUES ($1, $2)")
        .bind("written by SQLx")
        .bind(1_200_i64)
        .execute(&pool)
        .await?;
    let of_diesel = url.to_owned();
    tokio::task::spawn_blocking(move || -> Result<(), Failure> {
        let mut conn = PgConnection::establish(&of_diesel)?;
        diesel::sql_query("INSERT INTO orders (customer, cents) VALUES ('written by Diesel', 900)")
            .execute(&mut conn)?;
        Ok(())
    })
    .await??;
    println!(
        "write to it, too:\n\n   psql {url} -c \"INSERT INTO orders (customer, cents) VALUES ('written by psql', 50)\"\n"
    );
    Ok(())
}
