//! A database file of SQLite's, which is gone at the end.

#![allow(dead_code, reason = "each test target uses its part")]

use std::path::PathBuf;

/// A file of its own, which is not there yet.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new(name: &str) -> Self {
        let file = format!("graphex-{name}-{}.sqlite", std::process::id());
        let file = Self(std::env::temp_dir().join(file));
        file.remove();
        file
    }

    pub(crate) fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.remove();
    }
}
