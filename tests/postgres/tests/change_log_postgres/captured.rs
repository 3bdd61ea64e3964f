//! The change log of PostgreSQL: what is captured, what is kept, and what is checked at the start.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::change_log::{Feed, Note, note, notes};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::__private::{RawLog, RawRead};
use graphex::{BroadcastDsl as _, ChangeLog, Cursor, LogSchema, ModelType, Problem};

use crate::model::Database;
use crate::queries::Queries;
use crate::replica::Replica;

const NOTES: &str = "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL)";

fn schema() -> LogSchema {
    LogSchema::postgres().model::<Note>()
}

fn empty(name: &str) -> Database {
    let database = Database::empty(name);
    database.connect().batch_execute(NOTES).unwrap();
    database
}

fn installed(name: &str) -> Database {
    let database = empty(name);
    schema().install(&mut database.connect()).unwrap();
    database
}

fn log(database: &Database) -> ChangeLog {
    let url = database.url();
    ChangeLog::postgres(move || PgConnection::establish(&url))
}

fn feed(database: &Database) -> Feed {
    Feed::open(log(database)).unwrap()
}

fn run(database: &Database, sql: &str) {
    database.connect().batch_execute(sql).unwrap();
}

fn problems(database: &Database) -> Vec<Problem> {
    schema().check(&mut database.connect()).unwrap()
}

/// Everything from a cursor to the end.
fn read_all(log: &mut RawLog) -> Replica {
    let mut replica = Replica::default();
    loop {
        match log.read().unwrap() {
            RawRead::Page(page) => page.iter().for_each(|entry| replica.apply(entry)),
            RawRead::End => return replica,
            RawRead::Gap => panic!("a gap"),
        }
    }
}

fn is_gone(log: &ChangeLog, cursor: &Cursor) -> bool {
    RawLog::open(log, Some(cursor)).unwrap().is_none()
}

#[test]
fn whoever_writes_is_heard() {
    let database = installed("writers");
    run(
        &database,
        "CREATE TABLE parents (id bigint PRIMARY KEY); \
         ALTER TABLE notes ADD COLUMN parent bigint REFERENCES parents ON DELETE CASCADE; \
         INSERT INTO parents VALUES (1)",
    );
    let mut feed = feed(&database);
    let mut conn = database.connect();
    diesel::sql_query("INSERT INTO notes VALUES (1, 'sql', 1)")
        .execute(&mut conn)
        .unwrap();
    let psql = Command::new("psql")
        .args([
            "-q",
            &database.url(),
            "-c",
            "INSERT INTO notes VALUES (2, 'psql')",
        ])
        .status();
    assert!(psql.expect("psql is not installed").success());
    run(&database, "DELETE FROM parents");
    feed.hub.attach(&mut conn).unwrap();
    diesel::insert_into(notes::table)
        .values(note(3, "said"))
        .broadcast()
        .execute(&mut conn)
        .unwrap();
    run(
        &database,
        "UPDATE notes SET id = 4 WHERE id = 3; INSERT INTO notes VALUES (5, 'end')",
    );
    assert_eq!(
        feed.told_until("create 5 end"),
        [
            "create 1 sql",
            "create 2 psql",
            "delete 1 sql",
            "create 3 said",
            "delete 3 said",
            "create 4 said",
            "create 5 end",
        ]
    );
}

