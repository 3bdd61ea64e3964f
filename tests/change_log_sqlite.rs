//! The change log of SQLite, as its subscribers hear it.

#![cfg(feature = "diesel")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod change_log;
mod queries;
mod sqlite_file;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use change_log::{Feed, Note, note, notes, sqlite_schema};
use diesel::connection::{InstrumentationEvent, SimpleConnection as _};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use graphex::__private::{RawLog, RawRead};
use graphex::{Action, BroadcastDsl as _, ChangeLog, LogSchema, ModelType};
use queries::Queries;
use sqlite_file::File;

impl File {
    fn with_notes(name: &str) -> Self {
        let file = Self::new(name);
        file.run("PRAGMA journal_mode = WAL; CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
        file
    }

    fn installed(name: &str) -> Self {
        let file = Self::with_notes(name);
        sqlite_schema().install(&mut file.connect()).unwrap();
        file
    }

    fn connect(&self) -> SqliteConnection {
        let mut conn = SqliteConnection::establish(&self.path()).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
        conn
    }

    fn log(&self) -> ChangeLog {
        let path = self.path();
        ChangeLog::sqlite(move || SqliteConnection::establish(&path))
    }

    fn feed(&self) -> Feed {
        Feed::open(self.log()).unwrap()
    }

    fn run(&self, sql: &str) {
        self.connect().batch_execute(sql).unwrap();
    }
}

#[test]
fn whoever_writes_is_heard() {
    let file = File::installed("writers");
    file.run("CREATE TABLE parents (id INTEGER PRIMARY KEY)");
    let mut feed = file.feed();
    file.run("INSERT INTO notes VALUES (1, 'text'), (2, 'it''s \"x\" \\ \n é 🦀')");
    file.run("UPDATE notes SET text = 'new' WHERE id = 1");
    diesel::sql_query("DELETE FROM notes WHERE id = 1")
        .execute(&mut file.connect())
        .unwrap();
    let shell = Command::new("sqlite3")
        .args([
            file.path().as_str(),
            "INSERT INTO notes VALUES (3, 'shell')",
        ])
        .status();
    assert!(
        shell
            .expect("the `sqlite3` shell is not installed")
            .success()
    );
    assert_eq!(
        feed.told_until("create 3 shell"),
        [
            "create 1 text",
            "create 2 it's \"x\" \\ \n é 🦀",
            "update 1 new",
            "delete 1 new",
            "create 3 shell",
        ]
    );
}

/// Whoever writes: what they have committed is in the hands of the channel's writer afterwards.
#[test]
fn a_flush_waits_for_what_is_in_the_log() {
    let file = File::installed("flushed");
    let mut feed = file.feed();
    for round in 0..20 {
        file.run(&format!(
            "INSERT INTO notes (text) VALUES ('a {round}'), ('b {round}')"
        ));
        let told = [("a", 1), ("b", 2)];
        let told = told.map(|(text, id)| format!("create {} {text} {round}", 2 * round + id));
        assert_eq!(feed.flushed(), told);
    }
}

#[test]
fn a_broadcast_is_told_once_and_what_rolls_back_never() {
    let file = File::installed("once");
    let mut feed = file.feed();
    let mut conn = file.connect();
    feed.hub.attach(&mut conn).unwrap();
    let insert = |conn: &mut SqliteConnection, id, text| {
        diesel::insert_into(notes::table)
            .values(note(id, text))
            .broadcast()
            .execute(conn)
    };
    insert(&mut conn, 1, "kept").unwrap();
    let _ = conn.transaction(|conn| {
        insert(conn, 2, "lost")?;
        QueryResult::<()>::Err(diesel::result::Error::RollbackTransaction)
    });
    // A row number that was rolled back is given again.
    conn.transaction(|conn| {
        insert(conn, 3, "outer")?;
        let _ = conn.transaction(|conn| {
            insert(conn, 4, "inner")?;
            QueryResult::<()>::Err(diesel::result::Error::RollbackTransaction)
        });
        insert(conn, 5, "last")
    })
    .unwrap();
    assert_eq!(
        feed.told_until("create 5 last"),
        ["create 1 kept", "create 3 outer", "create 5 last"]
    );
}

/// The order of commits is the log's: no transaction has to tell of its commit.
#[test]
fn a_broadcast_alone_takes_no_transaction() {
    let file = File::installed("alone");
    let mut feed = file.feed();
    let mut conn = file.connect();
    let queries = Queries::default();
    feed.hub.attach_with(&mut conn, queries.receives()).unwrap();
    // Those of attaching.
    queries.first_words();
    let written: Note = diesel::insert_into(notes::table)
        .values(note(1, "alone"))
        .broadcast()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(written, note(1, "alone"));
    diesel::update(notes::table)
        .set(notes::text.eq("again"))
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    assert_eq!(queries.first_words(), ["INSERT", "UPDATE"]);
    assert_eq!(
        feed.told_until("update 1 again"),
        ["create 1 alone", "update 1 again"]
    );
    // As Diesel's own: the row is written, and cannot be returned.
    let unreadable = diesel::insert_into(notes::table)
        .values((notes::id.eq(2), notes::text.eq(sql::<Text>("x'ff00fe'"))))
        .broadcast()
        .get_result::<Note>(&mut conn);
    assert!(matches!(
        unreadable,
        Err(diesel::result::Error::DeserializationError(_))
    ));
    assert_eq!(feed.told_until("resync"), ["resync"]);
    assert_eq!(notes::table.count().get_result(&mut conn), Ok(2));
}

/// Without a log it is refused: its own transaction would end that one.
#[test]
fn a_broadcast_in_a_transaction_as_text_is_told_if_that_commits() {
    let file = File::installed("as_text");
    let mut feed = file.feed();
    let mut conn = file.connect();
    feed.hub.attach(&mut conn).unwrap();
    for (id, end) in [(1, "ROLLBACK"), (2, "COMMIT")] {
        conn.batch_execute("BEGIN").unwrap();
        let insert = diesel::insert_into(notes::table).values(note(id, end));
        assert_eq!(insert.broadcast().execute(&mut conn), Ok(1));
        conn.batch_execute(end).unwrap();
    }
    assert_eq!(feed.told_until("create 2 COMMIT"), ["create 2 COMMIT"]);
}

#[cfg(feature = "diesel-async")]
#[test]
fn a_broadcast_alone_takes_no_transaction_on_diesel_async() {
    use diesel_async::AsyncConnection as _;
    use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

    let file = File::installed("alone_async");
    let mut feed = file.feed();
    let queries = Queries::default();
    let hub = feed.hub.clone();
    let path = file.path();
    feed.run(async {
        let conn = SyncConnectionWrapper::<SqliteConnection>::establish(&path);
        let mut conn = conn.await.unwrap();
        let attaching = hub.attach_with(&mut conn, queries.receives());
        attaching.await.unwrap();
        queries.first_words();
        let insert = diesel::insert_into(notes::table).values(note(1, "alone"));
        insert.broadcast().execute(&mut conn).await.unwrap();
        let clash = diesel::insert_into(notes::table).values(note(1, "clash"));
        clash.broadcast().execute(&mut conn).await.unwrap_err();
        let after = diesel::delete(notes::table);
        after.broadcast().execute(&mut conn).await.unwrap();
    });
    assert_eq!(queries.first_words(), ["INSERT", "INSERT", "DELETE"]);
    assert_eq!(
        feed.told_until("delete 1 alone"),
        ["create 1 alone", "delete 1 alone"]
    );
}

/// No log has it, since it is never committed.
#[cfg(feature = "testing")]
#[test]
fn a_test_transaction_is_published_beside_the_log() {
    let file = File::installed("tested");
    let mut feed = file.feed();
    let mut conn = file.connect();
    feed.hub.attach(&mut conn).unwrap();
    conn.begin_test_transaction().unwrap();
    let insert = diesel::insert_into(notes::table).values(note(1, "tested"));
    insert.broadcast().execute(&mut conn).unwrap();
    assert_eq!(graphex::testing::publish_uncommitted(&mut conn), Ok(1));
    assert_eq!(feed.told_until("create 1 tested"), ["create 1 tested"]);
}

#[test]
fn what_is_published_comes_beside_the_log() {
    let file = File::installed("publish");
    let mut feed = file.feed();
    feed.hub.publish(Action::Update, &note(9, "said"));
    assert_eq!(feed.told_until("update 9 said"), ["update 9 said"]);
}

#[test]
fn a_key_that_changes_is_gone_and_a_new_one_there() {
    let file = File::installed("key");
    let mut feed = file.feed();
    file.run("INSERT INTO notes VALUES (1, 'a'); UPDATE notes SET id = 2; INSERT INTO notes VALUES (3, 'b')");
    assert_eq!(
        feed.told_until("create 3 b"),
        ["create 1 a", "delete 1 a", "create 2 a", "create 3 b"]
    );
}

#[test]
fn a_trigger_of_the_users_is_logged_after_what_caused_it() {
    let file = File::with_notes("cause");
    file.run(
        "CREATE TRIGGER again AFTER INSERT ON notes WHEN NEW.text = 'a' BEGIN \
           UPDATE notes SET text = 'b' WHERE id = NEW.id; END",
    );
    sqlite_schema().install(&mut file.connect()).unwrap();
    let mut feed = file.feed();
    file.run("INSERT INTO notes VALUES (1, 'a')");
    assert_eq!(feed.told_until("update 1 b"), ["create 1 a", "update 1 b"]);
}

#[test]
fn a_newer_trigger_is_a_problem_that_its_sql_mends() {
    let file = File::installed("newer");
    file.run("CREATE TRIGGER newer AFTER INSERT ON notes BEGIN SELECT 1; END");
    let problems = sqlite_schema().check(&mut file.connect()).unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].sentence.contains("\"newer\" is newer"),
        "{}",
        problems[0].sentence
    );
    let refused = Feed::open(file.log()).err().unwrap().to_string();
    assert!(refused.contains("\"newer\""), "{refused}");
    file.run(&problems[0].sql);
    assert_eq!(sqlite_schema().check(&mut file.connect()).unwrap(), []);
}

