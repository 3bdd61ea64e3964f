//! Random transaction scripts, run on a database and on a model of one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::Error;
use graphex::BroadcastDsl as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::capture::{Feed, Note, Told, created, deleted, notes, updated};
use crate::database::{ABORTS_ON_ERROR, Conn, PUT_UPDATES, put};

/// Few, so that steps meet each other's rows.
const IDS: std::ops::Range<i64> = 0..8;

#[derive(Clone, Debug)]
enum Step {
    /// Fails when the row is there.
    Insert(i64, String),
    /// Fails as a whole when one row is there.
    InsertMany(Vec<i64>, String),
    /// Inserts the row; where it is there, updates or leaves it.
    Put(i64, String),
    UpdateUpTo(i64, String),
    DeleteUpTo(i64),
    DeleteOne(i64),
    /// Fails always, without `.broadcast()`.
    Fail,
    FailInBatch,
    Savepoint(Vec<Step>, End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Commit,
    Rollback,
    /// Unwinds to the top; the connection is dropped.
    Panic,
}

/// What happens outside of a transaction: a transaction, or one step by itself.
#[derive(Clone, Debug)]
enum Act {
    Alone(Step),
    Transaction(Vec<Step>, End),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![6 => Just(End::Commit), 3 => Just(End::Rollback), 1 => Just(End::Panic)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let text = "[a-z]{1,2}";
    let plain = prop_oneof![
        4 => (IDS, text).prop_map(|(id, text)| Step::Insert(id, text)),
        2 => (proptest::sample::subsequence(IDS.collect::<Vec<_>>(), 0..5), text)
            .prop_map(|(ids, text)| Step::InsertMany(ids, text)),
        2 => (IDS, text).prop_map(|(id, text)| Step::Put(id, text)),
        3 => (IDS, text).prop_map(|(id, text)| Step::UpdateUpTo(id, text)),
        1 => IDS.prop_map(Step::DeleteUpTo),
        2 => IDS.prop_map(Step::DeleteOne),
        1 => Just(Step::Fail),
        1 => Just(Step::FailInBatch),
    ];
    let step = plain.prop_recursive(3, 24, 5, |step| {
        (prop::collection::vec(step, 0..5), end())
            .prop_map(|(steps, end)| Step::Savepoint(steps, end))
    });
    prop::collection::vec(step, 0..6)
}

fn script() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        1 => steps().prop_map(|steps| {
            let first = steps.into_iter().next();
            Act::Alone(first.unwrap_or(Step::Fail))
        }),
        3 => (steps(), end()).prop_map(|(steps, end)| Act::Transaction(steps, end)),
    ];
    prop::collection::vec(act, 1..4)
}

/// A database as it should be, and what its subscribers should be told.
#[derive(Clone, Default)]
struct World {
    rows: BTreeMap<i64, String>,
    /// One entry per statement: its rows come in any order.
    told: Vec<Vec<Told>>,
    aborted: bool,
}

/// The connection is lost.
struct Panicked;

