//! The run: subscribers come, rows change, and those who are told are compared.

use std::collections::VecDeque;
use std::io::Write as _;
use std::time::{Duration, Instant};

use async_graphql::Executor;
use futures_util::{FutureExt as _, StreamExt as _};
use graphex::{Action, Channel, Hub, Identity, Lookup, execute};
use tokio::runtime::Runtime;

use super::counts::{Counts, Outcome};
use super::datum::Datum;
use super::demand::{Demand, Filter};
use super::graphql::{Document, document, snapshot};
use super::model::{Column, Model};
use super::operand::Operand;
use super::pool;
use super::random::Random;
use crate::proof;
use crate::until::until;

/// A database and its SQL.
pub(crate) trait Database {
    type Conn: diesel::Connection;

    /// An attached connection.
    fn conn(&mut self) -> &mut Self::Conn;
    /// What holds where the lookup holds.
    fn condition(&self, column: &Column, lookup: Lookup, operand: &Operand) -> String;
    /// What is asked from now on: for each condition, whether it is true for a row of the table.
    fn prepare(&mut self, table: &str, conditions: &[String]);
    /// `1` or `0` for each condition.
    fn answers(&mut self, key: &Datum) -> String;
    /// Whether a column can hold it.
    fn can_hold(&self, datum: &Datum) -> bool;
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Volume {
    /// How often subscribers come and go, for each model.
    pub(crate) rounds: usize,
    /// Subscribers in a round.
    pub(crate) predicates: usize,
    /// Of them, those who ask for the rows that there are.
    pub(crate) snapshots: usize,
    /// Changes in a round.
    pub(crate) changes: usize,
}

/// Used unless `GRAPHEX_ORACLE_SEED` says another.
const SEED: u64 = 2026;
/// Differences that are shown.
const SHOWN: usize = 5;

/// Checks models on a database. The first schema tells of changes, the second, of a hub with a change
/// log, has the rows that there are.
///
/// # Panics
///
/// On a difference, and when a lookup of a type was not tested enough.
pub(crate) fn check<D: Database>(
    database: &mut D,
    runtime: &Runtime,
    hub: &Hub,
    [schema, logged]: [&impl Executor; 2],
    models: &[Model<D::Conn>],
    volume: Volume,
) {
    let seed = std::env::var("GRAPHEX_ORACLE_SEED");
    let seed = seed.map_or(SEED, |seed| {
        seed.parse().expect("GRAPHEX_ORACLE_SEED is a number")
    });
    say(&format!("GRAPHEX_ORACLE_SEED={seed}\n"));
    let started = Instant::now();
    let mut run = Run {
        database,
        runtime,
        hub,
        schema,
        logged,
        random: Random::new(seed),
        counts: Counts::default(),
        differences: Vec::new(),
    };
    for model in models {
        for (column, lookup) in &model.lookups {
            run.counts.expect(&model.columns[*column].ty, lookup.name());
        }
        let mut rows = Vec::new();
        for _ in 0..volume.rounds {
            run.round(model, &mut rows, volume);
        }
    }
    let Run {
        counts,
        differences,
        ..
    } = run;
    say(&format!("{}in {:.1?}\n", counts.table(), started.elapsed()));
    let (count, shown) = (differences.len(), differences.len().min(SHOWN));
    assert!(
        count == 0,
        "{count} differences:\n\n{}",
        differences[..shown].join("\n\n")
    );
    counts.check(proof::steps(10_000));
}

/// Past the harness, which would keep it to itself.
fn say(text: &str) {
    std::io::stdout().lock().write_all(text.as_bytes()).unwrap();
}

struct Run<'r, D, E> {
    database: &'r mut D,
    runtime: &'r Runtime,
    hub: &'r Hub,
    schema: &'r E,
    logged: &'r E,
    random: Random,
    counts: Counts,
    differences: Vec<String>,
}

/// A subscriber.
struct Subscriber {
    demand: Demand,
    channel: Channel,
    document: Document,
    /// The SQL of the whole predicate, of its filters, and of the rest.
    sql: String,
    /// Positions among the conditions.
    whole: usize,
    rest: usize,
}

