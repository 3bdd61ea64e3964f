//! A database file in which notes have a change log.

#![allow(dead_code, reason = "each test target uses its part")]

use std::path::PathBuf;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::{ChangeLog, LogSchema};

use super::logged::Note;

pub(crate) type Conn = SqliteConnection;

/// A database file of its own, in which the log is installed.
pub(crate) struct Store(PathBuf);

impl Store {
    pub(crate) fn new(name: &str) -> Self {
        let file = format!("graphex-resume-{name}-{}.sqlite", std::process::id());
        let file = Self(std::env::temp_dir().join(file));
        file.remove();
        let mut conn = file.connect();
        conn.batch_execute(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE notes (id INTEGER PRIMARY KEY, owner INTEGER NOT NULL, room INTEGER NOT NULL, text TEXT NOT NULL)",
        )
        .unwrap();
        LogSchema::sqlite()
            .model::<Note>()
            .install(&mut conn)
            .unwrap();
        file
    }

    pub(crate) fn connect(&self) -> Conn {
        let mut conn = SqliteConnection::establish(self.0.to_str().unwrap()).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 20000; PRAGMA synchronous = OFF")
            .unwrap();
        conn
    }

    pub(crate) fn log(&self) -> ChangeLog {
        let path = self.0.to_str().unwrap().to_owned();
        ChangeLog::sqlite(move || SqliteConnection::establish(&path))
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.remove();
    }
}