/// The order of commits is the log's: no transaction has to tell of its commit.
#[test]
fn a_broadcast_alone_takes_no_transaction() {
    use diesel_async::{AsyncConnection as _, AsyncPgConnection};

    let database = installed("alone");
    let mut feed = feed(&database);
    let mut conn = database.connect();
    let queries = Queries::default();
    feed.hub.attach_with(&mut conn, queries.receives()).unwrap();
    // Those of attaching.
    queries.first_words();
    let insert = diesel::insert_into(notes::table).values(note(1, "one"));
    let written: Note = insert.broadcast().get_result(&mut conn).unwrap();
    assert_eq!(written, note(1, "one"));
    assert_eq!(queries.first_words(), ["INSERT"]);

    let queries = Queries::default();
    let url = database.url();
    feed.run(async {
        let mut conn = AsyncPgConnection::establish(&url).await.unwrap();
        let hub = &feed.hub;
        let attaching = hub.attach_with(&mut conn, queries.receives());
        attaching.await.unwrap();
        queries.first_words();
        let insert = diesel::insert_into(notes::table).values(note(2, "two"));
        let written: Note = insert.broadcast().get_result(&mut conn).await.unwrap();
        assert_eq!(written, note(2, "two"));
        let clash = diesel::insert_into(notes::table).values(note(2, "clash"));
        clash.broadcast().execute(&mut conn).await.unwrap_err();
        let delete = diesel::delete(notes::table.find(1));
        assert_eq!(delete.broadcast().execute(&mut conn).await, Ok(1));
    });
    assert_eq!(queries.first_words(), ["INSERT", "INSERT", "DELETE"]);
    assert_eq!(
        feed.told_until("delete 1 one"),
        ["create 1 one", "create 2 two", "delete 1 one"]
    );
}

#[test]
fn a_broadcast_in_a_transaction_as_text_is_told_if_that_commits() {
    let database = installed("as_text");
    let mut feed = feed(&database);
    let mut conn = database.connect();
    feed.hub.attach(&mut conn).unwrap();
    for (id, end) in [(1, "ROLLBACK"), (2, "COMMIT")] {
        conn.batch_execute("BEGIN").unwrap();
        let insert = diesel::insert_into(notes::table).values(note(id, end));
        assert_eq!(insert.broadcast().execute(&mut conn), Ok(1));
        conn.batch_execute(end).unwrap();
    }
    assert_eq!(feed.told_until("create 2 COMMIT"), ["create 2 COMMIT"]);
}

#[test]
fn an_open_transaction_delays_only_its_own_rows() {
    let database = installed("open");
    let mut feed = feed(&database);
    let mut open = database.connect();
    open.batch_execute("BEGIN; INSERT INTO notes VALUES (1, 'open')")
        .unwrap();
    run(&database, "INSERT INTO notes VALUES (2, 'other')");
    assert_eq!(feed.told_until("create 2 other"), ["create 2 other"]);
    open.batch_execute("COMMIT").unwrap();
    assert_eq!(feed.told_until("create 1 open"), ["create 1 open"]);
}

#[test]
fn truncate_is_told_once_in_its_place() {
    let database = Database::empty("truncate");
    run(
        &database,
        "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL) PARTITION BY RANGE (id); \
         CREATE TABLE notes_a PARTITION OF notes FOR VALUES FROM (0) TO (100); \
         CREATE TABLE notes_b PARTITION OF notes FOR VALUES FROM (100) TO (200)",
    );
    schema().install(&mut database.connect()).unwrap();
    assert_eq!(problems(&database), []);
    let mut feed = feed(&database);
    run(&database, "INSERT INTO notes VALUES (1, 'a'), (101, 'b')");
    run(&database, "TRUNCATE notes");
    assert_eq!(
        feed.told_until("resync"),
        ["create 1 a", "create 101 b", "resync"]
    );
    run(&database, "INSERT INTO notes VALUES (2, 'c')");
    assert_eq!(feed.told_until("create 2 c"), ["create 2 c"]);
    run(&database, "TRUNCATE notes_a");
    assert_eq!(feed.told_until("resync"), ["resync"]);
    // Partitions are heard by name of the stream, and so are rows that move.
    run(
        &database,
        "INSERT INTO notes VALUES (3, 'd'); UPDATE notes SET id = 103 WHERE id = 3",
    );
    assert_eq!(
        feed.told_until("create 103 d"),
        ["create 3 d", "delete 3 d", "create 103 d"]
    );
    run(
        &database,
        "CREATE TABLE notes_c PARTITION OF notes FOR VALUES FROM (200) TO (300)",
    );
    let found = problems(&database);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]
            .sentence
            .contains("notes_c has no trigger \"!graphex_truncate:notes\"")
    );
    run(&database, &found[0].sql);
    assert_eq!(problems(&database), []);
}