#[test]
fn each_problem_is_told_with_what_mends_it() {
    let spoil = [
        ("DROP TABLE graphex_state", "not installed"),
        (
            "UPDATE graphex_state SET version = 'old'",
            "of another version of graphex",
        ),
        ("DROP TRIGGER graphex_log_trim", "no trigger that prunes it"),
        ("DROP TRIGGER \"graphex_update:notes\"", "has no trigger"),
        (
            "DROP TRIGGER \"graphex_delete:notes\"; \
             CREATE TRIGGER \"graphex_delete:notes\" AFTER DELETE ON notes BEGIN SELECT 1; END",
            "of another version of the model",
        ),
        // The trigger's text follows, the key of its JSON does not.
        (
            "ALTER TABLE notes RENAME COLUMN text TO body; ALTER TABLE notes RENAME COLUMN body TO text",
            "",
        ),
    ];
    for (number, (sql, sentence)) in spoil.into_iter().enumerate() {
        let file = File::installed(&format!("problem{number}"));
        file.run(sql);
        let mut conn = file.connect();
        let problems = sqlite_schema().check(&mut conn).unwrap();
        if sentence.is_empty() {
            assert_eq!(problems, []);
            continue;
        }
        assert_eq!(problems.len(), 1, "{sql}: {problems:?}");
        assert!(
            problems[0].to_string().contains(sentence),
            "{sql}: {}",
            problems[0]
        );
        file.run(&problems[0].sql);
        assert_eq!(sqlite_schema().check(&mut conn).unwrap(), [], "{sql}");
        let mut feed = file.feed();
        file.run("INSERT INTO notes VALUES (1, 'a')");
        assert_eq!(feed.told_until("create 1 a"), ["create 1 a"], "{sql}");
    }
}

