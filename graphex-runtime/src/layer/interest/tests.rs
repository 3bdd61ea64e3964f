use super::*;

const GRACE: Duration = Duration::from_secs(5);
const JOIN_TIME: Duration = Duration::from_secs(3);

fn interest() -> Arc<Interest> {
    Interest::new(GRACE, JOIN_TIME)
}

fn topic(name: &str) -> Topic {
    Topic::named(name)
}

/// Listens in another task.
fn listen(
    interest: &Arc<Interest>,
    name: &str,
) -> tokio::task::JoinHandle<Result<Listening, Unavailable>> {
    let (interest, topics) = (Arc::clone(interest), vec![topic(name)]);
    tokio::spawn(async move { interest.listen(topics).await })
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_joined_once_and_nobody_listens_before_it_is_confirmed() {
    let interest = interest();
    let (first, second) = (listen(&interest, "a"), listen(&interest, "a"));
    assert_eq!(interest.next().await, Move::Join(vec![topic("a")]));
    tokio::task::yield_now().await;
    assert!(!first.is_finished() && !second.is_finished());
    interest.confirm(0, &[topic("a")]);
    let _first = first.await.unwrap().unwrap();
    let _second = second.await.unwrap().unwrap();
    // A third finds it confirmed.
    interest.listen(vec![topic("a")]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_last_listener_leaves_after_the_grace_and_not_before() {
    let interest = interest();
    let (first, second) = (listen(&interest, "a"), listen(&interest, "a"));
    interest.next().await;
    interest.confirm(0, &[topic("a")]);
    drop((first.await, second.await));
    let before = Instant::now();
    assert_eq!(interest.next().await, Move::Leave(vec![topic("a")]));
    assert!(before.elapsed() >= GRACE);
    assert!(interest.lock().topics.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_join_during_the_grace_keeps_the_topic() {
    let interest = interest();
    let first = listen(&interest, "a");
    interest.next().await;
    interest.confirm(0, &[topic("a")]);
    drop(first.await);
    tokio::time::advance(GRACE / 2).await;
    let again = interest.listen(vec![topic("a")]).await.unwrap();
    tokio::time::advance(GRACE).await;
    assert_eq!(interest.look(Instant::now()), (None, None));
    // And it is left as late as if it were new.
    drop(again);
    let before = Instant::now();
    assert_eq!(interest.next().await, Move::Leave(vec![topic("a")]));
    assert!(before.elapsed() >= GRACE);
}

#[tokio::test(start_paused = true)]
async fn a_join_while_the_leave_is_under_way_is_sent_after_it() {
    let interest = interest();
    let first = listen(&interest, "a");
    interest.next().await;
    interest.confirm(0, &[topic("a")]);
    drop(first.await);
    assert_eq!(interest.next().await, Move::Leave(vec![topic("a")]));
    let again = listen(&interest, "a");
    assert_eq!(interest.next().await, Move::Join(vec![topic("a")]));
    assert!(!again.is_finished());
    interest.confirm(0, &[topic("a")]);
    again.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_is_not_confirmed_in_time_does_not_listen() {
    let interest = interest();
    let before = Instant::now();
    let listened = interest.listen(vec![topic("a")]).await;
    assert_eq!(listened.unwrap_err(), Unavailable);
    assert_eq!(before.elapsed(), JOIN_TIME);
    assert!(!interest.wants(&topic("a")));
    // A cancelled one does not either.
    let cancelled = listen(&interest, "b");
    tokio::task::yield_now().await;
    assert!(interest.wants(&topic("b")));
    cancelled.abort();
    assert!(cancelled.await.unwrap_err().is_cancelled());
    assert!(!interest.wants(&topic("b")));
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_joins_what_has_listeners_and_forgets_the_rest() {
    let interest = interest();
    let (kept, left) = (listen(&interest, "kept"), listen(&interest, "left"));
    tokio::task::yield_now().await;
    interest.confirm(0, &[topic("kept"), topic("left")]);
    let _kept = kept.await.unwrap().unwrap();
    drop(left.await);
    // Who comes when the old one is gone waits for the new one.
    interest.end();
    let late = listen(&interest, "kept");
    tokio::task::yield_now().await;
    assert_eq!(interest.begin(), (1, vec![topic("kept")]));
    assert_eq!(interest.look(deadline(GRACE)), (None, None));
    tokio::task::yield_now().await;
    assert!(!late.is_finished());
    // What the old one had confirmed comes too late.
    interest.confirm(0, &[topic("kept")]);
    tokio::task::yield_now().await;
    assert!(!late.is_finished());
    interest.confirm(1, &[topic("kept")]);
    late.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_topic_is_nobody_s_and_is_asked_for_again() {
    let interest = interest();
    let (first, before) = (listen(&interest, "a"), Instant::now());
    interest.next().await;
    interest.refuse(&[topic("a")]);
    assert_eq!(first.await.unwrap().unwrap_err(), Unavailable);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(interest.refused(), []);
    // Somebody new asks again, and has missed nothing.
    let second = listen(&interest, "a");
    assert_eq!(interest.next().await, Move::Join(vec![topic("a")]));
    assert_eq!(interest.confirm(0, &[topic("a")]), []);
    let _second = second.await.unwrap().unwrap();
    // Who is there while it is refused has, when it is not refused any more.
    interest.end();
    interest.begin();
    interest.refuse(&[topic("a")]);
    assert_eq!(interest.refused(), [topic("a")]);
    assert_eq!(interest.confirm(1, &[topic("a")]), [topic("a")]);
    assert_eq!(interest.refused(), []);
}

#[tokio::test(start_paused = true)]
async fn a_grace_without_end_keeps_a_topic() {
    let interest = Interest::new(Duration::MAX, JOIN_TIME);
    let first = listen(&interest, "a");
    interest.next().await;
    interest.confirm(0, &[topic("a")]);
    drop(first.await);
    tokio::time::advance(Duration::from_secs(24 * 60 * 60)).await;
    assert_eq!(interest.look(Instant::now()).0, None);
    interest.listen(vec![topic("a")]).await.unwrap();
}
