use super::*;
use crate::change::{Action, Row};
use crate::model::{Model, Payload};
use crate::value::{Field as _, Value};

static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

fn change(id: i64) -> Change {
    Change {
        model: &MODEL,
        action: Action::Create,
        row: Row::from([Value::Int(id.into())]),
        before: None,
        cursor: None,
        position: None,
        published: false,
        received: crate::measure::Stamp::now(),
    }
}

fn ids(changes: &[Change]) -> Vec<Value> {
    changes.iter().map(|change| change.key().clone()).collect()
}

fn run(uncommitted: &mut Uncommitted, finish: Finish) {
    uncommitted.start_query();
    assert!(uncommitted.finish_query(finish));
}

fn begin(uncommitted: &mut Uncommitted, depth: u32) {
    uncommitted.begin(depth);
    run(uncommitted, Finish::Done);
}

#[test]
fn a_released_savepoint_shares_the_fate_of_what_is_around_it() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(1)]);
    begin(&mut uncommitted, 2);
    uncommitted.record(2, [change(2)]);
    begin(&mut uncommitted, 3);
    uncommitted.record(3, [change(3)]);
    uncommitted.commit(3);
    run(&mut uncommitted, Finish::Done);
    uncommitted.rollback(2);
    run(&mut uncommitted, Finish::Done);
    uncommitted.record(1, [change(4)]);
    assert_eq!(
        ids(&uncommitted.commit(1).changes),
        [Value::Int(1), Value::Int(4)]
    );
}

#[test]
fn a_release_that_fails_hands_nothing_down() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    begin(&mut uncommitted, 2);
    uncommitted.record(2, [change(1)]);
    uncommitted.commit(2);
    run(&mut uncommitted, Finish::Refused);
    uncommitted.rollback(2);
    run(&mut uncommitted, Finish::Done);
    assert!(uncommitted.commit(1).is_empty());
}

#[test]
fn an_aborted_transaction_publishes_nothing() {
    for (aborts_on_error, published) in [(true, 0), (false, 1)] {
        let mut uncommitted = Uncommitted::new(aborts_on_error);
        begin(&mut uncommitted, 1);
        uncommitted.record(1, [change(1)]);
        run(&mut uncommitted, Finish::Refused);
        assert_eq!(uncommitted.commit(1).changes.len(), published);
    }
}

#[test]
fn an_error_of_the_client_aborts_nothing() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(1)]);
    run(&mut uncommitted, Finish::Failed);
    assert_eq!(uncommitted.commit(1).changes.len(), 1);
}

#[test]
fn a_second_report_of_a_refused_query_heals_nothing() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(1)]);
    run(&mut uncommitted, Finish::Refused);
    assert!(!uncommitted.finish_query(Finish::Done));
    assert!(uncommitted.commit(1).is_empty());
}

#[test]
fn a_savepoint_recovers_the_transaction_around_it() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(1)]);
    begin(&mut uncommitted, 2);
    run(&mut uncommitted, Finish::Refused);
    uncommitted.rollback(2);
    run(&mut uncommitted, Finish::Done);
    assert_eq!(uncommitted.commit(1).changes.len(), 1);
}

#[test]
fn the_end_of_a_query_that_ran_beside_the_refused_one_heals_nothing() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(1)]);
    uncommitted.start_query();
    uncommitted.start_query();
    assert!(uncommitted.finish_query(Finish::Refused));
    // A third one begins, whose future is dropped, before the first one's end is reported.
    uncommitted.start_query();
    uncommitted.finish_query(Finish::Done);
    assert!(uncommitted.commit(1).is_empty());
}

#[test]
fn what_a_query_that_began_after_the_refused_one_does_heals() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(1)]);
    run(&mut uncommitted, Finish::Refused);
    // `ROLLBACK TO` as text.
    run(&mut uncommitted, Finish::Done);
    assert_eq!(uncommitted.commit(1).changes.len(), 1);
}

#[test]
fn a_command_whose_end_is_not_heard_runs_until_the_next() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    assert!(!uncommitted.control_runs());
    uncommitted.commit(1);
    assert!(!uncommitted.control_runs(), "it is not sent");
    uncommitted.start_query();
    assert!(uncommitted.control_runs());
    uncommitted.begin(1);
    assert!(!uncommitted.control_runs());
}

#[test]
fn a_missed_row_shares_the_fate_of_its_savepoint() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.miss(1, &MODEL);
    begin(&mut uncommitted, 2);
    uncommitted.miss(2, &MODEL);
    uncommitted.rollback(2);
    run(&mut uncommitted, Finish::Done);
    assert_eq!(uncommitted.commit(1).missed.len(), 1);
}

#[test]
fn a_transaction_that_ended_unheard_is_forgotten_by_the_next() {
    let mut uncommitted = Uncommitted::new(true);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(1)]);
    run(&mut uncommitted, Finish::Refused);
    begin(&mut uncommitted, 1);
    uncommitted.record(1, [change(2)]);
    assert_eq!(ids(&uncommitted.commit(1).changes), [Value::Int(2)]);
}