#[test]
fn what_sql_cannot_mend_is_told_as_well() {
    for (sql, sentence) in [
        ("DROP TABLE notes", "there is no table \"notes\""),
        (
            "DROP TABLE notes; CREATE VIEW notes AS SELECT 1 AS id, 'x' AS text",
            "no ordinary table",
        ),
        (
            "DROP TABLE notes; CREATE TABLE notes (id INTEGER PRIMARY KEY)",
            "has no column \"text\"",
        ),
    ] {
        let file = File::installed("unmended");
        file.run(sql);
        let problems = sqlite_schema().check(&mut file.connect()).unwrap();
        assert!(problems[0].sentence.contains(sentence), "{problems:?}");
        assert!(Feed::open(file.log()).is_err());
    }
}

#[test]
fn replace_is_heard_with_recursive_triggers_which_attached_connections_have() {
    let file = File::installed("replace");
    let mut feed = file.feed();
    let mut conn = file.connect();
    feed.hub.attach(&mut conn).unwrap();
    conn.batch_execute("INSERT INTO notes VALUES (1, 'a'); REPLACE INTO notes VALUES (1, 'b')")
        .unwrap();
    assert_eq!(
        feed.told_until("create 1 b"),
        ["create 1 a", "delete 1 a", "create 1 b"]
    );
}