#[test]
fn replicated_writes_are_heard() {
    let database = installed("replica");
    let mut feed = feed(&database);
    run(
        &database,
        "SET session_replication_role = replica; INSERT INTO notes VALUES (1, 'applied')",
    );
    assert_eq!(feed.told_until("create 1 applied"), ["create 1 applied"]);
}

#[test]
fn each_problem_is_told_with_what_mends_it() {
    let spoil = [
        ("DROP SCHEMA graphex CASCADE", "not installed"),
        (
            "UPDATE graphex.state SET version = 'old'",
            "of another version of graphex",
        ),
        (
            "DROP FUNCTION graphex.log_notes() CASCADE",
            "has no triggers for the change log",
        ),
        ("DROP TRIGGER \"!graphex:notes\" ON notes", "has no trigger"),
        (
            "DROP TRIGGER \"!graphex_truncate:notes\" ON notes",
            "has no trigger",
        ),
        ("ALTER TABLE notes DISABLE TRIGGER ALL", "is disabled"),
        (
            "ALTER TABLE notes ENABLE TRIGGER \"!graphex:notes\"",
            "does not fire for what replication applies",
        ),
        (
            "DO $d$ BEGIN EXECUTE replace(pg_get_functiondef('graphex.log_notes'::regproc), 'RETURN NULL', 'RETURN NEW'); END $d$",
            "was changed by hand",
        ),
        (
            "CREATE OR REPLACE FUNCTION graphex.log_notes() RETURNS trigger LANGUAGE plpgsql AS $d$ BEGIN RETURN NULL; END $d$",
            "of another version of the model",
        ),
        ("ALTER SEQUENCE graphex.log_seq CACHE 50", "has a cache"),
        (
            "ALTER TABLE notes DROP CONSTRAINT notes_pkey, ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED",
            "is deferrable",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $d$ BEGIN RETURN NULL; END $d$; \
             CREATE TRIGGER \" first\" AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION f()",
            "is called before the change log's",
        ),
        (
            "CREATE TABLE child () INHERITS (notes)",
            "child inherits from",
        ),
        (
            "CREATE RULE elsewhere AS ON UPDATE TO notes DO INSTEAD NOTHING",
            "puts something else in the place",
        ),
        ("ALTER TABLE notes SET UNLOGGED", "is not permanent"),
        (
            "DO $d$ BEGIN EXECUTE format('ALTER DATABASE %I SET extra_float_digits = 0', current_database()); END $d$",
            "floats are logged with digits missing",
        ),
        (
            "DO $d$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = graphex, public', current_database()); END $d$",
            "finds the schema of the change log before its own",
        ),
        (
            "CREATE PUBLICATION everything FOR TABLE notes, graphex.log",
            "has the change log",
        ),
    ];
    for (number, (sql, sentence)) in spoil.into_iter().enumerate() {
        let database = installed(&format!("problem{number}"));
        assert_eq!(problems(&database), [], "before {sql}");
        run(&database, sql);
        let found = problems(&database);
        assert!(!found.is_empty(), "{sql} is no problem");
        assert!(
            found[0].to_string().contains(sentence),
            "{sql}: {}",
            found[0]
        );
        let refused = Feed::open(log(&database))
            .err()
            .expect("it is refused")
            .to_string();
        assert!(refused.contains(&found[0].sentence), "{refused}");
        for problem in &found {
            run(&database, &problem.sql);
        }
        assert_eq!(problems(&database), [], "after what mends {sql}");
        let mut feed = feed(&database);
        run(&database, "INSERT INTO notes VALUES (1, 'a')");
        assert_eq!(feed.told_until("create 1 a"), ["create 1 a"], "{sql}");
    }
}

