use super::*;
use crate::change::Change;
use crate::change::Row;
use crate::filters::Filters;
use crate::hub::operation::Envelope;
use crate::limits::Limits;
use crate::model::{Model, Payload};
use crate::predicate::Pins;
use crate::value::{Field as _, Value};

static MODEL: Model = Model::sample(
    Payload::Full,
    &[i64::TYPE.named("id", "ID"), i64::TYPE.named("room", "ROOM")],
    &[],
);

/// The coarse topic.
fn topics() -> Vec<Topic> {
    let every_row = Predicate::new(Pins::new(), None, &Filters::default());
    Topic::listened(&MODEL, Action::Create, &every_row, 1)
}

fn join(table: &mut PlanTable, room: i64, data: &[usize]) -> Seat {
    join_pinned(table, Pins::new().equal(1, &room), data)
}

fn join_pinned(table: &mut PlanTable, pins: Pins, data: &[usize]) -> Seat {
    let plan = Plan {
        throttle: None,
        action: Action::Create,
        predicate: Predicate::new(pins, None, &Filters::default()),
        projection: Projection::notification(&MODEL, Some(data)),
    };
    let (member, _) = Member::sample(Envelope::default(), plan.action);
    let budgets = Budgets::new(&Limits::default());
    table.join(topics(), plan, member, &budgets)
}

fn candidates(table: &PlanTable, row: &Row) -> Vec<Arc<Listed>> {
    let change = Change::unlogged(&MODEL, Action::Create, row.clone());
    let candidates = table.candidates(&topics(), &change);
    let listed = candidates.iter().map(|one| Arc::clone(one.listed));
    listed.collect()
}

#[test]
fn a_change_costs_what_matches_not_who_listens() {
    let mut table = PlanTable::default();
    let seats: Vec<_> = (0..1_000).map(|room| join(&mut table, room, &[])).collect();
    assert_eq!(table.counts(), (1, 1_000));
    let row = Row::from([Value::Int(1), Value::Int(7)]);
    assert_eq!(candidates(&table, &row).len(), 1);
    for seat in &seats {
        table.leave(seat);
    }
    assert_eq!(table.counts(), (0, 0));
}

#[test]
fn equal_subscribers_share_a_plan_and_others_do_not() {
    let mut table = PlanTable::default();
    let first = join(&mut table, 7, &[]);
    let second = join(&mut table, 7, &[0, 1]);
    let other = join(&mut table, 7, &[0]);
    assert_eq!(table.counts(), (1, 2));
    table.leave(&first);
    table.leave(&first);
    assert_eq!(table.counts(), (1, 2));
    table.leave(&second);
    table.leave(&other);
    assert_eq!(table.counts(), (0, 0));
}

#[test]
fn what_no_index_finds_is_a_candidate_for_every_row() {
    let mut table = PlanTable::default();
    let many: Vec<_> = (0..100).collect();
    let pins = [Pins::new(), Pins::new().any_of(1, &many)];
    let fields: [&[usize]; 3] = [&[], &[0], &[1]];
    let seats: Vec<_> = pins
        .iter()
        .flat_map(|pins| fields.map(|data| (pins.clone(), data)))
        .map(|(pins, data)| join_pinned(&mut table, pins, data))
        .collect();
    let row = Row::from([Value::Int(1), Value::Int(-1)]);
    assert_eq!(table.counts(), (1, 6));
    assert_eq!(candidates(&table, &row).len(), 6);
    for seat in &seats {
        table.leave(seat);
    }
    assert_eq!(table.counts(), (0, 0));
    assert!(candidates(&table, &row).is_empty());
}

#[test]
fn a_delivery_under_way_keeps_its_members() {
    let mut table = PlanTable::default();
    let seat = join(&mut table, 7, &[]);
    let row = Row::from([Value::Int(1), Value::Int(7)]);
    let under_way = candidates(&table, &row);
    table.leave(&seat);
    assert_eq!(under_way[0].members.len(), 1);
    assert!(candidates(&table, &row).is_empty());
}