#[test]
fn a_blob_in_a_text_column_does_not_fail_the_write() {
    let file = File::installed("blob");
    let mut feed = file.feed();
    file.run("INSERT INTO notes VALUES (1, x'6869')");
    assert_eq!(feed.told_until("create 1 hi"), ["create 1 hi"]);
}

#[test]
fn a_text_that_is_none_costs_its_change_alone() {
    let file = File::installed("bytes");
    let mut feed = file.feed();
    for (id, bytes) in [(1, "x'ff00fe'"), (2, "CAST(x'eda080' AS TEXT)")] {
        file.run(&format!("INSERT INTO notes VALUES ({id}, {bytes})"));
        assert_eq!(feed.told_until("resync"), ["resync"]);
        file.run(&format!("INSERT INTO notes VALUES ({id} + 10, 'text')"));
        let next = format!("create {} text", id + 10);
        assert_eq!(feed.told_until(&next), [next.as_str()]);
    }
    assert!(feed.hub.ready());
}

#[test]
fn what_is_trimmed_is_the_beginning_whatever_the_clock_was() {
    let file = File::installed("clock");
    file.run("INSERT INTO notes VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
    // The clock of the machine was wrong for a while.
    file.run("UPDATE graphex_log SET at = 0 WHERE seq IN (1, 3)");
    file.run(
        "WITH RECURSIVE n (x) AS (SELECT 10 UNION ALL SELECT x + 1 FROM n WHERE x < 300) \
         INSERT INTO notes SELECT x, 'x' FROM n",
    );
    let number = |sql: &str| -> i64 {
        diesel::dsl::sql::<BigInt>(sql)
            .get_result(&mut file.connect())
            .unwrap()
    };
    assert_eq!(number("SELECT min(seq) FROM graphex_log"), 2);
    assert_eq!(
        number("SELECT max(seq) - min(seq) + 1 - count(*) FROM graphex_log"),
        0
    );
}

/// A write that looks at what can go holds the lock of all writers.
#[test]
fn what_a_write_looks_at_does_not_grow_with_the_log() {
    let file = File::installed("trim");
    let mut conn = file.connect();
    let mut rows_up_to = |last: i64| {
        let started = Instant::now();
        conn.batch_execute(&format!(
            "WITH RECURSIVE n (x) AS (SELECT ifnull(max(id), 0) + 1 FROM notes UNION ALL \
             SELECT x + 1 FROM n WHERE x < {last}) INSERT INTO notes SELECT x, 'x' FROM n"
        ))
        .unwrap();
        started.elapsed()
    };
    // Two of each thousand look.
    let mut fastest = |first: i64| {
        let times = (1..=5).map(|round| rows_up_to(first + round * 1_000));
        times.min().unwrap()
    };
    let small = fastest(0);
    file.run(
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 500000) \
         INSERT INTO graphex_log (stream, op) SELECT 'others', 'c' FROM n",
    );
    let large = fastest(5_000);
    // It was seven times as much where each look went through the whole log.
    assert!(large < 3 * small, "{large:?} against {small:?}");
}

