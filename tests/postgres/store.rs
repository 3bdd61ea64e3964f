//! A database in which notes have a change log.

#![allow(dead_code, reason = "each test target uses its part")]

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::{ChangeLog, LogSchema};

use super::logged::Note;

pub(crate) type Conn = PgConnection;

/// A database of its own, in which the log is installed: a log is one per database.
pub(crate) struct Store(String);

impl Store {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.replace('-', "_");
        let store = Self(format!("graphex_resume_{name}_{}", std::process::id()));
        let mut conn = PgConnection::establish(&graphex_postgres_tests::url()).unwrap();
        for sql in ["DROP DATABASE IF EXISTS {} WITH (FORCE)", "CREATE DATABASE {}"] {
            conn.batch_execute(&sql.replace("{}", &store.0)).unwrap();
        }
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

    fn url(&self) -> String {
        let url = graphex_postgres_tests::url();
        let (server, _) = url.rsplit_once('/').unwrap();
        format!("{server}/{}", self.0)
    }

    pub(crate) fn connect(&self) -> Conn {
        let mut conn = PgConnection::establish(&self.url()).unwrap();
        conn.batch_execute("SET client_min_messages = warning")
            .unwrap();
        conn
    }

    pub(crate) fn log(&self) -> ChangeLog {
        let url = self.url();
        ChangeLog::postgres(move || PgConnection::establish(&url))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Ok(mut conn) = PgConnection::establish(&graphex_postgres_tests::url()) {
            let _ = conn.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.0));
        }
    }
}
