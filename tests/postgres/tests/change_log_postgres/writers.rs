//! Writers that know nothing of graphex, and a subscriber that is told of what they write.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::change_log::{Feed, Note};
use crate::model::Database;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::{ChangeLog, LogSchema};
use sqlx::Connection as _;

fn notes(name: &str) -> (Database, Feed) {
    let database = Database::empty(name);
    let mut conn = database.connect();
    conn.batch_execute("CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL)")
        .unwrap();
    let schema = LogSchema::postgres().model::<Note>();
    schema.install(&mut conn).unwrap();
    let url = database.url();
    let log = ChangeLog::postgres(move || PgConnection::establish(&url));
    let feed = Feed::open(log).unwrap();
    (database, feed)
}

#[test]
fn sqlx_is_heard() {
    let (database, mut feed) = notes("sqlx");
    let writing = async {
        let mut conn = sqlx::PgConnection::connect(&database.url()).await.unwrap();
        sqlx::query("INSERT INTO notes VALUES ($1, $2)")
            .bind(1_i64)
            .bind("inserted")
            .execute(&mut conn)
            .await
            .unwrap();
        let mut transaction = conn.begin().await.unwrap();
        sqlx::query("INSERT INTO notes VALUES (2, 'rolled back')")
            .execute(&mut *transaction)
            .await
            .unwrap();
        transaction.rollback().await.unwrap();
        let mut transaction = conn.begin().await.unwrap();
        for sql in [
            "UPDATE notes SET text = 'updated'",
            "INSERT INTO notes VALUES (3, 'committed')",
        ] {
            sqlx::query(sql).execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let mut copy = conn.copy_in_raw("COPY notes FROM STDIN").await.unwrap();
        copy.send("4\tcopied\n".as_bytes()).await.unwrap();
        copy.finish().await.unwrap();
        sqlx::query("DELETE FROM notes WHERE id = 3")
            .execute(&mut conn)
            .await
            .unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(writing);
    assert_eq!(
        feed.told_until("delete 3 committed"),
        [
            "create 1 inserted",
            "update 1 updated",
            "create 3 committed",
            "create 4 copied",
            "delete 3 committed",
        ]
    );
}

#[test]
fn django_is_heard() {
    let (database, mut feed) = notes("django");
    let python = std::env::var_os("GRAPHEX_DJANGO_PYTHON").expect(
        "GRAPHEX_DJANGO_PYTHON is not set: run ./tests/run.sh, which installs Django, or name a python \
         that has tests/postgres/django/requirements.txt",
    );
    let url = database.url();
    let (server, name) = url.rsplit_once('/').unwrap();
    let (host, port) = server.rsplit_once('@').unwrap().1.split_once(':').unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/django/write.py");
    let status = Command::new(python)
        .args([script, host, port, name])
        .status();
    assert!(status.unwrap().success());
    assert_eq!(
        feed.told_until("create 6 raw"),
        [
            "create 1 created",
            "update 1 saved",
            "create 2 bulk",
            "create 3 bulk",
            "update 2 updated",
            "update 3 updated",
            "create 5 upserted",
            "delete 1 saved",
            "delete 2 updated",
            "delete 3 updated",
            "delete 5 upserted",
            "create 6 raw",
        ]
    );
}

/// A program that is killed when this is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `examples/any_writer`: the program that `GRAPHEX_ANY_WRITER` names, or by the example's command.
fn any_writer() -> Command {
    if let Some(built) = std::env::var_os("GRAPHEX_ANY_WRITER") {
        return Command::new(built);
    }
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "graphex-any-writer-example"]);
    command
}

#[test]
fn the_example_hears_every_writer() {
    let database = Database::empty("anywriter");
    let mut program = any_writer()
        .env("DATABASE_URL", database.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(program.stdout.take().unwrap());
    let _program = Killed(program);
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    // Cargo may have to compile it.
    let next = || lines.recv_timeout(Duration::from_secs(600)).unwrap();
    let until = |text: &str| {
        loop {
            let line = next();
            if line.contains(text) {
                return line;
            }
        }
    };
    assert!(until("written by SQLx").contains(r#""action":"CREATE""#));
    until("written by Diesel");
    let psql = Command::new("psql")
        .args(["-q", &database.url(), "-c"])
        .arg("INSERT INTO orders (customer, cents) VALUES ('written by psql', 50)")
        .status();
    assert!(psql.expect("psql is not installed").success());
    assert!(until(r#""customer":"written by psql""#).contains(r#""cents":50"#));
}