#[test]
fn a_hole_in_the_log_is_told_as_a_gap() {
    let file = File::installed("hole");
    let mut feed = file.feed();
    file.run(
        "BEGIN; INSERT INTO notes VALUES (1, 'a'), (2, 'b'), (3, 'c'); \
         DELETE FROM graphex_log WHERE seq = 2; COMMIT",
    );
    assert_eq!(feed.told_until("resync"), ["create 1 a", "resync"]);
    file.run("INSERT INTO notes VALUES (4, 'd')");
    assert_eq!(feed.told_until("create 4 d"), ["create 4 d"]);
}

/// As Diesel, which does not read such a row.
#[test]
fn a_null_that_the_model_has_no_room_for_is_a_gap() {
    let file = File::with_notes("nulls");
    file.run("DROP TABLE notes; CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)");
    sqlite_schema().install(&mut file.connect()).unwrap();
    let mut feed = file.feed();
    file.run("INSERT INTO notes VALUES (1, NULL)");
    assert_eq!(feed.told_until("resync"), ["resync"]);
    file.run("INSERT INTO notes VALUES (2, 'text')");
    assert_eq!(feed.told_until("create 2 text"), ["create 2 text"]);
}

#[test]
fn what_is_pruned_unread_and_a_restored_backup_are_told_as_a_gap() {
    let file = File::installed("gap");
    file.run("INSERT INTO notes VALUES (1, 'a'), (2, 'b')");
    let mut feed = file.feed();
    // As if the reader had been away: both at once.
    file.run("BEGIN; INSERT INTO notes VALUES (3, 'c'); DELETE FROM graphex_log; INSERT INTO notes VALUES (4, 'd'); COMMIT");
    assert_eq!(feed.told_until("resync"), ["resync"]);
    file.run("INSERT INTO notes VALUES (5, 'e')");
    assert_eq!(feed.told_until("create 5 e"), ["create 5 e"]);
    // An older state of the same file, in which the numbers come again.
    file.run(
        "BEGIN; DELETE FROM graphex_log WHERE seq >= 4; UPDATE sqlite_sequence SET seq = 3 WHERE name = 'graphex_log'; \
         INSERT INTO notes VALUES (6, 'f'), (7, 'g'), (8, 'h'); COMMIT",
    );
    assert_eq!(feed.told_until("resync"), ["resync"]);
}

#[test]
fn a_log_that_cannot_be_read_yet_is_read_later_where_that_is_wanted() {
    let file = File::with_notes("later");
    assert!(Feed::open(file.log()).is_err());
    let mut feed = Feed::open(file.log().tolerant()).unwrap();
    assert!(!feed.hub.ready());
    sqlite_schema().install(&mut file.connect()).unwrap();
    let started = Instant::now();
    while !feed.hub.ready() {
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(1));
    }
    file.run("INSERT INTO notes VALUES (1, 'a')");
    assert_eq!(feed.told_until("create 1 a"), ["create 1 a"]);
}