#[test]
fn a_role_that_may_not_read_is_told_what_it_needs() {
    let database = installed("role");
    let role = format!("reader_{}", std::process::id());
    run(&database, &format!("CREATE ROLE {role} LOGIN"));
    let url = database.url().replace("tester@", &format!("{role}@"));
    let connect = || PgConnection::establish(&url).unwrap();
    let found = schema().check(&mut connect()).unwrap();
    assert!(
        found[0].sentence.contains("may not read the change log"),
        "{found:?}"
    );
    run(&database, &found[0].sql);
    assert_eq!(schema().check(&mut connect()).unwrap(), []);
    // Whoever writes needs no right on the log, and the reader none on the tables.
    let writer = format!("writer_{}", std::process::id());
    run(
        &database,
        &format!("CREATE ROLE {writer}; GRANT INSERT ON notes TO {writer}"),
    );
    let url = url.clone();
    let mut feed = Feed::open(ChangeLog::postgres(move || PgConnection::establish(&url))).unwrap();
    run(
        &database,
        &format!("SET ROLE {writer}; INSERT INTO notes VALUES (1, 'a')"),
    );
    assert_eq!(feed.told_until("create 1 a"), ["create 1 a"]);
    drop(feed);
    run(
        &database,
        &format!(
            "DROP OWNED BY {role}; DROP OWNED BY {writer}; DROP ROLE {role}; DROP ROLE {writer}"
        ),
    );
}

#[test]
fn installing_again_changes_nothing() {
    let database = installed("again");
    let version = |database: &Database| {
        database.number(
            "SELECT sum(xmin::text::bigint)::bigint AS number FROM pg_proc WHERE pronamespace = 'graphex'::regnamespace",
        )
    };
    let before = version(&database);
    schema().install(&mut database.connect()).unwrap();
    assert_eq!(version(&database), before);
}

#[test]
fn migrations_install_and_undo() {
    let database = empty("migrations");
    let migration = schema().migration();
    run(&database, &format!("BEGIN; {} COMMIT", migration.up));
    assert_eq!(problems(&database), []);
    let installed = schema().installed(&mut database.connect()).unwrap();
    assert_eq!(schema().next_migration(&installed), None);
    run(&database, &format!("BEGIN; {} COMMIT", migration.down));
    let left = "SELECT count(*) AS number FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(database.number(left), 0);
    run(&database, "INSERT INTO notes VALUES (1, 'a')");
}

#[test]
fn a_transaction_larger_than_a_page_is_read_in_order_from_wherever() {
    let database = installed("large");
    let log = log(&database);
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();
    run(
        &database,
        "INSERT INTO notes SELECT x, 'first' FROM generate_series(1, 700) x",
    );
    run(
        &database,
        "BEGIN; INSERT INTO notes SELECT x, 'large' FROM generate_series(1001, 4500) x; \
         UPDATE notes SET text = 'changed' WHERE id % 2 = 0; COMMIT",
    );
    run(&database, "UPDATE notes SET text = 'last' WHERE id < 50");
    let mut whole = RawLog::open(&log, Some(&start)).unwrap().unwrap();
    let mut cursors = Vec::new();
    while let RawRead::Page(page) = whole.read().unwrap() {
        cursors.extend(page.into_iter().map(|entry| (entry.cursor, entry.seq)));
    }
    assert_eq!(cursors.len(), 700 + 3_500 + 2_100 + 49);
    for skipped in [
        0, 1, 699, 700, 701, 1_500, 1_700, 3_333, 6_299, 6_300, 6_340,
    ] {
        let mut rest = RawLog::open(&log, Some(&cursors[skipped].0))
            .unwrap()
            .unwrap();
        let mut read = Vec::new();
        while let RawRead::Page(page) = rest.read().unwrap() {
            read.extend(page.into_iter().map(|entry| (entry.cursor, entry.seq)));
        }
        assert_eq!(read, cursors[skipped + 1..], "after {skipped}");
    }
}

