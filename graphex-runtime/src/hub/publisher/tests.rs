use tokio::sync::mpsc::error::TryRecvError;

use super::*;
use crate::change::{Action, Row};
use crate::hub::flush::flushing;
use crate::hub::ticket::Ticket;
use crate::model::{Model, Payload};
use crate::value::{Field as _, Value};

static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

fn change(id: i64) -> Change {
    Change {
        model: &MODEL,
        action: Action::Update,
        row: Row::from([Value::Int(id.into())]),
        before: None,
        cursor: None,
        position: None,
        published: false,
        received: Stamp::now(),
    }
}

fn queue(capacity: usize) -> Arc<Queue> {
    let queue = Queue::new(capacity, Arc::default());
    queue.set_fed();
    Arc::new(queue)
}

fn reserve(queue: &Arc<Queue>, changes: Vec<Change>) -> Ticket {
    let mut ticket = Ticket::default();
    ticket.add(queue, changes);
    ticket
}

fn take(queue: &Queue) -> Batch {
    lock(&queue.state).take()
}

fn taken(queue: &Queue) -> Vec<i64> {
    take(queue)
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
    let queue = queue(100);
    let slow = reserve(&queue, vec![change(1), change(2)]);
    queue.publish(vec![change(2), change(3)]);
    queue.publish(vec![change(3)]);
    queue.publish(vec![change(4)]);
    // 3 waits as well: its transaction waits as a whole, and what follows it on row 3.
    assert_eq!(taken(&queue), [4]);
    slow.commit();
    assert_eq!(taken(&queue), [1, 2, 2, 3, 3]);
    assert_eq!(lock(&queue.state).waiting, 0);
    assert!(lock(&queue.state).places.is_empty());
}

#[test]
fn a_dropped_ticket_publishes_nothing_and_lets_others_pass() {
    let queue = queue(100);
    let aborted = reserve(&queue, vec![change(1)]);
    queue.publish(vec![change(1)]);
    drop(aborted);
    assert_eq!(taken(&queue), [1]);
    assert_eq!(lock(&queue.state).waiting, 0);
    assert!(lock(&queue.state).places.is_empty());
}

#[test]
fn an_open_transaction_takes_nobodys_room() {
    let queue = queue(2);
    let bulk = reserve(&queue, (10..80).map(change).collect());
    queue.publish(vec![change(1)]);
    queue.publish(vec![change(2)]);
    assert_eq!(taken(&queue), [1, 2]);
    bulk.commit();
    assert_eq!(taken(&queue).len(), 70);
    assert_eq!(queue.counters.changes_lost.get(), 0);
}

#[test]
fn what_has_no_room_is_counted_when_it_is_committed_and_told_after_what_had() {
    let queue = queue(2);
    drop(reserve(&queue, vec![change(1), change(2), change(3)]));
    reserve(&queue, vec![change(4), change(5)]).commit();
    queue.publish(vec![change(6)]);
    reserve(&queue, vec![change(7), change(8)]).commit();
    assert_eq!(queue.counters.changes_lost.get(), 3);
    let batch = take(&queue);
    assert_eq!((batch.changes.len(), batch.gap), (2, true));
    assert!(!take(&queue).gap);
}

#[test]
fn a_loss_is_told_at_once_however_long_a_commit_hangs() {
    let queue = queue(1);
    let hangs = reserve(&queue, vec![change(1)]);
    queue.publish(vec![change(2)]);
    queue.publish(vec![change(3)]);
    let batch = take(&queue);
    assert_eq!((batch.changes.len(), batch.gap), (1, true));
    // It is younger than what was lost.
    hangs.commit();
    assert_eq!(taken(&queue), [1]);
}

#[test]
fn what_is_held_back_goes_with_the_gap_and_is_told_again_if_it_commits_later() {
    let queue = queue(2);
    let hangs = reserve(&queue, vec![change(1)]);
    // The database has let the next writer of row 1 commit, so it has seen the commit that hangs.
    queue.publish(vec![change(1)]);
    queue.publish(vec![change(2)]);
    queue.publish(vec![change(3)]);
    assert_eq!(queue.counters.changes_lost.get(), 2);
    let batch = take(&queue);
    assert_eq!((batch.changes.len(), batch.gap), (1, true));
    hangs.commit();
    let batch = take(&queue);
    assert_eq!((batch.changes.len(), batch.gap), (0, true));
    assert_eq!(queue.counters.changes_lost.get(), 3);
    assert!(lock(&queue.state).places.is_empty());
    assert_eq!(lock(&queue.state).waiting, 0);
}

#[test]
fn a_transaction_larger_than_the_queue_has_room_alone() {
    let queue = queue(2);
    reserve(&queue, (1..4).map(change).collect()).commit();
    queue.publish(vec![change(4)]);
    assert_eq!(queue.counters.changes_lost.get(), 1);
    assert_eq!(taken(&queue), [1, 2, 3]);
}

#[test]
fn what_is_committed_before_there_can_be_a_subscriber_is_not_kept() {
    let queue = Arc::new(Queue::new(2, Arc::default()));
    let early = reserve(&queue, vec![change(1)]);
    let late = reserve(&queue, vec![change(2)]);
    early.commit();
    queue.publish(vec![change(3)]);
    // Nothing stays of what nobody will ever take.
    assert_eq!(lock(&queue.state).places.len(), 1);
    queue.set_fed();
    late.commit();
    assert_eq!(taken(&queue), [2]);
    assert_eq!(queue.counters.changes_lost.get(), 0);
}

#[tokio::test]
async fn a_batch_waits_for_the_commit() {
    let queue = queue(100);
    let ticket = reserve(&queue, vec![change(1)]);
    let waiting = Arc::clone(&queue);
    let batch = tokio::spawn(async move { waiting.batch().await.changes.len() });
    tokio::task::yield_now().await;
    assert!(!batch.is_finished());
    ticket.commit();
    assert_eq!(batch.await.unwrap(), 1);
}

#[test]
fn a_flush_waits_for_what_is_committed_and_held_back_but_for_no_open_transaction() {
    let queue = queue(100);
    let slow = reserve(&queue, vec![change(1)]);
    let _open = reserve(&queue, vec![change(9)]);
    queue.publish(vec![change(1)]);
    queue.publish(vec![change(2)]);
    let (flushing, mut flushed) = flushing();
    queue.flush(flushing);
    queue.publish(vec![change(3)]);
    assert_eq!(taken(&queue), [2, 3]);
    assert_eq!(flushed.try_recv(), Err(TryRecvError::Empty));
    slow.commit();
    let batch = take(&queue);
    assert_eq!((batch.changes.len(), batch.flushings.len()), (2, 1));
    assert_eq!(flushed.try_recv(), Err(TryRecvError::Empty));
    drop(batch);
    assert_eq!(flushed.try_recv(), Err(TryRecvError::Disconnected));
}

#[tokio::test]
async fn a_flush_of_an_empty_queue_is_a_batch_of_its_own() {
    let queue = queue(100);
    let (flushing, mut flushed) = flushing();
    queue.flush(flushing);
    let batch = queue.batch().await;
    assert!(batch.changes.is_empty() && !batch.gap);
    drop(batch);
    assert_eq!(flushed.recv().await, None);
}
