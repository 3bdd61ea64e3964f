//! What is captured of the writes on SQLite, through Diesel and diesel-async.

#![cfg(feature = "diesel")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "diesel-async")]
#[path = "../capture/awaited/mod.rs"]
mod awaited;
#[cfg(feature = "diesel-async")]
#[path = "../capture/sqlite_awaited.rs"]
mod awaited_database;
#[path = "../capture/mod.rs"]
mod capture;
#[path = "../capture/sqlite.rs"]
mod database;
#[path = "../dice/mod.rs"]
mod dice;
#[path = "../proof/mod.rs"]
mod proof;
#[path = "../queries/mod.rs"]
mod queries;
#[path = "../read_back/mod.rs"]
mod read_back;
#[path = "../capture/script.rs"]
mod script;
#[cfg(feature = "diesel-async")]
#[path = "../sqlite_file/mod.rs"]
mod sqlite_file;

mod attach;
mod generic_code;
mod logged_rows;
mod scripts;
#[cfg(feature = "diesel-async")]
mod several_models;
mod statements;
#[cfg(feature = "testing")]
mod testing;
mod transactions;