impl World {
    fn act(&mut self, act: &Act) -> Result<(), Panicked> {
        let before = self.clone();
        let outcome = match act {
            Act::Alone(Step::Savepoint(steps, end)) | Act::Transaction(steps, end) => {
                self.steps(steps).and(self.close(*end, &before))
            }
            Act::Alone(step) => self.step(step),
        };
        if self.aborted || outcome.is_err() {
            *self = before;
        }
        outcome
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Panicked> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn close(&mut self, end: End, before: &Self) -> Result<(), Panicked> {
        match end {
            End::Commit => {}
            End::Rollback => *self = before.clone(),
            End::Panic => return Err(Panicked),
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Panicked> {
        if self.aborted {
            return Ok(());
        }
        match step {
            Step::Insert(id, text) => self.insert(&[*id], text),
            Step::InsertMany(ids, text) => self.insert(ids, text),
            Step::Put(id, text) => match self.rows.get(id) {
                None => self.insert(&[*id], text),
                Some(_) if PUT_UPDATES => self.update(*id..=*id, text),
                Some(_) => {}
            },
            Step::UpdateUpTo(id, text) => self.update(0..=*id, text),
            Step::DeleteUpTo(id) => self.delete(0..=*id),
            Step::DeleteOne(id) => self.delete(*id..=*id),
            Step::Fail | Step::FailInBatch => self.aborted = ABORTS_ON_ERROR,
            Step::Savepoint(steps, end) => {
                let before = self.clone();
                self.steps(steps)?;
                self.close(*end, &before)?;
                if self.aborted {
                    // It could not be released.
                    *self = before;
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, ids: &[i64], text: &str) {
        if ids.iter().any(|id| self.rows.contains_key(id)) {
            self.aborted = ABORTS_ON_ERROR;
            return;
        }
        for id in ids {
            self.rows.insert(*id, text.to_owned());
        }
        self.tell(ids.iter().map(|id| created(*id, text)).collect());
    }

    fn update(&mut self, ids: std::ops::RangeInclusive<i64>, text: &str) {
        let mut told = Vec::new();
        for (id, row) in self.rows.range_mut(ids) {
            *row = text.to_owned();
            told.push(updated(*id, text));
        }
        self.tell(told);
    }

    fn delete(&mut self, ids: std::ops::RangeInclusive<i64>) {
        let mut told = Vec::new();
        self.rows.retain(|id, text| {
            let gone = ids.contains(id);
            if gone {
                told.push(deleted(*id, text));
            }
            !gone
        });
        self.tell(told);
    }

    fn tell(&mut self, told: Vec<Told>) {
        self.told.push(told);
    }
}

/// Errors are swallowed: the script goes on.
fn run_act(conn: &mut Conn, act: &Act) {
    match act {
        Act::Alone(step) => run_step(conn, step),
        Act::Transaction(steps, end) => run_transaction(conn, steps, *end),
    }
}

fn run_transaction(conn: &mut Conn, steps: &[Step], end: End) {
    let _swallowed = conn.transaction(|conn| {
        for step in steps {
            run_step(conn, step);
        }
        match end {
            End::Commit => Ok(()),
            End::Rollback => Err(Error::RollbackTransaction),
            // Not `panic!`, whose message would be printed thousands of times.
            End::Panic => resume_unwind(Box::new("a panic of the script")),
        }
    });
}

fn run_step(conn: &mut Conn, step: &Step) {
    let note = |id: &i64, text: &str| Note::new(*id, text);
    let failed = match step {
        Step::Insert(id, text) => diesel::insert_into(notes::table)
            .values(note(id, text))
            .broadcast()
            .get_result::<Note>(conn)
            .is_err(),
        Step::InsertMany(ids, text) => {
            let rows: Vec<_> = ids.iter().map(|id| note(id, text)).collect();
            diesel::insert_into(notes::table)
                .values(&rows)
                .broadcast()
                .execute(conn)
                .is_err()
        }
        Step::Put(id, text) => put(conn, &note(id, text)).is_err(),
        Step::UpdateUpTo(id, text) => diesel::update(notes::table.filter(notes::id.le(id)))
            .set(notes::text.eq(text))
            .broadcast()
            .returning(notes::id)
            .get_results::<i64>(conn)
            .is_err(),
        Step::DeleteUpTo(id) => diesel::delete(notes::table.filter(notes::id.le(id)))
            .broadcast()
            .execute(conn)
            .is_err(),
        Step::DeleteOne(id) => diesel::delete(notes::table.find(id))
            .returning((notes::text, notes::id))
            .broadcast()
            .get_result::<(String, i64)>(conn)
            .is_err(),
        Step::Fail => diesel::sql_query("SELECT no_such_column")
            .execute(conn)
            .is_err(),
        Step::FailInBatch => conn
            .batch_execute("SELECT 1; SELECT nothing FROM nowhere")
            .is_err(),
        Step::Savepoint(steps, end) => {
            run_transaction(conn, steps, *end);
            false
        }
    };
    let _swallowed = failed;
}

/// Runs this many random scripts: what subscribers are told is what has been committed, in
/// order, once.
pub(crate) fn check(scripts: usize, connect: fn() -> Conn) {
    let mut config = Config::with_cases(u32::try_from(scripts).unwrap());
    config.failure_persistence = None;
    let stage = RefCell::new(Stage {
        feed: Feed::new(),
        conn: None,
        connect,
    });
    let outcome = TestRunner::new(config).run(&script(), |script| stage.borrow_mut().play(&script));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Where scripts are played.
struct Stage {
    feed: Feed,
    conn: Option<Conn>,
    connect: fn() -> Conn,
}

impl Stage {
    fn conn(&mut self) -> &mut Conn {
        self.conn.get_or_insert_with(|| {
            let mut conn = (self.connect)();
            self.feed.hub.attach(&mut conn).unwrap();
            conn
        })
    }

    fn play(&mut self, script: &[Act]) -> Result<(), TestCaseError> {
        let mut world = World::default();
        diesel::delete(notes::table).execute(self.conn()).unwrap();
        for act in script {
            let conn = self.conn();
            let survived = catch_unwind(AssertUnwindSafe(|| run_act(conn, act))).is_ok();
            if !survived {
                self.conn = None;
            }
            prop_assert_eq!(survived, world.act(act).is_ok());
        }
        let rows: Vec<(i64, String)> = notes::table.order(notes::id).load(self.conn()).unwrap();
        prop_assert_eq!(rows, world.rows.into_iter().collect::<Vec<_>>());
        let mut told = self.feed.told();
        let mut rest = told.as_mut_slice();
        for statement in &world.told {
            let (rows, later) = rest.split_at_mut(statement.len().min(rest.len()));
            rows.sort_by_key(|row| row.id);
            rest = later;
        }
        prop_assert_eq!(told, world.told.concat());
        Ok(())
    }
}
