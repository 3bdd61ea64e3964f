//! A PostgreSQL server of a test's own, which it may crash.

#![allow(dead_code, reason = "each test target uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::prelude::*;

pub(crate) struct Server {
    directory: PathBuf,
    port: u16,
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &str, directory: &Path) -> Command {
    let bin = std::fs::read_dir("/usr/lib/postgresql")
        .ok()
        .and_then(|versions| {
            let paths = versions.map(|version| version.unwrap().path().join("bin"));
            paths.filter(|bin| bin.join(program).exists()).max()
        });
    let program = bin.map_or_else(|| program.into(), |bin| bin.join(program));
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    });
    let mut command = if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(directory);
    command
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .expect("PostgreSQL's programs are not installed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
}

impl Server {
    fn directory(name: &str) -> PathBuf {
        let directory = format!("graphex-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).unwrap();
        let directory_name = directory.to_str().unwrap();
        // Fails where there is no such user, and then nobody else runs the server.
        let _ = Command::new("chown")
            .args(["postgres", directory_name])
            .output();
        directory
    }

    pub(crate) fn start(name: &str) -> Self {
        let directory = Self::directory(name);
        run(as_postgres("initdb", &directory).args([
            "--pgdata",
            "db",
            "--username",
            "tester",
            "--auth",
            "trust",
            "--locale",
            "C",
            "--no-sync",
        ]));
        let server = Self {
            directory,
            port: free_port(),
        };
        server.resume();
        server
    }

    /// A standby of this server.
    pub(crate) fn standby(&self, name: &str) -> Self {
        let directory = Self::directory(name);
        let url = self.url();
        run(as_postgres("pg_basebackup", &directory).args([
            "--pgdata",
            "db",
            "--write-recovery-conf",
            "--checkpoint",
            "fast",
            "--no-sync",
            "--dbname",
            &url,
        ]));
        let standby = Self {
            directory,
            port: free_port(),
        };
        standby.resume();
        standby
    }

    pub(crate) fn resume(&self) {
        let options = format!(
            "-h 127.0.0.1 -p {} -c unix_socket_directories= -c fsync=off -c wal_level=replica",
            self.port
        );
        run(as_postgres("pg_ctl", &self.directory).args([
            "start",
            "--pgdata",
            "db",
            "--wait",
            "--silent",
            "--log",
            "log",
            "--options",
            &options,
        ]));
    }

    /// As if it were killed: nothing is written any more, and it has to recover.
    pub(crate) fn crash(&self) {
        self.stop("immediate");
    }

    fn stop(&self, mode: &str) {
        run(as_postgres("pg_ctl", &self.directory).args([
            "stop", "--pgdata", "db", "--wait", "--silent", "--mode", mode,
        ]));
    }

    /// Makes a standby a primary.
    pub(crate) fn promote(&self) {
        run(as_postgres("pg_ctl", &self.directory)
            .args(["promote", "--pgdata", "db", "--wait", "--silent"]));
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn connect(&self) -> PgConnection {
        PgConnection::establish(&self.url()).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = as_postgres("pg_ctl", &self.directory)
            .args(["stop", "--pgdata", "db", "--silent", "--mode", "immediate"])
            .output();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
