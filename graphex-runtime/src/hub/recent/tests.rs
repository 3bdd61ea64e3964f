use proptest::prelude::*;

use super::*;
use crate::change::{Action, Row};
use crate::model::{Model, Payload};
use crate::value::{Field as _, Value};

static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

fn at(position: u64) -> Cursor {
    Cursor {
        log: 1,
        position,
        token: position * 7,
    }
}

fn known(position: u64) -> Reached {
    Reached {
        cursor: at(position),
        is_known: true,
    }
}

fn told(position: u64) -> Reached {
    Reached {
        is_known: false,
        ..known(position)
    }
}

fn delivered(position: u64) -> Delivered {
    let row = Row::from([Value::Int(position.into())]);
    let change = Change {
        cursor: Some(at(position)),
        position: Some(position),
        ..Change::unlogged(&MODEL, Action::Create, row)
    };
    Delivered {
        change: Arc::new(change),
        number: position,
    }
}

fn positions(found: Option<Vec<Delivered>>) -> Option<Vec<u64>> {
    let numbers = |found: Vec<Delivered>| found.iter().map(|one| one.number).collect();
    found.map(numbers)
}

#[test]
fn an_empty_lane_has_all_that_follows_where_it_is() {
    let recent = Recent::default();
    assert_eq!(positions(recent.after(known(5), Some(at(5)))), Some(vec![]));
    assert_eq!(positions(recent.after(known(9), Some(at(5)))), Some(vec![]));
    assert_eq!(positions(recent.after(known(4), Some(at(5)))), None);
    assert_eq!(positions(recent.after(known(5), None)), None);
    let other = Cursor { log: 2, ..at(1) };
    assert_eq!(positions(recent.after(known(5), Some(other))), None);
}

#[test]
fn what_a_client_says_is_believed_only_of_changes_that_are_here() {
    let mut recent = Recent::default();
    recent.push(Some(at(2)), delivered(3));
    recent.push(Some(at(3)), delivered(6));
    let lane = Some(at(6));
    assert_eq!(positions(recent.after(told(3), lane)), Some(vec![6]));
    assert_eq!(positions(recent.after(told(6), lane)), Some(vec![]));
    assert_eq!(positions(recent.after(told(4), lane)), None);
    assert_eq!(positions(recent.after(known(4), lane)), Some(vec![6]));
    let mut forged = told(3);
    forged.cursor.token += 1;
    assert_eq!(positions(recent.after(forged, lane)), None);
}

proptest! {
    /// Whatever it keeps, what it gives is all there is.
    #[test]
    fn it_gives_all_or_nothing(gaps in proptest::collection::vec(1..4_u64, 0..3_000), from in 0..9_000_u64) {
        let (mut recent, mut lane, mut all) = (Recent::default(), at(10), Vec::new());
        for gap in gaps {
            let position = lane.position + gap;
            recent.push(Some(lane), delivered(position));
            lane = at(position);
            all.push(position);
        }
        let expected: Vec<_> = all.iter().copied().filter(|position| *position > from).collect();
        match positions(recent.after(known(from), Some(lane))) {
            Some(found) => prop_assert_eq!(found, expected),
            None => prop_assert!(from < 10 || expected.len() >= CHANGES),
        }
    }
}
