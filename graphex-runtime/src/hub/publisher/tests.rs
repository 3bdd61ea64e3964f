use super::*;
use crate::change::{Action, Row};
use crate::model::{Model, Payload};
use crate::value::Field as _;

static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

fn change(id: i64) -> Change {
    Change {
        model: &MODEL,
        action: Action::Update,
        row: Row::from([Value::Int(id.into())]),
    }
}

fn publisher(capacity: usize) -> Arc<Publisher> {
    let publisher = Publisher::new(capacity, Arc::default());
    publisher.set_fed();
    Arc::new(publisher)
}

fn taken(publisher: &Publisher) -> Vec<i64> {
    let batch = lock(&publisher.queue).take();
    batch
        .changes
        .iter()
        .map(|change| match change.key() {
            Value::Int(id) => i64::try_from(*id).unwrap(),
            _ => unreachable!("ids are integers"),
        })
        .collect()
}

#[test]
fn changes_of_one_row_wait_for_an_earlier_commit_and_others_do_not() {
    let publisher = publisher(100);
    let slow = publisher.reserve(vec![change(1), change(2)]);
    publisher.publish(vec![change(2), change(3)]);
    publisher.publish(vec![change(3)]);
    publisher.publish(vec![change(4)]);
    // 3 waits as well: its transaction waits as a whole, and what follows it on row 3.
    assert_eq!(taken(&publisher), [4]);
    slow.commit();
    assert_eq!(taken(&publisher), [1, 2, 2, 3, 3]);
    assert_eq!(lock(&publisher.queue).changes, 0);
}

#[test]
fn a_dropped_ticket_publishes_nothing_and_lets_others_pass() {
    let publisher = publisher(100);
    let aborted = publisher.reserve(vec![change(1)]);
    publisher.publish(vec![change(1)]);
    drop(aborted);
    assert_eq!(taken(&publisher), [1]);
    assert_eq!(lock(&publisher.queue).changes, 0);
}

#[test]
fn what_has_no_room_is_counted_when_it_is_committed() {
    let publisher = publisher(2);
    let kept = publisher.reserve(vec![change(1), change(2)]);
    drop(publisher.reserve(vec![change(3)]));
    assert_eq!(publisher.counters.changes_lost.get(), 0);
    publisher.reserve(vec![change(4), change(5)]).commit();
    publisher.publish(vec![change(6)]);
    assert_eq!(publisher.counters.changes_lost.get(), 3);
    // What was lost is told after what came before it.
    assert!(!lock(&publisher.queue).take().lost);
    kept.commit();
    let batch = lock(&publisher.queue).take();
    assert_eq!((batch.changes.len(), batch.lost), (2, true));
    assert!(!lock(&publisher.queue).take().lost);
}

#[test]
fn every_loss_is_told_after_what_came_before_it() {
    let publisher = publisher(2);
    let lost = || lock(&publisher.queue).take().lost;
    let early = publisher.reserve(vec![change(1)]);
    publisher.publish(vec![change(2), change(2)]);
    let late = publisher.reserve(vec![change(3)]);
    publisher.publish(vec![change(4)]);
    assert_eq!(publisher.counters.changes_lost.get(), 3);
    assert!(!lost());
    drop(early);
    assert!(lost());
    assert!(!lost());
    drop(late);
    assert!(lost());
    assert!(!lost());
}

#[test]
fn a_transaction_larger_than_the_queue_has_room_alone() {
    let publisher = publisher(2);
    publisher.reserve((1..4).map(change).collect()).commit();
    publisher.publish(vec![change(4)]);
    assert_eq!(publisher.counters.changes_lost.get(), 1);
    assert_eq!(taken(&publisher), [1, 2, 3]);
}

#[test]
fn what_is_committed_before_there_can_be_a_subscriber_is_not_kept() {
    let publisher = Arc::new(Publisher::new(2, Arc::default()));
    let early = publisher.reserve(vec![change(1)]);
    let late = publisher.reserve(vec![change(2)]);
    early.commit();
    publisher.publish(vec![change(3)]);
    publisher.set_fed();
    late.commit();
    assert_eq!(taken(&publisher), [2]);
    assert_eq!(publisher.counters.changes_lost.get(), 0);
}

#[tokio::test]
async fn a_batch_waits_for_the_commit() {
    let publisher = publisher(100);
    let ticket = publisher.reserve(vec![change(1)]);
    let waiting = Arc::clone(&publisher);
    let batch = tokio::spawn(async move { waiting.batch().await.changes.len() });
    tokio::task::yield_now().await;
    assert!(!batch.is_finished());
    ticket.commit();
    assert_eq!(batch.await.unwrap(), 1);
}