#[test]
fn the_log_keeps_within_its_bounds_with_nobody_there() {
    let file = File::with_notes("bounds");
    let schema = sqlite_schema().keep(Duration::from_secs(3_600), 200_000);
    schema.install(&mut file.connect()).unwrap();
    let mut conn = file.connect();
    let mut most = 0;
    for round in 0..20 {
        let first = round * 1_000;
        conn.batch_execute(&format!(
            "WITH RECURSIVE n (x) AS (SELECT {first} UNION ALL SELECT x + 1 FROM n WHERE x < {first} + 999) \
             INSERT INTO notes SELECT x, hex(randomblob(50)) FROM n"
        ))
        .unwrap();
        let size: i64 = sql::<BigInt>(
            "SELECT CAST(total(64 + ifnull(length(old), 0) + ifnull(length(new), 0)) AS INTEGER) FROM graphex_log",
        )
        .get_result(&mut conn)
        .unwrap();
        most = most.max(size);
    }
    assert!((100_000..400_000).contains(&most), "{most} bytes");
    // Whoever comes back finds a log that it can read.
    let mut feed = Feed::open(file.log().keep(Duration::from_secs(3_600), 200_000)).unwrap();
    file.run("INSERT INTO notes VALUES (-1, 'a')");
    assert_eq!(feed.told_until("create -1 a"), ["create -1 a"]);
    let _: Vec<Note> = notes::table.limit(1).load(&mut conn).unwrap();
}

/// The model after its column `text` was dropped.
#[derive(ModelType)]
#[graphex(stream = "notes", table = "notes")]
struct Less {
    id: i64,
}

#[test]
fn the_next_migration_drops_a_column_that_triggers_read() {
    let file = File::installed("drop");
    let mut conn = file.connect();
    conn.batch_execute("ALTER TABLE notes DROP COLUMN text")
        .expect_err("a trigger reads it");
    let schema = LogSchema::sqlite().model::<Less>();
    let installed = schema.installed(&mut conn).unwrap();
    let next = schema.next_migration(&installed).unwrap();
    let (before, after) = next.up.split_once("-- The ALTER TABLE").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    file.run(&format!(
        "BEGIN; {before} ALTER TABLE notes DROP COLUMN text; {after} COMMIT"
    ));
    assert_eq!(schema.check(&mut conn).unwrap(), []);
    let installed = schema.installed(&mut conn).unwrap();
    assert_eq!(schema.next_migration(&installed), None);
    file.run("INSERT INTO notes VALUES (1)");
    let (_, triggers) = next.down.split_once("DROP TRIGGER").unwrap();
    file.run(&format!(
        "ALTER TABLE notes ADD COLUMN text TEXT; DROP TRIGGER{triggers}"
    ));
    assert_eq!(sqlite_schema().check(&mut conn).unwrap(), []);
}

/// More columns than `json_object` takes at once in releases of some years.
macro_rules! wide {
    ($($column:ident)*) => {
        #[derive(ModelType)]
        #[graphex(stream = "wide", table = "wide")]
        struct Wide { id: i64, $($column: i64,)* }
        const COLUMNS: &[&str] = &[$(stringify!($column)),*];
    };
}

wide!(
    a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8 c9
    d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7 f8 f9
    g0 g1 g2 g3 g4 g5 g6 g7 g8 g9 h0 h1 h2 h3 h4 h5 h6 h7 h8 h9 i0 i1 i2 i3 i4 i5 i6 i7 i8 i9
    j0 j1 j2 j3 j4 j5 j6 j7 j8 j9 k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 l0 l1 l2 l3 l4 l5 l6 l7 l8 l9
    m0 m1 m2 m3 m4 m5 m6 m7 m8 m9
);