/// Pages follow the size of rows: of 1 MiB they have about eight, in one transaction or in many.
#[test]
fn pages_of_large_rows_are_short() {
    const MIB: usize = 1024 * 1024;
    let database = installed("large_rows");
    let log = log(&database);
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();
    let write = |ids: &str, bytes: usize| {
        let rows = format!("SELECT id, repeat('x', {bytes}) FROM generate_series({ids}) id");
        run(&database, &format!("INSERT INTO notes {rows}"));
    };
    let mut raw = RawLog::open(&log, Some(&start)).unwrap().unwrap();
    let mut replica = Replica::default();
    let mut read = || {
        let mut pages = Vec::new();
        while let RawRead::Page(page) = raw.read().unwrap() {
            let bytes = page.iter().map(|entry| entry.new.as_ref().unwrap().len());
            pages.push((page.len(), bytes.sum::<usize>()));
            page.iter().for_each(|entry| replica.apply(entry));
        }
        pages
    };
    // How large they are is learnt from these.
    write("1, 20", MIB);
    read();
    write("21, 60", MIB);
    for id in 61..=100 {
        write(&format!("{id}, {id}"), MIB);
    }
    let pages = read();
    let is_short = |(_, bytes): &(usize, usize)| *bytes < 9 * MIB;
    assert!(pages.iter().all(is_short), "{pages:?}");
    // And they are long again where rows are small.
    write("101, 6000", 1);
    let pages = read();
    assert!(pages.iter().any(|(rows, _)| *rows > 500), "{pages:?}");
    assert_eq!((replica.rows.len(), replica.faults), (6_000, Vec::new()));
}

#[test]
fn cursors_of_another_log_or_a_pruned_part_are_gone() {
    let database = installed("gone");
    let log = log(&database).keep(Duration::from_secs(1), 1 << 30);
    let start = RawLog::open(&log, None).unwrap().unwrap().cursor();
    run(&database, "INSERT INTO notes VALUES (1, 'a')");
    let mut raw = RawLog::open(&log, Some(&start)).unwrap().unwrap();
    read_all(&mut raw);
    let end = raw.cursor();
    assert!(!is_gone(&log, &start) && !is_gone(&log, &end));
    let text = end.to_string();
    let mut parts: Vec<_> = text.split('.').map(str::to_owned).collect();
    for (part, other) in [(1, "1"), (2, "9"), (3, "1")] {
        let kept = std::mem::replace(&mut parts[part], other.to_owned());
        assert!(is_gone(&log, &parts.join(".").parse().unwrap()), "{part}");
        parts[part] = kept;
    }
    // Two rotations later it is pruned.
    let started = Instant::now();
    while !is_gone(&log, &start) {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "it is never pruned"
        );
        run(&database, "UPDATE notes SET text = text || 'x'");
        read_all(&mut raw);
        raw.tend(&log).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!is_gone(&log, &raw.cursor()));
}

#[test]
fn a_log_in_a_copied_database_begins_anew() {
    let database = installed("copied");
    let before = log(&database);
    run(&database, "INSERT INTO notes VALUES (1, 'a')");
    let cursor = RawLog::open(&before, None).unwrap().unwrap().cursor();
    assert!(!is_gone(&before, &cursor));
    // As `pg_dump` brings it along.
    run(&database, "UPDATE graphex.state SET system = system + 1");
    run(&database, "INSERT INTO notes VALUES (2, 'b')");
    assert!(is_gone(&before, &cursor));
    assert_eq!(database.count("graphex.log"), 0);
    let mut feed = feed(&database);
    run(&database, "INSERT INTO notes VALUES (3, 'c')");
    assert_eq!(feed.told_until("create 3 c"), ["create 3 c"]);
}

/// Writes until about so many bytes were logged in all, and returns the most that the log took.
fn flood(database: &Database, bytes: i64, mut tend: impl FnMut()) -> i64 {
    let mut conn = database.connect();
    let (mut written, mut most) = (0, 0);
    while written < bytes {
        conn.batch_execute(
            "INSERT INTO notes SELECT x, repeat('x', 200) FROM generate_series(1, 500) x \
             ON CONFLICT (id) DO UPDATE SET text = excluded.text || random()::text",
        )
        .unwrap();
        written += 500 * 500;
        tend();
        most = most.max(database.number("SELECT graphex.size() AS number"));
    }
    most
}

#[test]
fn the_log_keeps_within_its_size_with_a_process() {
    let database = installed("size");
    let most = 4_000_000;
    let log = log(&database).keep(Duration::from_secs(3_600), most);
    let mut raw = RawLog::open(&log, None).unwrap().unwrap();
    let tend = || {
        while let RawRead::Page(_) = raw.read().unwrap() {}
        raw.tend(&log).unwrap();
    };
    let taken = flood(&database, 30_000_000, tend);
    assert!(taken < i64::try_from(most).unwrap(), "{taken} bytes");
}