impl<D: Database, E: Executor> Run<'_, D, E> {
    fn round(&mut self, model: &Model<D::Conn>, rows: &mut Vec<Vec<Datum>>, volume: Volume) {
        while rows.len() < 8 {
            let row = self.new_row(model, rows, None);
            (model.write)(self.database.conn(), Action::Create, &row);
            rows.push(row);
        }
        // Nobody is there yet who would be told of these.
        self.pass();
        let asked_of = rows.clone();
        let mut asked = model.lookups.clone();
        self.random.shuffle(&mut asked);
        let mut conditions = Vec::new();
        let mut subscribers: Vec<_> = (0..volume.predicates)
            .map(|number| {
                let first = asked[number % asked.len()];
                let demand = Demand::new(model, first, rows, &mut self.random);
                self.subscribe(model, demand, &mut conditions)
            })
            .collect();
        self.counts.predicates(subscribers.len());
        self.database.prepare(model.table, &conditions);
        let answers: Vec<_> = rows
            .iter()
            .map(|row| self.database.answers(&row[0]))
            .collect();
        for subscriber in subscribers.iter().take(volume.snapshots) {
            self.snapshot(model, subscriber, rows, &answers);
        }
        for _ in 0..volume.changes {
            self.change(model, rows, &asked_of, &mut subscribers);
        }
        drop(subscribers);
        let stats = self.hub.stats();
        assert_eq!((stats.channels, stats.plans), (0, 0), "all have left");
        assert_eq!((stats.slow_readers_closed, stats.changes_lost), (0, 0));
    }

    fn subscribe(
        &mut self,
        model: &Model<D::Conn>,
        demand: Demand,
        conditions: &mut Vec<String>,
    ) -> Subscriber {
        let identity = Identity::new("subscriber");
        let channel = self.hub.connect(identity.clone()).unwrap();
        let document = document(model, &demand, channel.id().as_str());
        let mut request = document.request().data(identity);
        if let Some(scope) = &demand.scope {
            request = request.data(scope.clone());
        }
        let answer = self.runtime.block_on(execute(self.schema, request));
        let text = answer.data.to_string();
        assert!(
            text == "{it: {ok: true, error: null}}" && answer.errors.is_empty(),
            "refused: {text} {:?}\n{document:?}",
            answer.errors
        );
        let rest = self.rest(model, &demand);
        let filters: Vec<_> = demand
            .filters
            .iter()
            .map(|filter| {
                let column = &model.columns[filter.column];
                self.database
                    .condition(column, filter.lookup, &filter.operand)
            })
            .collect();
        let sql: Vec<_> = std::iter::once(&rest)
            .chain(&filters)
            .map(|one| format!("({one})"))
            .collect();
        let sql = sql.join(" AND ");
        let whole = conditions.len();
        conditions.push(sql.clone());
        conditions.push(rest);
        conditions.extend(filters);
        Subscriber {
            demand,
            channel,
            document,
            sql,
            whole,
            rest: whole + 1,
        }
    }

    /// Compares the rows that a subscription begins with with those that SQL finds.
    fn snapshot(
        &mut self,
        model: &Model<D::Conn>,
        Subscriber {
            demand, sql, whole, ..
        }: &Subscriber,
        rows: &[Vec<Datum>],
        answers: &[String],
    ) {
        let document = snapshot(model, demand);
        let mut request = document.request();
        if let Some(scope) = &demand.scope {
            request = request.data(scope.clone());
        }
        let mut found = Vec::new();
        let reading = async {
            let mut responses = std::pin::pin!(self.logged.execute_stream(request, None));
            while let Some(response) = responses.next().await {
                assert_eq!(response.errors, [], "{document:?}");
                let event = response.data.into_json().unwrap();
                match event["it"]["action"].as_str().unwrap() {
                    "READY" => return,
                    "SNAPSHOT" => found.push(event["it"]["id"].as_str().unwrap().to_owned()),
                    other => panic!("{other}"),
                }
            }
        };
        let in_time = async { tokio::time::timeout(Duration::from_secs(60), reading).await };
        let in_time = self.runtime.block_on(in_time);
        in_time.expect("there is no snapshot");
        let matching = rows.iter().zip(answers);
        let matching = matching.filter(|(_, answers)| answers.as_bytes()[*whole] == b'1');
        let mut expected: Vec<_> = matching.map(|(row, _)| key(&row[0])).collect();
        expected.sort();
        found.sort();
        if found != expected {
            self.differences.push(format!(
                "snapshot\n{}\n{}\n{:?}\n{sql}\nfound: {found:?}\nSQL: {expected:?}",
                document.query, document.variables, demand.scope,
            ));
        }
    }

    /// What is asked beside the filters.
    fn rest(&self, model: &Model<D::Conn>, demand: &Demand) -> String {
        let mut all = Vec::new();
        let mut ask = |column: usize, lookup, operand| {
            let column = &model.columns[column];
            all.push(format!(
                "({})",
                self.database.condition(column, lookup, &operand)
            ));
        };
        if let Some((id, _)) = &demand.id {
            ask(0, Lookup::Exact, Operand::One(id.clone()));
        }
        if let (Some(scope), Some(columns)) = (&demand.scope, model.scope) {
            let [equal, optional, any_of] = columns.map(|column| model.column(column));
            ask(equal, Lookup::Exact, Operand::One(scope.equal.clone()));
            if let Some(value) = &scope.optional {
                ask(optional, Lookup::Exact, Operand::One(value.clone()));
            }
            ask(any_of, Lookup::In, Operand::List(scope.any_of.clone()));
        }
        match all.join(" AND ") {
            none if none.is_empty() => "TRUE".to_owned(),
            some => some,
        }
    }

    /// One change: writes it, and compares who is told with what SQL says.
    fn change(
        &mut self,
        model: &Model<D::Conn>,
        rows: &mut Vec<Vec<Datum>>,
        asked_of: &[Vec<Datum>],
        subscribers: &mut [Subscriber],
    ) {
        let action = match self.random.below(100) {
            _ if rows.len() < 5 => Action::Create,
            0..25 if rows.len() < 16 => Action::Create,
            75.. => Action::Delete,
            _ => Action::Update,
        };
        let at = self.random.below(rows.len());
        let row = match action {
            Action::Create => {
                let like = asked_of.get(self.random.below(asked_of.len() * 4 / 3));
                self.new_row(model, rows, like)
            }
            Action::Update => {
                let mut like = rows[at].clone();
                if self.random.chance(40) {
                    like[1..].clone_from_slice(&self.random.pick(asked_of)[1..]);
                }
                self.changed(model, &like)
            }
            Action::Delete => rows[at].clone(),
        };
        let key = &row[0];
        let mut answers = String::new();
        if action == Action::Delete {
            answers = self.database.answers(key);
        }
        (model.write)(self.database.conn(), action, &row);
        if action != Action::Delete {
            answers = self.database.answers(key);
        }
        self.pass();
        self.counts.change();
        for subscriber in subscribers {
            self.compare(model, subscriber, action, &row, &answers);
        }
        match action {
            Action::Create => rows.push(row),
            Action::Update => rows[at] = row,
            Action::Delete => {
                rows.remove(at);
            }
        }
    }

    fn compare(
        &mut self,
        model: &Model<D::Conn>,
        subscriber: &mut Subscriber,
        action: Action,
        row: &[Datum],
        answers: &str,
    ) {
        let answer = |position: usize| answers.as_bytes()[position] == b'1';
        let Subscriber {
            demand,
            channel,
            document,
            sql,
            whole,
            rest,
        } = subscriber;
        let frames = match channel.take().now_or_never() {
            Some(frames) => frames.unwrap(),
            None => VecDeque::new(),
        };
        let told: Vec<_> = frames.iter().map(|frame| Told::read(frame)).collect();
        let expected = Told::new(model.table, action, &row[0]);
        let matched = demand.receives(action) && answer(*whole);
        let agree = match matched {
            true => told == [expected],
            false => told.is_empty(),
        };
        if !agree {
            let names = model.columns.iter().map(|column| column.name);
            let row: Vec<_> = names.zip(row).collect();
            self.differences.push(format!(
                "{action} {row:?}\n{}\n{}\n{:?}\n{sql}\ntold: {told:?}\nSQL: {matched}",
                document.query, document.variables, demand.scope,
            ));
        }
        if demand.receives(action) {
            let filter = |(position, filter): (usize, &Filter)| {
                let column = &model.columns[filter.column];
                (
                    column.ty.as_str(),
                    filter.lookup.name(),
                    answer(*rest + 1 + position),
                )
            };
            self.counts.add(&Outcome {
                filters: demand.filters.iter().enumerate().map(filter).collect(),
                matched,
                rest: answer(*rest),
            });
        }
    }

    /// Waits until everything published is delivered.
    fn pass(&mut self) {
        let hub = self.hub;
        let delivered = until(|| {
            let stats = hub.stats();
            stats.changes_waiting == 0 && stats.decisions_waiting == 0
        });
        let in_time = async { tokio::time::timeout(Duration::from_secs(60), delivered).await };
        let in_time = self.runtime.block_on(in_time);
        in_time.expect("the changes are not delivered");
    }

    /// A row with a key of its own, much like another.
    fn new_row(
        &mut self,
        model: &Model<D::Conn>,
        rows: &[Vec<Datum>],
        like: Option<&Vec<Datum>>,
    ) -> Vec<Datum> {
        let mut row: Vec<_> = match like {
            Some(row) => self.changed(model, row),
            None => model
                .columns
                .iter()
                .map(|column| self.value(column))
                .collect(),
        };
        let taken = |key: &Datum| rows.iter().any(|row| row[0] == *key);
        // No client can name a row by an empty text.
        let empty = Datum::Text(String::new());
        row[0] = self.value(&model.columns[0]);
        while taken(&row[0]) || row[0] == empty {
            row[0] = self.value(&model.columns[0]);
        }
        row
    }

    /// The row with some other values.
    fn changed(&mut self, model: &Model<D::Conn>, row: &[Datum]) -> Vec<Datum> {
        let mut row = row.to_vec();
        for _ in 0..self.random.below(4) {
            let column = 1 + self.random.below(model.columns.len() - 1);
            row[column] = self.value(&model.columns[column]);
        }
        row
    }

    fn value(&mut self, column: &Column) -> Datum {
        if column.nullable && self.random.chance(20) {
            return Datum::Null;
        }
        loop {
            let datum = pool::value(column.sort, &mut self.random);
            if self.database.can_hold(&datum) {
                return datum;
            }
        }
    }
}

/// A key as clients name it.
fn key(datum: &Datum) -> String {
    match datum {
        Datum::Int(key) => key.to_string(),
        Datum::Text(key) => key.clone(),
        Datum::Uuid(key) => key.to_string(),
        other => panic!("{other:?} is no key"),
    }
}

/// What a frame tells.
#[derive(Debug, PartialEq)]
struct Told {
    stream: String,
    action: String,
    id: serde_json::Value,
}

impl Told {
    fn new(stream: &str, action: Action, key: &Datum) -> Self {
        Self {
            stream: stream.to_owned(),
            action: action.name().to_owned(),
            id: match key {
                Datum::Int(key) => (*key).into(),
                Datum::Text(key) => key.clone().into(),
                Datum::Uuid(key) => key.to_string().into(),
                other => panic!("{other:?} is no key"),
            },
        }
    }

    fn read(frame: &[u8]) -> Self {
        let mut frame: serde_json::Value = serde_json::from_slice(frame).unwrap();
        let payload = &mut frame["payload"];
        Self {
            action: payload["action"].as_str().unwrap().to_owned(),
            id: payload["data"]["id"].take(),
            stream: frame["stream"].as_str().unwrap().to_owned(),
        }
    }
}
