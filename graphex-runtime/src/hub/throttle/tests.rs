use super::*;
use crate::change::Row as Captured;
use crate::limits::Limits;
use crate::model::{Model, Payload};
use crate::predicate::{Pins, Predicate};
use crate::projection::Projection;
use crate::value::Field as _;

const INTERVAL: Duration = Duration::from_millis(100);

static MODEL: Model = Model::sample(Payload::Full, &[i64::TYPE.named("id", "ID")], &[]);

fn cursor(position: u64) -> Cursor {
    Cursor {
        log: 1,
        position,
        token: 2,
    }
}

struct Bench {
    throttle: Throttle,
    lane: Lane,
    plan: Plan,
}

fn bench() -> Bench {
    let lane = Lane::new(&MODEL, None, &Limits::default(), &Arc::default());
    let plan = Plan {
        action: Action::Update,
        predicate: Predicate::new(Pins::new(), None, &crate::filters::Filters::default()),
        projection: Projection::notification(&MODEL, None),
        throttle: std::num::NonZeroU32::new(100),
    };
    Bench {
        throttle: Throttle::new(INTERVAL),
        lane,
        plan,
    }
}

impl Bench {
    /// A change of a row, at a position of the log: what goes of it, as the positions of what was
    /// held back and of the cursor; none if it waits.
    fn take(&self, id: i128, position: u64, action: Action) -> Option<(Option<u64>, Option<u64>)> {
        let row = Captured::new(vec![Value::Int(id)]);
        let change = Arc::new(Change {
            cursor: Some(cursor(position)),
            position: Some(position),
            ..Change::unlogged(&MODEL, action, row)
        });
        let push = Push {
            lane: &self.lane,
            change: &change,
            number: position,
            transition: Transition::Stays,
        };
        match self.throttle.take(&push, &self.plan) {
            Going::Waits { .. } => None,
            Going::Goes(held, cursor) => Some((
                held.map(|held| held.number),
                cursor.map(|cursor| cursor.position),
            )),
        }
    }

    fn update(&self, id: i128, position: u64) -> Option<(Option<u64>, Option<u64>)> {
        self.take(id, position, Action::Update)
    }

    /// What goes by itself, and the cursor that it goes with.
    fn due(&self) -> (Vec<u64>, Option<u64>) {
        let (due, _) = self.throttle.due();
        let cursor = self.throttle.cursor().map(|cursor| cursor.position);
        (due.iter().map(|held| held.number).collect(), cursor)
    }
}

/// Whoever goes on after a cursor gets what was held back when it was told.
#[tokio::test(start_paused = true)]
async fn a_cursor_stands_before_what_is_held_back() {
    let bench = bench();
    assert_eq!(bench.update(1, 10), Some((None, Some(10))));
    assert_eq!(bench.update(1, 11), None);
    // Another row, which goes: but row 1 at 11 is still to come.
    assert_eq!(bench.update(2, 12), Some((None, Some(10))));
    assert_eq!(bench.update(3, 13), Some((None, Some(10))));
    // The newer one is held back instead: now 13 is seen by all.
    assert_eq!(bench.update(1, 14), None);
    assert_eq!(bench.update(4, 15), Some((None, Some(13))));
    assert_eq!(bench.update(4, 16), None);
    tokio::time::advance(INTERVAL).await;
    let (due, cursor) = bench.due();
    assert_eq!((due, cursor), (vec![14, 16], Some(16)));
    assert_eq!(bench.due(), (vec![], Some(16)));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_goes_before_a_delete_and_is_forgotten() {
    let bench = bench();
    assert_eq!(bench.take(1, 1, Action::Create), Some((None, Some(1))));
    assert_eq!(bench.update(1, 2), None);
    assert_eq!(bench.update(1, 3), None);
    assert_eq!(bench.take(1, 4, Action::Delete), Some((Some(3), Some(4))));
    // Another row of the same key.
    assert_eq!(bench.take(1, 5, Action::Create), Some((None, Some(5))));
    tokio::time::advance(INTERVAL).await;
    assert_eq!(bench.due(), (vec![], Some(5)));
}

#[tokio::test(start_paused = true)]
async fn rows_that_rest_are_forgotten_and_no_more_than_so_many_are_held_back() {
    let bench = bench();
    for id in 0..10_000 {
        assert!(bench.update(id, 1).is_some());
        if id % 100 == 99 {
            tokio::time::advance(INTERVAL).await;
        }
    }
    let rows = lock(&bench.throttle.state).rows.len();
    assert!(rows < 1_000, "{rows}");
    let many = MOST as i128;
    for id in 0..=many {
        bench.update(id, 2);
    }
    let waiting = (0..=many).filter(|id| bench.update(*id, 3).is_none());
    assert_eq!(waiting.count(), MOST);
    assert_eq!(lock(&bench.throttle.state).held, MOST);
    tokio::time::advance(INTERVAL).await;
    assert_eq!(bench.due().0.len(), MOST);
}