#[test]
fn the_log_keeps_within_its_size_with_an_old_transaction_open() {
    let database = installed("oldsize");
    let most = 4_000_000;
    let log = log(&database).keep(Duration::from_secs(3_600), most);
    let mut open = database.connect();
    open.batch_execute("BEGIN; INSERT INTO notes VALUES (-1, 'open')")
        .unwrap();
    let mut raw = RawLog::open(&log, None).unwrap().unwrap();
    let tend = || {
        while let RawRead::Page(_) = raw.read().unwrap() {}
        raw.tend(&log).unwrap();
    };
    let taken = flood(&database, 30_000_000, tend);
    assert!(
        taken < i64::try_from(most).unwrap() * 5 / 4,
        "{taken} bytes"
    );
    // What it has written is told when it commits.
    open.batch_execute("COMMIT").unwrap();
    match raw.read().unwrap() {
        RawRead::Page(page) => assert!(page[0].new.as_ref().unwrap().contains("open")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_log_keeps_within_its_size_with_no_process() {
    let database = installed("nobody");
    let most = 2_000_000;
    let log = log(&database).keep(Duration::from_secs(3_600), most);
    let cursor = RawLog::open(&log, None).unwrap().unwrap().cursor();
    // Nobody has been there for an hour.
    run(
        &database,
        "UPDATE graphex.state SET alive = alive - interval '1 hour'",
    );
    run(
        &database,
        "ALTER TABLE graphex.log_0 SET (autovacuum_enabled = off)",
    );
    let mut vacuum = database.connect();
    let taken = flood(&database, 20_000_000, || {
        // What autovacuum does in its time.
        vacuum.batch_execute("VACUUM graphex.log_0").unwrap();
    });
    assert!(
        taken < i64::try_from(most).unwrap() * 3 / 2,
        "{taken} bytes"
    );
    // Whoever comes back is told, and goes on.
    assert!(is_gone(&log, &cursor));
    let mut feed = Feed::open(log).unwrap();
    run(&database, "INSERT INTO notes VALUES (-1, 'a')");
    assert_eq!(feed.told_until("create -1 a"), ["create -1 a"]);
}

// The lock in these two is that of `tick`: no reader sees that the log was trimmed before it is free.

#[test]
fn a_reader_that_was_cut_off_while_the_log_was_trimmed_tells_of_it() {
    let database = installed("trimmed");
    let mut feed = feed(&database);
    run(
        &database,
        "SELECT pg_advisory_xact_lock(7235422, 0); SELECT nextval('graphex.trimmed'); \
         INSERT INTO notes VALUES (1, 'a')",
    );
    assert_eq!(feed.told_until("resync"), ["resync"]);
    run(&database, "INSERT INTO notes VALUES (2, 'b')");
    assert_eq!(feed.told_until("create 2 b"), ["create 2 b"]);
}

#[test]
fn what_commits_after_the_resync_of_a_trimmed_log_is_told() {
    let database = installed("trimmer");
    let mut feed = feed(&database);
    let mut trimmer = database.connect();
    trimmer
        .batch_execute(
            "SELECT pg_advisory_lock(7235422, 0); BEGIN; SELECT nextval('graphex.trimmed'); \
             INSERT INTO notes VALUES (1, 'a')",
        )
        .unwrap();
    run(&database, "INSERT INTO notes VALUES (2, 'b')");
    trimmer
        .batch_execute("SELECT pg_advisory_unlock(7235422, 0)")
        .unwrap();
    assert_eq!(feed.told_until("resync"), ["resync"]);
    trimmer.batch_execute("COMMIT").unwrap();
    assert_eq!(feed.told_until("create 1 a"), ["create 1 a"]);
}

#[test]
fn a_lost_connection_is_made_again_and_nothing_is_missed() {
    let database = installed("lost");
    let mut feed = feed(&database);
    for number in 1..6 {
        run(
            &database,
            &format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%graphex.next%' \
                   AND datname = current_database() AND pid <> pg_backend_pid(); \
                 INSERT INTO notes VALUES ({number}, 'a')"
            ),
        );
        let told = format!("create {number} a");
        assert_eq!(feed.told_until(&told), [told.as_str()]);
    }
    assert!(feed.hub.ready());
}

#[test]
fn a_reader_is_told_when_another_has_made_a_batch() {
    let database = installed("notified");
    let log = log(&database);
    let mut reader = RawLog::open(&log, None).unwrap().unwrap();
    let mut other = RawLog::open(&log, None).unwrap().unwrap();
    let mut is_told = |within: Duration| {
        let started = Instant::now();
        loop {
            let told = reader.notified().unwrap().expect("it cannot be told");
            if told || started.elapsed() > within {
                return told;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    for number in 0..3 {
        run(
            &database,
            &format!("INSERT INTO notes VALUES ({number}, 'a')"),
        );
        // No writer tells, or they would commit one after the other.
        assert!(!is_told(Duration::from_millis(50)));
        assert!(matches!(other.read().unwrap(), RawRead::Page(_)));
        assert!(is_told(Duration::from_secs(60)));
        // A look that finds nothing tells nobody.
        assert!(matches!(other.read().unwrap(), RawRead::End));
        assert!(!is_told(Duration::from_millis(50)));
    }
}

/// The model after its column `text` was dropped.
#[derive(ModelType)]
#[graphex(stream = "notes", table = "notes")]
struct Less {
    id: i64,
}

#[test]
fn the_next_migration_goes_with_the_table_and_back() {
    let database = installed("next");
    let less = LogSchema::postgres().model::<Less>();
    let next = less
        .next_migration(&schema().installed(&mut database.connect()).unwrap())
        .unwrap();
    run(
        &database,
        &format!(
            "BEGIN; ALTER TABLE notes DROP COLUMN text; {} COMMIT",
            next.up
        ),
    );
    assert_eq!(less.check(&mut database.connect()).unwrap(), []);
    run(&database, "INSERT INTO notes VALUES (1)");
    run(
        &database,
        &format!(
            "BEGIN; ALTER TABLE notes ADD COLUMN text text NOT NULL DEFAULT 'x'; {} COMMIT",
            next.down
        ),
    );
    assert_eq!(problems(&database), []);
    // A stream of which the model is gone goes with its triggers.
    let none = LogSchema::postgres();
    let gone = none
        .next_migration(&schema().installed(&mut database.connect()).unwrap())
        .unwrap();
    run(&database, &gone.up);
    let left = "SELECT count(*) AS number FROM pg_trigger WHERE NOT tgisinternal";
    assert_eq!(database.number(left), 0);
    run(&database, &gone.down);
    assert_eq!(problems(&database), []);
}

#[test]
fn many_open_transactions_do_not_make_a_look_slow() {
    let database = installed("manyopen");
    let log = log(&database);
    let mut raw = RawLog::open(&log, None).unwrap().unwrap();
    let open: Vec<_> = (0..60)
        .map(|number| {
            let mut conn = database.connect();
            conn.batch_execute(&format!(
                "BEGIN; INSERT INTO notes VALUES (-{number} - 1, 'open')"
            ))
            .unwrap();
            conn
        })
        .collect();
    run(
        &database,
        "INSERT INTO notes SELECT x, 'x' FROM generate_series(1, 30000) x",
    );
    assert_eq!(read_all(&mut raw).changes, 30_000);
    // As far as statistics tell now, all changes are of one transaction.
    run(&database, "ANALYZE graphex.log");
    // It looks for the open transactions by the index, and not through all that came after them.
    let started = Instant::now();
    for _ in 0..20 {
        assert!(matches!(raw.read().unwrap(), RawRead::End));
    }
    let look = started.elapsed() / 20;
    let started = Instant::now();
    database.count("graphex.log");
    let scan = started.elapsed();
    assert!(
        look < scan,
        "a look takes {look:?}, reading the log {scan:?}"
    );
    for mut conn in open {
        conn.batch_execute("COMMIT").unwrap();
    }
    assert_eq!(read_all(&mut raw).changes, 60);
}
