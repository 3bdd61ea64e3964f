//! A database in which notes have a change log.

#![allow(dead_code, reason = "each test target uses its part")]

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::{ChangeLog, LogSchema};
use graphex_postgres_tests::OwnDatabase;

use super::logged::Note;

pub(crate) type Conn = PgConnection;

/// A database of its own, in which the log is installed: a log is one per database.
pub(crate) struct Store(OwnDatabase);

impl Store {
    pub(crate) fn new(name: &str) -> Self {
        let store = Self(OwnDatabase::create(&format!("resume_{name}")));
        let mut conn = store.connect();
        conn.batch_execute(
            "CREATE TABLE notes (id bigint PRIMARY KEY, owner bigint NOT NULL, room bigint NOT NULL, text text NOT NULL)",
        )
        .unwrap();
        LogSchema::postgres()
            .model::<Note>()
            .install(&mut conn)
            .unwrap();
        store
    }

    pub(crate) fn connect(&self) -> Conn {
        let mut conn = PgConnection::establish(&self.0.url()).unwrap();
        conn.batch_execute("SET client_min_messages = warning")
            .unwrap();
        conn
    }

    pub(crate) fn log(&self) -> ChangeLog {
        let url = self.0.url();
        ChangeLog::postgres(move || PgConnection::establish(&url))
    }
}
