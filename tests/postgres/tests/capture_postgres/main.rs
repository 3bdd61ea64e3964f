//! What is captured of the writes on PostgreSQL, through Diesel and diesel-async.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../capture/awaited/mod.rs"]
mod awaited;
#[path = "../../awaited.rs"]
mod awaited_database;
#[path = "../../../capture/mod.rs"]
mod capture;
#[path = "../../database.rs"]
mod database;
#[path = "../../../dice/mod.rs"]
mod dice;
#[path = "../../../proof/mod.rs"]
mod proof;
#[path = "../../../queries/mod.rs"]
mod queries;
#[path = "../../../read_back/mod.rs"]
mod read_back;
#[path = "../../../capture/script.rs"]
mod script;

mod awaited_server;
mod edges;
mod logged_rows;
mod order;
mod scripts;
mod several_models;
mod transactions;
mod upserts;
mod upserts_without_marks;