#[test]
fn a_table_of_many_columns_is_logged_whole() {
    let file = File::with_notes("wide");
    let columns = COLUMNS.join(" INTEGER, ");
    file.run(&format!(
        "CREATE TABLE wide (id INTEGER PRIMARY KEY, {columns} INTEGER)"
    ));
    let schema = LogSchema::sqlite().model::<Wide>();
    schema.install(&mut file.connect()).unwrap();
    let log = file.log();
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();
    let values: Vec<_> = (0..=COLUMNS.len()).map(|value| value.to_string()).collect();
    file.run(&format!("INSERT INTO wide VALUES ({})", values.join(", ")));
    let mut raw = RawLog::open(&log, Some(&start)).unwrap().unwrap();
    let RawRead::Page(page) = raw.read().unwrap() else {
        panic!("it is not there");
    };
    let json: serde_json::Value = serde_json::from_str(page[0].new.as_ref().unwrap()).unwrap();
    assert_eq!(json.as_object().unwrap().len(), COLUMNS.len() + 1);
    for (column, value) in COLUMNS.iter().zip(1..) {
        assert_eq!(json[column], value);
    }
}

/// A log to whose connection another writes right before its statement of this number.
fn written_before(file: &File, statement: usize) -> ChangeLog {
    let path = file.path();
    let left = Arc::new(AtomicUsize::new(statement));
    ChangeLog::sqlite(move || {
        let mut other = SqliteConnection::establish(&path)?;
        let mut conn = SqliteConnection::establish(&path)?;
        let left = Arc::clone(&left);
        conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            let is_statement = matches!(event, InstrumentationEvent::StartQuery { .. });
            if is_statement && left.fetch_sub(1, Ordering::Relaxed) == 0 {
                let insert = diesel::insert_into(notes::table).values(note(2, "between"));
                insert.execute(&mut other).unwrap();
            }
        });
        Ok(conn)
    })
}

#[test]
fn what_is_written_between_two_statements_of_a_reader_is_no_gap() {
    let emptied = "INSERT INTO notes VALUES (1, 'a'); DELETE FROM graphex_log";
    for before in ["", emptied, "INSERT INTO notes VALUES (1, 'a')"] {
        for (statement, from_the_end) in (0..12).flat_map(|n| [(n, true), (n, false)]) {
            let file = File::installed("between");
            file.run(before);
            let end = RawLog::open(&file.log(), None).unwrap().unwrap().cursor();
            let log = written_before(&file, statement);
            let opened = RawLog::open(&log, (!from_the_end).then_some(&end)).unwrap();
            let mut raw = opened.expect("the position is good");
            let mut read = Vec::new();
            for _ in 0..12 {
                match raw.read().unwrap() {
                    RawRead::Page(page) => read.extend(page),
                    RawRead::End => {}
                    RawRead::Gap => panic!("a gap at statement {statement}, after {before:?}"),
                }
            }
            // Before the end is known, what is written is before it.
            assert!(from_the_end || read.len() == 1, "{read:?}");
            assert_eq!(
                notes::table.find(2).count().get_result(&mut file.connect()),
                Ok(1)
            );
        }
    }
}

/// What is read at once is bounded in bytes, too: a page ends with the row that makes it 8 MiB.
#[test]
fn a_page_of_large_rows_is_short() {
    const MIB: usize = 1024 * 1024;
    let file = File::installed("large");
    let log = file.log();
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();
    file.run(&format!(
        "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 40) \
         INSERT INTO notes SELECT id, printf('%.*c', {MIB}, 'x') FROM n; \
         INSERT INTO notes VALUES (41, printf('%.*c', 20 * {MIB}, 'x')), (42, 'x')"
    ));
    let mut raw = RawLog::open(&log, Some(&start)).unwrap().unwrap();
    let mut pages = Vec::new();
    while let RawRead::Page(page) = raw.read().unwrap() {
        let (_, before_last) = page.split_last().unwrap();
        let bytes = before_last
            .iter()
            .map(|entry| entry.new.as_ref().unwrap().len());
        let bytes: usize = bytes.sum();
        assert!(bytes < 8 * MIB, "{bytes} and one more");
        pages.push(page.len());
    }
    assert_eq!(pages.iter().sum::<usize>(), 42, "{pages:?}");
    assert!(pages.len() >= 6, "{pages:?}");
}
