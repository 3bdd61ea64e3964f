//! A database file in which notes have a change log.

#![allow(dead_code, reason = "each test target uses its part")]

#[path = "../sqlite_file/mod.rs"]
pub(crate) mod sqlite_file;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::{ChangeLog, LogSchema};

use self::sqlite_file::File;
use super::logged::Note;

pub(crate) type Conn = SqliteConnection;

/// A database file of its own, in which the log is installed.
pub(crate) struct Store(File);

impl Store {
    pub(crate) fn new(name: &str) -> Self {
        let store = Self(File::new(&format!("resume-{name}")));
        let mut conn = store.connect();
        conn.batch_execute(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE notes (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, room INTEGER NOT NULL, text TEXT NOT NULL)",
        )
        .unwrap();
        LogSchema::sqlite()
            .model::<Note>()
            .install(&mut conn)
            .unwrap();
        store
    }

    pub(crate) fn connect(&self) -> Conn {
        let mut conn = SqliteConnection::establish(&self.0.path()).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 20000; PRAGMA synchronous = OFF")
            .unwrap();
        conn
    }

    pub(crate) fn log(&self) -> ChangeLog {
        let path = self.0.path();
        ChangeLog::sqlite(move || SqliteConnection::establish(&path))
    }
}
